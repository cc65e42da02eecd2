"""Rendering the whole demo world to a folder."""

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rsbench.orphans import end_with

from . import DEFAULT_SPEC, FUSRS_CLASSES, WORLD_VERSION, WorldSpec
from .aerial_scenes import render_scene
from .formats import (
    LabelledChip,
    chip_path,
    write_fusrs_index,
    write_image,
    write_samples,
    write_scene,
    write_text,
)
from .plan import ScenePlan, plan_scenes
from .sar import render_chip
from .streams import stream

Progress = Callable[[int, int], None]

_CHIPS_PER_TASK = 100


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


Task = SceneTask | ChipTask


def render_world(
    root: Path,
    *,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
    spec: WorldSpec = DEFAULT_SPEC,
) -> None:
    """Render the demo world.

    The world is rendered into a temporary folder beside ``root``, which is renamed when all
    is done: an interrupted rendering leaves no half world. The same seed and spec give the
    same bytes whatever the number of workers.

    Args:
        root: folder to create; holds ``dota/``, ``fusrs/`` and ``world.json`` afterwards.
        seed: seed of all random streams, at least 0.
        workers: processes to use; 1 renders in this process.
        progress: called with (pictures done, pictures in all) now and then.
        spec: how many objects of each class to render.

    Raises:
        FileExistsError: if ``root`` exists and is not an empty folder.
        ValueError: if ``seed`` or ``workers`` is out of range.
    """
    _check(root, seed, workers)
    partial_root = root.parent / f".{root.name}.partial-{os.getpid()}"
    shutil.rmtree(partial_root, ignore_errors=True)
    partial_root.mkdir(parents=True)
    try:
        tasks = _plan(seed, spec)
        _render(partial_root, seed, tasks, workers, progress)
        _write_indexes(partial_root, tasks)
        write_text(partial_root / "world.json", [_describe(seed, spec, tasks)])
        if root.exists():
            root.rmdir()
        partial_root.rename(root)
    finally:
        shutil.rmtree(partial_root, ignore_errors=True)


def _check(root: Path, seed: int, workers: int) -> None:
    """Refuse arguments that cannot work before any time is spent."""
    if seed < 0:
        raise ValueError(f"seed is {seed}; a seed must be 0 or more")
    if workers < 1:
        raise ValueError(f"workers is {workers}; at least one process must render")
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FileExistsError(f"{root} exists and is not empty; remove it or choose another folder")


def _plan(seed: int, spec: WorldSpec) -> list[Task]:
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
        labels = _shuffled_labels(seed, split, counts)
        for start in range(0, len(labels), _CHIPS_PER_TASK):
            part = labels[start : start + _CHIPS_PER_TASK]
            tasks.append(ChipTask(split, start, number + start, part))
        number += len(labels)
    return tasks


def _shuffled_labels(seed: int, split: str, counts: Mapping[str, int]) -> tuple[str, ...]:
    """List the labels of a split of chips in random order, so that names tell nothing."""
    labels = [label for label in FUSRS_CLASSES for _ in range(counts.get(label, 0))]
    order = stream(seed, "fusrs", split, "order").permutation(len(labels))
    return tuple(labels[index] for index in order)


def _pictures(task: Task) -> int:
    """Count the pictures of a task."""
    return 1 if isinstance(task, SceneTask) else len(task.labels)


def _render(
    root: Path, seed: int, tasks: list[Task], workers: int, progress: Progress | None
) -> None:
    """Render all tasks, in this process or in several."""
    total, done = sum(map(_pictures, tasks)), 0
    for count in _results(partial(render_task, root, seed), tasks, workers):
        done += count
        if progress is not None:
            progress(done, total)


def _results(work: Callable[[Task], int], tasks: list[Task], workers: int) -> Iterator[int]:
    """Give the results of all tasks in order."""
    if workers == 1:
        yield from map(work, tasks)
        return
    # Fresh interpreters: forking a process that runs threads, as torch does, may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        max_workers=workers, mp_context=context, initializer=end_with, initargs=(os.getpid(),)
    ) as pool:
        yield from pool.map(work, tasks, chunksize=2)


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
        return 1
    for offset, label in enumerate(task.labels):
        rng = stream(seed, "fusrs", task.split, task.first_index + offset)
        path = root / "fusrs" / "data" / chip_path(task.first_number + offset)
        write_image(path, render_chip(rng, label))
    return len(task.labels)


def _write_indexes(root: Path, tasks: list[Task]) -> None:
    """Write the index files of both data sets."""
    (root / "dota").mkdir(exist_ok=True)
    write_samples(
        root / "dota", [(task.split, task.number) for task in tasks if isinstance(task, SceneTask)]
    )
    splits: dict[str, list[LabelledChip]] = {"train": [], "test": []}
    for task in tasks:
        if isinstance(task, ChipTask):
            splits[task.split] += [
                LabelledChip(chip_path(task.first_number + offset), FUSRS_CLASSES.index(label))
                for offset, label in enumerate(task.labels)
            ]
    write_fusrs_index(root / "fusrs", splits)


def _describe(seed: int, spec: WorldSpec, tasks: list[Task]) -> str:
    """Describe the world in JSON, without anything that differs between two renderings."""
    scenes = [task.split for task in tasks if isinstance(task, SceneTask)]
    return json.dumps(
        {
            "world_version": WORLD_VERSION,
            "seed": seed,
            "scenes": {split: scenes.count(split) for split in ("train", "val")},
            "dota_train": dict(spec.dota_train),
            "dota_val": dict(spec.dota_val),
            "fusrs_train": dict(spec.fusrs_train),
            "fusrs_test": dict(spec.fusrs_test),
        },
        indent=2,
    )
