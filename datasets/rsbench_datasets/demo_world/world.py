"""Rendering the whole demo world to a folder."""

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from rsbench.orphans import end_with

from . import DEFAULT_SPEC, WORLD_VERSION, WorldSpec
from .formats import write_text
from .tasks import SceneTask, Task, pictures, plan_tasks, render_task, write_indexes

Progress = Callable[[int, int], None]


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
        root: folder to create; ``dota/``, ``fusrs/``, ``inat/`` and ``world.json`` come in it.
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
        tasks = plan_tasks(seed, spec)
        _render(partial_root, seed, tasks, workers, progress)
        write_indexes(partial_root, seed, tasks)
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


def _render(
    root: Path, seed: int, tasks: list[Task], workers: int, progress: Progress | None
) -> None:
    """Render all tasks, in this process or in several."""
    total, done = sum(map(pictures, tasks)), 0
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
            "inat_train": dict(spec.inat_train),
            "inat_val": dict(spec.inat_val),
        },
        indent=2,
    )
