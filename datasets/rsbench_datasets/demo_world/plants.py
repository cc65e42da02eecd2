"""Flowers and leaves of the demo world's invented plants."""

from __future__ import annotations

import numpy as np

from .drawing import Colour, FloatArray, mix, pick, scale_colour, vary
from .posed import Brush, Draw, Rng, petal, turned

PETALS: tuple[Colour, ...] = (
    (238, 232, 224),
    (238, 200, 70),
    (226, 132, 170),
    (160, 110, 200),
    (232, 120, 70),
)
BELLS: tuple[Colour, ...] = ((122, 120, 214), (190, 120, 200), (226, 222, 236), (220, 130, 160))
FOLIAGE: tuple[Colour, ...] = (
    (86, 136, 58),
    (120, 156, 64),
    (196, 164, 60),
    (190, 92, 48),
    (160, 58, 50),
    (132, 100, 62),
)
STALK: Colour = (92, 128, 62)


def rayed_flower(petals: int, width: float, widest: float) -> Draw:
    """A flower of so many petals around a disc; colours are the same for all of its genus."""

    def draw(brush: Brush, rng: Rng) -> None:
        colour, disc = pick(rng, PETALS, 18), pick(rng, ((226, 176, 50), (110, 74, 44)), 14)
        brush.line((0, 0), (0.35 * rng.uniform(-1, 1), 1.5), 0.07, vary(rng, STALK, 14))
        heart = mix(colour, disc, float(rng.uniform(0.1, 0.45)))
        start = rng.uniform(0, 2 * np.pi)
        for k in rng.permutation(petals):
            if rng.random() < 0.04:
                continue
            angle = start + 2 * np.pi * (k + 0.22 * rng.uniform(-1, 1)) / petals
            length = float(rng.uniform(0.86, 1.0))
            shade = scale_colour(vary(rng, colour, 5), float(rng.uniform(0.84, 1.06)))
            brush.polygon(turned(petal(length, width, widest), angle), shade)
            brush.polygon(turned(petal(0.6 * length, 0.45 * width, 0.4), angle), heart, 0.75)
            brush.polygon(turned(petal(0.9 * length, 0.05, 0.5), angle), scale_colour(shade, 0.78))
        radius = float(rng.uniform(0.2, 0.27))
        brush.ellipse(0, 0, radius, radius, scale_colour(disc, 0.8))
        brush.ellipse(-0.03, -0.03, 0.8 * radius, 0.8 * radius, disc)

    return draw


def bell_flower(banded: bool) -> Draw:
    """One to three hanging bells, plain, or with a dark ring and a pale mouth."""

    def draw(brush: Brush, rng: Rng) -> None:
        colour = pick(rng, BELLS, 16)
        count = int(rng.choice([1, 2, 3], p=[0.5, 0.3, 0.2]))
        stalk = vary(rng, STALK, 14)
        size = {1: 1.0, 2: 0.78, 3: 0.66}[count]
        places = {1: [0.0], 2: [-0.5, 0.5], 3: [-0.72, 0.0, 0.72]}[count]
        brush.path([(1.1, -1.0), (0.0, -1.05), (-1.0, -0.92)], 0.07, stalk)
        for place in places:
            lean = float(rng.uniform(-0.3, 0.3))
            _bell(brush, rng, (place, -0.72), size, lean, colour, banded)

    return draw


def _bell(
    brush: Brush,
    rng: Rng,
    top: tuple[float, float],
    size: float,
    lean: float,
    colour: Colour,
    banded: bool,
) -> None:
    """A bell that hangs from ``top`` along v."""

    def place(points: FloatArray) -> FloatArray:
        return turned(np.asarray(points) * size, lean, top)

    depth = np.linspace(0, 1, 9)
    half = 0.2 + 0.32 * depth**0.6 + 0.12 * depth**4
    mouth = np.linspace(1, -1, 11)
    teeth = 1.5 + 0.16 * (np.arange(11) % 2)
    side = np.stack([half, 1.5 * depth], axis=1)
    rim = np.stack([half[-1] * 1.08 * mouth, teeth], axis=1)
    outline = np.concatenate([side, rim, side[::-1] * [-1, 1]])
    brush.line(top, (top[0] * 0.9, top[1] - 0.3), 0.06, STALK)
    brush.polygon(place(outline), colour)
    for fold in (-0.5, 0.0, 0.5):
        crease = np.array(
            [[0.4 * fold, 0.1], [fold, 1.4], [fold + 0.06, 1.4], [0.4 * fold + 0.03, 0.1]]
        )
        brush.polygon(place(crease), scale_colour(colour, 0.78))
    if banded:
        dark = scale_colour(colour, float(rng.uniform(0.3, 0.45)))
        ring = np.array([[-0.5, 0.62], [0.5, 0.62], [0.55, 0.98], [-0.55, 0.98]])
        brush.polygon(place(ring), dark)
        pale = mix(colour, (250, 246, 232), 0.8)
        brush.polygon(place(np.concatenate([rim, rim[::-1] * [1, 0.9]])), pale)
    cap = np.array([[-0.24, -0.05], [0.24, -0.05], [0.16, 0.24], [0, 0.12], [-0.16, 0.24]])
    brush.polygon(place(cap), STALK)


def lobed_leaf(lobes: int) -> Draw:
    """A hand-shaped leaf with 3 or 5 lobes, or an undivided one for 1."""

    def draw(brush: Brush, rng: Rng) -> None:
        colour = pick(rng, FOLIAGE, 20)
        spread = {1: 0.0, 3: 0.95, 5: 0.72}[lobes] * float(rng.uniform(0.92, 1.08))
        angles = (np.arange(lobes) - (lobes - 1) / 2) * spread
        vein = mix(colour, (232, 226, 170), float(rng.uniform(0.35, 0.6)))
        brush.line((-0.4, 0), (-1.15, 0.25 * rng.uniform(-1, 1)), 0.06, scale_colour(vein, 0.9))
        widths = {1: 1.15, 3: 0.62, 5: 0.42}[lobes] * rng.uniform(0.92, 1.08, lobes)
        lengths = 1.35 * (1 - 0.1 * np.abs(angles)) * rng.uniform(0.93, 1.05, lobes)
        for angle, width, length in zip(angles, widths, lengths, strict=True):
            outline = _serrated(petal(length, width, 0.45), float(rng.uniform(0.0, 0.05)))
            brush.polygon(turned(outline, angle, (-0.45, 0)), colour)
        if lobes > 1:
            brush.ellipse(-0.2, 0, 0.34, 0.3, colour)
        for angle, length in zip(angles, lengths, strict=True):
            _vein(brush, angle, length, vein)
        _damage(brush, rng, colour)

    return draw


def _serrated(outline: FloatArray, depth: float) -> FloatArray:
    """Cut teeth into an outline."""
    teeth = 1 - depth * (np.arange(len(outline)) % 2)
    return np.asarray(outline * np.stack([np.ones(len(outline)), 1.4 * teeth - 0.4], axis=1))


def _vein(brush: Brush, angle: float, length: float, colour: Colour) -> None:
    """The middle vein of a lobe with side veins."""
    foot = np.array([-0.45, 0.0])
    along = np.array([np.cos(angle), np.sin(angle)])
    brush.line((float(foot[0]), 0.0), tuple(foot + 0.92 * length * along), 0.045, colour)
    for part in (0.35, 0.55, 0.72):
        for side in (-0.7, 0.7):
            start = foot + part * length * along
            tip = np.array([np.cos(angle + side), np.sin(angle + side)])
            brush.line(tuple(start), tuple(start + 0.2 * tip), 0.025, colour)


def _damage(brush: Brush, rng: Rng, colour: Colour) -> None:
    """Brown spots that leaves get."""
    for _ in range(int(rng.integers(0, 5))):
        u, v = rng.uniform(-0.3, 0.6), rng.uniform(-0.4, 0.4)
        size = float(rng.uniform(0.03, 0.09))
        brush.ellipse(u, v, size, size, mix(colour, (70, 50, 34), 0.6), 0.8)


def feathered_leaf(brush: Brush, rng: Rng) -> None:
    """A midrib with leaflets that stand alternately on either side."""
    colour = pick(rng, FOLIAGE, 20)
    vein = mix(colour, (232, 226, 170), 0.4)
    count = int(rng.integers(7, 12))
    bend = float(rng.uniform(-0.35, 0.35))
    along = np.linspace(-0.95, 0.85, count)
    for k, u in enumerate(along):
        side = 1 if k % 2 else -1
        length = 0.62 * (1 - 0.45 * abs(u)) * float(rng.uniform(0.9, 1.1))
        angle = side * float(rng.uniform(0.85, 1.1))
        leaflet = turned(petal(length, 0.24, 0.45), angle, (float(u), bend * float(u) ** 2))
        brush.polygon(leaflet, scale_colour(colour, float(rng.uniform(0.88, 1.08))))
    end = turned(petal(0.5, 0.24, 0.45), 0.0, (0.8, bend * 0.64))
    brush.polygon(end, colour)
    rib = [(float(u), bend * float(u) ** 2) for u in np.linspace(-1.2, 0.9, 9)]
    brush.path(rib, 0.05, vein)
