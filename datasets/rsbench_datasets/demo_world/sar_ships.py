"""What ships look like to a radar: their size and where they scatter.

The five types differ in the layout of their superstructure more than in size; lengths and
brightness overlap, and single scatterers go missing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

Rng = np.random.Generator


@dataclass(frozen=True)
class Scatterer:
    """A bright point or bar on a ship, in its body frame (u to the bow, v across), pixels."""

    u: float
    v: float
    amplitude: float
    """Amplitude relative to that of the sea."""
    length: float = 0.0
    """Length of a bar; 0 for a point."""
    angle: float = 0.0
    """Direction of a bar, radians from u towards v."""


@dataclass(frozen=True)
class Ship:
    """A ship as a radar sees it. Sizes in pixels, amplitudes relative to the sea."""

    length: float
    beam: float
    deck: float
    side: float
    scatterers: tuple[Scatterer, ...]


def cargo_ship(rng: Rng) -> Ship:
    """Rows of hatches before a bridge at the stern, and often cranes between them."""
    length = float(rng.uniform(32, 52))
    beam = length * float(rng.uniform(0.16, 0.22))
    rows = int(rng.integers(3, 6))
    places = np.linspace(-0.22, 0.4, rows) * length
    strength = float(rng.uniform(13, 22))
    parts = [_across(float(u), 0.85 * beam, strength) for u in places]
    if rng.random() < 0.5:
        cranes = (places[:-1] + places[1:]) / 2
        parts += [
            Scatterer(float(u), 0.0, strength * 1.6) for u in cranes[:: int(rng.integers(1, 3))]
        ]
    parts += _bridge(rng, -0.37 * length, beam)
    return Ship(length, beam, float(rng.uniform(2, 4)), float(rng.uniform(3, 7)), tuple(parts))


def tanker(rng: Rng) -> Ship:
    """A pipe along the middle, a manifold across it, a bridge at the stern, a dark deck."""
    length = float(rng.uniform(36, 56))
    beam = length * float(rng.uniform(0.15, 0.2))
    pipe = float(rng.uniform(10, 17))
    middle = float(rng.uniform(-0.04, 0.08)) * length
    parts = [
        Scatterer(0.06 * length, 0.0, pipe, length=0.68 * length),
        _across(middle, 0.9 * beam, pipe * 1.7),
        Scatterer(0.46 * length, 0.0, pipe * 1.2),
    ]
    parts += _bridge(rng, -0.4 * length, beam)
    return Ship(length, beam, float(rng.uniform(1, 2)), float(rng.uniform(2, 5)), tuple(parts))


def dredger(rng: Rng) -> Ship:
    """A wide hull with frames amidships, the rim of the hopper and a boom over the side."""
    length = float(rng.uniform(28, 44))
    beam = length * float(rng.uniform(0.26, 0.34))
    start, end = -0.16 * length, 0.28 * length
    rim = float(rng.uniform(8, 14))
    middle, reach = (start + end) / 2, end - start
    parts = [Scatterer(middle, side * 0.42 * beam, rim, length=reach) for side in (-1.0, 1.0)]
    for u in np.linspace(start, end, int(rng.integers(2, 4))):
        frame = float(rng.uniform(18, 30))
        parts += [Scatterer(float(u), side * 0.5 * beam, frame) for side in (-1.0, 1.0)]
    boom = float(rng.uniform(0.8, 2.3)) * (1.0 if rng.random() < 0.5 else -1.0)
    arm = float(rng.uniform(0.25, 0.45)) * length
    foot = float(rng.uniform(-0.1, 0.2)) * length
    tip_u, tip_v = arm / 2 * np.cos(boom), arm / 2 * np.sin(boom)
    parts.append(Scatterer(foot + tip_u, tip_v, float(rng.uniform(12, 22)), length=arm, angle=boom))
    stern = -0.38 if rng.random() < 0.6 else 0.38
    parts += _bridge(rng, stern * length, beam * 0.8, weak=True)
    return Ship(length, beam, float(rng.uniform(2, 4)), float(rng.uniform(3, 7)), tuple(parts))


def fishing_boat(rng: Rng) -> Ship:
    """A short hull under one strong mast, and a weaker gallows at the stern."""
    length = float(rng.uniform(11, 22))
    beam = length * float(rng.uniform(0.24, 0.34))
    mast = float(rng.uniform(-0.05, 0.25)) * length
    strong = float(rng.uniform(34, 60))
    parts = [
        Scatterer(mast, 0.0, strong),
        _across(-0.36 * length, 0.6 * beam, strong * 0.3),
        Scatterer(mast - 0.15 * length, 0.0, strong * 0.3, length=0.3 * length),
    ]
    return Ship(length, beam, float(rng.uniform(3, 6)), float(rng.uniform(3, 6)), tuple(parts))


def other_ship(rng: Rng) -> Ship:
    """A ferry, tug, naval ship or barge."""
    kinds: tuple[Callable[[Rng], Ship], ...] = (_ferry, _tug, _naval_ship, _barge)
    return kinds[int(rng.choice(4, p=[0.45, 0.15, 0.25, 0.15]))](rng)


def _ferry(rng: Rng) -> Ship:
    """Superstructure over nearly the whole length."""
    length = float(rng.uniform(22, 46))
    beam = length * float(rng.uniform(0.17, 0.25))
    parts = _scatter(rng, 16, 0.42 * length, 0.42 * beam, 16.0)
    parts.append(Scatterer(0.0, 0.0, 12.0, length=0.7 * length))
    return Ship(length, beam, float(rng.uniform(8, 13)), 7.0, tuple(parts))


def _tug(rng: Rng) -> Ship:
    """A short wide hull with a deckhouse towards the bow."""
    length = float(rng.uniform(10, 19))
    beam = length * float(rng.uniform(0.34, 0.44))
    parts = [_across(0.15 * length, 0.8 * beam, 24.0), _across(0.0, 0.7 * beam, 18.0)]
    return Ship(length, beam, float(rng.uniform(6, 10)), 6.0, tuple(parts))


def _naval_ship(rng: Rng) -> Ship:
    """A slim hull with masts amidships and a dark landing deck."""
    length = float(rng.uniform(30, 48))
    beam = length * float(rng.uniform(0.1, 0.14))
    places = rng.uniform(-0.15, 0.2, int(rng.integers(2, 5)))
    parts = [_across(float(u) * length, 0.5 * beam, float(rng.uniform(18, 36))) for u in places]
    parts.append(Scatterer(0.3 * length, 0.0, 14.0))
    return Ship(length, beam, float(rng.uniform(2, 4)), float(rng.uniform(3, 6)), tuple(parts))


def _barge(rng: Rng) -> Ship:
    """A box-shaped hull without superstructure, bright along its sides."""
    length = float(rng.uniform(20, 40))
    beam = length * float(rng.uniform(0.22, 0.34))
    parts = _scatter(rng, 8, 0.4 * length, 0.4 * beam, 12.0)
    return Ship(length, beam, float(rng.uniform(4, 8)), 8.0, tuple(parts))


def _across(u: float, length: float, amplitude: float) -> Scatterer:
    """A bar across the ship."""
    return Scatterer(u, 0.0, amplitude, length=length, angle=np.pi / 2)


def _bridge(rng: Rng, u: float, beam: float, *, weak: bool = False) -> list[Scatterer]:
    """The bridge house: a bright block across the ship with a corner reflector."""
    strong = float(rng.uniform(14, 22) if weak else rng.uniform(24, 42))
    corner = float(rng.uniform(-0.3, 0.3)) * beam
    return [
        _across(u, 0.8 * beam, strong * 0.7),
        _across(u + 1.6, 0.6 * beam, strong * 0.5),
        Scatterer(u + 0.6, corner, strong),
    ]


def _scatter(
    rng: Rng, count: int, half_u: float, half_v: float, amplitude: float
) -> list[Scatterer]:
    """Points at random places."""
    return [
        Scatterer(
            float(rng.uniform(-half_u, half_u)),
            float(rng.uniform(-half_v, half_v)),
            amplitude * float(rng.uniform(0.5, 1.4)),
        )
        for _ in range(count)
    ]


SHIP_TYPES: Mapping[str, Callable[[Rng], Ship]] = MappingProxyType(
    {
        "cargo": cargo_ship,
        "other": other_ship,
        "fishing": fishing_boat,
        "tanker": tanker,
        "dredger": dredger,
    }
)
"""Draws a ship of each FUSRS class."""
