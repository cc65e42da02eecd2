"""Mushrooms and fishes of the demo world, seen from the side."""

from __future__ import annotations

import numpy as np

from .drawing import Colour, FloatArray, mix, pick, scale_colour, vary
from .posed import Brush, Draw, Rng

CAPS: tuple[Colour, ...] = ((186, 60, 46), (150, 98, 62), (204, 160, 110), (128, 118, 120))
SCALES: tuple[Colour, ...] = (
    (222, 184, 84),
    (120, 160, 190),
    (206, 120, 90),
    (160, 176, 130),
    (214, 212, 206),
)
PALE: Colour = (240, 234, 218)
DARK: Colour = (40, 40, 48)


def mushroom(form: str) -> Draw:
    """One to three mushrooms with a spotted dome, a cone, or a flat cap over gills."""

    def draw(brush: Brush, rng: Rng) -> None:
        colour = pick(rng, CAPS, 18)
        count = int(rng.choice([1, 2, 3], p=[0.55, 0.3, 0.15]))
        places = [0.0] if count == 1 else np.linspace(-0.55, 0.55, count)
        for place in rng.permutation(np.asarray(places)):
            size = float(rng.uniform(0.85, 1.0)) * {1: 1.0, 2: 0.78, 3: 0.64}[count]
            _mushroom(brush, rng, form, float(place), size, colour)

    return draw


def _mushroom(brush: Brush, rng: Rng, form: str, place: float, size: float, colour: Colour) -> None:
    """One mushroom whose foot stands at (place, 1); v runs down."""
    width, height = {"maculata": (0.85, 0.72), "conica": (0.52, 1.15), "plana": (1.0, 0.34)}[form]
    width *= float(rng.uniform(0.9, 1.1))
    height *= float(rng.uniform(0.88, 1.12))
    lean, stem = float(rng.uniform(-0.15, 0.15)), float(rng.uniform(0.1, 0.16))
    rim = 1 - size * (1.75 - height)

    def at(u: float, v: float) -> tuple[float, float]:
        return place + size * (u + lean * (1 - v)), rim + size * v

    stalk = vary(rng, (222, 208, 184), 14)
    foot = (1 - rim) / size
    brush.polygon([at(-stem, 0), at(stem, 0), at(stem * 1.3, foot), at(-stem * 1.3, foot)], stalk)
    brush.polygon([at(0.3 * stem, 0), at(stem, 0), at(stem * 1.3, foot)], scale_colour(stalk, 0.8))
    turn = np.linspace(np.pi, 2 * np.pi, 21)
    power = 0.5 if form == "conica" else 1.0
    top = np.abs(np.sin(turn)) ** (1 / power) if form == "conica" else -np.sin(turn)
    dome = [
        at(width * float(np.cos(t)), -height * float(s)) for t, s in zip(turn, top, strict=True)
    ]
    under = 0.2 if form == "plana" else 0.1
    below = [
        at(width * float(np.cos(t)), under * float(np.sin(t))) for t in np.linspace(0, np.pi, 11)
    ]
    gills = mix(colour, PALE, 0.75)
    brush.polygon([*dome, *below], scale_colour(gills, 0.85))
    brush.polygon(dome, colour)
    _cap_marks(brush, rng, form, at, width, height, under, gills)


def _cap_marks(
    brush: Brush,
    rng: Rng,
    form: str,
    at: object,
    width: float,
    height: float,
    under: float,
    gills: Colour,
) -> None:
    place = at
    assert callable(place)
    if form == "maculata":
        for _ in range(int(rng.integers(7, 12))):
            u, v = float(rng.uniform(-0.75, 0.75)), float(rng.uniform(0.08, 0.85))
            if u * u + v * v < 0.8:
                x, y = place(width * u, -height * v)
                size = float(rng.uniform(0.05, 0.1))
                brush.ellipse(x, y, size, 0.85 * size, PALE)
    elif form == "plana":
        for u in np.linspace(-0.85, 0.85, 11):
            brush.line(
                place(width * float(u), 0),
                place(0.4 * width * float(u), 0.9 * under),
                0.025,
                scale_colour(gills, 0.6),
            )


def fish(form: str) -> Draw:
    """A fish with bars, stripes or spots, or a slim plain one with a forked tail."""
    slim = form == "forcipata"

    def draw(brush: Brush, rng: Rng) -> None:
        colour = pick(rng, SCALES, 18)
        ink = mix(colour, DARK, float(rng.uniform(0.65, 0.9)))
        depth = float(rng.uniform(0.26, 0.32) if slim else rng.uniform(0.38, 0.5))
        bend = float(rng.uniform(-0.14, 0.14))
        fin = mix(colour, ink, float(rng.uniform(0.15, 0.5)))
        _fins(brush, depth, bend, fin, forked=slim)
        body = _body_outline(depth, bend)
        brush.polygon(body, colour)
        belly = mix(colour, PALE, 0.65)
        brush.polygon(_stripe(depth, bend, 0.35, 0.95), belly, 0.8)
        if slim:
            brush.polygon(_stripe(depth, bend, -0.95, -0.25), ink)
        _fish_marks(brush, rng, form, depth, bend, ink)
        brush.polygon([(0.42, -0.5 * depth), (0.36, 0), (0.42, 0.5 * depth), (0.4, 0)], ink, 0.6)
        brush.ellipse(0.66, -0.2 * depth + bend * 0.44, 0.07, 0.07, PALE)
        brush.ellipse(0.67, -0.2 * depth + bend * 0.44, 0.042, 0.042, DARK)

    return draw


def _half(u: FloatArray, depth: float) -> FloatArray:
    """Half the depth of the body at u, -0.75..0.95."""
    along = np.clip((u + 0.75) / 1.7, 0, 1)
    return np.asarray(depth * (np.sin(np.pi * along**0.85) ** 0.75 + 0.1 * (1 - along)))


def _body_outline(depth: float, bend: float) -> FloatArray:
    return _stripe(depth, bend, -1.0, 1.0)


def _stripe(depth: float, bend: float, low: float, high: float) -> FloatArray:
    """The part of the body between two heights, -1 (back) to 1 (belly)."""
    u = np.linspace(-0.75, 0.95, 21)
    half, middle = _half(u, depth), bend * u**2
    upper = np.stack([u, middle + low * half], axis=1)
    lower = np.stack([u, middle + high * half], axis=1)
    return np.concatenate([upper, lower[::-1]])


def _fins(brush: Brush, depth: float, bend: float, colour: Colour, *, forked: bool) -> None:
    root = bend * 0.5
    reach, notch = (0.52, -0.82) if forked else (0.36, -1.0)
    tail = [(-0.68, root), (-1.2, root - reach), (notch, root), (-1.2, root + reach)]
    brush.polygon(tail, colour)
    if forked:
        brush.polygon([(0.1, -0.8 * depth), (-0.06, -1.7 * depth), (-0.2, -0.8 * depth)], colour)
    else:
        back = [
            (0.4, -0.85 * depth),
            (0.15, -1.42 * depth),
            (-0.45, -1.2 * depth),
            (-0.5, -0.5 * depth),
        ]
        brush.polygon(back, colour)
    brush.polygon([(0.1, 0.8 * depth), (-0.08, 1.4 * depth), (-0.26, 0.75 * depth)], colour)


def _fish_marks(brush: Brush, rng: Rng, form: str, depth: float, bend: float, ink: Colour) -> None:
    """The marks that tell the species."""
    if form == "verticalis":
        for u in np.linspace(-0.5, 0.4, int(rng.integers(4, 6))):
            half = 0.93 * float(_half(np.array(u), depth))
            middle = bend * float(u) ** 2
            brush.line((float(u), middle - half), (float(u) - 0.03, middle + half), 0.11, ink)
    elif form == "longivittata":
        for height in np.linspace(-0.68, 0.62, int(rng.integers(3, 5))):
            brush.polygon(_stripe(depth, bend, float(height) - 0.11, float(height) + 0.11), ink)
    elif form == "guttata":
        for _ in range(int(rng.integers(12, 18))):
            u, height = float(rng.uniform(-0.55, 0.5)), float(rng.uniform(-0.75, 0.7))
            v = bend * u**2 + height * float(_half(np.array(u), depth))
            brush.ellipse(u, v, 0.055, 0.055, ink)
