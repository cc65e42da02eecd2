"""What runs in the measuring process: real trainings of real cells, without any test."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from rsbench.cost.memory import give_back_free_memory, peak_of
from rsbench.cost.results import Job, PeakMemory, Training
from rsbench.heldout import TrainSplit
from rsbench.record import Environment
from rsbench.streams import stream
from rsbench.training.environment import describe_environment
from rsbench.training.inputs import open_inputs
from rsbench.training.precision import resolve_precision
from rsbench.training.run import CellTrainer

#: Batches of the training whose memory is measured: enough for a whole batch in an outer step.
MEMORY_BATCHES = 6


def measure_training(job: Job) -> Training:
    """Train the cell for some epochs.

    Raises:
        RsbenchError: an input is missing or does not fit, or training diverged.
    """
    with _trainer(job) as trainer:
        gc.collect()  # so that it does not run in the middle
        loop, result = trainer.run()
        return Training(
            seconds=loop.seconds,
            steps=loop.steps,
            images=loop.images,
            outer_steps=result.summary.get("outer_steps"),
            trainable=trainer.parameter_counts(result).trainable,
            modulators=result.modulators,
            precision=trainer.precision,
            image_size=trainer.inputs.backbone.info.image_size,
        )


def measure_memory(job: Job) -> PeakMemory:
    """Peak memory of a few inner steps and at least one outer step, above the loaded model.

    On the CPU call it in a fresh process: memory that an earlier training left would be used
    again and not show.

    Raises:
        RsbenchError: an input is missing or does not fit, or training diverged.
    """
    batch = job.cell.recipe.batch_size
    # loads the code of every kernel, which would else count as memory of the training
    small = max(1, batch // 8)
    _train_once(_with(job, batch_size=small), MEMORY_BATCHES * small)
    with _trainer(replace(job, epochs=1, images=MEMORY_BATCHES * batch)) as trainer:
        store = trainer.inputs.stores["train"]
        for index in trainer.split.train:  # the same for the pixels, which are mapped from a file
            store.image(int(index)).max()
        return peak_of(trainer.run, trainer.device)


def describe_place(job: Job) -> Environment:
    """Versions, device and precision of the measuring process."""
    device = torch.device(job.device)
    precision = resolve_precision(job.cell.recipe.precision, device)
    return describe_environment(device, precision, job.threads)


def _train_once(job: Job, images: int) -> None:
    with _trainer(replace(job, epochs=1, images=images)) as trainer:
        trainer.run()
    give_back_free_memory()


@contextmanager
def _trainer(job: Job) -> Iterator[CellTrainer]:
    """Everything of the cell built as a sweep builds it; taken off the network at the end."""
    torch.set_num_threads(job.threads)
    torch.backends.cudnn.deterministic = True
    cell = _with(job, epochs=job.epochs).cell
    inputs = open_inputs(cell, job.folders)
    trainer = CellTrainer(cell, inputs, job.folders, torch.device(job.device), _ignore)
    trainer.split = shortened(trainer.split, job.images)
    try:
        yield trainer
    finally:
        trainer.close()


def shortened(split: TrainSplit, images: int | None) -> TrainSplit:
    """The split with at most ``images`` training images, always the same, and no validation."""
    train = split.train
    if images is not None and images < len(train):
        train = stream(0, "cost").permutation(train)[:images]
        train.sort()
    return replace(split, train=train, early_stopping=False)


def _with(job: Job, **recipe: Any) -> Job:
    """The job with other values in the recipe of its cell."""
    changed = job.cell.recipe.model_copy(update=recipe)
    return replace(job, cell=job.cell.model_copy(update={"recipe": changed}))


def _ignore(message: dict[str, Any]) -> None:
    """Take the progress messages of a training that nobody watches."""
