"""Dealing the objects of a split to scenes that can hold them.

Ships and harbours need a coast, bridges something to cross; everything else goes where
there is room. Planning is separate from drawing so that scenes can be drawn in any order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np

from . import DOTA_CLASSES
from .aerial_objects import KINDS

HARBORS_PER_COAST = 4
SHIPS_PER_COAST = 14
BRIDGES_PER_CROSSING = 3
MAX_ROUNDABOUTS = 3
RIVER_SHARE = 0.65
"""Share of crossings that are rivers; the others are motorways and railways."""


@dataclass(frozen=True)
class ScenePlan:
    """What one scene must hold."""

    theme: str
    """One of "coast", "river", "motorway", "railway" and "inland"."""
    counts: Mapping[str, int]
    """Objects of each class; classes without objects are left out."""


def plan_scenes(
    rng: np.random.Generator, counts: Mapping[str, int], objects_per_scene: int
) -> list[ScenePlan]:
    """Deal the objects of a split to scenes.

    Args:
        rng: random stream of the plan.
        counts: objects of each DOTA class.
        objects_per_scene: mean number of objects in a scene.

    Returns:
        One plan a scene, in random order. The counts of all scenes add up to ``counts``.
    """
    themes = _themes(rng, counts, objects_per_scene)
    dealt: list[dict[str, int]] = [{} for _ in themes]
    _deal_evenly(rng, dealt, _where(themes, ("coast",)), "harbor", counts)
    _deal_evenly(rng, dealt, _where(themes, ("river", "motorway", "railway")), "bridge", counts)
    _deal_ships(rng, dealt, themes, counts.get("ship", 0))
    _deal_rest(rng, dealt, counts)
    plans = [ScenePlan(theme, deal) for theme, deal in zip(themes, dealt, strict=True)]
    return [plans[index] for index in rng.permutation(len(plans))]


def _themes(
    rng: np.random.Generator, counts: Mapping[str, int], objects_per_scene: int
) -> list[str]:
    """Choose the themes of all scenes, enough of each for the classes that need it."""
    coasts = ceil(
        max(counts.get("harbor", 0) / HARBORS_PER_COAST, counts.get("ship", 0) / SHIPS_PER_COAST)
    )
    crossings = ceil(counts.get("bridge", 0) / BRIDGES_PER_CROSSING)
    total = ceil(sum(counts.values()) / objects_per_scene)
    roundabouts = ceil(counts.get("roundabout", 0) / MAX_ROUNDABOUTS)
    inland = max(total - coasts - crossings, roundabouts - coasts - crossings, 0)
    crossing_kinds = [
        "river" if rng.random() < RIVER_SHARE else str(rng.choice(["motorway", "railway"]))
        for _ in range(crossings)
    ]
    return ["coast"] * coasts + crossing_kinds + ["inland"] * inland


def _where(themes: list[str], wanted: tuple[str, ...]) -> list[int]:
    """List the scenes with one of the wanted themes."""
    return [index for index, theme in enumerate(themes) if theme in wanted]


def _deal_evenly(
    rng: np.random.Generator,
    dealt: list[dict[str, int]],
    scenes: list[int],
    label: str,
    counts: Mapping[str, int],
) -> None:
    """Deal one class to the given scenes in turn, in place."""
    order = rng.permutation(np.array(scenes, dtype=np.int64))
    for number in range(counts.get(label, 0)):
        deal = dealt[int(order[number % len(order)])]
        deal[label] = deal.get(label, 0) + 1


def _deal_ships(
    rng: np.random.Generator, dealt: list[dict[str, int]], themes: list[str], count: int
) -> None:
    """Deal ships in groups to coasts and, now and then, singly to rivers, in place."""
    rivers, coasts = _where(themes, ("river",)), _where(themes, ("coast",))
    turn = 0
    while count > 0:
        if rivers and rng.random() < 0.12:
            scene = int(rng.choice(rivers))
            size = 1 if dealt[scene].get("ship", 0) < 2 else 0
        else:
            scene, turn = coasts[turn % len(coasts)], turn + 1
            size = min(int(rng.integers(2, 5)), count)
        if size:
            dealt[scene]["ship"] = dealt[scene].get("ship", 0) + size
        count -= size


def _deal_rest(
    rng: np.random.Generator, dealt: list[dict[str, int]], counts: Mapping[str, int]
) -> None:
    """Deal all other classes in groups, each to the scene with the most room, in place."""
    groups = []
    for label in DOTA_CLASSES:
        left = 0 if label in ("harbor", "bridge", "ship") else counts.get(label, 0)
        while left:
            size = min(int(rng.integers(1, KINDS[label].cluster + 1)), left)
            groups.append((label, size))
            left -= size
    load = np.array([sum(deal.values()) for deal in dealt], dtype=np.float64)
    for index in rng.permutation(len(groups)):
        label, size = groups[index]
        full = np.array(
            [label == "roundabout" and deal.get(label, 0) >= MAX_ROUNDABOUTS for deal in dealt]
        )
        scene = int(np.argmin(load + rng.uniform(0, 4, len(dealt)) + 1e6 * full))
        dealt[scene][label] = dealt[scene].get(label, 0) + size
        load[scene] += size
