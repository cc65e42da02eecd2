"""Runs over further axes of a matrix, made of invented predictions."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
from records import failed, make_run, scored_record, write_run

from rsbench.store import ListedCell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from rsbench.plan import CellRun
    from rsbench.record import Record
    from rsbench.store import RunFolder

#: Training images of the classes of the invented target: two head, two medium, two tail.
TRAIN_COUNTS = (100, 80, 30, 20, 6, 4)
#: Test images of each class.
IMAGES = 40


def predictions_of(
    accuracy: float, seed: int = 0, classes: int = len(TRAIN_COUNTS), images: int = IMAGES
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """True and predicted classes: about ``accuracy`` of each class right, the rest the next."""
    labels = np.repeat(np.arange(classes), images)
    right = np.random.default_rng(seed).random(labels.size) < accuracy
    return labels, np.where(right, labels, (labels + 1) % classes)


def accurate_record(run: CellRun, accuracy: float, **changes: object) -> Record:
    """A finished record of about this accuracy."""
    labels, predictions = predictions_of(accuracy, run.cell.seed)
    return scored_record(run, labels, predictions, TRAIN_COUNTS, **changes)


def write_grid(
    folder: RunFolder,
    axes: Mapping[str, Sequence[str]],
    accuracy: Callable[..., float | None],
    methods: Sequence[tuple[str, bool]] = (("lora", False), ("lora", True)),
    seeds: Sequence[int] = (0,),
    constants: Sequence[tuple[str, bool]] = (),
    missing: Callable[..., bool] = lambda **_: False,
    numbers: Mapping[str, Sequence[float]] | None = None,
    targets: Sequence[str] = ("things",),
) -> tuple[list[CellRun], list[Record]]:
    """A run over the product of axes.

    Args:
        folder: where to.
        axes: names and values.
        accuracy: of a setting: called with the axes' values, ``method``, ``metapeft`` and
            ``seed``; None for a failed cell, not-a-number for one that diverged.
        methods: label, and whether with MetaPEFT.
        seeds: of every setting.
        constants: methods without a place on the axes.
        missing: whether a setting was not run; called as ``accuracy``.
        numbers: ``axis_numbers`` of the run.
        targets: labels.
    """
    settings = [
        dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())
    ]
    wanted = [
        (target, *each, place) for target in targets for each in methods for place in settings
    ]
    wanted += [(t, *each, {}) for t in targets for each in constants]
    runs, records, listed = [], [], []
    for row, (target, method, metapeft, place) in enumerate(wanted):
        for seed in seeds:
            run = make_run(method, seed, metapeft, target, options=place)
            runs.append(run)
            listed.append(_listed(run, row, place))
            asked = {**place, "method": method, "metapeft": metapeft, "seed": seed}
            if missing(**asked):
                continue
            value = accuracy(**asked)
            strategy = {"control": "learned"} if metapeft else {}
            if value is None or math.isnan(value):
                records.append(failed(run, "ValueError" if value is None else "DivergedError"))
            else:
                records.append(accurate_record(run, value, strategy=strategy))
    write_run(
        *(folder, runs, records),
        cells=tuple(listed),
        axes={name: tuple(values) for name, values in axes.items()},
        axis_numbers={name: tuple(values) for name, values in (numbers or {}).items()},
    )
    return runs, records


def _listed(run: CellRun, row: int, place: Mapping[str, str]) -> ListedCell:
    return ListedCell(
        id=run.id,
        label=f"{run.cell.label}",
        row=row,
        settings=run.id,
        target=run.cell.target.name,
        backbone=run.cell.backbone.name,
        method=run.cell.method.name,
        metapeft=run.cell.metapeft is not None,
        seed=run.cell.seed,
        axes=dict(place),
    )
