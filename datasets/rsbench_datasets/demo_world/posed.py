"""Drawing living things: shapes in units of the thing's own size, seen from where it is seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .drawing import Colour, FloatArray, Pen, Point, Stamp

Rng = np.random.Generator


REACH = 1.35
"""Units that a sheet holds on every side of a thing's middle; what lies beyond is cut."""


@dataclass(frozen=True)
class Pose:
    """How a thing is held to the camera."""

    size: float
    """Pixels that a unit of the thing's own frame measures."""
    turn: float
    """Direction of u in the picture, radians from x towards y."""
    squash: float = 1.0
    """What a tilt away from the camera leaves of lengths along ``tilt``, 0..1."""
    tilt: float = 0.0
    """Direction that the tilt shortens, radians in the thing's frame."""
    mirrored: bool = False
    """Whether u runs the other way."""

    def matrix(self) -> FloatArray:
        """The linear map from the thing's frame to pixels, shape (2, 2), for row vectors."""
        axis = np.array([np.cos(self.tilt), np.sin(self.tilt)])
        shorten = np.eye(2) - (1 - self.squash) * np.outer(axis, axis)
        cosine, sine = np.cos(self.turn), np.sin(self.turn)
        turned = np.array([[cosine, sine], [-sine, cosine]])
        flip = np.diag([-1.0 if self.mirrored else 1.0, 1.0])
        return np.asarray(self.size * shorten @ flip @ turned)


class Brush(Pen):
    """A pen whose frame is that of a posed thing: u, v in units of its size."""

    def __init__(self, pose: Pose) -> None:
        """Open a sheet that holds whatever lies within ``REACH`` units."""
        super().__init__(REACH * pose.size, 0.0)
        self._matrix = pose.matrix()

    def polygon(
        self, points: Sequence[Point] | FloatArray, colour: Colour, alpha: float = 1.0
    ) -> None:
        """Fill a polygon given by (u, v) corners in units."""
        super().polygon(np.asarray(points, dtype=np.float64) @ self._matrix, colour, alpha)

    def path(self, points: Sequence[Point] | FloatArray, width: float, colour: Colour) -> None:
        """Draw a bent line through points."""
        for start, end in pairwise(points):
            self.line(tuple(start), tuple(end), width, colour)


Draw = Callable[[Brush, Rng], None]
"""Draws one thing."""


def turned(points: FloatArray, angle: float, shift: Point = (0.0, 0.0)) -> FloatArray:
    """Points of shape (n, 2) turned from u towards v, then shifted."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[cosine, sine], [-sine, cosine]]) + np.asarray(shift))


def petal(length: float, width: float, tip: float, start: float = 0.0) -> FloatArray:
    """Outline of a petal or leaflet along u.

    Args:
        length: distance of the tip from the origin.
        width: greatest width.
        tip: where it is widest, as a share of its length, 0..1.
        start: distance of its foot from the origin.
    """
    along = np.linspace(0, 1, 15)
    power = np.log(0.5) / np.log(tip)
    half = width / 2 * np.sin(np.pi * along**power) ** 0.8
    u = start + (length - start) * along
    return np.concatenate([np.stack([u, half], axis=1), np.stack([u, -half], axis=1)[::-1]])


def lit(stamp: Stamp, direction: float, amount: float) -> Stamp:
    """Light a thing from one side: brighter there by ``amount``, darker on the other side."""
    height, width = stamp.opacity.shape
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    light = 1 + np.float32(amount) * (
        x * np.float32(np.cos(direction)) + y * np.float32(np.sin(direction))
    )
    colour = np.minimum(stamp.colour * light[..., None], 255 * stamp.opacity[..., None])
    return Stamp(colour, stamp.opacity)
