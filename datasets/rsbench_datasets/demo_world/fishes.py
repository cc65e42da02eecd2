"""Fishes of the demo world, seen from the side: u runs to the head, v to the belly."""

from __future__ import annotations

import numpy as np

from .drawing import Colour, FloatArray, mix, pick
from .posed import Brush, Draw, Rng

SCALES: tuple[Colour, ...] = (
    (222, 184, 84),
    (120, 160, 190),
    (206, 120, 90),
    (160, 176, 130),
    (214, 212, 206),
)
PALE: Colour = (240, 234, 218)
DARK: Colour = (40, 40, 48)


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
        brush.polygon(_stripe(depth, bend, -1.0, 1.0), colour)
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
