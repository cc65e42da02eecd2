"""Mushrooms of the demo world, seen from the side: v runs down to the foot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .drawing import Colour, Point, mix, pick, scale_colour, vary
from .posed import Brush, Draw, Rng

CAPS: tuple[Colour, ...] = ((186, 60, 46), (150, 98, 62), (204, 160, 110), (128, 118, 120))
PALE: Colour = (240, 234, 218)

_SHAPES = {"maculata": (0.85, 0.72), "conica": (0.52, 1.15), "plana": (1.0, 0.34)}
_GROUND = 1.0  # where all feet stand


@dataclass(frozen=True)
class _Mushroom:
    """The shape of one mushroom, in units of its own size from the middle of its rim."""

    form: str
    place: float
    """Where it stands, along u of the drawing."""
    size: float
    width: float
    """Half the width of the cap."""
    height: float
    """Height of the cap."""
    lean: float
    stem: float
    """Half the width of the stem."""

    @property
    def rim(self) -> float:
        """Where the rim is, along v of the drawing."""
        return _GROUND - self.size * (1.75 - self.height)

    @property
    def under(self) -> float:
        """How far one sees below the cap."""
        return 0.2 if self.form == "plana" else 0.1

    def at(self, u: float, v: float) -> Point:
        """A point of the mushroom in the frame of the drawing."""
        return self.place + self.size * (u + self.lean * (1 - v)), self.rim + self.size * v


def mushroom(form: str) -> Draw:
    """One to three mushrooms.

    Args:
        form: "maculata" (a spotted dome), "conica" (a cone) or "plana" (a flat cap over gills).
    """

    def draw(brush: Brush, rng: Rng) -> None:
        colour = pick(rng, CAPS, 18)
        count = int(rng.choice([1, 2, 3], p=[0.55, 0.3, 0.15]))
        places = np.zeros(1) if count == 1 else np.linspace(-0.55, 0.55, count)
        for place in rng.permutation(places):
            size = float(rng.uniform(0.85, 1.0)) * {1: 1.0, 2: 0.78, 3: 0.64}[count]
            shape = _grow(rng, form, float(place), size)
            _draw_stem(brush, shape, vary(rng, (222, 208, 184), 14))
            gills = mix(colour, PALE, 0.75)
            _draw_cap(brush, shape, colour, scale_colour(gills, 0.85))
            if form == "maculata":
                _dot(brush, rng, shape)
            elif form == "plana":
                _draw_gills(brush, shape, scale_colour(gills, 0.6))

    return draw


def _grow(rng: Rng, form: str, place: float, size: float) -> _Mushroom:
    """Draw the shape of one mushroom."""
    width, height = _SHAPES[form]
    width *= float(rng.uniform(0.9, 1.1))
    height *= float(rng.uniform(0.88, 1.12))
    lean, stem = float(rng.uniform(-0.15, 0.15)), float(rng.uniform(0.1, 0.16))
    return _Mushroom(form, place, size, width, height, lean, stem)


def _draw_stem(brush: Brush, shape: _Mushroom, colour: Colour) -> None:
    foot, top, wide = (_GROUND - shape.rim) / shape.size, shape.stem, 1.3 * shape.stem
    at = shape.at
    brush.polygon([at(-top, 0), at(top, 0), at(wide, foot), at(-wide, foot)], colour)
    brush.polygon([at(0.3 * top, 0), at(top, 0), at(wide, foot)], scale_colour(colour, 0.8))


def _draw_cap(brush: Brush, shape: _Mushroom, colour: Colour, below: Colour) -> None:
    """The cap, and what one sees below its rim."""
    turn = np.linspace(np.pi, 2 * np.pi, 21)
    rise = np.sin(turn) ** 2 if shape.form == "conica" else -np.sin(turn)
    dome = [
        shape.at(shape.width * float(np.cos(t)), -shape.height * float(s))
        for t, s in zip(turn, rise, strict=True)
    ]
    underside = [
        shape.at(shape.width * float(np.cos(t)), shape.under * float(np.sin(t)))
        for t in np.linspace(0, np.pi, 11)
    ]
    brush.polygon([*dome, *underside], below)
    brush.polygon(dome, colour)


def _dot(brush: Brush, rng: Rng, shape: _Mushroom) -> None:
    """Pale dots on the cap."""
    for _ in range(int(rng.integers(7, 12))):
        u, v = float(rng.uniform(-0.75, 0.75)), float(rng.uniform(0.08, 0.85))
        if u * u + v * v < 0.8:
            x, y = shape.at(shape.width * u, -shape.height * v)
            radius = float(rng.uniform(0.05, 0.1))
            brush.ellipse(x, y, radius, 0.85 * radius, PALE)


def _draw_gills(brush: Brush, shape: _Mushroom, colour: Colour) -> None:
    for u in np.linspace(-0.85, 0.85, 11):
        rim = shape.at(shape.width * float(u), 0)
        inner = shape.at(0.4 * shape.width * float(u), 0.9 * shape.under)
        brush.line(rim, inner, 0.025, colour)
