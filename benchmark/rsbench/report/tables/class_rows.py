"""Accuracy of the classes of a row, over its seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rsbench.groups import GROUP_NAMES
from rsbench.report.artefacts import Measure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rsbench.report.rows import Row


@dataclass(frozen=True)
class ClassRow:
    """One class of a row.

    Attributes:
        index: label of the class.
        name: its name, as the target has it.
        group: "head", "medium" or "tail"; "" where the record does not say.
        train: images that were trained on; None where the record does not say.
        test: images that were tested; None where the record does not say.
        accuracy: in percent; undefined without a test image.
    """

    index: int
    name: str
    group: str
    train: int | None
    test: int | None
    accuracy: Measure


def has_classes(row: Row) -> bool:
    """Whether the records name the classes that their accuracies are of."""
    return all(
        record.metrics is not None and len(record.metrics.per_class) == len(record.class_names) > 0
        for record in row.records
    )


def class_rows(row: Row) -> list[ClassRow]:
    """The classes of a row for which ``has_classes`` holds, in the order of their labels."""
    first = row.first
    group_of = {c: name for name in GROUP_NAMES for c in first.groups.get(name, ())}
    return [
        ClassRow(
            index,
            name,
            group_of.get(index, ""),
            first.train_counts[index] if index < len(first.train_counts) else None,
            first.test_counts[index] if index < len(first.test_counts) else None,
            accuracy,
        )
        for index, (name, accuracy) in enumerate(
            zip(first.class_names, _measures(_accuracies(row)), strict=True)
        )
    ]


def _accuracies(row: Row) -> NDArray[np.float64]:
    """Percent, shape (seeds, classes); not-a-number where a class was not tested."""
    values = [record.metrics.per_class for record in row.records if record.metrics]
    return 100.0 * np.array(values, dtype=np.float64)


def _measures(accuracies: NDArray[np.float64]) -> list[Measure]:
    """Mean and sample deviation over the first axis; in one go, for there may be thousands."""
    means = accuracies.mean(axis=0)
    if len(accuracies) > 1:
        deviations: list[float | None] = list(accuracies.std(axis=0, ddof=1).tolist())
    else:
        deviations = [None] * len(means)
    return [
        Measure(None) if mean != mean else Measure(mean, deviation)
        for mean, deviation in zip(means.tolist(), deviations, strict=True)
    ]


def by_frequency(classes: list[ClassRow]) -> list[ClassRow]:
    """From the most to the least frequent in training, ties by label."""
    return sorted(classes, key=lambda each: (-(each.train or 0), each.index))
