"""Metrics against scikit-learn, closed forms, and check 19."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from rsbench.groups import ClassGroups
from rsbench.metrics import calibration_error, compute_metrics, reliability

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


def test_calibration_error_of_one_bin_is_the_gap_between_confidence_and_accuracy() -> None:
    labels = np.zeros(10, dtype=np.int64)
    predictions = np.array([0] * 6 + [1] * 4)
    confidences = np.full(10, 0.81)
    assert calibration_error(labels, predictions, confidences) == pytest.approx(0.81 - 0.6)
    assert calibration_error(labels, labels, np.ones(10)) == 0.0
    assert calibration_error(labels, 1 - labels, np.ones(10)) == 1.0


def test_calibration_error_weighs_bins_by_their_samples() -> None:
    # bin (0.2, 0.4]: 1 of 4 right at 0.3; bin (0.8, 1]: all 12 right at 0.9
    labels = np.zeros(16, dtype=np.int64)
    predictions = np.array([0, 1, 1, 1] + [0] * 12)
    confidences = np.array([0.3] * 4 + [0.9] * 12)
    error = calibration_error(labels, predictions, confidences, bins=5)
    assert error == pytest.approx((4 * 0.05 + 12 * 0.1) / 16)


def test_calibration_error_against_a_plain_loop() -> None:
    confidences = np.concatenate([RNG.random(390), np.linspace(0, 1, 10)]).astype(np.float32)
    expected = 0.0
    for b in range(15):
        inside = [
            i
            for i, c in enumerate(confidences.tolist())
            if b / 15 < c <= (b + 1) / 15 or (b == 0 and c == 0.0)
        ]
        if inside:
            right = sum(LABELS[i] == PREDICTIONS[i] for i in inside)
            expected += abs(right - sum(float(confidences[i]) for i in inside)) / 400
    assert calibration_error(LABELS, PREDICTIONS, confidences) == pytest.approx(expected)


def test_every_prediction_is_in_one_bin_of_the_reliability_table() -> None:
    confidences = np.array([0.0, 0.2, 0.2001, 1.0])
    table = reliability(np.zeros(4, dtype=np.int64), np.array([0, 0, 1, 0]), confidences, bins=5)
    assert [each.count for each in table] == [2, 1, 0, 0, 1]
    assert table[0].confidence == pytest.approx(0.1)
    assert (table[1].accuracy, table[2].accuracy, table[4].accuracy) == (0.0, None, 1.0)


@pytest.mark.parametrize("wrong", [1.5, -0.1, float("nan")])
def test_a_confidence_that_is_no_probability_is_refused(wrong: float) -> None:
    one = np.zeros(1, dtype=np.int64)
    with pytest.raises(ValueError, match="from 0 to 1"):
        calibration_error(one, one, np.array([wrong]))


def test_the_calibration_error_of_no_samples_is_refused() -> None:
    none = np.zeros(0, dtype=np.int64)
    with pytest.raises(ValueError, match="no samples"):
        calibration_error(none, none, np.zeros(0))
