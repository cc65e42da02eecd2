"""Accuracy metrics for long-tailed test sets, each defined (paper section 5)."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rsbench.groups import GROUP_NAMES, ClassGroups
from rsbench.record import Metrics

#: Floor of a class's accuracy in the harmonic mean: 0.001 %.
HARMONIC_FLOOR = 1e-5
#: Bins of the calibration error.
CALIBRATION_BINS = 15


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


@dataclass(frozen=True)
class ReliabilityBin:
    """The predictions whose confidence lies in ``(low, high]``, the first bin with 0 included.

    Attributes:
        low: lower edge, exclusive.
        high: upper edge, inclusive.
        count: number of predictions.
        confidence: their mean confidence, None in an empty bin.
        accuracy: the fraction of them that is right, None in an empty bin.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


def reliability(
    labels: NDArray[np.int64],
    predictions: NDArray[np.int64],
    confidences: NDArray[np.floating],
    bins: int = CALIBRATION_BINS,
) -> tuple[ReliabilityBin, ...]:
    """Accuracy against confidence in bins of equal width: what a reliability diagram shows.

    Args:
        labels: true classes, shape (samples,).
        predictions: predicted classes, same shape.
        confidences: probability given to the predicted class, same shape, from 0 to 1.
        bins: number of bins.

    Raises:
        ValueError: a confidence is not a number from 0 to 1.
    """
    exact = np.asarray(confidences, dtype=np.float64)
    edges, index = _binned(exact, bins)
    right = np.asarray(labels) == np.asarray(predictions)
    found = []
    for each in range(bins):
        inside = index == each
        count = int(inside.sum())
        found.append(
            ReliabilityBin(
                low=float(edges[each]),
                high=float(edges[each + 1]),
                count=count,
                confidence=float(exact[inside].mean()) if count else None,
                accuracy=float(right[inside].mean()) if count else None,
            )
        )
    return tuple(found)


def calibration_error(
    labels: NDArray[np.int64],
    predictions: NDArray[np.int64],
    confidences: NDArray[np.floating],
    bins: int = CALIBRATION_BINS,
) -> float:
    """Expected calibration error of the predicted class (top label), a fraction of 1.

    Mean over the samples of |accuracy - mean confidence| of the sample's bin, in ``bins`` bins of
    equal width (Guo et al. 2017). Every sample counts alike, so frequent classes dominate it. It is
    biased upwards where bins hold few samples: compare it on equal test sets only.

    Args:
        labels: true classes, shape (samples,), at least one.
        predictions: predicted classes, same shape.
        confidences: probability given to the predicted class, same shape, from 0 to 1.
        bins: number of bins.

    Raises:
        ValueError: a confidence is not a number from 0 to 1, or there are no samples.
    """
    if not len(labels):
        raise ValueError("the calibration error of no samples is undefined")
    exact = np.asarray(confidences, dtype=np.float64)
    _, index = _binned(exact, bins)
    right = np.asarray(labels) == np.asarray(predictions)
    # the same as from ``reliability``, but fast enough for thousands of cells
    gaps = np.bincount(index, weights=exact - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


@functools.cache
def _edges(bins: int) -> NDArray[np.float64]:
    return np.linspace(0.0, 1.0, bins + 1)


def _binned(
    confidences: NDArray[np.float64], bins: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The edges of the bins, shape (bins + 1,), and the bin of each confidence."""
    if not ((confidences >= 0) & (confidences <= 1)).all():
        raise ValueError("confidences must be numbers from 0 to 1: pass softmax probabilities")
    edges = _edges(bins)
    return edges, np.clip(np.searchsorted(edges, confidences, side="left") - 1, 0, bins - 1)
