"""Sports grounds seen from above: courts, pitches, tracks and diamonds.

Courts and pitches share their surfaces on purpose: colour alone does not tell a tennis
court from a basketball court, nor a running track from a pitch; their lines do.
"""

import numpy as np

from .drawing import Colour, Pen, Point, mix, pick, scale_colour, vary

Rng = np.random.Generator

HARD_COURT: tuple[Colour, ...] = (
    (62, 96, 142),
    (70, 120, 96),
    (150, 78, 58),
    (120, 116, 112),
    (98, 82, 120),
    (176, 132, 92),
)
GRASS: tuple[Colour, ...] = (
    (82, 120, 58),
    (104, 128, 66),
    (66, 104, 56),
    (134, 134, 84),
    (60, 126, 78),
)
CLAY: tuple[Colour, ...] = ((178, 128, 88), (160, 104, 72), (196, 160, 118), (142, 98, 76))
TRACK: tuple[Colour, ...] = (
    (164, 84, 66),
    (142, 72, 62),
    (120, 110, 104),
    (176, 128, 94),
    (84, 108, 146),
)


def _lines(rng: Rng, surface: Colour) -> Colour:
    """Choose the colour of painted lines, from fresh to worn."""
    return mix(surface, (238, 238, 230), rng.uniform(0.45, 1.0))


def _court_colours(rng: Rng, usual: tuple[Colour, ...]) -> tuple[Colour, Colour]:
    """Choose the colours around and inside the lines, mostly the usual ones of the sport."""
    outer = pick(rng, usual if rng.random() < 0.7 else HARD_COURT)
    if rng.random() < 0.4:
        return outer, scale_colour(outer, rng.uniform(0.85, 1.15))
    return outer, pick(rng, usual if rng.random() < 0.7 else HARD_COURT)


def draw_tennis_court(pen: Pen, rng: Rng, length: float, width: float) -> None:
    """Draw a tennis court with its run-off."""
    outer, inner = _court_colours(rng, HARD_COURT[:3])
    a, b = length / 2, width / 2
    pen.rectangle(-a, -b, a, b, outer)
    a, b = a * rng.uniform(0.68, 0.84), b * rng.uniform(0.62, 0.84)
    pen.rectangle(-a, -b, a, b, inner)
    paint, line = _lines(rng, inner), max(0.013 * length, 0.7)
    pen.frame(-a, -b, a, b, line, paint)
    for v in (-0.75 * b, 0.75 * b):
        pen.line((-a, v), (a, v), line, paint)
    for u in (-0.54 * a, 0.54 * a):
        pen.line((u, -0.75 * b), (u, 0.75 * b), line, paint)
    pen.line((-0.54 * a, 0), (0.54 * a, 0), line, paint)
    pen.line((0, -b * 1.1), (0, b * 1.1), line * 1.2, pick(rng, ((60, 60, 60), (210, 210, 206))))


def draw_basketball_court(pen: Pen, rng: Rng, length: float, width: float) -> None:
    """Draw a basketball court with keys, three-point arcs and a centre circle."""
    outer, inner = _court_colours(rng, HARD_COURT[2:])
    a, b = length / 2, width / 2
    pen.rectangle(-a, -b, a, b, outer)
    a, b = a * rng.uniform(0.84, 0.96), b * rng.uniform(0.82, 0.94)
    pen.rectangle(-a, -b, a, b, inner)
    paint, line = _lines(rng, inner), max(0.014 * length, 0.75)
    key = pick(rng, HARD_COURT) if rng.random() < 0.5 else inner
    radius = 0.78 * b
    for side in (1, -1):
        pen.rectangle(side * a, -0.3 * b, side * 0.6 * a, 0.3 * b, key)
        pen.frame(side * 0.6 * a, -0.3 * b, side * a, 0.3 * b, line, paint)
        start = np.pi / 2 if side > 0 else -np.pi / 2
        pen.arc((side * 0.88 * a, 0), radius, start, start + np.pi, line, paint)
        for v in (radius, -radius):
            pen.line((side * 0.88 * a, v), (side * a, v), line, paint)
    pen.frame(-a, -b, a, b, line, paint)
    pen.line((0, -b), (0, b), line, paint)
    pen.arc((0, 0), 0.24 * b, 0, 2 * np.pi, line, paint)


def _pitch(pen: Pen, rng: Rng, a: float, b: float, surface: Colour, line: float) -> None:
    """Mark a football pitch of half sizes a x b, mown in stripes or plain."""
    pen.rectangle(-a, -b, a, b, surface)
    if rng.random() < 0.5:
        stripes = int(rng.integers(6, 13))
        edges = np.linspace(-a, a, stripes + 1)
        for start, end in zip(edges[:-1:2], edges[1::2], strict=False):
            pen.rectangle(float(start), -b, float(end), b, scale_colour(surface, 1.12))
    paint = _lines(rng, surface)
    pen.frame(-0.95 * a, -0.93 * b, 0.95 * a, 0.93 * b, line, paint)
    pen.line((0, -0.93 * b), (0, 0.93 * b), line, paint)
    pen.arc((0, 0), 0.26 * b, 0, 2 * np.pi, line, paint)
    for side in (1, -1):
        pen.frame(side * 0.66 * a, -0.54 * b, side * 0.95 * a, 0.54 * b, line, paint)
        pen.frame(side * 0.85 * a, -0.25 * b, side * 0.95 * a, 0.25 * b, line, paint)


def draw_soccer_ball_field(pen: Pen, rng: Rng, length: float, width: float) -> None:
    """Draw a football pitch on grass, bare earth or, for small ones, a hard court."""
    surface = pick(rng, GRASS, 16) if rng.random() < 0.88 else pick(rng, CLAY + HARD_COURT[:2])
    a, b = length / 2, width / 2
    pen.rectangle(-a, -b, a, b, scale_colour(surface, rng.uniform(0.86, 1.08)))
    _pitch(pen, rng, a * 0.96, b * 0.96, surface, max(0.012 * length, 0.75))
    if rng.random() < 0.35:
        for side in (1, -1):
            pen.ellipse(side * 0.84 * a, 0, 0.08 * a, 0.16 * b, mix(surface, CLAY[0], 0.6))


def _stadium(a: float, b: float) -> list[Point]:
    """Outline two half circles joined by straights, half sizes a x b."""
    turn = np.linspace(-np.pi / 2, np.pi / 2, 16)
    right = [(a - b + b * np.cos(t), b * np.sin(t)) for t in turn]
    return [(float(u), float(v)) for u, v in right] + [(-float(u), -float(v)) for u, v in right]


def draw_ground_track_field(pen: Pen, rng: Rng, length: float, width: float) -> None:
    """Draw a running track around a pitch or a plain lawn."""
    a, b = length / 2, width / 2
    track = pick(rng, TRACK)
    lawn = pick(rng, GRASS, 16)
    lanes = rng.uniform(0.14, 0.24) * b
    pen.polygon(_stadium(a, b), track)
    for share in (0.35, 0.68):
        inset = lanes * share
        pen.polygon(_stadium(a - inset, b - inset), mix(track, (230, 225, 215), 0.3))
        pen.polygon(_stadium(a - inset - 0.6, b - inset - 0.6), track)
    pen.polygon(_stadium(a - lanes, b - lanes), lawn)
    if rng.random() < 0.6:
        _pitch(
            pen,
            rng,
            (a - b) * 1.05,
            (b - lanes) * 0.84,
            vary(rng, lawn, 8),
            max(0.01 * length, 0.7),
        )
    if rng.random() < 0.5:
        for side in (1, -1):
            pen.ellipse(side * (a - b) * 1.22, 0, 0.1 * b, 0.4 * b, scale_colour(track, 0.95))
    pen.line((-0.2 * a, b - 0.5), (a - b, b - 0.5), lanes * 0.4, scale_colour(track, 1.08))


def draw_baseball_diamond(pen: Pen, rng: Rng, length: float, width: float) -> None:
    """Draw the fan of the outfield, the bare infield, its bases and the mound."""
    a, b = length / 2, width / 2
    grass, clay = pick(rng, GRASS, 14), pick(rng, CLAY, 12)
    turn = np.linspace(-0.8, 0.8, 18)
    bulge = [
        (-a + 2 * a * float(np.cos(t)) ** 0.35, b * float(np.sin(t) / np.sin(0.8))) for t in turn
    ]
    fan = [(-a, -0.06 * b), (-a, 0.06 * b), *reversed(bulge)]
    pen.polygon(fan, clay if rng.random() < 0.4 else scale_colour(grass, 0.86))
    pen.polygon([(-a + (u + a) * 0.93, v * 0.9) for u, v in fan], grass)
    reach = rng.uniform(0.95, 1.2) * a
    arc = [
        (-a + reach * float(np.cos(t)), reach * float(np.sin(t)))
        for t in np.linspace(-0.76, 0.76, 14)
    ]
    limit = 0.92 * b / max(abs(v) for _, v in arc)
    arc = [(u, v * min(limit, 1.0)) for u, v in arc]
    pen.polygon([(-a * 0.98, 0), *arc], clay)
    base = 0.42 * reach * min(limit, 1.0)
    if rng.random() < 0.75:
        middle = -a + 0.16 * a + base
        pen.polygon(
            [(middle - base, 0), (middle, base), (middle + base, 0), (middle, -base)], grass
        )
        pen.ellipse(middle, 0, 0.1 * reach, 0.1 * reach, clay)
    pen.ellipse(-0.88 * a, 0, 0.12 * a, 0.12 * a, clay)
    paint = _lines(rng, clay)
    for t in (-1, 1):
        pen.line((-0.9 * a, 0), (-0.9 * a + 1.25 * a, t * 0.9 * b), 0.7, paint, 0.8)
