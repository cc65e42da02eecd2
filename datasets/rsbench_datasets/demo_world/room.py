"""Keeping track of the free room in a scene, so that no object overlaps another."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .drawing import BoolArray, FloatArray, rotate
from .layout import GROUND_ID, SCENE_SIZE

IntArray = npt.NDArray[np.integer[Any]]

CELL = 4
"""Room is kept track of on a lattice of this spacing in pixels."""
EDGE = 3.0
"""Objects stay this many pixels away from the edge of the picture."""
GAP = 3.0
"""Objects stay about this many pixels away from each other."""


@dataclass(frozen=True)
class Placed:
    """An object with its place: middle (x, y), length and width in pixels, angle in radians."""

    label: str
    x: float
    y: float
    length: float
    width: float
    angle: float

    def corners(self) -> FloatArray:
        """Give the corners of its oriented box in turn, shape (4, 2)."""
        a, b = self.length / 2, self.width / 2
        box = np.array([[-a, -b], [a, -b], [a, b], [-a, b]])
        return np.asarray(rotate(box, self.angle) + np.array([self.x, self.y]))


def ground_set(*names: str) -> BoolArray:
    """Give a mask over the ground types that is true for the named ones."""
    wanted = np.zeros(len(GROUND_ID), dtype=np.bool_)
    wanted[[GROUND_ID[name] for name in names]] = True
    return wanted


def _turned(points: FloatArray, angles: FloatArray) -> FloatArray:
    """Turn points (m, 2) by each of n angles; shape (n, m, 2)."""
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    u, v = points[:, 0], points[:, 1]
    return np.stack([u * cosine - v * sine, u * sine + v * cosine], axis=-1)


class Room:
    """Keeps track of the free room in a scene.

    Args:
        ground: ground type of every pixel.
    """

    def __init__(self, ground: IntArray) -> None:
        """Start with everything free."""
        self.ground = ground[CELL // 2 :: CELL, CELL // 2 :: CELL]
        self.taken = np.zeros(self.ground.shape, dtype=np.bool_)

    def sample(self, rng: np.random.Generator, allowed: BoolArray, count: int) -> FloatArray:
        """Choose free points on allowed ground, shape (count, 2); no rows if there are none."""
        free = np.flatnonzero(allowed[self.ground] & ~self.taken)
        if len(free) == 0:
            return np.zeros((0, 2))
        row, column = np.divmod(free[rng.integers(len(free), size=count)], len(self.ground))
        return np.asarray((np.stack([column, row], axis=1) + rng.random((count, 2))) * CELL)

    def ground_at(self, points: FloatArray) -> IntArray:
        """Tell the ground type at each point (x, y)."""
        cells = (points // CELL).astype(np.int64)
        return self.ground[cells[:, 1], cells[:, 0]]

    def first_fit(
        self,
        points: FloatArray,
        angles: FloatArray,
        size: tuple[float, float],
        allowed: BoolArray,
    ) -> int | None:
        """Find the first place at which an object fits on free ground of allowed types.

        Args:
            points: middles to try, shape (n, 2).
            angles: a direction for each, shape (n,).
            size: length and width.
            allowed: mask over ground types.

        Returns:
            The index of the place, or None if the object fits nowhere.
        """
        a, b = size[0] / 2, size[1] / 2
        box = np.array([[-a, -b], [a, -b], [a, b], [-a, b]])
        corners = _turned(box, angles) + points[:, None, :]
        seen = (corners > EDGE).all(axis=(1, 2)) & (corners < SCENE_SIZE - 1 - EDGE).all(
            axis=(1, 2)
        )
        row, column = self._cells(points, angles, size)
        usable = allowed[self.ground] & ~self.taken
        fitting = np.flatnonzero(seen & usable[row, column].all(axis=1))
        return int(fitting[0]) if len(fitting) else None

    def take(self, placed: Placed) -> None:
        """Mark the ground under an object as taken."""
        points, angles = np.array([[placed.x, placed.y]]), np.array([placed.angle])
        # A step below the cell's size: on a slanted lattice a wider one would skip cells.
        row, column = self._cells(points, angles, (placed.length, placed.width), CELL / 2)
        self.taken[row, column] = True

    def _cells(
        self,
        points: FloatArray,
        angles: FloatArray,
        size: tuple[float, float],
        step: float = CELL,
    ) -> tuple[IntArray, IntArray]:
        """List rows and columns of the lattice cells under an object at each of n places."""
        a, b = size[0] / 2 + GAP, size[1] / 2 + GAP
        along = np.linspace(-a, a, int(2 * a / step) + 2)
        across = np.linspace(-b, b, int(2 * b / step) + 2)
        under = np.stack(np.meshgrid(along, across), axis=-1).reshape(-1, 2)
        lattice = (_turned(under, angles) + points[:, None, :]) / CELL
        cells = np.clip(lattice.astype(np.int64), 0, len(self.ground) - 1)
        return cells[..., 1], cells[..., 0]


def in_picture(placed: Placed) -> bool:
    """Tell whether an object lies inside the picture, away from its edge."""
    corners = placed.corners()
    return bool(corners.min() > EDGE and corners.max() < SCENE_SIZE - 1 - EDGE)
