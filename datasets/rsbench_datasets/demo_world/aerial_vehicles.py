"""Things that move, seen from above: planes, helicopters, ships and road vehicles.

Every function draws one object into a :class:`~.drawing.Pen`. The object fills a box of
``length`` x ``width`` pixels around the origin, its front towards +u.
"""

import numpy as np

from .drawing import Colour, Pen, Point, mix, pick, scale_colour, vary

Rng = np.random.Generator

PAINT: tuple[Colour, ...] = (
    (226, 228, 230),
    (196, 200, 204),
    (120, 124, 128),
    (52, 54, 58),
    (150, 44, 40),
    (48, 74, 128),
    (186, 176, 150),
    (70, 96, 78),
)
"""Paint of road vehicles, roughly by their share on the road."""

AIRCRAFT: tuple[Colour, ...] = (
    (232, 234, 236),
    (236, 236, 230),
    (200, 204, 208),
    (150, 156, 160),
    (112, 118, 112),
    (96, 88, 74),
)
DECK: tuple[Colour, ...] = (
    (110, 62, 54),
    (128, 132, 132),
    (82, 96, 104),
    (150, 104, 78),
    (84, 110, 92),
    (206, 206, 200),
)
CARGO: tuple[Colour, ...] = (
    (160, 70, 52),
    (60, 100, 150),
    (200, 196, 186),
    (196, 150, 60),
    (78, 128, 96),
    (110, 112, 118),
)
GLASS: Colour = (38, 46, 56)


def mirrored(points: list[Point]) -> list[Point]:
    """Close a half outline, given from front to back, with its mirror image in v."""
    return points + [(u, -v) for u, v in reversed(points)]


def draw_plane(pen: Pen, rng: Rng, length: float, width: float) -> None:
    """Draw an airliner, a propeller plane or a fighter."""
    body = pick(rng, AIRCRAFT)
    style = rng.random()
    if style < 0.6:
        _airliner(pen, rng, length, width, body)
    elif style < 0.8:
        _propeller_plane(pen, rng, length, width, body)
    else:
        _fighter(pen, rng, length, width, body)


def _fuselage(pen: Pen, length: float, radius: float, colour: Colour) -> None:
    """Draw a body with a round nose and a pointed tail, lit along the middle."""
    half = length / 2
    outline = [
        (half, 0.0),
        (half * 0.94, radius * 0.6),
        (half * 0.8, radius),
        (-half * 0.5, radius),
    ]
    pen.polygon(mirrored([*outline, (-half, radius * 0.2)]), colour)
    pen.rectangle(-half * 0.7, -radius * 0.3, half * 0.85, radius * 0.3, scale_colour(colour, 1.08))


def _airliner(pen: Pen, rng: Rng, length: float, width: float, body: Colour) -> None:
    """Swept wings with engines, a swept tail."""
    half, span = length / 2, width / 2
    wing = scale_colour(body, rng.uniform(0.82, 0.97))
    sweep, root = rng.uniform(0.34, 0.56) * span, rng.uniform(0.15, 0.2) * length
    front = rng.uniform(0.1, 0.24) * length
    tip = front - sweep
    for side in (1, -1):
        points = [
            (front, 0),
            (tip, side * span),
            (tip - root * 0.3, side * span),
            (front - root, 0),
        ]
        pen.polygon(points, wing)
        for share in (0.34, 0.62) if length > 60 and rng.random() < 0.6 else (0.38,):
            u = front - sweep * share + 0.02 * length
            pen.ellipse(
                u, side * span * share, 0.05 * length, 0.024 * length, scale_colour(body, 0.62)
            )
        tail = -half + 0.15 * length
        pen.polygon(
            [
                (tail, 0),
                (-half + 0.03 * length, side * span * 0.36),
                (-half, side * span * 0.36),
                (-half + 0.05 * length, 0),
            ],
            wing,
        )
    _fuselage(pen, length, max(0.042 * length, 1.3), body)
    pen.ellipse(half - 0.06 * length, 0, 0.016 * length, 0.026 * length, GLASS)
    if rng.random() < 0.5:
        pen.rectangle(-half, -0.8, -half + 0.16 * length, 0.8, pick(rng, PAINT, 20))


def _propeller_plane(pen: Pen, rng: Rng, length: float, width: float, body: Colour) -> None:
    """Straight wings with rounded tips and a propeller."""
    half, span = length / 2, width / 2
    wing = pick(rng, PAINT) if rng.random() < 0.3 else body
    chord, front = rng.uniform(0.15, 0.22) * length, rng.uniform(0.18, 0.26) * length
    for side in (1, -1):
        pen.polygon(
            [
                (front, 0),
                (front - 0.02 * length, side * span * 0.95),
                (front - chord * 0.6, side * span),
                (front - chord, 0),
            ],
            wing,
        )
        pen.rectangle(-half, 0, -half + chord * 0.65, side * span * 0.4, wing)
    _fuselage(pen, length * 0.98, 0.06 * length, body)
    pen.ellipse(front - chord * 0.3, 0, 0.05 * length, 0.035 * length, GLASS)
    pen.line((half - 0.6, -0.14 * length), (half - 0.6, 0.14 * length), 1.0, (70, 70, 70), 0.7)


def _fighter(pen: Pen, rng: Rng, length: float, width: float, body: Colour) -> None:
    """A delta wing, twin tails and a slim nose."""
    half, span = length / 2, width / 2 * 0.9
    grey = mix(body, (108, 114, 118), 0.7)
    back = -half + rng.uniform(0.06, 0.16) * length
    pen.polygon(
        mirrored(
            [
                (0.14 * length, 0),
                (back + 0.12 * length, span),
                (back, span),
                (back - 0.02 * length, 0),
            ]
        ),
        scale_colour(grey, 0.92),
    )
    _fuselage(pen, length, 0.06 * length, grey)
    for side in (1, -1):
        pen.polygon(
            [
                (-half + 0.18 * length, side * 0.06 * length),
                (-half + 0.04 * length, side * span * 0.52),
                (-half, side * 0.07 * length),
            ],
            scale_colour(grey, 0.8),
        )
    pen.ellipse(0.2 * length, 0, 0.075 * length, 0.03 * length, GLASS)


def draw_helicopter(pen: Pen, rng: Rng, length: float, width: float) -> None:
    """Draw a cabin, a tail boom, a tail rotor and the main rotor's blades."""
    half, disc = length / 2, min(width / 2, length * 0.42)
    body = pick(rng, AIRCRAFT + PAINT[4:], 16)
    hub = half - disc
    cabin = rng.uniform(0.17, 0.24) * length
    if rng.random() < 0.5:
        pen.ellipse(hub, 0, disc, disc, (150, 152, 154), float(rng.uniform(0.15, 0.35)))
    pen.polygon(
        mirrored([(hub - cabin * 0.4, 0.055 * length), (-half + 0.03 * length, 0.018 * length)]),
        scale_colour(body, 0.9),
    )
    pen.ellipse(hub + 0.02 * length, 0, cabin, 0.088 * length, body)
    pen.ellipse(hub + cabin * 0.72, 0, cabin * 0.3, 0.06 * length, GLASS)
    pen.rectangle(
        -half + 0.07 * length,
        -0.1 * length,
        -half + 0.13 * length,
        0.1 * length,
        scale_colour(body, 0.85),
    )
    pen.line(
        (-half + 0.05 * length, 0.03 * length), (-half, 0.03 * length), 0.07 * length, (90, 90, 92)
    )
    blade = pick(rng, ((52, 54, 56), (96, 98, 98), (210, 210, 206)), 12)
    blades, turn = int(rng.integers(2, 6)), rng.uniform(0, 2 * np.pi)
    for index in range(blades):
        angle = turn + 2 * np.pi * index / blades
        tip = (hub + disc * np.cos(angle), disc * np.sin(angle))
        pen.line((hub, 0), tip, max(0.028 * length, 1.0), blade, float(rng.uniform(0.7, 1.0)))
    pen.ellipse(hub, 0, 0.03 * length, 0.03 * length, scale_colour(blade, 0.8))


def hull(length: float, width: float, bow: float, stern: float) -> list[Point]:
    """Outline a ship: ``bow`` is the share of the length that tapers, ``stern`` its rounding."""
    half, beam = length / 2, width / 2
    start = half - bow * length
    return mirrored(
        [
            (half, 0.0),
            (half - bow * length * 0.3, beam * 0.52),
            (start, beam),
            (-half + stern * length, beam),
            (-half, beam * (1 - 2.5 * stern)),
        ]
    )


def draw_ship(pen: Pen, rng: Rng, length: float, width: float) -> None:
    """Draw a freighter, tanker, yacht, barge or naval ship, small ones mostly boats."""
    kind = rng.random()
    if length < 44 or kind < 0.3:
        _boat(pen, rng, length, width)
        return
    side = pick(rng, ((60, 62, 70), (110, 50, 44), (220, 222, 222), (44, 62, 84)))
    deck = pick(rng, DECK)
    pen.polygon(hull(length, width, rng.uniform(0.12, 0.24), rng.uniform(0.02, 0.1)), side)
    pen.polygon(hull(length * 0.96, width * 0.82, 0.18, 0.05), deck)
    if kind < 0.6:
        _holds(pen, rng, length, width, deck)
    elif kind < 0.8:
        _pipes(pen, rng, length, width, deck)
    else:
        _naval_deck(pen, rng, length, width)
        return
    bridge = -length * rng.uniform(0.34, 0.4)
    white = vary(rng, (228, 228, 222))
    pen.rectangle(bridge, -width * 0.38, bridge + length * 0.1, width * 0.38, white)
    pen.rectangle(
        bridge - length * 0.03, -width * 0.12, bridge, width * 0.12, scale_colour(side, 0.8)
    )


def _boat(pen: Pen, rng: Rng, length: float, width: float) -> None:
    """A small motor boat or yacht, with its cockpit."""
    colour = pick(
        rng, ((236, 238, 238), (230, 228, 216), (206, 212, 218), (90, 70, 52), (60, 84, 120))
    )
    inner = pick(rng, ((176, 140, 100), (206, 210, 210), (120, 130, 140), (238, 238, 236)))
    pen.polygon(hull(length, width, rng.uniform(0.3, 0.5), rng.uniform(0.0, 0.1)), colour)
    pen.polygon(hull(length * 0.8, width * 0.62, 0.4, 0.05), inner)
    start = rng.uniform(-0.22, 0.0) * length
    pen.rectangle(
        start, -width * 0.27, start + length * 0.25, width * 0.27, scale_colour(colour, 0.94)
    )
    pen.rectangle(start + length * 0.19, -width * 0.24, start + length * 0.27, width * 0.24, GLASS)
    if rng.random() < 0.3:
        pen.line((-length * 0.4, 0), (length * 0.3, 0), 0.8, (220, 220, 215))


def _holds(pen: Pen, rng: Rng, length: float, width: float, deck: Colour) -> None:
    """Hatches or stacks of containers."""
    rows = int(rng.integers(3, 7))
    step = 0.62 * length / rows
    loaded = rng.random() < 0.5
    for row in range(rows):
        start = -0.26 * length + row * step
        for v0, v1 in ((-0.32, 0.0), (0.0, 0.32)) if loaded else ((-0.3, 0.3),):
            colour = pick(rng, CARGO, 18) if loaded else scale_colour(deck, 0.66)
            pen.rectangle(start, v0 * width, start + step * 0.8, v1 * width, colour)


def _pipes(pen: Pen, rng: Rng, length: float, width: float, deck: Colour) -> None:
    """The pipes and manifold of a tanker."""
    light = scale_colour(deck, 1.35)
    pen.line((-0.28 * length, 0), (0.38 * length, 0), max(0.09 * width, 0.9), light)
    pen.line((0.04 * length, -0.36 * width), (0.04 * length, 0.36 * width), 1.3, light)
    for u in np.linspace(-0.2, 0.3, int(rng.integers(3, 6))):
        pen.ellipse(float(u) * length, 0.2 * width, 0.8, 0.8, light)


def _naval_deck(pen: Pen, rng: Rng, length: float, width: float) -> None:
    """The grey superstructure and landing deck of a naval ship."""
    grey = vary(rng, (150, 156, 160))
    pen.polygon(hull(length, width, 0.34, 0.04), grey)
    pen.rectangle(
        -0.14 * length, -0.32 * width, 0.16 * length, 0.32 * width, scale_colour(grey, 1.18)
    )
    pen.rectangle(-0.02 * length, -0.2 * width, 0.08 * length, 0.2 * width, scale_colour(grey, 0.7))
    pen.ellipse(-0.34 * length, 0, 0.09 * length, 0.3 * width, scale_colour(grey, 0.72))
    pen.ellipse(0.27 * length, 0, 0.035 * length, 0.14 * width, scale_colour(grey, 0.6))


def _rounded(length: float, width: float, corner: float) -> list[Point]:
    """Outline a box with cut corners."""
    half, side = length / 2, width / 2
    return mirrored(
        [
            (half, side - corner),
            (half - corner, side),
            (-half + corner, side),
            (-half, side - corner),
        ]
    )


def draw_small_vehicle(pen: Pen, rng: Rng, length: float, width: float) -> None:
    """Draw a saloon, an estate car, a pickup or a van."""
    paint = pick(rng, PAINT, 14)
    glass = vary(rng, GLASS, 8)
    pen.polygon(_rounded(length, width, 0.12 * width), scale_colour(paint, 0.88))
    pen.polygon(_rounded(length * 0.94, width * 0.84, 0.12 * width), paint)
    style, side = rng.random(), width * 0.37
    windscreen = length * rng.uniform(0.12, 0.2)
    pen.polygon(
        [
            (windscreen + 0.1 * length, -side),
            (windscreen + 0.1 * length, side),
            (windscreen, side * 0.85),
            (windscreen, -side * 0.85),
        ],
        glass,
    )
    if style < 0.2:
        pen.rectangle(-0.44 * length, -side, -0.06 * length, side, mix(paint, (60, 60, 60), 0.6))
        return
    rear = -length * (rng.uniform(0.24, 0.32) if style < 0.7 else 0.42)
    pen.polygon(
        [
            (rear, -side),
            (rear, side),
            (rear + 0.08 * length, side * 0.85),
            (rear + 0.08 * length, -side * 0.85),
        ],
        glass,
    )
    for v in (side, -side):
        pen.line((rear + 0.1 * length, v), (windscreen, v), 0.07 * width, glass)
    pen.rectangle(
        rear + 0.09 * length, -side * 0.8, windscreen, side * 0.8, scale_colour(paint, 1.06)
    )


def draw_large_vehicle(pen: Pen, rng: Rng, length: float, width: float) -> None:
    """Draw a lorry with a box, tank or flat bed, or a bus."""
    style = rng.random()
    if style < 0.3:
        _bus(pen, rng, length, width)
        return
    cab, half = rng.uniform(0.17, 0.24) * length, length / 2
    paint = pick(rng, PAINT, 14)
    pen.rectangle(half - cab, -0.44 * width, half, 0.44 * width, paint)
    pen.rectangle(half - 0.3 * cab, -0.38 * width, half - 0.08 * cab, 0.38 * width, GLASS)
    bed = half - cab - 0.03 * length
    pen.rectangle(-half, -0.2 * width, bed + 2, 0.2 * width, (54, 54, 56))
    if style < 0.72:
        load = pick(rng, CARGO + PAINT[:3], 16)
        pen.rectangle(-half, -0.5 * width, bed, 0.5 * width, load)
        for u in np.arange(-half + 3, bed - 2, max(length * 0.12, 4.0)):
            pen.line((u, -0.46 * width), (u, 0.46 * width), 0.7, scale_colour(load, 0.88))
    elif style < 0.86:
        steel = pick(rng, ((206, 208, 210), (170, 172, 172)))
        pen.ellipse((bed - half) / 2, 0, (bed + half) / 2, 0.46 * width, steel)
        pen.line(
            (-half * 0.8, -0.08 * width),
            (bed * 0.7, -0.08 * width),
            0.14 * width,
            scale_colour(steel, 1.15),
        )
    else:
        pen.rectangle(
            -half, -0.5 * width, bed, 0.5 * width, pick(rng, ((110, 96, 78), (84, 84, 86)))
        )
        for u in np.linspace(-half + 4, bed - 4, int(rng.integers(2, 5))):
            pen.rectangle(u - 2.5, -0.4 * width, u + 2.5, 0.4 * width, pick(rng, CARGO, 16))


def _bus(pen: Pen, rng: Rng, length: float, width: float) -> None:
    """A bus or coach, with hatches and air conditioning on its roof."""
    paint = pick(
        rng, ((230, 230, 226), (190, 60, 48), (226, 178, 60), (70, 110, 160), (120, 150, 110))
    )
    pen.polygon(_rounded(length, width, 0.1 * width), paint)
    pen.rectangle(length * 0.44, -0.4 * width, length * 0.485, 0.4 * width, GLASS)
    for u in np.linspace(-0.32, 0.3, int(rng.integers(2, 4))):
        pen.rectangle(
            u * length - 1.6, -0.2 * width, u * length + 1.6, 0.2 * width, scale_colour(paint, 0.78)
        )
