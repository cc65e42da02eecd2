"""Closed outlines from which every source object is put together.

An outline is an array of vertices, shape (V, 2), x to the right and y down, inside the unit
square [-1, 1] x [-1, 1].
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]

OUTLINES = (
    "ellipse",
    "box",
    "triangle",
    "trapezoid",
    "star",
    "petals",
    "gear",
    "drop",
    "heart",
    "crescent",
    "cross",
    "leaf",
)
"""Names of the outlines; `star`, `petals` and `gear` have a number of lobes."""

_VERTICES = 40


@lru_cache(maxsize=512)
def outline(name: str, lobes: int = 5, depth: float = 0.5) -> Points:
    """Return the vertices of a named outline.

    Args:
        name: One of `OUTLINES`.
        lobes: Number of points, petals or teeth; at least 2. Other outlines ignore it.
        depth: How deep the notches between lobes are, 0 (none) to 1 (to the centre).

    Returns:
        Vertices, shape (V, 2), float32, in [-1, 1]; the array is shared, do not write to it.

    Raises:
        ValueError: If the name is unknown.
    """
    if name in _POLYGONS:
        return np.asarray(_POLYGONS[name], dtype=np.float32)
    if name in ("star", "petals", "gear"):
        return _lobed(name, lobes, depth)
    angle = np.linspace(0.0, 2.0 * np.pi, _VERTICES, endpoint=False)
    if name == "ellipse":
        return _points(np.cos(angle), np.sin(angle))
    if name == "drop":
        return _points(np.cos(angle) * np.sin(angle / 2.0) ** 1.5, -np.cos(angle) + 0.0)[:, ::-1]
    if name == "heart":
        return _heart(angle)
    if name == "leaf":
        return _points(np.sin(angle) * np.abs(np.sin(angle)), np.cos(angle))
    if name == "crescent":
        return _crescent()
    raise ValueError(f"unknown outline {name!r}: use one of {', '.join(OUTLINES)}")


_POLYGONS: dict[str, tuple[tuple[float, float], ...]] = {
    "box": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "triangle": ((0, -1), (1, 1), (-1, 1)),
    "trapezoid": ((-0.6, -1), (0.6, -1), (1, 1), (-1, 1)),
    "cross": (
        *((-0.35, -1), (0.35, -1), (0.35, -0.35), (1, -0.35), (1, 0.35), (0.35, 0.35)),
        *((0.35, 1), (-0.35, 1), (-0.35, 0.35), (-1, 0.35), (-1, -0.35), (-0.35, -0.35)),
    ),
}


def _points(x: NDArray[np.float64], y: NDArray[np.float64]) -> Points:
    return np.stack([x, y], axis=1).astype(np.float32)


def _lobed(name: str, lobes: int, depth: float) -> Points:
    angle = np.linspace(0.0, 2.0 * np.pi, 12 * lobes, endpoint=False)
    wave = np.cos(lobes * angle)
    if name == "gear":
        radius = np.where(wave > 0.0, 1.0, 1.0 - 0.5 * depth)
    elif name == "petals":
        radius = 1.0 - depth * (1.0 - np.sqrt(np.abs(np.cos(lobes * angle / 2.0))))
    else:
        # arccos turns the cosine into a triangle wave: straight edges, sharp points.
        radius = 1.0 - depth * np.arccos(np.clip(wave, -1.0, 1.0)) / np.pi
    return _points(radius * np.sin(angle), -radius * np.cos(angle))


def _heart(angle: NDArray[np.float64]) -> Points:
    x = np.sin(angle) ** 3
    y = -(13 * np.cos(angle) - 5 * np.cos(2 * angle) - 2 * np.cos(3 * angle)) / 16.0
    return _points(x, y)


def _crescent() -> Points:
    half = np.linspace(0.0, np.pi, _VERTICES // 2)
    x = np.concatenate([np.cos(half), np.cos(half[::-1])])
    y = np.concatenate([-np.sin(half), -0.35 * np.sin(half[::-1])])
    return _points(x, 2.0 * y + 1.0)
