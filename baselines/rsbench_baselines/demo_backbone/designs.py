"""Designs of the source classes: what a class draws, as a list of parts.

A class is a `Design`, drawn once from the seed of the source world. Five families, all seen from
the ground: creatures, trees, flowers, balls and buildings. None is a class of the demo targets.
Coordinates are object units, x to the right and y down; an object fills about [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from rsbench_baselines.demo_backbone.fills import FILLS
from rsbench_baselines.demo_backbone.outlines import OUTLINES

FAMILIES = ("creature", "tree", "flower", "ball", "building")
"""Kinds of source object."""

# Creatures have the richest designs, so they get three of every seven classes.
_FAMILY_CYCLE = ("creature", "tree", "creature", "flower", "ball", "creature", "building")


@dataclass(frozen=True)
class Part:
    """One painted outline of a design.

    Attributes:
        outline: Name in `outlines.OUTLINES`.
        centre: Position (x, y), object units.
        radii: Half width and half height, object units.
        angle: Rotation, radians.
        fill: Name in `fills.FILLS`.
        pitch: Periods of the fill across one unit.
        phase: Shift of the fill, periods.
        colours: First and second colour, indices into the palette of the design.
        lobes: Lobes of the outline.
        depth: Depth of the notches between lobes, 0 to 1.
        hole: Share of the radii that is cut out of the middle, 0 for none.
        mirrored: Whether the part is painted a second time, mirrored in the vertical axis.
    """

    outline: str
    centre: tuple[float, float]
    radii: tuple[float, float]
    angle: float = 0.0
    fill: str = "plain"
    pitch: float = 2.0
    phase: float = 0.0
    colours: tuple[int, int] = (0, 1)
    lobes: int = 5
    depth: float = 0.5
    hole: float = 0.0
    mirrored: bool = False


@dataclass(frozen=True)
class Design:
    """What one source class looks like.

    Attributes:
        family: Name in `FAMILIES`.
        parts: Parts in painting order.
        palette: Colours as (hue, saturation, value), each in [0, 1].
        roundness: Strength of the shading across a part, 0 to 1.
    """

    family: str
    parts: tuple[Part, ...]
    palette: tuple[tuple[float, float, float], ...]
    roundness: float


def draw_design(seed: int, label: int) -> Design:
    """Draw the design of one class.

    Args:
        seed: Seed of the source world.
        label: Class number, 0 or more.

    Returns:
        The design, the same for the same arguments.
    """
    rng = np.random.default_rng([seed, label])
    family = _FAMILY_CYCLE[label % len(_FAMILY_CYCLE)]
    return Design(
        family=family,
        parts=tuple(_BUILDERS[family](rng)),
        palette=tuple(_draw_colour(rng) for _ in range(4)),
        roundness=float(rng.uniform(0.2, 0.6)),
    )


def _draw_colour(rng: np.random.Generator) -> tuple[float, float, float]:
    return float(rng.random()), float(rng.uniform(0.1, 0.95)), float(rng.uniform(0.2, 1.0))


def _part(
    rng: np.random.Generator,
    centre: tuple[float, float],
    radii: tuple[float, float],
    outlines: tuple[str, ...] = OUTLINES,
    fills: tuple[str, ...] = FILLS,
    **fixed: float | bool,
) -> Part:
    """Draw the free properties of a part at a given place and size."""
    first = int(rng.integers(4))
    values: dict[str, float | bool] = {
        "pitch": float(rng.uniform(1.0, 3.5)),
        "phase": float(rng.random()),
        "depth": float(rng.uniform(0.3, 0.75)),
        "hole": float(rng.uniform(0.5, 0.75)) if rng.random() < 0.12 else 0.0,
    }
    values.update(fixed)
    return Part(
        outline=outlines[rng.integers(len(outlines))],
        centre=centre,
        radii=radii,
        fill="plain"
        if "plain" in fills and rng.random() < 0.3
        else fills[rng.integers(len(fills))],
        colours=(first, (first + int(rng.integers(1, 4))) % 4),
        lobes=int(rng.integers(3, 11)),
        **values,  # type: ignore[arg-type]
    )


def _creature(rng: np.random.Generator) -> list[Part]:
    body_y, body_w, body_h = rng.uniform(0.0, 0.25), rng.uniform(0.25, 0.55), rng.uniform(0.25, 0.5)
    head = rng.uniform(0.18, 0.36)
    head_y = body_y - body_h - rng.uniform(0.2, 0.8) * head
    limbs = []
    for _ in range(rng.integers(1, 4)):
        limbs.append(_limb(rng, body_y, body_w, body_h))
    trunk = [_part(rng, (0.0, body_y), (body_w, body_h))]
    face = [_part(rng, (0.0, head_y), (head * rng.uniform(0.7, 1.3), head), hole=0.0)]
    if rng.random() < 0.6:
        face.insert(0, _ear(rng, head, head_y))
    if rng.random() < 0.6:
        eye = head * rng.uniform(0.15, 0.3)
        face.append(
            _part(rng, (head * 0.4, head_y), (eye, eye), ("ellipse", "star"), ("plain",),
                  hole=0.0, mirrored=True)
        )  # fmt: skip
    return [*limbs, *trunk, *face] if rng.random() < 0.6 else [*trunk, *limbs, *face]


def _limb(rng: np.random.Generator, body_y: float, body_w: float, body_h: float) -> Part:
    direction = rng.uniform(-0.9, 1.35)
    length, width = rng.uniform(0.18, 0.42), rng.uniform(0.06, 0.28)
    x = body_w * np.cos(direction) + 0.7 * length * np.cos(direction)
    y = body_y + body_h * np.sin(direction) + 0.7 * length * np.sin(direction)
    return _part(
        rng, (float(x), float(y)), (width, length), angle=float(direction - np.pi / 2.0),
        mirrored=True,
    )  # fmt: skip


def _ear(rng: np.random.Generator, head: float, head_y: float) -> Part:
    radii = (head * rng.uniform(0.2, 0.6), head * rng.uniform(0.3, 1.0))
    centre = (head * rng.uniform(0.3, 0.9), head_y - head * rng.uniform(0.7, 1.2))
    return _part(rng, centre, radii, angle=float(rng.uniform(-0.2, 0.9)), mirrored=True)


def _tree(rng: np.random.Generator) -> list[Part]:
    width, fork = rng.uniform(0.05, 0.14), rng.uniform(-0.2, 0.3)
    bark = ("plain", "stripes", "marble", "gradient")
    parts = [
        _part(rng, (0.0, 0.9 - (0.9 - fork) / 2.0), (width, (0.9 - fork) / 2.0),
              ("box", "trapezoid"), bark, hole=0.0)
    ]  # fmt: skip
    for _ in range(rng.integers(0, 3)):
        lean, length = rng.uniform(0.4, 1.1), rng.uniform(0.2, 0.4)
        centre = (float(length * np.sin(lean)), float(fork + 0.2 - length * np.cos(lean)))
        parts.append(
            _part(rng, centre, (width * 0.6, length), ("box",), bark, angle=lean, hole=0.0,
                  mirrored=True)
        )  # fmt: skip
    return parts + _crown(rng, fork)


def _crown(rng: np.random.Generator, fork: float) -> list[Part]:
    style = rng.integers(3)
    if style == 0:
        radii = (rng.uniform(0.4, 0.85), rng.uniform(0.25, 0.55))
        return [_part(rng, (0.0, fork - 0.4 * radii[1]), radii)]
    first = _part(rng, (0.0, 0.0), (1.0, 1.0), hole=0.0)
    if style == 1:
        tiers, spread = int(rng.integers(2, 5)), rng.uniform(0.35, 0.7)
        return [
            _copy(first, (0.0, fork - 0.35 * i), (spread * (1.0 - 0.2 * i), 0.32))
            for i in range(tiers)
        ]
    tufts, size = int(rng.integers(2, 5)), rng.uniform(0.15, 0.35)
    turn = np.linspace(0.0, np.pi / 2.0, tufts)
    reach = rng.uniform(0.4, 0.7)
    return [
        _copy(first, (float(reach * np.sin(a)), float(fork - reach * np.cos(a) + 0.1)),
              (size, size), mirrored=True)
        for a in turn
    ]  # fmt: skip


def _copy(
    part: Part, centre: tuple[float, float], radii: tuple[float, float], mirrored: bool = False
) -> Part:
    return replace(part, centre=centre, radii=radii, mirrored=mirrored)


def _flower(rng: np.random.Generator) -> list[Part]:
    size, y = rng.uniform(0.45, 0.75), rng.uniform(-0.35, 0.0)
    stem = _part(rng, (0.0, (y + 0.95) / 2.0), (rng.uniform(0.03, 0.07), (0.95 - y) / 2.0),
                 ("box",), ("plain",), hole=0.0)  # fmt: skip
    parts = [stem]
    if rng.random() < 0.7:
        leaf = (rng.uniform(0.06, 0.16), rng.uniform(0.2, 0.4))
        parts.append(
            _part(rng, (0.25, rng.uniform(0.4, 0.8)), leaf, ("leaf", "drop", "ellipse"),
                  angle=float(rng.uniform(0.5, 1.2)), hole=0.0, mirrored=True)
        )  # fmt: skip
    lobed = ("star", "petals", "petals", "gear")
    parts.append(_part(rng, (0.0, y), (size, size), lobed, hole=0.0))
    if rng.random() < 0.6:
        inner = size * rng.uniform(0.45, 0.7)
        parts.append(_part(rng, (0.0, y), (inner, inner), lobed, hole=0.0))
    core = size * rng.uniform(0.15, 0.35)
    parts.append(_part(rng, (0.0, y), (core, core), (*lobed, "ellipse"), hole=0.0))
    return parts


def _ball(rng: np.random.Generator) -> list[Part]:
    patterns = tuple(name for name in FILLS if name not in ("plain", "gradient"))
    tall = rng.uniform(0.7, 1.0)
    ball = _part(rng, (0.0, 0.0), (0.8, 0.8 * tall), ("ellipse",), patterns, hole=0.0,
                 angle=float(rng.uniform(-1.5, 1.5)))  # fmt: skip
    if rng.random() < 0.5:
        return [ball]
    mark = rng.uniform(0.2, 0.45)
    place = (float(rng.uniform(-0.2, 0.2)), float(rng.uniform(-0.2, 0.2)))
    return [ball, _part(rng, place, (mark, mark))]


def _building(rng: np.random.Generator) -> list[Part]:
    width, height = rng.uniform(0.25, 0.6), rng.uniform(0.35, 0.65)
    walls = ("windows", "windows", "windows", "bricks", "stripes", "checks")
    base = 0.85 - height
    parts = [_part(rng, (0.0, base), (width, height), ("box",), walls, hole=0.0)]
    if rng.random() < 0.45:
        wing, top = rng.uniform(0.1, 0.25), height * rng.uniform(0.4, 1.2)
        parts.insert(
            0, _part(rng, (width + wing, 0.85 - top), (wing, top), ("box", "trapezoid"), walls,
                     hole=0.0, mirrored=bool(rng.random() < 0.6))
        )  # fmt: skip
    if rng.random() < 0.8:
        roof = rng.uniform(0.1, 0.3)
        tops = ("triangle", "trapezoid", "ellipse", "box", "crescent")
        wide = width * rng.uniform(0.8, 1.25)
        parts.append(_part(rng, (0.0, base - height - 0.8 * roof), (wide, roof), tops, hole=0.0))
    if rng.random() < 0.6:
        door = (width * rng.uniform(0.15, 0.35), height * rng.uniform(0.2, 0.4))
        parts.append(_part(rng, (0.0, 0.85 - door[1]), door, ("box", "ellipse"), ("plain",)))
    return parts


_BUILDERS: dict[str, Callable[[np.random.Generator], list[Part]]] = {
    "creature": _creature,
    "tree": _tree,
    "flower": _flower,
    "ball": _ball,
    "building": _building,
}
