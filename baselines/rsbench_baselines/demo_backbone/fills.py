"""Surface patterns of source objects: how much of the second colour shows at each point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[Any]

FILLS = (
    "plain",
    "stripes",
    "checks",
    "dots",
    "waves",
    "rings",
    "rays",
    "gradient",
    "windows",
    "bricks",
    "marble",
)
"""Names of the patterns."""


def fill(name: str, u: Grid, v: Grid, pitch: float, phase: float) -> NDArray[np.float32]:
    """Return the share of the second colour at each point of a part.

    Args:
        name: One of `FILLS`.
        u: Horizontal coordinate in the frame of the part, any shape, about [-1, 1].
        v: Vertical coordinate, same shape.
        pitch: Periods of the pattern across one unit, about 1 to 5.
        phase: Shift of the pattern, in periods.

    Returns:
        Shares in [0, 1], the shape of `u`, float32.

    Raises:
        ValueError: If the name is unknown.
    """
    if name not in FILLS:
        raise ValueError(f"unknown fill {name!r}: use one of {', '.join(FILLS)}")
    if name == "plain":
        return np.zeros(u.shape, dtype=np.float32)
    return np.asarray(_PATTERNS[name](u, v, pitch, phase), dtype=np.float32)


def _period(x: Grid, pitch: float, phase: float) -> Grid:
    return np.asarray(np.mod(x * pitch + phase, 1.0), dtype=np.float32)


def _stripes(u: Grid, v: Grid, pitch: float, phase: float) -> Grid:
    return _period(v, pitch, phase) < 0.5


def _checks(u: Grid, v: Grid, pitch: float, phase: float) -> Grid:
    return (_period(u, pitch, phase) < 0.5) ^ (_period(v, pitch, phase) < 0.5)


def _dots(u: Grid, v: Grid, pitch: float, phase: float) -> Grid:
    x, y = _period(u, pitch, phase) - 0.5, _period(v, pitch, phase) - 0.5
    return x * x + y * y < 0.09


def _waves(u: Grid, v: Grid, pitch: float, phase: float) -> Grid:
    bent = v + 0.2 * np.sin(5.0 * u + 6.0 * phase)
    return _period(bent, pitch, phase) < 0.5


def _rings(u: Grid, v: Grid, pitch: float, phase: float) -> Grid:
    return _period(np.hypot(u, v), pitch, phase) < 0.5


def _rays(u: Grid, v: Grid, pitch: float, phase: float) -> Grid:
    sectors = np.round(2.0 * pitch)
    turn = np.arctan2(v, u) / (2.0 * np.pi)
    return _period(turn, sectors, phase) < 0.5


def _gradient(u: Grid, v: Grid, pitch: float, phase: float) -> Grid:
    return np.clip(0.5 + 0.5 * v, 0.0, 1.0)


def _windows(u: Grid, v: Grid, pitch: float, phase: float) -> Grid:
    # The phase sets the shape of a window: tall and narrow at 0, low and wide at 1.
    wide, high = 0.3 + 0.4 * phase, 0.7 - 0.4 * phase
    x, y = _period(u, pitch, 0.5), _period(v, pitch, 0.5)
    return (np.abs(x - 0.5) < wide / 2.0) & (np.abs(y - 0.5) < high / 2.0)


def _bricks(u: Grid, v: Grid, pitch: float, phase: float) -> Grid:
    row = np.floor(v * pitch + phase)
    x, y = _period(u + 0.5 * row / pitch, pitch, phase), _period(v, pitch, phase)
    return (x < 0.15) | (y < 0.2)


def _marble(u: Grid, v: Grid, pitch: float, phase: float) -> Grid:
    turbulence = np.sin(4.0 * u + 7.0 * phase) * np.cos(5.0 * v - 3.0 * phase)
    share: Grid = 0.5 + 0.5 * np.sin(2.0 * np.pi * (pitch * u + turbulence))
    return share


_PATTERNS: dict[str, Callable[[Grid, Grid, float, float], Grid]] = {
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
    "waves": _waves,
    "rings": _rings,
    "rays": _rays,
    "gradient": _gradient,
    "windows": _windows,
    "bricks": _bricks,
    "marble": _marble,
}
