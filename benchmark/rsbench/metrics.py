"""Accuracy metrics for long-tailed test sets, each defined (paper section 5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rsbench.groups import GROUP_NAMES, ClassGroups
from rsbench.record import Metrics

#: Floor of a class's accuracy in the harmonic mean: 0.001 %.
HARMONIC_FLOOR = 1e-5


def compute_metrics(
    labels: NDArray[np.int64], predictions: NDArray[np.int64], groups: ClassGroups, classes: int
) -> Metrics:
    """All metrics, as fractions of 1.

    * overall: correct / total.
    * mean_class: mean over classes of the accuracy within each class ("Avg" in the paper).
    * head, medium, tail: the same mean over the classes of a group; None if it is empty.
    * macro_f1: mean F1 over the classes that occur in labels or predictions.
    * worst_class: lowest accuracy of a class.
    * harmonic_mean: of class accuracies, each floored at 0.001 %; geometric_mean: no floor.

    Classes without a test sample have no accuracy and enter none of the means.

    Args:
        labels: true classes, shape (samples,), at least one.
        predictions: predicted classes, same shape.
        groups: partition of the classes.
        classes: number of classes C.
    """
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (labels, predictions), 1)
    totals, hits = confusion.sum(axis=1), np.diag(confusion)
    present = totals > 0
    accuracy = np.where(present, hits / np.maximum(totals, 1), np.nan)
    seen = accuracy[present]
    group_means = {name: _mean(accuracy[list(groups.of(name))]) for name in GROUP_NAMES}
    return Metrics(
        overall=float(hits.sum() / totals.sum()),
        mean_class=float(seen.mean()),
        macro_f1=_macro_f1(confusion),
        worst_class=float(seen.min()),
        harmonic_mean=float(1.0 / np.mean(1.0 / np.maximum(seen, HARMONIC_FLOOR))),
        geometric_mean=_geometric_mean(seen),
        per_class=tuple(None if np.isnan(value) else float(value) for value in accuracy),
        **group_means,
    )


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None


def _geometric_mean(values: NDArray[np.float64]) -> float:
    return 0.0 if (values == 0).any() else float(np.exp(np.log(values).mean()))


def _macro_f1(confusion: NDArray[np.int64]) -> float:
    hits = np.diag(confusion)
    either = confusion.sum(axis=0) + confusion.sum(axis=1)
    occurs = either > 0
    return float((2 * hits[occurs] / either[occurs]).mean())
