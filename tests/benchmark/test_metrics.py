"""Metrics against scikit-learn, closed forms, and check 19."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from rsbench.groups import ClassGroups
from rsbench.metrics import compute_metrics

GROUPS = ClassGroups((0, 1), (2, 3), (4,))
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 5, 400)
PREDICTIONS = np.where(RNG.random(400) < 0.6, LABELS, RNG.integers(0, 5, 400))


def test_against_scikit_learn() -> None:
    metrics = compute_metrics(LABELS, PREDICTIONS, GROUPS, 5)
    assert metrics.overall == pytest.approx((LABELS == PREDICTIONS).mean())
    assert metrics.mean_class == pytest.approx(balanced_accuracy_score(LABELS, PREDICTIONS))
    assert metrics.macro_f1 == pytest.approx(f1_score(LABELS, PREDICTIONS, average="macro"))


def test_groups_are_means_of_class_accuracies() -> None:
    metrics = compute_metrics(LABELS, PREDICTIONS, GROUPS, 5)
    accuracy = [(PREDICTIONS[c == LABELS] == c).mean() for c in range(5)]
    assert metrics.head == pytest.approx(np.mean(accuracy[:2]))
    assert metrics.medium == pytest.approx(np.mean(accuracy[2:4]))
    assert metrics.tail == pytest.approx(accuracy[4])
    assert metrics.worst_class == pytest.approx(min(accuracy))
    weighted = (2 * metrics.head + 2 * metrics.medium + metrics.tail) / 5  # type: ignore[operator]
    assert metrics.mean_class == pytest.approx(weighted)


@pytest.mark.parametrize(("classes", "expected"), [(15, 1 / 15), (4, 0.25)])
def test_a_constant_predictor_gets_one_class_right(classes: int, expected: float) -> None:
    """Check 19: 6.667 % on DOTA's 15 classes, 25 % on FUSRS v2.5."""
    labels = np.repeat(np.arange(classes), 7)
    groups = ClassGroups(tuple(range(classes)), (), ())
    metrics = compute_metrics(labels, np.zeros_like(labels), groups, classes)
    assert metrics.mean_class == pytest.approx(expected)
    assert metrics.geometric_mean == 0.0
    assert metrics.harmonic_mean == pytest.approx(classes / (1 + (classes - 1) / 1e-5))


@pytest.mark.parametrize(
    ("head", "medium", "tail", "mean"), [(91.6, 93.0, 87.7, 90.6), (94.6, 94.6, 91.6, 93.4)]
)
def test_dota_group_weights_reproduce_the_published_means(
    head: float, medium: float, tail: float, mean: float
) -> None:
    """Check 19: the 3/6/6 weights give the published averages (paper section 6.2)."""
    counts = 1000
    accuracy = [head] * 3 + [medium] * 6 + [tail] * 6
    labels = np.repeat(np.arange(15), counts)
    predictions = labels.copy()
    for c, percent in enumerate(accuracy):
        wrong = c * counts + np.arange(counts - round(percent * counts / 100))
        predictions[wrong] = (c + 1) % 15
    groups = ClassGroups(tuple(range(3)), tuple(range(3, 9)), tuple(range(9, 15)))
    assert 100 * compute_metrics(labels, predictions, groups, 15).mean_class == pytest.approx(
        mean, abs=0.05
    )


def test_an_empty_group_and_a_class_without_test_samples_are_none() -> None:
    labels = np.array([0, 0, 1])
    groups = ClassGroups((0, 1), (), (2,))
    metrics = compute_metrics(labels, labels, groups, 3)
    assert metrics.medium is None
    assert metrics.tail is None
    assert metrics.per_class == (1.0, 1.0, None)
    assert metrics.mean_class == 1.0
