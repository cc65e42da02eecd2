"""One row of a table: mean accuracy with the spread over seeds and three intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rsbench.statistics.binomial import bounds_of_mean
from rsbench.statistics.bootstrap import Resamples, percentiles, resampled_seeds
from rsbench.statistics.crossed import Crossed, crossed
from rsbench.statistics.intervals import Interval, note_of_seeds, source_of
from rsbench.statistics.moments import ClassMoments, class_moments
from rsbench.statistics.outcomes import ClassSet, Outcomes

NO_SPREAD = "the images of each class agree: resampling sees no noise; Wilson's interval instead"


@dataclass(frozen=True)
class RowSummary:
    """Mean accuracy over a set of classes, in percent.

    Attributes:
        mean: over seeds and classes.
        by_seed: of each seed.
        deviation: standard deviation over seeds (ddof = 1); None with one seed.
        classes: number of classes averaged over.
        images: test images of these classes.
        over_images: bootstrap over test images within classes, the seeds as they are.
        over_seeds: bootstrap over seeds, the images as they are; None with one seed. Much too
            narrow with few seeds (see ``bootstrap.resampled_seeds``).
        both: t interval over seeds and images (see ``crossed``); with one seed over images alone,
            and its note says so. This is the one to print where there is room for one.
    """

    mean: float
    by_seed: tuple[float, ...]
    deviation: float | None
    classes: int
    images: int
    over_images: Interval
    over_seeds: Interval | None
    both: Interval


def summarise_row(
    outcomes: Outcomes,
    sets: Mapping[str, ClassSet],
    resamples: Resamples,
    generator: np.random.Generator,
) -> dict[str, RowSummary | None]:
    """Summaries of a row for several sets of classes, None for a set without test images.

    Args:
        outcomes: of the row.
        sets: by name, for instance ``{"mean": None, "tail": (3, 4)}``.
        resamples: drawn from the same labels, shared by all rows of a target.
        generator: for the bootstrap over more than five seeds.
    """
    (found,) = summarise_rows([outcomes], sets, resamples, [generator])
    return found


def summarise_rows(
    rows: Sequence[Outcomes],
    sets: Mapping[str, ClassSet],
    resamples: Resamples,
    generators: Sequence[np.random.Generator],
) -> Iterator[dict[str, RowSummary | None]]:
    """The same for many rows that were tested on the same images, several times faster.

    Args:
        rows: outcomes of each row.
        sets: by name.
        resamples: drawn from the labels of all of them.
        generators: one for each row.
    """
    # misses instead of hits: they are fewer, and zeros cost nothing
    misses = [(outcomes.correct == 0).sum(axis=0) for outcomes in rows]
    drawn = resamples.means_of_rows(misses, list(sets.values()))
    for outcomes, generator, missed in zip(rows, generators, drawn, strict=True):
        moments = class_moments(outcomes.labels, outcomes.correct)
        right = 1.0 - missed / len(outcomes.seeds)
        yield {
            name: _summary(moments.of(classes), 100 * values, generator)
            for (name, classes), values in zip(sets.items(), right, strict=True)
        }


def _summary(
    moments: ClassMoments, drawn: NDArray[np.float64], generator: np.random.Generator
) -> RowSummary | None:
    estimate = crossed(moments)
    if estimate is None:
        return None
    by_seed = 100 * np.array(estimate.by_seed)
    agree = not np.nan_to_num(moments.images).any()
    over_images = _wilson(moments) if agree else Interval(*percentiles(drawn), "images")
    return RowSummary(
        mean=100 * estimate.estimate,
        by_seed=tuple(by_seed.tolist()),
        deviation=float(by_seed.std(ddof=1)) if len(by_seed) > 1 else None,
        classes=len(moments.classes),
        images=int(moments.counts.sum()),
        over_images=over_images,
        over_seeds=seed_interval(by_seed, generator),
        both=_both(estimate, over_images, agree),
    )


def seed_interval(by_seed: NDArray[np.float64], generator: np.random.Generator) -> Interval | None:
    """Percentile interval of the bootstrap over seeds, in the unit given; None with one seed."""
    drawn = resampled_seeds(by_seed, generator)
    if drawn is None:
        return None
    note = f"bootstrap over {len(by_seed)} seeds: too narrow" if len(by_seed) < 10 else ""
    return Interval(*percentiles(drawn), "seeds", note)


def _wilson(moments: ClassMoments) -> Interval:
    low, high = bounds_of_mean(moments.means.mean(axis=0), moments.counts)
    return Interval(100 * low, 100 * high, "images", NO_SPREAD)


def _both(estimate: Crossed, over_images: Interval, agree: bool) -> Interval:
    half = estimate.half_width()
    seeds = len(estimate.by_seed)
    if half is None or agree:
        # no spread between images: the wider of what seeds and the binomial say
        mean, reach = 100 * estimate.estimate, 100 * (half or 0.0)
        low, high = min(over_images.low, mean - reach), max(over_images.high, mean + reach)
        note = "; ".join(filter(None, (NO_SPREAD, note_of_seeds(seeds))))
        return Interval(max(low, 0.0), min(high, 100.0), source_of(seeds), note)
    low, high = 100 * (estimate.estimate - half), 100 * (estimate.estimate + half)
    return Interval(max(low, 0.0), min(high, 100.0), source_of(seeds), note_of_seeds(seeds))
