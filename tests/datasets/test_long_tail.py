import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from rsbench.errors import TargetError
from rsbench_datasets.long_tail import (
    LongTailOptions,
    long_tail,
    long_tail_remarks,
    long_tail_sizes,
)

NAMES = ("a", "b", "c")


def labels_of(*counts: int) -> NDArray[np.int64]:
    """Shuffled labels with these counts."""
    labels = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    return np.random.default_rng(0).permutation(labels)


def sizes(available: list[int], **options: object) -> tuple[int, ...]:
    names = [f"class {label}" for label in range(len(available))]
    return long_tail_sizes(available, names, LongTailOptions.model_validate(options))


@pytest.mark.parametrize(("imbalance", "total"), [(10, 19573), (50, 12608), (100, 10847)])
def test_cifar100_lt_has_its_published_size(imbalance: int, total: int) -> None:
    found = sizes([500] * 100, imbalance=imbalance)
    assert (found[0], found[-1], sum(found)) == (500, 500 // imbalance, total)


def test_closed_form() -> None:
    assert sizes([1000] * 3, imbalance=100) == (1000, 100, 10)
    assert sizes([1000] * 4, imbalance=8) == (1000, 500, 250, 125)
    assert sizes([1000] * 3, imbalance=100, largest=400) == (400, 40, 4)
    assert sizes([7, 7, 7], imbalance=1) == (7, 7, 7)
    assert sizes([3, 3, 3], imbalance=3) == (3, 1, 1)
    assert sizes([9], imbalance=5) == (9,)
    assert sizes([49, 49], imbalance=49) == (49, 1)  # 49 * 49 ** -1 is a hair below 1


def test_a_class_gives_no_more_than_it_has() -> None:
    assert sizes([1000, 30, 1000], imbalance=100) == (1000, 30, 10)


def remarks(available: list[int], **options: object) -> tuple[str, ...]:
    names = [f"class {label}" for label in range(len(available))]
    return long_tail_remarks("plots", available, names, LongTailOptions.model_validate(options))


def test_a_tail_that_is_as_asked_for_needs_no_remark() -> None:
    assert remarks([1000] * 4, imbalance=8) == ()
    assert remarks([7, 7, 7], imbalance=1) == ()
    assert remarks([9], imbalance=5) == ()
    assert remarks([500] * 100, imbalance=100) == ()


def test_what_is_missed_is_told() -> None:
    assert remarks([232, 11, 26], imbalance=10) == (
        "plots: long tail: 10 to 1 was asked for, 21.1 to 1 is what there is: too few images of "
        "class 1 (11 of 73 wanted)",
    )
    (middle,) = remarks([100, 20, 100], imbalance=10)  # the ends are as asked for
    assert "10 to 1 is what there is: too few images of class 1 (20 of 31 wanted)" in middle
    (many,) = remarks([100, *[1] * 19], imbalance=2)
    assert many.count("wanted") == 10
    assert many.endswith("and 9 classes more")
    (rounded,) = remarks([299] * 10, imbalance=50)
    assert rounded.endswith("59.8 to 1 is what there is: numbers of images are rounded down")


def test_orders() -> None:
    available = [100, 400, 200, 400]
    assert sizes(available, imbalance=8, order="given", largest=80) == (80, 40, 20, 10)
    assert sizes(available, imbalance=8, order="count") == (50, 400, 100, 200)
    drawn = {sizes([80] * 4, imbalance=8, order="random", seed=seed) for seed in range(8)}
    assert len(drawn) > 1
    assert {tuple(sorted(each)) for each in drawn} == {(10, 20, 40, 80)}


def test_samples_that_stay() -> None:
    labels = labels_of(40, 40, 40)
    options = LongTailOptions(imbalance=4, seed=3)
    kept = long_tail(labels, NAMES, options)
    assert kept.dtype == np.int64
    assert np.all(np.diff(kept) > 0)
    assert np.bincount(labels[kept]).tolist() == [40, 20, 10]
    assert np.array_equal(kept, long_tail(labels, NAMES, options))
    other = long_tail(labels, NAMES, LongTailOptions(imbalance=4, seed=4))
    assert not np.array_equal(kept, other)


def test_every_sample_of_a_class_may_stay() -> None:
    labels = labels_of(4, 40)
    options = [LongTailOptions(imbalance=40, seed=seed, order="count") for seed in range(80)]
    survivors = [
        set(np.flatnonzero(labels == 0)) & set(long_tail(labels, "ab", o)) for o in options
    ]
    assert {len(each) for each in survivors} == {1}
    assert len(set.union(*survivors)) == 4


def test_a_steeper_tail_lies_within_a_flatter_one() -> None:
    labels = labels_of(50, 50, 50)
    tails = [
        set(long_tail(labels, NAMES, LongTailOptions(imbalance=imbalance, seed=1)).tolist())
        for imbalance in (1, 2, 10, 50)
    ]
    assert len(tails[0]) == 150
    assert tails[0] > tails[1] > tails[2] > tails[3]


def test_a_class_without_samples() -> None:
    with pytest.raises(TargetError, match="without a training sample: b"):
        long_tail(labels_of(5, 0, 5), NAMES, LongTailOptions(imbalance=2))


def test_too_few_samples() -> None:
    with pytest.raises(TargetError, match="asks for 60 samples of 'class 0', which has 50"):
        sizes([50, 70], imbalance=2, largest=60)
    with pytest.raises(TargetError, match="'class 0' has 50") as error:
        sizes([50, 70], imbalance=51)
    assert "50 at most" in error.value.remedy


@pytest.mark.parametrize("wrong", [{"imbalance": 0.5}, {}, {"imbalance": 2, "order": "size"}])
def test_wrong_options(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LongTailOptions.model_validate(wrong)
