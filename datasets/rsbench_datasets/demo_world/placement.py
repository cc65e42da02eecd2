"""Finding room for objects in a scene, so that none overlaps another."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .aerial_objects import KINDS, ObjectKind
from .drawing import BoolArray, FloatArray, Point, rotate
from .layout import GROUND_ID, SCENE_SIZE, Layout, SceneFullError, Street
from .plan import ScenePlan

Rng = np.random.Generator

CELL = 4
"""Room is kept track of on a lattice of this spacing in pixels."""
EDGE = 3.0
"""Objects stay this many pixels away from the edge of the picture."""
GAP = 3.0
"""Objects stay about this many pixels away from each other."""
_ATTEMPTS = 40
_SHRINKS = 6


@dataclass(frozen=True)
class Placed:
    """An object with its place: middle (x, y), length and width in pixels, angle in radians."""

    label: str
    x: float
    y: float
    length: float
    width: float
    angle: float

    def corners(self) -> FloatArray:
        """Give the corners of its oriented box in turn, shape (4, 2)."""
        a, b = self.length / 2, self.width / 2
        box = np.array([[-a, -b], [a, -b], [a, b], [-a, b]])
        return np.asarray(rotate(box, self.angle) + np.array([self.x, self.y]))


class Room:
    """Keeps track of the free room in a scene.

    Args:
        ground: ground type of every pixel.
    """

    def __init__(self, ground: npt.NDArray[np.integer[Any]]) -> None:
        """Start with everything free."""
        self.ground = ground[CELL // 2 :: CELL, CELL // 2 :: CELL]
        self.taken = np.zeros(self.ground.shape, dtype=np.bool_)

    def cells(self, placed: Placed, gap: float = GAP) -> npt.NDArray[np.integer[Any]] | None:
        """List the lattice cells an object covers, shape (2, n); None beyond the picture."""
        corners = placed.corners()
        if corners.min() < EDGE or corners.max() > SCENE_SIZE - 1 - EDGE:
            return None
        a, b = placed.length / 2 + gap, placed.width / 2 + gap
        along = np.linspace(-a, a, int(2 * a / CELL) + 2)
        across = np.linspace(-b, b, int(2 * b / CELL) + 2)
        points = np.stack(np.meshgrid(along, across), axis=-1).reshape(-1, 2)
        lattice = (rotate(points, placed.angle) + np.array([placed.x, placed.y])) / CELL
        return np.asarray(np.clip(lattice.astype(np.int64), 0, len(self.taken) - 1).T)

    def fits(self, placed: Placed, allowed: BoolArray) -> bool:
        """Tell whether an object fits on free ground of the allowed types."""
        cells = self.cells(placed)
        if cells is None:
            return False
        row, column = cells[1], cells[0]
        return bool(not self.taken[row, column].any() and allowed[self.ground[row, column]].all())

    def take(self, placed: Placed) -> None:
        """Mark the ground under an object as taken."""
        cells = self.cells(placed)
        if cells is not None:
            self.taken[cells[1], cells[0]] = True

    def sample(self, rng: Rng, allowed: BoolArray) -> Point | None:
        """Choose a free point of an allowed ground type; None if there is none."""
        row, column = np.nonzero(allowed[self.ground] & ~self.taken)
        if len(row) == 0:
            return None
        index = int(rng.integers(len(row)))
        jitter = rng.uniform(0, CELL, 2)
        return float(column[index] * CELL + jitter[0]), float(row[index] * CELL + jitter[1])


def place_objects(rng: Rng, layout: Layout, plan: ScenePlan, room: Room) -> list[Placed]:
    """Place all objects of a plan.

    Args:
        rng: random stream of the placement.
        layout: geometry of the scene.
        plan: what the scene must hold.
        room: free room, updated in place.

    Returns:
        The objects, the fixed ones (bridges, harbours, roundabouts) first.

    Raises:
        SceneFullError: if an object finds no room.
    """
    fixed = _bridges(rng, layout) + _harbors(rng, layout) + _roundabouts(rng, layout)
    for placed in fixed:
        if room.cells(placed) is None:
            raise SceneFullError(f"the {placed.label} reaches beyond the picture")
        room.take(placed)
    return fixed + _place_rest(rng, layout, plan.counts, room)


def _place_rest(rng: Rng, layout: Layout, counts: Mapping[str, int], room: Room) -> list[Placed]:
    """Place everything that is free to stand anywhere, the largest classes first."""
    done: list[Placed] = []
    zoom = float(rng.uniform(0, 1))
    fixed = ("bridge", "harbor", "roundabout")
    for label in sorted(counts, key=lambda name: (-KINDS[name].length[1], name)):
        previous = None
        for _ in range(0 if label in fixed else counts[label]):
            previous = _place_one(rng, layout, label, room, zoom, previous)
            room.take(previous)
            done.append(previous)
    return done


def _place_one(
    rng: Rng, layout: Layout, label: str, room: Room, zoom: float, previous: Placed | None
) -> Placed:
    """Place one object, beside the previous one or anew; shrink it where room is short."""
    kind = KINDS[label]
    land = _allowed(label)
    length, width = _draw_size(rng, kind, zoom)
    if previous is not None and kind.cluster > 1 and rng.random() < 0.7:
        beside = _beside(rng, previous)
        if room.fits(beside, land):
            return beside
    for shrink in range(_SHRINKS):
        preferred = _preferred(kind) if shrink < 2 and rng.random() < 0.8 else land
        for _ in range(_ATTEMPTS):
            point = room.sample(rng, preferred)
            if point is None:
                break
            placed = Placed(
                label, *point, length, width, _draw_angle(rng, layout, kind, point, room)
            )
            if room.fits(placed, land):
                return placed
        length, width = (
            max(length * 0.85, kind.length[0]),
            max(width * 0.85, kind.length[0] * kind.aspect[0]),
        )
    raise SceneFullError(f"no room for a {label}")


def _allowed(label: str) -> BoolArray:
    """Tell for each ground type whether a class may stand on it."""
    allowed = np.ones(len(GROUND_ID), dtype=np.bool_)
    if label == "ship":
        allowed[:] = False
        allowed[GROUND_ID["water"]] = True
        return allowed
    allowed[[GROUND_ID["water"], GROUND_ID["crossing"]]] = False
    allowed[GROUND_ID["street"]] = label in ("small-vehicle", "large-vehicle")
    return allowed


def _preferred(kind: ObjectKind) -> BoolArray:
    """Tell for each ground type whether a class likes to stand on it."""
    wanted = np.zeros(len(GROUND_ID), dtype=np.bool_)
    wanted[[GROUND_ID[name] for name in kind.grounds or ("water",)]] = True
    return wanted


def _draw_size(rng: Rng, kind: ObjectKind, zoom: float) -> tuple[float, float]:
    """Draw length and width; objects of one scene share half of their scale."""
    low, high = kind.length
    share = 0.45 * zoom + 0.55 * float(rng.uniform(0, 1))
    length = low * (high / low) ** share
    return length, length * float(rng.uniform(*kind.aspect))


def _draw_angle(rng: Rng, layout: Layout, kind: ObjectKind, point: Point, room: Room) -> float:
    """Draw a direction: along the street, along the blocks, or any."""
    quarter = float(rng.integers(4)) * np.pi / 2 + float(rng.normal(0, 0.03))
    if room.ground[int(point[1]) // CELL, int(point[0]) // CELL] == GROUND_ID["street"]:
        return _street_angle(layout, point) + float(rng.integers(2)) * np.pi + quarter % 0.03
    if rng.random() < kind.aligned:
        return layout.angle + quarter
    return float(rng.uniform(0, 2 * np.pi))


def _street_angle(layout: Layout, point: Point) -> float:
    """Give the direction of the street at a point (x, y)."""
    middle = np.array([[point[0], point[1]]]) - SCENE_SIZE / 2
    u, v = rotate(middle, -layout.angle)[0]

    def excess(street: Street, across: float) -> float:
        return abs(across - street.position) - street.half_width

    nearest_u = min((excess(street, u) for street in layout.streets_u), default=np.inf)
    nearest_v = min((excess(street, v) for street in layout.streets_v), default=np.inf)
    return layout.angle + (np.pi / 2 if nearest_u < nearest_v else 0.0)


def _beside(rng: Rng, previous: Placed) -> Placed:
    """Put a twin beside the previous object, as in a row of parked cars."""
    side = 1.0 if rng.random() < 0.75 else -1.0
    step = previous.width * rng.uniform(1.2, 1.5) + GAP + 2
    shift = rotate(np.array([[rng.normal(0, 1.2), side * step]]), previous.angle)[0]
    grow = rng.uniform(0.93, 1.07)
    return Placed(
        previous.label,
        previous.x + float(shift[0]),
        previous.y + float(shift[1]),
        previous.length * grow,
        previous.width * grow,
        previous.angle + float(rng.normal(0, 0.03)) + np.pi * float(rng.random() < 0.3),
    )


def _bridges(rng: Rng, layout: Layout) -> list[Placed]:
    """Carry the streets over the river, motorway or railway."""
    placed = []
    for u in layout.bridges:
        if layout.band is None:
            continue
        street = next(street for street in layout.streets_u if street.position == u)
        middle = float(layout.band.middle(np.array([u]))[0])
        slant = 1 / np.cos(min(abs(layout.band.slope(u)), 0.8))
        length = (2 * layout.band.half_width + rng.uniform(5, 12)) * slant
        length = float(np.clip(length, 34, 104))
        width = float(np.clip(2 * street.half_width * rng.uniform(0.75, 1.2), 8, 0.4 * length))
        x, y = layout.to_picture(u, middle)
        placed.append(Placed("bridge", x, y, length, width, layout.angle + np.pi / 2))
    return placed


def _harbors(rng: Rng, layout: Layout) -> list[Placed]:
    """Line the harbours up along the coast, most of each on the water."""
    low, high = KINDS["harbor"].length
    places = np.array(layout.harbors)
    space = float(np.diff(places).min()) * 0.86 if len(places) > 1 else high
    placed = []
    for u in layout.harbors:
        if layout.band is None:
            continue
        length = min(float(rng.uniform(low, high)), max(space, low))
        width = length * float(rng.uniform(*KINDS["harbor"].aspect))
        slope = layout.band.slope(u)
        shore = float(layout.band.middle(np.array([u]))[0])
        out = width * rng.uniform(0.28, 0.42)
        x, y = layout.to_picture(u - out * np.sin(slope), shore + out * np.cos(slope))
        placed.append(Placed("harbor", x, y, length, width, layout.angle + slope))
    return placed


def _roundabouts(rng: Rng, layout: Layout) -> list[Placed]:
    """Turn the chosen crossroads into roundabouts."""
    low, high = KINDS["roundabout"].length
    placed = []
    for u, v in layout.roundabouts:
        size = float(rng.uniform(low, high))
        x, y = layout.to_picture(u, v)
        placed.append(Placed("roundabout", x, y, size, size, 0.0))
    return placed
