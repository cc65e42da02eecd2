"""Butterflies and beetles of the demo world, seen from above."""

from __future__ import annotations

import numpy as np

from .drawing import Colour, FloatArray, mix, pick, scale_colour, vary
from .posed import Brush, Draw, Rng

WINGS: tuple[Colour, ...] = (
    (222, 128, 44),
    (230, 196, 92),
    (112, 142, 206),
    (188, 92, 66),
    (226, 222, 206),
)
ELYTRA: tuple[Colour, ...] = ((196, 44, 34), (222, 112, 40), (224, 176, 60), (150, 50, 60))
DARK: Colour = (44, 34, 32)
PALE: Colour = (242, 236, 214)

# Right wings in the butterfly's frame: u to the head, v to the right.
_FORE = np.array(
    [
        (0.18, 0.06),
        (0.62, 0.46),
        (0.82, 0.92),
        (0.7, 1.04),
        (0.36, 0.98),
        (0.02, 0.74),
        (-0.04, 0.1),
    ]
)
_HIND = np.array(
    [(0.06, 0.08), (0.04, 0.68), (-0.26, 0.84), (-0.62, 0.72), (-0.82, 0.4), (-0.6, 0.1)]
)
_SHARP_FORE = np.array(
    [(0.2, 0.06), (0.7, 0.6), (0.96, 1.06), (0.6, 1.0), (0.2, 0.72), (-0.02, 0.56), (-0.02, 0.1)]
)
_SHARP_HIND = np.array(
    [(0.04, 0.08), (0.0, 0.56), (-0.34, 0.72), (-0.7, 0.56), (-0.78, 0.3), (-0.5, 0.08)]
)

# Marks of a right wing: eyes and dots (u, v, radius), lines (start, end, width).
_EYES = {"ocellata": ((0.46, 0.72, 0.17), (-0.4, 0.5, 0.2))}
_LINES = {
    "bivittata": (
        ((0.5, 0.36), (0.1, 0.8), 0.12),
        ((0.28, 0.2), (-0.02, 0.5), 0.12),
        ((-0.1, 0.66), (-0.64, 0.36), 0.12),
    ),
    "longicauda": (
        ((0.328, 0.3), (-0.21, 0.24), 0.06),
        ((0.44, 0.5), (-0.31, 0.44), 0.06),
        ((0.552, 0.7), (-0.41, 0.64), 0.06),
    ),
}
_DOTS = {
    "maculosa": (
        (0.56, 0.78, 0.085),
        (0.34, 0.5, 0.085),
        (0.2, 0.74, 0.085),
        (-0.2, 0.52, 0.085),
        (-0.5, 0.44, 0.085),
        (-0.22, 0.24, 0.085),
    ),
    "marginata": (
        (0.62, 0.94, 0.05),
        (0.3, 0.9, 0.05),
        (-0.3, 0.74, 0.05),
        (-0.62, 0.58, 0.05),
    ),
}


def _smooth(outline: FloatArray) -> FloatArray:
    """Round the corners of an outline (two rounds of corner cutting)."""
    for _ in range(2):
        following = np.roll(outline, -1, axis=0)
        pairs = [0.75 * outline + 0.25 * following, 0.25 * outline + 0.75 * following]
        outline = np.stack(pairs, axis=1).reshape(-1, 2)
    return outline


def _shrunk(outline: FloatArray, factor: float) -> FloatArray:
    """An outline drawn in towards its middle."""
    middle = outline.mean(axis=0)
    return np.asarray(middle + factor * (outline - middle))


def butterfly(pattern: str) -> Draw:
    """A butterfly.

    Args:
        pattern: "ocellata", "bivittata", "marginata", "longicauda" or "maculosa".
    """
    sharp = pattern in ("longicauda", "maculosa")
    fore, hind = (_SHARP_FORE, _SHARP_HIND) if sharp else (_FORE, _HIND)

    def draw(brush: Brush, rng: Rng) -> None:
        colour = pick(rng, WINGS, 20)
        ink = mix(colour, DARK, float(rng.uniform(0.72, 0.95)))
        fold = float(rng.uniform(0.72, 1.0))
        for side in (fold, -fold * float(rng.uniform(0.85, 1.0))):
            mirror = np.array([1.0, side])
            wings = [_smooth(hind) * mirror, _smooth(fore) * mirror]
            if pattern == "longicauda":
                _tail(brush, side, ink)
            for wing in wings:
                brush.polygon(wing, ink)
                brush.polygon(_shrunk(wing, 0.76 if pattern == "marginata" else 0.93), colour)
            _marks(brush, pattern, side, colour, ink)
        _body(brush, rng)

    return draw


def _tail(brush: Brush, side: float, ink: Colour) -> None:
    brush.path([(-0.66, 0.46 * side), (-0.98, 0.52 * side), (-1.2, 0.44 * side)], 0.1, ink)


def _marks(brush: Brush, pattern: str, side: float, colour: Colour, ink: Colour) -> None:
    """The marks of one side's wings, which tell the species."""
    pale = mix(colour, PALE, 0.85)
    for u, v, size in _EYES.get(pattern, ()):
        for radius, shade in ((size, ink), (0.7 * size, pale), (0.4 * size, ink)):
            brush.ellipse(u, v * side, radius, radius, shade)
    for (u0, v0), (u1, v1), width in _LINES.get(pattern, ()):
        brush.line((u0, v0 * side), (u1, v1 * side), width, ink)
    for u, v, radius in _DOTS.get(pattern, ()):
        # Those of marginata lie in its dark margin, which is drawn already.
        brush.ellipse(u, v * side, radius, radius, pale if pattern == "marginata" else ink)


def _body(brush: Brush, rng: Rng) -> None:
    fur = vary(rng, (70, 56, 46), 12)
    for side in (1, -1):
        brush.path([(0.34, 0.02 * side), (0.6, 0.12 * side), (0.78, 0.26 * side)], 0.03, DARK)
    brush.ellipse(-0.16, 0, 0.42, 0.07, scale_colour(fur, 0.8))
    brush.ellipse(0.14, 0, 0.2, 0.1, fur)
    brush.ellipse(0.36, 0, 0.08, 0.08, DARK)


def beetle(pattern: str) -> Draw:
    """A beetle; its wing cases bear two spots, seven spots, or lines."""

    def draw(brush: Brush, rng: Rng) -> None:
        colour = pick(rng, ELYTRA, 18)
        width = float(rng.uniform(0.6, 0.72))
        _legs(brush, rng, width)
        brush.ellipse(0.66, 0, 0.2, 0.24, DARK)
        brush.ellipse(0.5, 0, 0.24, 0.42, scale_colour(DARK, 1.15))
        for side in (1, -1):
            brush.ellipse(0.52, 0.27 * side, 0.09, 0.09, PALE)
        brush.ellipse(-0.16, 0, 0.78, width, scale_colour(colour, 0.72))
        brush.ellipse(-0.15, 0, 0.73, width - 0.06, colour)
        _spots(brush, rng, pattern, width)
        brush.line((0.55, 0), (-0.92, 0), 0.035, DARK)
        glint = mix(colour, (255, 255, 255), 0.6)
        brush.ellipse(0.16, -0.3 * width, 0.13, 0.08, glint, 0.7)

    return draw


def _legs(brush: Brush, rng: Rng, width: float) -> None:
    for side in (1, -1):
        for u, lean in ((0.4, 0.3), (0.0, 0.0), (-0.4, -0.3)):
            bend = lean + 0.15 * float(rng.uniform(-1, 1))
            knee = (u + bend * 0.6, (width + 0.12) * side)
            brush.path([(u, 0.4 * side), knee, (u + bend * 1.4, (width + 0.34) * side)], 0.06, DARK)
        brush.path([(0.78, 0.08 * side), (1.0, 0.3 * side)], 0.035, DARK)


def _spots(brush: Brush, rng: Rng, pattern: str, width: float) -> None:
    """The marks that tell the species."""
    size = float(rng.uniform(0.9, 1.12))
    if pattern == "lineata":
        for side in (1, -1):
            for v in (0.3, 0.66):
                reach = 0.5 if v < 0.5 else 0.36
                brush.line(
                    (reach, v * width * side), (-reach - 0.24, v * width * side), 0.09 * size, DARK
                )
        return
    places = [(-0.16, 0.5, 0.19)]
    if pattern == "septemguttata":
        places = [(0.2, 0.52, 0.12), (-0.24, 0.62, 0.13), (-0.6, 0.36, 0.12)]
        brush.ellipse(0.42, 0, 0.13 * size, 0.12 * size, DARK)
    for u, v, radius in places:
        for side in (1, -1):
            brush.ellipse(u, v * width * side, radius * size, radius * size, DARK)
