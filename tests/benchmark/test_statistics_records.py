"""Statistics from records alone: binomial intervals, points per image, means over transfers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rsbench.errors import NotComparableError
from rsbench.statistics.binomial import binomial_interval, compare_unpaired, wilson
from rsbench.statistics.points import mean_over_targets, points_per_image
from rsbench.statistics.verdicts import Verdict


@pytest.mark.parametrize(("right", "of"), [(0, 5), (3, 7), (81, 82), (263, 263)])
def test_one_class_has_wilsons_interval(right: int, of: int) -> None:
    expected = stats.binomtest(right, of).proportion_ci(method="wilson")
    low, high = wilson(np.array([right / of]), np.array([of]))
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high))
    interval = binomial_interval([right / of], [of], None)
    assert interval is not None
    assert interval.low == pytest.approx(100 * expected.low)
    assert interval.high == pytest.approx(100 * expected.high)


def test_the_unpaired_difference_is_that_of_newcombes_example() -> None:
    """9 of 10 against 3 of 10: 0.1705 to 0.8090 by method 10 (Newcombe 1998, table II)."""
    found = compare_unpaired({0: [0.3]}, {0: [0.9]}, [10], None)
    assert found is not None
    assert found.interval.low == pytest.approx(17.05, abs=0.01)
    assert found.interval.high == pytest.approx(80.90, abs=0.01)


def compare_one(fraction: float, count: int) -> tuple[float, float]:
    interval = binomial_interval([fraction], [count], None)
    assert interval is not None
    return interval.low / 100, interval.high / 100


def test_an_unpaired_comparison_of_one_class_and_one_seed() -> None:
    found = compare_unpaired({0: [0.6]}, {0: [0.8]}, [80], None)
    assert found is not None
    ours, theirs = compare_one(0.6, 80), compare_one(0.8, 80)
    assert found.interval.low == pytest.approx(
        100 * (0.2 - np.hypot(0.8 - theirs[0], ours[1] - 0.6))
    )
    assert found.difference == pytest.approx(20)
    assert found.verdict is Verdict.ONE_SEED
    assert "not paired" in found.interval.note


def test_seeds_widen_the_unpaired_interval() -> None:
    first = {seed: [0.70, 0.60] for seed in range(3)}
    steady = {seed: [0.90, 0.80] for seed in range(3)}
    unsteady = {0: [0.70, 0.60], 1: [0.90, 0.80], 2: [1.0, 1.0]}
    sure = compare_unpaired(first, steady, [200, 200], None)
    unsure = compare_unpaired(first, unsteady, [200, 200], None)
    assert sure is not None
    assert unsure is not None
    assert sure.verdict is Verdict.HIGHER
    assert unsure.verdict is Verdict.WITHIN_NOISE
    assert unsure.by_seed == pytest.approx((0, 20, 35))
    back = compare_unpaired(steady, first, [200, 200], None)
    assert back is not None
    assert back.verdict is Verdict.LOWER
    assert back.interval.low == pytest.approx(-sure.interval.high)


def test_the_mean_of_classes_has_about_the_binomial_variance() -> None:
    counts, accuracies = [4000, 3000, 2000], [0.8, 0.6, 0.9]
    interval = binomial_interval(accuracies, counts, (0, 1, 2))
    assert interval is not None
    variance = sum(p * (1 - p) / n for p, n in zip(accuracies, counts, strict=True)) / 9
    assert (interval.high - interval.low) / 2 == pytest.approx(196 * variance**0.5, rel=0.01)


def test_the_interval_holds_the_truth_for_few_images_too() -> None:
    generator = np.random.default_rng(0)
    truth = np.array([0.95, 0.8, 0.6])
    counts = np.array([5, 12, 30])
    held = []
    for _ in range(1500):
        interval = binomial_interval(
            (generator.binomial(counts, truth) / counts).tolist(), counts.tolist(), None
        )
        assert interval is not None
        held.append(interval.low <= 100 * truth.mean() <= interval.high)
    assert 0.93 <= np.mean(held) <= 0.99


def test_classes_without_test_images_are_left_out() -> None:
    counts = [0, 20, 30]
    accuracies = [None, 0.5, 0.7]
    assert binomial_interval(accuracies, counts, None) == binomial_interval(
        accuracies, counts, (1, 2)
    )
    assert binomial_interval(accuracies, counts, (0,)) is None
    assert binomial_interval(accuracies, counts, ()) is None
    assert compare_unpaired({0: accuracies}, {0: accuracies}, counts, (0,)) is None


def test_records_that_do_not_fit_are_refused() -> None:
    with pytest.raises(NotComparableError, match="class 1 has 5 test images and no accuracy"):
        binomial_interval([0.5, None], [5, 5], None)
    with pytest.raises(NotComparableError, match="2 class accuracies and 1 test counts"):
        binomial_interval([0.5, 0.5], [5], None)
    with pytest.raises(NotComparableError, match="share no seed"):
        compare_unpaired({0: [0.5]}, {1: [0.5]}, [5], None)


def test_points_per_image_of_the_sar_tail() -> None:
    """Check 25: dredger has 82 test images (1.2 points each); in the tail 0.5 to 0.6 points."""
    counts = [1256, 263, 99, 82]
    dredger, tail = points_per_image(counts, (3,)), points_per_image(counts, (2, 3))
    assert dredger is not None
    assert tail is not None
    assert dredger.points_smallest == pytest.approx(1.22, abs=0.005)
    assert (tail.smallest, tail.smallest_images) == (3, 82)
    assert tail.points_smallest == pytest.approx(0.61, abs=0.005)
    assert tail.points_average == pytest.approx(0.5525, abs=0.0001)
    assert tail.images_per_point == pytest.approx(1.81)
    assert tail.smallest_per_point == pytest.approx(1.64)


def test_one_image_moves_the_mean_by_as_much_as_is_said() -> None:
    counts = [10, 4, 0, 7]
    found = points_per_image(counts, None)
    assert found is not None
    assert (found.classes, found.images, found.smallest) == (3, 21, 1)
    before, after = np.mean([0.5, 0.5, 0.5]), np.mean([0.5, 0.75, 0.5])
    assert found.points_smallest == pytest.approx(100 * (after - before))
    weights = np.repeat([100 / (3 * n) for n in (10, 4, 7)], [10, 4, 7])
    assert found.points_average == pytest.approx(weights.mean())


def test_an_empty_group_has_no_points() -> None:
    assert points_per_image([5, 0], ()) is None
    assert points_per_image([5, 0], (1,)) is None


@pytest.mark.parametrize(
    ("tails", "mean"),
    [
        ((65.9, 82.4, 68.4), 72.23),
        ((68.4, 89.1, 74.7), 77.40),
        ((78.5, 90.7, 72.1), 80.43),
        ((79.3, 91.4, 74.2), 81.63),
        ((77.7, 90.6, 75.8), 81.37),
        ((78.1, 90.7, 76.0), 81.60),
    ],
)
def test_means_over_transfers_are_the_published_ones(tails: tuple[float, ...], mean: float) -> None:
    """Check 20."""
    found = mean_over_targets(tails)
    assert found is not None
    assert round(found, 2) == pytest.approx(mean)


def test_a_missing_transfer_leaves_no_mean() -> None:
    assert mean_over_targets([70.0, None, 80.0]) is None
    assert mean_over_targets([]) is None
