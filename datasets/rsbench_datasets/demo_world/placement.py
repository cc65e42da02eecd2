"""Placing the objects of a scene: along the coast, at crossings, and wherever there is room."""

from collections.abc import Mapping

import numpy as np

from .aerial_objects import KINDS, ObjectKind
from .drawing import BoolArray, FloatArray, rotate
from .layout import GROUND_ID, LAND_TYPES, SCENE_SIZE, Layout, SceneFullError
from .plan import ScenePlan
from .room import GAP, Placed, Room, ground_set, in_picture

Rng = np.random.Generator

_ATTEMPTS = 48
_SHRINKS = 6
_LAND = ground_set(*LAND_TYPES)
_ROADSIDE = ground_set(*LAND_TYPES, "street")
_WATER = ground_set("water")


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
        if not in_picture(placed):
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
    kind, usable = KINDS[label], _usable(label)
    if previous is not None and kind.cluster > 1 and rng.random() < 0.7:
        beside = _beside(rng, previous)
        middle, angle = np.array([[beside.x, beside.y]]), np.array([beside.angle])
        if room.first_fit(middle, angle, (beside.length, beside.width), usable) is not None:
            return beside
    length, width = _draw_size(rng, kind, zoom)
    for shrink in range(_SHRINKS):
        likes_it = shrink < 2 and kind.grounds and rng.random() < 0.8
        points = room.sample(rng, ground_set(*kind.grounds) if likes_it else usable, _ATTEMPTS)
        angles = _draw_angles(rng, layout, kind, points, room)
        index = room.first_fit(points, angles, (length, width), usable)
        if index is not None:
            x, y = points[index].tolist()
            return Placed(label, x, y, length, width, float(angles[index]))
        length = max(length * 0.85, kind.length[0])
        width = max(width * 0.85, kind.length[0] * kind.aspect[0])
    raise SceneFullError(f"no room for a {label}")


def _usable(label: str) -> BoolArray:
    """Tell for each ground type whether a class may stand on it."""
    if label == "ship":
        return _WATER
    return _ROADSIDE if label in ("small-vehicle", "large-vehicle") else _LAND


def _draw_size(rng: Rng, kind: ObjectKind, zoom: float) -> tuple[float, float]:
    """Draw length and width; objects of one scene share half of their scale."""
    low, high = kind.length
    share = 0.45 * zoom + 0.55 * float(rng.uniform(0, 1))
    length = low * (high / low) ** share
    return length, length * float(rng.uniform(*kind.aspect))


def _draw_angles(
    rng: Rng, layout: Layout, kind: ObjectKind, points: FloatArray, room: Room
) -> FloatArray:
    """Draw a direction at each point: along the street, along the blocks, or any."""
    count = len(points)
    jitter = rng.normal(0, 0.03, count)
    angles = layout.angle + rng.integers(4, size=count) * np.pi / 2 + jitter
    free = rng.random(count) > kind.aligned
    angles[free] = rng.uniform(0, 2 * np.pi, int(free.sum()))
    on_street = room.ground_at(points) == GROUND_ID["street"]
    ahead = _street_angles(layout, points) + rng.integers(2, size=count) * np.pi + jitter
    return np.where(on_street, ahead, angles)


def _street_angles(layout: Layout, points: FloatArray) -> FloatArray:
    """Give the direction of the nearest street at each point (x, y)."""
    place = rotate(points - SCENE_SIZE / 2, -layout.angle)
    nearest = []
    for axis, streets in enumerate((layout.streets_u, layout.streets_v)):
        excess = np.full(len(points), np.inf)
        for street in streets:
            excess = np.minimum(
                excess, np.abs(place[:, axis] - street.position) - street.half_width
            )
        nearest.append(excess)
    return layout.angle + np.where(nearest[0] < nearest[1], np.pi / 2, 0.0)


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
    """Turn the chosen crossroads into roundabouts that reach neither water nor each other."""
    low, high = KINDS["roundabout"].length
    points = np.array(layout.roundabouts, dtype=np.float64).reshape(-1, 2)
    limit = np.full(len(points), high)
    if layout.band is not None:
        limit = np.minimum(limit, 2 * layout.band.clearance(points))
    distance = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    np.fill_diagonal(distance, np.inf)
    limit = np.minimum(limit, distance.min(axis=1, initial=np.inf) - 6)
    placed = []
    for (u, v), most in zip(points.tolist(), limit.tolist(), strict=True):
        size = min(float(rng.uniform(low, high)), max(most, low))
        x, y = layout.to_picture(u, v)
        placed.append(Placed("roundabout", x, y, size, size, 0.0))
    return placed
