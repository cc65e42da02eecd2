"""Intervals over images, over seeds, and over both, against scipy and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, recall_score

from rsbench.errors import NotComparableError
from rsbench.statistics.bootstrap import (
    Resamples,
    percentiles,
    resampled_seeds,
    two_sided_p,
)
from rsbench.statistics.crossed import crossed
from rsbench.statistics.moments import class_moments
from rsbench.statistics.outcomes import Outcomes
from rsbench.statistics.rows import NO_SPREAD, summarise_row

RNG = np.random.default_rng(0)
LABELS = RNG.permutation(np.repeat(np.arange(3), [50, 30, 20])).astype(np.int64)
PREDICTIONS = np.stack(
    [np.where(RNG.random(100) < p, LABELS, (LABELS + 1) % 3) for p in (0.7, 0.8, 0.75)]
)
CORRECT = (PREDICTIONS == LABELS).astype(np.uint8)
ROW = Outcomes("x", LABELS, (0, 1, 2), CORRECT)
SETS = {"mean": None, "pair": (0, 2), "one": (1,), "none": (), "absent": (7,)}


def generator() -> np.random.Generator:
    return np.random.default_rng(5)


def resamples(labels: NDArray[np.int64] = LABELS, draws: int = 2000) -> Resamples:
    return Resamples.draw(labels, generator(), draws)


def test_a_summary_against_scikit_learn() -> None:
    summary = summarise_row(ROW, SETS, resamples(), generator())
    mean, pair = summary["mean"], summary["pair"]
    assert mean is not None
    assert pair is not None
    balanced = [100 * balanced_accuracy_score(LABELS, each) for each in PREDICTIONS]
    assert mean.by_seed == pytest.approx(balanced)
    assert mean.mean == pytest.approx(np.mean(balanced))
    assert mean.deviation == pytest.approx(np.std(balanced, ddof=1))
    recalls = [recall_score(LABELS, each, average=None)[[0, 2]] for each in PREDICTIONS]
    assert pair.mean == pytest.approx(100 * np.mean(recalls))
    assert (mean.classes, mean.images, pair.classes, pair.images) == (3, 100, 2, 70)
    assert summary["none"] is None
    assert summary["absent"] is None


def test_resampling_images_within_classes_agrees_with_scipy() -> None:
    classes = [CORRECT.mean(axis=0)[c == LABELS] for c in range(3)]
    expected = stats.bootstrap(
        classes,
        lambda a, b, c, axis=-1: (a.mean(axis) + b.mean(axis) + c.mean(axis)) / 3,
        method="percentile",
        n_resamples=20_000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    misses = (CORRECT == 0).sum(axis=0)
    drawn = 1 - resamples(draws=20_000).means(misses, [None])[0] / 3
    assert percentiles(drawn) == pytest.approx((expected.low, expected.high), abs=0.004)


def test_resamples_keep_the_class_sizes_and_average_to_the_outcomes() -> None:
    drawn = resamples()
    ordered = LABELS[drawn.order]
    for c, size in enumerate((50, 30, 20)):
        assert (drawn.counts[ordered == c].sum(axis=0) == size).all()
    means = drawn.means(CORRECT[0].astype(np.int64), [None, (1,)])
    expected = [balanced_accuracy_score(LABELS, PREDICTIONS[0]), CORRECT[0][LABELS == 1].mean()]
    assert means.mean(axis=1) == pytest.approx(expected, abs=0.005)


def test_the_bootstrap_variance_is_the_binomial_one() -> None:
    labels = np.zeros(40, dtype=np.int64)
    hits = (np.arange(40) < 30).astype(np.int64)
    drawn = resamples(labels, 20_000).means(hits, [None])[0]
    assert drawn.var() == pytest.approx(0.75 * 0.25 / 40, rel=0.03)


def test_the_same_generator_gives_the_same_interval_whatever_the_order_of_sets() -> None:
    first = summarise_row(ROW, SETS, resamples(), generator())
    second = summarise_row(ROW, dict(reversed(SETS.items())), resamples(), generator())
    assert first == second


def test_the_order_of_images_does_not_matter() -> None:
    order = RNG.permutation(100)
    shuffled = Outcomes("x", LABELS[order], (0, 1, 2), CORRECT[:, order])
    first = summarise_row(ROW, SETS, resamples(), generator())["mean"]
    second = summarise_row(shuffled, SETS, resamples(LABELS[order]), generator())["mean"]
    assert first is not None
    assert second is not None
    assert second.both == first.both
    assert second.over_images.low == pytest.approx(first.over_images.low, abs=1.5)


def test_outcomes_of_another_test_set_are_refused() -> None:
    with pytest.raises(NotComparableError, match="99 outcomes were given"):
        resamples().means(np.zeros(99, dtype=np.int64), [None])


def test_all_resamples_of_few_seeds_are_those_of_scipy() -> None:
    by_seed = np.array([70.1, 71.4, 69.2, 73.0])
    drawn = resampled_seeds(by_seed, generator())
    assert drawn is not None
    assert len(drawn) == 4**4
    assert drawn.mean() == pytest.approx(by_seed.mean())
    assert drawn.var() == pytest.approx(by_seed.var() / 4)
    expected = stats.bootstrap(
        (by_seed,), np.mean, method="percentile", n_resamples=20_000, rng=generator()
    ).confidence_interval
    assert percentiles(drawn) == pytest.approx((expected.low, expected.high), abs=0.15)


def test_many_seeds_are_drawn_and_one_gives_none() -> None:
    by_seed = np.arange(8.0)
    drawn = resampled_seeds(by_seed, generator(), draws=30_000)
    assert drawn is not None
    assert drawn.shape == (30_000,)
    assert drawn.var() == pytest.approx(by_seed.var() / 8, rel=0.03)
    assert resampled_seeds(by_seed[:1], generator()) is None


@pytest.mark.parametrize("size", [1, 2, 27, 2000])
def test_percentiles_are_those_of_numpy(size: int) -> None:
    values = np.random.default_rng(size).normal(size=size)
    assert percentiles(values) == pytest.approx(np.quantile(values, [0.025, 0.975]))
    assert percentiles(values, 0.5) == pytest.approx(np.quantile(values, [0.25, 0.75]))


def test_the_p_value_counts_the_observed_sample() -> None:
    assert two_sided_p(np.zeros(99)) == 1.0
    assert two_sided_p(np.ones(99)) == pytest.approx(0.02)
    assert two_sided_p(np.array([-1.0] * 4 + [1.0] * 95)) == pytest.approx(2 * 5 / 100)


def test_moments_are_those_of_a_two_way_analysis_of_variance() -> None:
    moments = class_moments(LABELS, CORRECT)
    for c in range(3):
        x = CORRECT[:, c == LABELS].astype(float)
        rest = x - x.mean(axis=0) - x.mean(axis=1, keepdims=True) + x.mean()
        n = x.shape[1]
        assert moments.counts[c] == n
        assert moments.means[:, c] == pytest.approx(x.mean(axis=1))
        assert moments.images[c] == pytest.approx(x.mean(axis=0).var(ddof=1))
        assert moments.interaction[c] == pytest.approx((rest**2).sum() / (2 * (n - 1)))


def test_one_seed_and_one_class_give_the_t_interval() -> None:
    hits = CORRECT[:1, LABELS == 0]
    estimate = crossed(class_moments(np.zeros(50, dtype=np.int64), hits))
    assert estimate is not None
    test = stats.ttest_1samp(hits[0].astype(float), 0.0)
    half = estimate.half_width()
    interval = test.confidence_interval()
    assert half is not None
    assert estimate.estimate - half == pytest.approx(interval.low)
    assert estimate.estimate + half == pytest.approx(interval.high)
    assert estimate.p_value() == pytest.approx(test.pvalue)
    p = hits.mean()
    assert estimate.total == pytest.approx(p * (1 - p) / 49)


def test_one_seed_and_two_classes_give_welchs_test() -> None:
    values = np.concatenate([RNG.integers(-1, 2, 12), RNG.integers(0, 2, 7)])
    labels = np.repeat([0, 1], [12, 7])
    estimate = crossed(class_moments(labels, values[None]))
    assert estimate is not None
    test = stats.ttest_ind(values[:12], -values[12:], equal_var=False)
    assert estimate.p_value() == pytest.approx(test.pvalue)
    assert estimate.degrees == pytest.approx(test.df)


def test_noise_of_seeds_alone_gives_the_t_test_over_seeds() -> None:
    # every image of a class agrees, so nothing but the seeds differs
    values = np.array([[3, 1], [1, 0], [2, 2], [2, 1]])[:, LABELS % 2]
    estimate = crossed(class_moments(LABELS % 2, values))
    assert estimate is not None
    test = stats.ttest_1samp([2.0, 0.5, 2.0, 1.5], 0.0)
    assert estimate.degrees == pytest.approx(3)
    assert estimate.p_value() == pytest.approx(test.pvalue)


def test_the_interaction_is_counted_once() -> None:
    found = crossed(class_moments(LABELS, CORRECT))
    assert found is not None
    assert found.seeds is not None
    assert found.images is not None
    assert found.total is not None
    shared = 0.0
    for c in range(3):
        x = CORRECT[:, c == LABELS].astype(float)
        rest = x - x.mean(axis=0) - x.mean(axis=1, keepdims=True) + x.mean()
        shared += (rest**2).sum() / (2 * (x.shape[1] - 1)) / (3 * 9 * x.shape[1])
    assert found.interaction == pytest.approx(shared)
    of_seeds, of_images = max(found.seeds - shared, 0), max(found.images - shared, 0)
    assert found.total == pytest.approx(of_seeds + of_images + shared)


def test_a_class_with_one_image_borrows_the_spread_of_the_others() -> None:
    labels = np.array([0] * 10 + [1])
    values = np.array([[1] * 5 + [0] * 5 + [1]])
    found = crossed(class_moments(labels, values))
    assert found is not None
    spread = 0.25 * 10 / 9
    assert found.images == pytest.approx((spread / 10 + spread) / 4)


def test_one_image_per_class_says_nothing_about_images() -> None:
    found = crossed(class_moments(np.arange(3), np.array([[1, 0, 1], [1, 1, 1]])))
    assert found is not None
    assert found.images is None
    assert found.total == found.seeds
    alone = crossed(class_moments(np.arange(3), np.array([[1, 0, 1]])))
    assert alone is not None
    assert alone.error is None
    assert alone.half_width() is None
    assert alone.p_value() is None


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("labels", [np.zeros(8, dtype=np.int64), np.arange(8)])
def test_all_right_keeps_a_width(labels: NDArray[np.int64], seeds: int) -> None:
    row = Outcomes("x", labels, tuple(range(seeds)), np.ones((seeds, 8), dtype=np.uint8))
    summary = summarise_row(row, {"mean": None}, resamples(labels), generator())["mean"]
    assert summary is not None
    assert summary.mean == 100.0
    assert summary.over_images.high == summary.both.high == 100.0
    assert summary.both.low < 96
    assert NO_SPREAD in summary.both.note
    if labels[-1] == 0:
        wilson = stats.binomtest(8, 8).proportion_ci(method="wilson")
        assert summary.both.low == pytest.approx(100 * wilson.low)


def test_one_seed_says_so() -> None:
    summary = summarise_row(ROW.only([1]), {"mean": None}, resamples(), generator())["mean"]
    assert summary is not None
    assert summary.deviation is None
    assert summary.over_seeds is None
    assert summary.both.source == "images"
    assert "nothing is known about the spread over seeds" in summary.both.note


def test_intervals_stay_between_0_and_100_and_are_numbers() -> None:
    nearly = np.ones((3, 100), dtype=np.uint8)
    nearly[0, :2] = 0
    row = Outcomes("x", LABELS, (0, 1, 2), nearly)
    for each in summarise_row(row, SETS, resamples(), generator()).values():
        if each is not None:
            for interval in (each.over_images, each.over_seeds, each.both):
                assert interval is not None
                assert 0 <= interval.low <= each.mean <= interval.high <= 100
                assert not math.isnan(interval.low + interval.high)
