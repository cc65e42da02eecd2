"""Rendering one DOTA-like scene with its annotations."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .aerial_objects import KINDS
from .clutter import Sun, build_houses, draw_clouds, grow_tree_stock, plant_tree, plant_trees
from .drawing import FloatArray, Pen, Stamp, cast_shadow, paste, rotate
from .layout import SCENE_SIZE, Layout, SceneFullError, build_layout
from .placement import place_objects
from .plan import ScenePlan
from .room import EDGE, Placed, Room
from .sensor import expose
from .streams import stream
from .terrain import Terrain, paint_terrain

Rng = np.random.Generator

MAX_LAYOUTS = 60
"""Layouts tried for a scene before giving up."""
TREE_CHANCE = 0.09
"""Chance that a tree hangs over an object."""
CLOUD_CHANCE = 0.12
"""Chance that a scene has clouds."""


@dataclass(frozen=True)
class Annotation:
    """One line of a DOTA annotation file."""

    corners: tuple[tuple[int, int], ...]
    """The four corners (x, y) in turn, in pixels."""
    label: str
    difficult: bool
    """Whether the object is largely hidden."""


@dataclass(frozen=True)
class Scene:
    """A rendered scene."""

    pixels: npt.NDArray[np.uint8]
    """Shape (SCENE_SIZE, SCENE_SIZE, 3)."""
    annotations: tuple[Annotation, ...]
    metres_per_pixel: float


def render_scene(seed: int, split: str, index: int, plan: ScenePlan) -> Scene:
    """Render one scene.

    Args:
        seed: seed of the world.
        split: "train" or "val".
        index: number of the scene in its split.
        plan: what the scene must hold.

    Returns:
        The scene, which holds exactly the objects of the plan.

    Raises:
        RuntimeError: if no layout has room for the plan.
    """
    reason = ""
    for attempt in range(MAX_LAYOUTS):
        rng = stream(seed, "dota", split, index, attempt)
        try:
            layout = build_layout(rng, plan)
            terrain = paint_terrain(rng, layout)
            room = Room(terrain.ground)
            objects = place_objects(rng, layout, plan, room)
        except SceneFullError as error:
            reason = str(error)
            continue
        return _finish(rng, layout, terrain, room, objects)
    raise RuntimeError(
        f"scene {index} of {split} has no room for {dict(plan.counts)} ({reason}); "
        "lower objects_per_scene of the WorldSpec"
    )


def _finish(rng: Rng, layout: Layout, terrain: Terrain, room: Room, objects: list[Placed]) -> Scene:
    """Paint objects and surroundings, then take the picture."""
    sun = Sun(
        float(rng.uniform(0, 2 * np.pi)),
        float(rng.uniform(0.3, 1.7)),
        float(rng.uniform(0.25, 0.6)),
    )
    stock = grow_tree_stock(rng, terrain.trees)
    for placed in objects:
        _paint_object(rng, terrain, placed, sun)
    build_houses(rng, layout, terrain, room, sun)
    plant_trees(rng, terrain, room, stock, sun)
    hidden = [_hide_behind_trees(rng, terrain, placed, stock, sun) for placed in objects]
    opacity = np.zeros((SCENE_SIZE, SCENE_SIZE), dtype=np.float32)
    if rng.random() < CLOUD_CHANCE:
        opacity = draw_clouds(rng, terrain.picture, sun)
    annotations = tuple(
        _annotate(rng, placed, covered or float(opacity[int(placed.y), int(placed.x)]) > 0.45)
        for placed, covered in zip(objects, hidden, strict=True)
    )
    pixels = expose(rng, terrain.picture)
    return Scene(pixels, annotations, float(rng.uniform(0.12, 0.6)))


def _paint_object(rng: Rng, terrain: Terrain, placed: Placed, sun: Sun) -> None:
    """Draw one object with its shadow on the terrain, weathered and partly faded."""
    kind = KINDS[placed.label]
    # Circles have boxes along the axes of the picture, but are not themselves aligned.
    angle = float(rng.uniform(0, 2 * np.pi)) if kind.round else placed.angle
    pen = Pen(0.5 * float(np.hypot(placed.length, placed.width)), angle)
    kind.draw(pen, rng, placed.length, placed.width)
    stamp = pen.stamp()
    where = (placed.x, placed.y)
    if kind.height:
        height = min(kind.height * placed.length * float(rng.uniform(0.7, 1.3)), 10.0)
        cast_shadow(terrain.picture, stamp, where, sun.offset(height), sun.strength)
    stamp = _weathered(rng, terrain.weather, stamp, placed)
    paste(terrain.picture, stamp, where)


def _weathered(rng: Rng, weather: FloatArray, stamp: Stamp, placed: Placed) -> Stamp:
    """Wear an object: stains on all, a faint contrast to the ground on some."""
    height, width = stamp.opacity.shape
    row = int(np.clip(placed.y - height / 2, 0, SCENE_SIZE - height))
    column = int(np.clip(placed.x - width / 2, 0, SCENE_SIZE - width))
    stamp = stamp.textured(weather[row:, column:], float(rng.uniform(0.02, 0.1)))
    if rng.random() < 0.15:
        return stamp.faded(float(rng.uniform(0.65, 0.95)))
    return stamp


def _hide_behind_trees(
    rng: Rng, terrain: Terrain, placed: Placed, stock: list[Stamp], sun: Sun
) -> bool:
    """Let trees hang over some objects on land; tells whether much is hidden."""
    if placed.label in ("ship", "harbor", "bridge") or rng.random() > TREE_CHANCE:
        return False
    trees = int(rng.integers(1, 4))
    for _ in range(trees):
        side = rng.choice([-0.5, 0.5])
        spot = np.array([[rng.uniform(-0.5, 0.5) * placed.length, side * placed.width]])
        x, y = rotate(spot, placed.angle)[0] + np.array([placed.x, placed.y])
        plant_tree(rng, terrain.picture, stock, (float(x), float(y)), sun)
    return trees == 3 and placed.length < 40


def _annotate(rng: Rng, placed: Placed, hidden: bool) -> Annotation:
    """Write down the box as an annotator would: whole pixels, now and then one off."""
    sloppy = placed.corners() + rng.normal(0, 0.5, (4, 2))
    corners = np.clip(np.rint(sloppy), EDGE - 2, SCENE_SIZE - 1 - (EDGE - 2)).astype(int)
    # Annotators start at any corner; the order around the box is kept.
    corners = np.roll(corners, int(rng.integers(4)), axis=0)
    difficult = hidden or bool(rng.random() < 0.015)
    return Annotation(tuple((int(x), int(y)) for x, y in corners), placed.label, difficult)
