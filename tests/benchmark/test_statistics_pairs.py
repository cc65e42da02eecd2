"""Two rows on the same images and seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import balanced_accuracy_score

from rsbench.errors import NotComparableError
from rsbench.statistics.bootstrap import Resamples
from rsbench.statistics.corrections import holm, judge_family
from rsbench.statistics.outcomes import Outcomes, Predictions, gather
from rsbench.statistics.pairs import PairedDifference, compare_pair
from rsbench.statistics.power import detectable_difference, power_of
from rsbench.statistics.verdicts import Verdict

LABELS = np.repeat(np.arange(3), [50, 30, 20])
SETS = {"mean": None, "pair": (0, 2), "none": ()}


def generator() -> np.random.Generator:
    return np.random.default_rng(2)


def row(accuracy: float, seeds: int = 3, source: int = 0) -> Outcomes:
    """Right with this probability; images are as difficult for every row."""
    difficulty = np.random.default_rng(99).random(100)
    noise = np.random.default_rng(source).normal(0, 0.1, (seeds, 100))
    correct = (difficulty + noise < accuracy).astype(np.uint8)
    return Outcomes("x", LABELS, tuple(range(seeds)), correct)


def compare(
    first: Outcomes, second: Outcomes, classes: Sequence[int] | None = None
) -> PairedDifference:
    resamples = Resamples.draw(first.labels, generator())
    pair = compare_pair(first, second, {"set": classes}, resamples, generator())["set"]
    assert pair is not None
    return pair


def single(values: NDArray[np.uint8], labels: NDArray[np.int64] | None = None) -> Outcomes:
    labels = np.zeros(values.shape[1], dtype=np.int64) if labels is None else labels
    return Outcomes("x", labels, tuple(range(len(values))), values)


def test_the_difference_is_that_of_balanced_accuracies() -> None:
    first, second = row(0.7, source=1), row(0.8, source=2)
    pair = compare(first, second)
    expected = []
    for ours, theirs in zip(first.correct, second.correct, strict=True):
        scores = [
            balanced_accuracy_score(LABELS, np.where(each == 1, LABELS, (LABELS + 1) % 3))
            for each in (ours, theirs)
        ]
        expected.append(100 * (scores[1] - scores[0]))
    assert pair.by_seed == pytest.approx(expected)
    assert pair.difference == pytest.approx(np.mean(expected))
    assert (pair.images, pair.classes, pair.seeds) == (100, 3, (0, 1, 2))
    assert pair.both is not None
    assert (pair.both.low + pair.both.high) / 2 == pytest.approx(pair.difference)


def test_the_paired_bootstrap_agrees_with_scipy() -> None:
    first, second = row(0.7, source=1), row(0.8, source=2)
    gains = (second.correct.astype(int) - first.correct).mean(axis=0)
    expected = stats.bootstrap(
        [gains[c == LABELS] for c in range(3)],
        lambda a, b, c, axis=-1: 100 * (a.mean(axis) + b.mean(axis) + c.mean(axis)) / 3,
        method="percentile",
        n_resamples=20_000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    over_images = compare(first, second).over_images
    assert (over_images.low, over_images.high) == pytest.approx(
        (expected.low, expected.high), abs=0.8
    )


def test_pairing_makes_the_interval_narrower_than_that_of_the_rows() -> None:
    first, second = row(0.7, source=1), row(0.75, source=2)
    shuffled = Outcomes("x", LABELS, second.seeds, second.correct.copy())
    mixed = np.random.default_rng(0)
    for c in range(3):
        where = np.flatnonzero(c == LABELS)
        shuffled.correct[:, where] = shuffled.correct[:, mixed.permutation(where)]
    paired, unpaired = compare(first, second), compare(first, shuffled)
    assert paired.difference == pytest.approx(unpaired.difference)
    assert paired.error is not None
    assert unpaired.error is not None
    assert paired.error < 0.6 * unpaired.error


def test_swapping_the_rows_changes_the_sign_alone() -> None:
    first, second = row(0.6, source=1), row(0.9, source=2)
    ahead, back = compare(first, second), compare(second, first)
    assert back.difference == pytest.approx(-ahead.difference)
    assert back.by_seed == pytest.approx([-each for each in ahead.by_seed])
    assert (back.p, back.error) == pytest.approx((ahead.p, ahead.error))
    assert back.p_images == ahead.p_images
    assert back.over_images.low == pytest.approx(-ahead.over_images.high)
    assert (ahead.verdict, back.verdict) == (Verdict.HIGHER, Verdict.LOWER)


def test_the_order_of_images_does_not_matter() -> None:
    first, second = row(0.7, source=1), row(0.72, source=2)
    order = np.random.default_rng(4).permutation(100)
    ours, theirs = (
        Outcomes("x", LABELS[order], each.seeds, each.correct[:, order]) for each in (first, second)
    )
    before, after = compare(first, second), compare(ours, theirs)
    assert (before.difference, before.p, before.error, before.both, before.verdict) == (
        after.difference,
        after.p,
        after.error,
        after.both,
        after.verdict,
    )


@pytest.mark.parametrize("seeds", [3, 7])
def test_identical_rows_do_not_differ(seeds: int) -> None:
    pair = compare(row(0.7, seeds), row(0.7, seeds))
    assert (pair.difference, pair.p, pair.p_images, pair.differing) == (0.0, 1.0, 1.0, 0)
    assert pair.p_seeds == (1.0 if seeds == 7 else None)
    assert (pair.error, pair.detectable) == (0.0, None)
    assert pair.verdict is Verdict.WITHIN_NOISE


def test_an_empty_set_is_none() -> None:
    resamples = Resamples.draw(LABELS, generator())
    found = compare_pair(row(0.7), row(0.8), SETS, resamples, generator())
    assert found["none"] is None
    assert found["pair"] is not None
    assert found["pair"].images == 70


def test_only_shared_seeds_count_and_the_others_are_named() -> None:
    first, second = row(0.7, 5).only([0, 1, 3]), row(0.8, 5).only([1, 3, 4])
    pair = compare(first, second)
    assert pair.seeds == (1, 3)
    assert pair.seeds_left_out == (0, 4)
    assert pair.verdict is Verdict.TWO_SEEDS
    alone = compare(first.only([1, 3]), second.only([1, 3]))
    assert pair.by_seed == alone.by_seed


def test_one_seed_has_an_interval_over_images_and_no_verdict() -> None:
    pair = compare(row(0.5, 1), row(0.9, 1))
    assert pair.verdict is Verdict.ONE_SEED
    assert pair.over_seeds is None
    assert pair.both is not None
    assert pair.both.source == "images"
    assert "nothing is known about the spread over seeds" in pair.both.note


def test_rows_that_cannot_be_compared_are_refused() -> None:
    first = row(0.7)
    other = Outcomes("y", LABELS, (0, 1, 2), first.correct)
    with pytest.raises(NotComparableError, match="different images"):
        compare(first, other)
    with pytest.raises(NotComparableError, match="share no seed"):
        compare(first.only([0]), first.only([1, 2]))


def test_wilcoxon_only_from_six_seeds() -> None:
    assert compare(row(0.7, 5, 1), row(0.8, 5, 2)).p_seeds is None
    pair = compare(row(0.7, 6, 1), row(0.8, 6, 2))
    assert pair.p_seeds == pytest.approx(stats.wilcoxon(pair.by_seed).pvalue)


@pytest.mark.parametrize(
    ("differing", "expected"), [(3, Verdict.WITHIN_NOISE), (9, Verdict.HIGHER)]
)
def test_a_few_images_never_make_a_verdict(differing: int, expected: Verdict) -> None:
    """All seeds agree that k images got right: no spread, so only counting images protects."""
    first = np.zeros((3, differing), dtype=np.uint8)
    pair = compare(single(first), single(first + 1))
    assert (pair.difference, pair.error) == (100.0, 0.0)
    assert pair.p == pytest.approx(2.0 ** (1 - differing))
    assert pair.verdict is expected


def test_one_image_per_class_gives_no_verdict() -> None:
    correct = np.array([[0, 1, 0], [0, 1, 1], [0, 0, 0]], dtype=np.uint8)
    pair = compare(single(correct, np.arange(3)), single(1 - correct, np.arange(3)))
    assert pair.p is None
    assert pair.both is None
    assert pair.detectable is None
    assert pair.verdict is Verdict.FEW_IMAGES


def test_the_detectable_difference_is_found_with_the_stated_power() -> None:
    pair = compare(row(0.7, source=1), row(0.72, source=2))
    assert pair.error is not None
    for degrees in (2.0, 5.0, 1e6):
        effect = detectable_difference(pair.error, degrees)
        assert power_of(effect, pair.error, degrees) == pytest.approx(0.8, abs=0.04)
    assert detectable_difference(1.0, 1e9) == pytest.approx(1.95996 + 0.84162, abs=1e-4)
    assert power_of(0.0, 1.0, 5.0) == pytest.approx(0.05)


def test_holm_by_hand() -> None:
    adjusted = holm([0.01, 0.04, None, 0.03, 0.005])
    assert adjusted[2] is None
    assert [each for each in adjusted if each is not None] == pytest.approx(
        [0.03, 0.06, 0.06, 0.02]
    )
    assert holm([0.4, 0.6]) == pytest.approx((0.8, 0.8))
    assert holm([None, 0.9]) == (None, 0.9)
    assert holm([]) == ()


def test_a_verdict_may_not_survive_its_family() -> None:
    clear = compare(row(0.5), row(0.9))
    better = np.zeros((3, 100), dtype=np.uint8)
    better[:, :7] = 1
    weak = compare(single(np.zeros_like(better)), single(better))
    assert weak.verdict is Verdict.HIGHER
    assert weak.p == pytest.approx(2.0**-6)
    one_seed = compare(row(0.5, 1), row(0.9, 1))
    null = compare(row(0.7), row(0.7))
    family = judge_family([weak, clear, None, one_seed, null, null, null, null])
    assert family[2] is None
    assert [each.verdict for each in family if each] == [
        Verdict.WITHIN_NOISE,
        Verdict.HIGHER,
        Verdict.ONE_SEED,
        *[Verdict.WITHIN_NOISE] * 4,
    ]
    assert {each.family for each in family if each} == {6}
    alone = judge_family([weak])[0]
    assert alone is not None
    assert (alone.p, alone.verdict) == (weak.p, Verdict.HIGHER)


IMAGES = ["b", "a", "c"]
TRUTH = np.array([1, 0, 1])


def test_gathering_brings_images_into_one_order() -> None:
    ours = Predictions(IMAGES, TRUTH, np.array([1, 1, 1]))
    order = [2, 0, 1]
    theirs = Predictions([IMAGES[i] for i in order], TRUTH[order], np.array([1, 0, 0]))
    outcomes = gather({4: theirs, 2: ours})
    assert outcomes.seeds == (2, 4)
    assert outcomes.labels.tolist() == [0, 1, 1]
    assert outcomes.correct.tolist() == [[0, 1, 1], [1, 0, 1]]
    assert outcomes.images == gather({0: theirs}).images


@pytest.mark.parametrize(
    "other",
    [
        Predictions(["b", "a", "d"], TRUTH, TRUTH),
        Predictions(IMAGES, np.array([1, 1, 1]), TRUTH),
        Predictions(IMAGES[:2], TRUTH[:2], TRUTH[:2]),
    ],
)
def test_gathering_refuses_different_test_sets(other: Predictions) -> None:
    ours = Predictions(IMAGES, TRUTH, TRUTH)
    with pytest.raises(NotComparableError, match="seeds 0 and 1"):
        gather({0: ours, 1: other})
    assert gather({0: ours}).images != gather({0: other}).images


def test_gathering_refuses_an_image_that_comes_twice_and_nothing_at_all() -> None:
    with pytest.raises(NotComparableError, match="image a more than once"):
        gather({0: Predictions(["a", "b", "a"], TRUTH, TRUTH)})
    with pytest.raises(NotComparableError, match="no predictions"):
        gather({})
    with pytest.raises(NotComparableError, match="shape"):
        gather({0: Predictions([], TRUTH[:0], TRUTH[:0])})
