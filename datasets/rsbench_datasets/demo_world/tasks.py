"""The pieces of work that a demo world is rendered in: what they are, and how each is done.

Every picture draws from its own random stream (see :mod:`.streams`), so that a part that is
added to the world leaves the bytes of all others as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from . import FUSRS_CLASSES, WorldSpec
from .aerial_scenes import render_scene
from .formats import (
    LabelledChip,
    LabelledPhoto,
    chip_path,
    photo_path,
    write_annotations,
    write_categories,
    write_fusrs_index,
    write_image,
    write_photo,
    write_samples,
    write_scene,
)
from .photos import render_photo
from .plan import ScenePlan, plan_scenes
from .sar import render_chip
from .species import SPECIES, SPECIES_NAMES
from .streams import stream

_PICTURES_PER_TASK = 100


@dataclass(frozen=True)
class SceneTask:
    """One DOTA scene to render."""

    split: str
    index: int
    """Number within the split; names the random stream."""
    number: int
    """Number within the data set; names the file."""
    theme: str
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ChipTask:
    """A run of FUSRS chips to render."""

    split: str
    first_index: int
    """Number of the first chip within the split; names the random stream."""
    first_number: int
    """Number of the first chip within the data set; names the file."""
    labels: tuple[str, ...]


@dataclass(frozen=True)
class PhotoTask:
    """A run of iNaturalist photographs to render."""

    split: str
    first_index: int
    """Number of the first photograph within the split; names stream and file."""
    labels: tuple[str, ...]
    """Scientific names."""


Task = SceneTask | ChipTask | PhotoTask


def plan_tasks(seed: int, spec: WorldSpec) -> list[Task]:
    """List all pictures of the world in the order of their file names."""
    tasks: list[Task] = []
    number = 0
    for split, counts in (("train", spec.dota_train), ("val", spec.dota_val)):
        plans = plan_scenes(stream(seed, "dota", split, "plan"), counts, spec.objects_per_scene)
        for index, plan in enumerate(plans):
            tasks.append(SceneTask(split, index, number, plan.theme, tuple(plan.counts.items())))
            number += 1
    number = 0
    for split, counts in (("train", spec.fusrs_train), ("test", spec.fusrs_test)):
        labels = _shuffled(seed, "fusrs", split, FUSRS_CLASSES, counts)
        for start, part in _runs(labels):
            tasks.append(ChipTask(split, start, number + start, part))
        number += len(labels)
    for split, counts in (("train", spec.inat_train), ("val", spec.inat_val)):
        labels = _shuffled(seed, "inat", split, SPECIES_NAMES, counts)
        tasks += [PhotoTask(split, start, part) for start, part in _runs(labels)]
    return tasks


def _shuffled(
    seed: int, part: str, split: str, classes: Sequence[str], counts: Mapping[str, int]
) -> tuple[str, ...]:
    """List the labels of a split in random order, so that names and places tell nothing."""
    labels = [label for label in classes for _ in range(counts.get(label, 0))]
    order = stream(seed, part, split, "order").permutation(len(labels))
    return tuple(labels[index] for index in order)


def _runs(labels: tuple[str, ...]) -> list[tuple[int, tuple[str, ...]]]:
    """Cut labels into runs, each with the place of its first one."""
    step = _PICTURES_PER_TASK
    return [(start, labels[start : start + step]) for start in range(0, len(labels), step)]


def pictures(task: Task) -> int:
    """Count the pictures of a task."""
    return 1 if isinstance(task, SceneTask) else len(task.labels)


def render_task(root: Path, seed: int, task: Task) -> int:
    """Render one task into the world's folder.

    Args:
        root: folder of the world.
        seed: seed of the world.
        task: what to render.

    Returns:
        The number of pictures written.
    """
    if isinstance(task, SceneTask):
        plan = ScenePlan(task.theme, dict(task.counts))
        scene = render_scene(seed, task.split, task.index, plan)
        write_scene(root / "dota", task.split, task.number, scene)
    elif isinstance(task, ChipTask):
        for offset, label in enumerate(task.labels):
            rng = stream(seed, "fusrs", task.split, task.first_index + offset)
            place = root / "fusrs" / "data" / chip_path(task.first_number + offset)
            write_image(place, render_chip(rng, label))
    else:
        for index, category, path in _photos(seed, task):
            rng = stream(seed, "inat", task.split, index)
            write_photo(root / "inat" / path, render_photo(rng, SPECIES[category]))
    return pictures(task)


def _photos(seed: int, task: PhotoTask) -> list[tuple[int, int, str]]:
    """Index within the split, category and path of every photograph of a task."""
    found = []
    for index, name in enumerate(task.labels, start=task.first_index):
        category = SPECIES_NAMES.index(name)
        path = photo_path(seed, task.split, index, SPECIES[category], category)
        found.append((index, category, path))
    return found


def write_indexes(root: Path, seed: int, tasks: list[Task]) -> None:
    """Write the index files of all parts, whose pictures are there already."""
    (root / "dota").mkdir(exist_ok=True)
    write_samples(
        root / "dota", [(task.split, task.number) for task in tasks if isinstance(task, SceneTask)]
    )
    chips: dict[str, list[LabelledChip]] = {"train": [], "test": []}
    photos: dict[str, list[LabelledPhoto]] = {"train": [], "val": []}
    for task in tasks:
        if isinstance(task, ChipTask):
            chips[task.split] += [
                LabelledChip(chip_path(task.first_number + offset), FUSRS_CLASSES.index(label))
                for offset, label in enumerate(task.labels)
            ]
        elif isinstance(task, PhotoTask):
            photos[task.split] += [
                _labelled(root / "inat", path, category)
                for _, category, path in _photos(seed, task)
            ]
    write_fusrs_index(root / "fusrs", chips)
    write_categories(root / "inat")
    write_annotations(root / "inat", photos)


def _labelled(root: Path, path: str, category: int) -> LabelledPhoto:
    with Image.open(root / path) as image:
        return LabelledPhoto(path, image.width, image.height, category)
