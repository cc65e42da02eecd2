"""A method beside its MetaPEFT version: the same images and the same seeds, so paired twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from rsbench.errors import NotComparableError
from rsbench.statistics.bootstrap import Resamples, percentiles, two_sided_p
from rsbench.statistics.crossed import Crossed, crossed
from rsbench.statistics.intervals import Interval, note_of_seeds, source_of
from rsbench.statistics.moments import ClassMoments, class_moments
from rsbench.statistics.outcomes import ClassSet, Outcomes, inside
from rsbench.statistics.power import detectable_difference
from rsbench.statistics.rows import seed_interval
from rsbench.statistics.verdicts import Verdict, verdict

#: Wilcoxon's test over seeds: with fewer it cannot reach 5 % (paper section 9.10).
WILCOXON_SEEDS = 6


@dataclass(frozen=True)
class PairedDifference:
    """Second row minus first, averaged over a set of classes, in points (percent of accuracy).

    Attributes:
        difference: over seeds and classes.
        by_seed: of each seed.
        seeds: those that both rows have, and that alone were used.
        seeds_left_out: those that only one row has.
        classes: number of classes averaged over.
        images: test images of these classes.
        differing: images of which at least one seed's outcome differs on balance over the seeds.
        over_images: paired bootstrap over test images within classes, the seeds as they are.
        p_images: two-sided p of the same. It says nothing about seeds: with seed noise it claims
            far too much (see ``crossed``).
        over_seeds: bootstrap over seeds, the images as they are; None with one seed.
        p_seeds: Wilcoxon's signed-rank test over seeds, for these very images; None with fewer
            than six.
        both: t interval over seeds and images; over images alone with one seed (its note says so);
            None where no class has two images.
        p: two-sided p over the same, not below 2^(1 - differing): what swapping the two rows on
            the images that differ could show at best.
        error: standard error over the same, in points.
        detectable: smallest true difference, in points, that this design finds with 80 % power at
            5 %; with one seed a lower bound. None where the error is zero or unknown.
        verdict: from ``p``, for this comparison alone; of many, use ``corrections.judge_family``.
    """

    difference: float
    by_seed: tuple[float, ...]
    seeds: tuple[int, ...]
    seeds_left_out: tuple[int, ...]
    classes: int
    images: int
    differing: int
    over_images: Interval
    p_images: float
    over_seeds: Interval | None
    p_seeds: float | None
    both: Interval | None
    p: float | None
    error: float | None
    detectable: float | None
    verdict: Verdict


def compare_pair(
    first: Outcomes,
    second: Outcomes,
    sets: Mapping[str, ClassSet],
    resamples: Resamples,
    generator: np.random.Generator,
) -> dict[str, PairedDifference | None]:
    """Compare two rows for several sets of classes, None for a set without test images.

    Args:
        first: the plain method.
        second: its counterpart.
        sets: by name, for instance ``{"mean": None, "tail": (3, 4)}``.
        resamples: drawn from the same labels.
        generator: for the bootstrap over more than five seeds.

    Raises:
        NotComparableError: the rows were tested on different images, or share no seed.
    """
    (found,) = compare_pairs([(first, second)], sets, resamples, [generator])
    return found


def compare_pairs(
    pairs: Sequence[tuple[Outcomes, Outcomes]],
    sets: Mapping[str, ClassSet],
    resamples: Resamples,
    generators: Sequence[np.random.Generator],
) -> Iterator[dict[str, PairedDifference | None]]:
    """The same for many pairs that were tested on the same images, several times faster.

    Args:
        pairs: the plain method and its counterpart.
        sets: by name.
        resamples: drawn from the labels of all of them.
        generators: one for each pair.

    Raises:
        NotComparableError: the rows of a pair were tested on different images, or share no seed.
    """
    shared = [_shared_seeds(first, second) for first, second in pairs]
    values = [
        second.only(seeds).correct.astype(np.int8) - first.only(seeds).correct
        for (first, second), seeds in zip(pairs, shared, strict=True)
    ]
    balances = [each.sum(axis=0, dtype=np.int64) for each in values]
    drawn = resamples.means_of_rows(balances, list(sets.values()))
    for pair, each, balance, generator, means in zip(
        pairs, values, balances, generators, drawn, strict=True
    ):
        yield _differences(pair, each, balance, sets, means, generator)


def _differences(
    pair: tuple[Outcomes, Outcomes],
    values: NDArray[np.int8],
    balance: NDArray[np.int64],
    sets: Mapping[str, ClassSet],
    drawn: NDArray[np.float64],
    generator: np.random.Generator,
) -> dict[str, PairedDifference | None]:
    """Differences of a pair by set of classes, from its outcomes' differences (seeds, n)."""
    first, second = pair
    seeds = _shared_seeds(first, second)
    left_out = tuple(sorted(set(first.seeds) ^ set(second.seeds)))
    moments = class_moments(first.labels, values)
    points = 100 * drawn / len(seeds)
    differ = np.bincount(np.searchsorted(moments.classes, first.labels), weights=balance != 0)
    found: dict[str, PairedDifference | None] = {}
    for (name, classes), each in zip(sets.items(), points, strict=True):
        differing = int(differ[inside(moments.classes, classes)].sum())
        found[name] = _difference(moments.of(classes), each, differing, seeds, left_out, generator)
    return found


def _shared_seeds(first: Outcomes, second: Outcomes) -> tuple[int, ...]:
    if first.images != second.images:
        raise NotComparableError(
            f"the rows were tested on different images ({first.labels.size} and "
            f"{second.labels.size} of them)",
            remedy="compare rows of the same version of the target, tested on the same split",
        )
    seeds = tuple(seed for seed in first.seeds if seed in second.seeds)
    if not seeds:
        raise NotComparableError(
            f"the rows share no seed: {list(first.seeds)} and {list(second.seeds)}",
            remedy="run both with the same seeds",
        )
    return seeds


def _difference(
    moments: ClassMoments,
    drawn: NDArray[np.float64],
    differing: int,
    seeds: tuple[int, ...],
    left_out: tuple[int, ...],
    generator: np.random.Generator,
) -> PairedDifference | None:
    estimate = crossed(moments)
    if estimate is None:
        return None
    by_seed = 100 * np.array(estimate.by_seed)
    p = _p_value(estimate, differing)
    error = None if estimate.images is None or estimate.error is None else 100 * estimate.error
    return PairedDifference(
        difference=100 * estimate.estimate,
        by_seed=tuple(by_seed.tolist()),
        seeds=seeds,
        seeds_left_out=left_out,
        classes=len(moments.classes),
        images=int(moments.counts.sum()),
        differing=differing,
        over_images=Interval(*percentiles(drawn), "images"),
        p_images=two_sided_p(drawn),
        over_seeds=seed_interval(by_seed, generator),
        p_seeds=wilcoxon_over_seeds(by_seed),
        both=_both(estimate),
        p=p,
        error=error,
        detectable=detectable_difference(error, estimate.degrees) if error else None,
        verdict=verdict(estimate.estimate, p, len(seeds)),
    )


def wilcoxon_over_seeds(by_seed: NDArray[np.float64]) -> float | None:
    """P of Wilcoxon's signed-rank test (zero differences dropped); None below six seeds."""
    if len(by_seed) < WILCOXON_SEEDS:
        return None
    if not by_seed.any():
        return 1.0
    return float(scipy.stats.wilcoxon(by_seed).pvalue)


def _p_value(estimate: Crossed, differing: int) -> float | None:
    if differing == 0 and estimate.estimate == 0.0:
        return 1.0
    p = estimate.p_value() if estimate.images is not None else None
    return None if p is None else max(p, min(1.0, 2.0 ** (1 - differing)))


def _both(estimate: Crossed) -> Interval | None:
    half = estimate.half_width() if estimate.images is not None else None
    if half is None:
        return None
    seeds = len(estimate.by_seed)
    return Interval(
        100 * (estimate.estimate - half),
        100 * (estimate.estimate + half),
        source_of(seeds),
        note_of_seeds(seeds),
    )
