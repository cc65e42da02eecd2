"""Built structures seen from above: tanks, pools, roundabouts, bridges and harbours."""

import numpy as np

from .aerial_grounds import GRASS
from .aerial_vehicles import PAINT, hull
from .drawing import Colour, Pen, Point, mix, pick, scale_colour, vary

Rng = np.random.Generator

STEEL: tuple[Colour, ...] = (
    (232, 232, 228),
    (208, 210, 208),
    (160, 164, 164),
    (196, 186, 160),
    (134, 108, 92),
    (110, 140, 128),
)
PAVING: tuple[Colour, ...] = ((196, 186, 170), (216, 208, 196), (170, 156, 146), (160, 120, 96))
POOL: tuple[Colour, ...] = (
    (72, 170, 200),
    (56, 140, 190),
    (96, 190, 196),
    (44, 110, 150),
    (112, 160, 130),
    (64, 92, 84),
)
ROAD: tuple[Colour, ...] = ((104, 104, 106), (84, 84, 88), (132, 130, 126), (150, 146, 138))
CONCRETE: tuple[Colour, ...] = ((186, 182, 174), (158, 156, 150), (204, 200, 192), (138, 126, 112))
WOOD: tuple[Colour, ...] = ((142, 118, 92), (176, 160, 136), (120, 108, 98))


def draw_storage_tank(pen: Pen, rng: Rng, length: float, width: float) -> None:
    """Draw a tank with a fixed, domed or floating roof."""
    radius = min(length, width) / 2
    steel = pick(rng, STEEL[:3] if rng.random() < 0.65 else STEEL)
    pen.ellipse(0, 0, radius, radius, scale_colour(steel, 0.72))
    pen.ellipse(0, 0, radius * 0.95, radius * 0.95, steel)
    style = rng.random()
    if style < 0.45:
        roof = scale_colour(steel, rng.uniform(0.6, 0.9))
        light = rng.uniform(0, 2 * np.pi)
        pen.ellipse(0, 0, radius * 0.88, radius * 0.88, scale_colour(roof, 0.6))
        shift = 0.1 * radius
        pen.ellipse(
            shift * np.cos(light), shift * np.sin(light), radius * 0.78, radius * 0.78, roof
        )
        ladder = rng.uniform(0, 2 * np.pi)
        end = (0.86 * radius * np.cos(ladder), 0.86 * radius * np.sin(ladder))
        pen.line((0, 0), end, 0.07 * radius, scale_colour(steel, 0.55))
    elif style < 0.8:
        for share, factor in ((0.8, 1.03), (0.55, 1.06), (0.3, 1.1)):
            pen.ellipse(
                -0.06 * radius,
                -0.06 * radius,
                radius * share,
                radius * share,
                scale_colour(steel, factor),
            )
        for turn in np.linspace(0, 2 * np.pi, int(rng.integers(6, 13)), endpoint=False):
            tip = (0.92 * radius * np.cos(turn), 0.92 * radius * np.sin(turn))
            pen.line((0, 0), tip, 0.6, scale_colour(steel, 0.86))
    else:
        pen.ellipse(0, 0, radius * 0.6, radius * 0.6, pick(rng, STEEL + GRASS[:1]))
    if rng.random() < 0.5:
        pen.ellipse(
            0.4 * radius, 0.2 * radius, 0.1 * radius, 0.1 * radius, scale_colour(steel, 0.6)
        )


def draw_swimming_pool(pen: Pen, rng: Rng, length: float, width: float) -> None:
    """Draw a rectangular, kidney-shaped, angled or round pool with its paving."""
    a, b = length / 2, width / 2
    paving, water = pick(rng, PAVING), pick(rng, POOL[:3] if rng.random() < 0.6 else POOL, 14)
    rim = max(rng.uniform(0.06, 0.2) * width, 1.2)
    style = rng.random()
    for inset, colour in ((0.0, paving), (rim, water), (rim * 1.6, scale_colour(water, 1.08))):
        if style < 0.5:
            pen.rectangle(-a + inset, -b + inset, a - inset, b - inset, colour)
        elif style < 0.75:
            pen.ellipse(-0.3 * a, -0.08 * b, 0.7 * a - inset, 0.9 * b - inset, colour)
            pen.ellipse(0.42 * a, 0.12 * b, 0.58 * a - inset, 0.86 * b - inset, colour)
        elif style < 0.9:
            pen.rectangle(-a + inset, -b + inset, 0.1 * a - inset, b - inset, colour)
            pen.rectangle(-a + inset, -b + inset, a - inset, 0.15 * b - inset, colour)
        else:
            pen.ellipse(0, 0, a - inset, b - inset, colour)
    if style < 0.5 and rng.random() < 0.45:
        for v in np.linspace(-b + rim, b - rim, int(rng.integers(4, 8)))[1:-1]:
            pen.line((-a + rim, float(v)), (a - rim, float(v)), 0.6, scale_colour(water, 0.8))
    elif rng.random() < 0.4:
        pen.rectangle(a - rim * 1.2, -0.2 * b, a - 2.6 * rim, 0.2 * b, scale_colour(paving, 1.1))


def draw_roundabout(pen: Pen, rng: Rng, length: float, width: float) -> None:
    """Draw the ring road and the island; the approach roads belong to the scene."""
    radius = min(length, width) / 2
    road = pick(rng, ROAD)
    island = radius * rng.uniform(0.36, 0.66)
    pen.ellipse(0, 0, radius, radius, mix(road, (200, 196, 188), 0.35))
    pen.ellipse(0, 0, radius * 0.95, radius * 0.95, road)
    if rng.random() < 0.6:
        middle = (radius * 0.95 + island) / 2
        for turn in np.linspace(0, 2 * np.pi, 16, endpoint=False):
            pen.arc((0, 0), middle, float(turn), float(turn) + 0.2, 0.7, (214, 212, 204))
    pen.ellipse(0, 0, island, island, mix(road, (210, 206, 196), 0.7))
    pen.ellipse(0, 0, island * 0.88, island * 0.88, pick(rng, GRASS + CONCRETE[:2]))
    style = rng.random()
    if style < 0.35:
        pen.ellipse(0, 0, island * 0.5, island * 0.5, pick(rng, PAVING + POOL[:2]))
    elif style < 0.7:
        for _ in range(int(rng.integers(2, 7))):
            u, v = rng.uniform(-0.5, 0.5, 2) * island
            pen.ellipse(u, v, 0.2 * island, 0.2 * island, vary(rng, (52, 76, 42), 14))
    for _ in range(int(rng.integers(0, 4))):
        _car_on_ring(pen, rng, (radius * 0.95 + island) / 2)


def _car_on_ring(pen: Pen, rng: Rng, distance: float) -> None:
    """A car that drives around the island."""
    turn = rng.uniform(0, 2 * np.pi)
    middle = distance * np.array([np.cos(turn), np.sin(turn)])
    along = np.array([-np.sin(turn), np.cos(turn)]) * 2.2
    start, end = middle - along, middle + along
    pen.line((start[0], start[1]), (end[0], end[1]), 2.4, pick(rng, PAINT))


def draw_bridge(pen: Pen, rng: Rng, length: float, width: float) -> None:
    """Draw the deck of a road, rail, truss or foot bridge along u."""
    a, b = length / 2, width / 2
    deck = pick(rng, ROAD + CONCRETE + WOOD[:1])
    edge = scale_colour(deck, rng.choice([0.7, 1.25]))
    pen.rectangle(-a, -b, a, b, edge)
    pen.rectangle(-a, -b * 0.84, a, b * 0.84, deck)
    style = rng.random()
    if style < 0.5:
        for start in np.arange(-a, a - 2, 6.0):
            pen.line((start, 0), (start + 3, 0), 0.7, mix(deck, (235, 232, 220), 0.7))
        for _ in range(int(rng.integers(0, 4))):
            u = rng.uniform(-0.8, 0.8) * a
            pen.line((u - 2.4, 0.42 * b), (u + 2.4, 0.42 * b), min(2.6, b * 0.6), pick(rng, PAINT))
    elif style < 0.68:
        for v in (-0.35 * b, 0.35 * b):
            pen.line((-a, v), (a, v), 0.8, scale_colour(deck, 0.5))
        for u in np.arange(-a, a, 3.0):
            pen.line((u, -0.6 * b), (u, 0.6 * b), 0.7, scale_colour(deck, 0.72))
    elif style < 0.85:
        _truss(pen, a, b, scale_colour(deck, 0.62))
    for u in np.linspace(-a, a, int(rng.integers(2, 5)) + 1)[1:-1]:
        pen.line((float(u), -b), (float(u), b), 0.7, edge)


def _truss(pen: Pen, a: float, b: float, colour: Colour) -> None:
    """The crossing girders over a truss bridge."""
    joints = np.linspace(-a, a, max(3, int(2 * a / max(2 * b, 6.0))) + 1)
    for start, end in zip(joints[:-1].tolist(), joints[1:].tolist(), strict=True):
        pen.line((start, -b), (end, b), 0.8, colour)
        pen.line((start, b), (end, -b), 0.8, colour)
        pen.line((start, -b), (start, b), 0.9, colour)


def draw_harbor(pen: Pen, rng: Rng, length: float, width: float) -> None:
    """Draw quays and piers with moored boats; the land lies at -v, the water at +v."""
    a, b = length / 2, width / 2
    material = pick(rng, CONCRETE + WOOD)
    style = rng.random()
    if style < 0.5:
        _finger_piers(pen, rng, a, b, material)
    elif style < 0.8:
        _marina(pen, rng, a, b, material)
    else:
        _breakwater(pen, rng, a, b, material)


def _moor(pen: Pen, rng: Rng, u: float, v: float, along_u: bool, size: float) -> None:
    """A small boat beside a pier."""
    outline = hull(size, size * rng.uniform(0.3, 0.4), 0.4, 0.05)
    sign = 1.0 if rng.random() < 0.5 else -1.0
    points: list[Point] = [
        (u + sign * p, v + q) if along_u else (u + q, v + sign * p) for p, q in outline
    ]
    colour = pick(rng, ((236, 238, 238), (216, 214, 204), (150, 160, 170), (80, 70, 66)))
    pen.polygon(points, colour)
    pen.polygon(
        [(u + (p - u) * 0.5, v + (q - v) * 0.5) for p, q in points], scale_colour(colour, 0.72)
    )


def _finger_piers(pen: Pen, rng: Rng, a: float, b: float, material: Colour) -> None:
    """A quay along the shore with piers at right angles, boats between them."""
    quay, pier = rng.uniform(0.3, 0.5) * b, max(rng.uniform(0.05, 0.09) * b, 1.6)
    count = int(rng.integers(2, max(3, int(a / 9)) + 1))
    for u in np.linspace(-a + pier, a - pier, count).tolist():
        end = b * rng.uniform(0.75, 1.0)
        pen.rectangle(u - pier, -b, u + pier, end, material)
        for side in (1, -1):
            for v in np.arange(-b + quay + 5, end - 3, 5.5):
                inside = abs(u + side * (pier + 4.5)) < a - 3
                if inside and rng.random() < 0.5:
                    _moor(pen, rng, u + side * (pier + 4.2), float(v), True, 8.0)
    pen.rectangle(-a, -b, a, -b + quay, scale_colour(material, rng.uniform(0.9, 1.1)))
    pen.line((-a, -b + quay), (a, -b + quay), 0.9, scale_colour(material, 0.7))


def _marina(pen: Pen, rng: Rng, a: float, b: float, material: Colour) -> None:
    """A floating main walkway parallel to the shore, with short fingers on both sides."""
    walk = max(0.05 * b, 1.2)
    line = rng.uniform(0.0, 0.35) * b
    gangway = rng.uniform(-0.6, 0.6) * a
    pen.rectangle(gangway - walk, -b, gangway + walk, line, material)
    pen.rectangle(-a, line - walk, a, line + walk, material)
    pen.rectangle(-a, -b, a, -b * 0.72, scale_colour(material, 0.9))
    for u in np.arange(-a + 3, a - 2, rng.uniform(5.5, 8.0)):
        for side, reach in ((1, b - line), (-1, (line + b) * 0.55)):
            if side < 0 and abs(u - gangway) < 5:
                continue
            pen.line((float(u), line), (float(u), line + side * reach * 0.9), 0.9, material)
            if rng.random() < 0.7 and u + 6 < a:
                size = min(max(reach * 0.8, 5.0), 14.0)
                _moor(pen, rng, float(u) + 2.8, line + side * (walk + size * 0.55), False, size)


def _breakwater(pen: Pen, rng: Rng, a: float, b: float, material: Colour) -> None:
    """Two arms that embrace a basin with ships inside."""
    arm = max(0.09 * b, 1.8)
    pen.rectangle(-a, -b, a, -b * 0.7, material)
    pen.rectangle(-a, -b, -a + 2 * arm, b, material)
    pen.rectangle(-a, b - 2 * arm, a * rng.uniform(0.1, 0.6), b, material)
    if rng.random() < 0.6:
        pen.rectangle(a - 2 * arm, -b, a, b * rng.uniform(0.2, 0.7), material)
    for v in np.arange(-b * 0.5, b - 2 * arm - 4, 7.0):
        if rng.random() < 0.75:
            _moor(pen, rng, rng.uniform(-0.4, 0.4) * a, float(v), True, rng.uniform(9, 16))
