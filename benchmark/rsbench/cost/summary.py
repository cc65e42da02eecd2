"""From the seconds of the rounds to medians, quartiles, ratios and bounds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from rsbench.cost.results import PeakMemory, Training
from rsbench.cost.variants import Variant
from rsbench.record import Failure

#: What a MetaPEFT training may take above the time that its steps add up to.
ALLOWANCE = 1.05


@dataclass
class Measured:
    """What was measured of one variant.

    Attributes:
        variant: the variant.
        trainings: one per round, the warm-up round excluded.
        memory: peak memory, or None where it was not asked for.
        failure: why the variant failed, or None.
    """

    variant: Variant
    trainings: list[Training] = field(default_factory=list)
    memory: PeakMemory | None = None
    failure: Failure | None = None


@dataclass(frozen=True)
class Quartiles:
    """Median and quartiles over the rounds."""

    low: float
    median: float
    high: float


@dataclass(frozen=True)
class Row:
    """One variant in the table.

    Attributes:
        variant: the variant.
        training: the first training, for what is the same in every round; None if it failed.
        milliseconds: training time per inner step, that of outer steps included; None for a
            head that is fitted.
        images_per_second: images that inner steps read, median; None likewise.
        ratio: training time over that of the plain partner in the same round, or None.
        bound: most that the ratio may be, or None where nothing is promised.
        memory: peak memory, or None where it was not asked for.
        failure: why the variant failed, or None.
    """

    variant: Variant
    training: Training | None
    milliseconds: Quartiles | None
    images_per_second: float | None
    ratio: Quartiles | None
    bound: float | None
    memory: PeakMemory | None
    failure: Failure | None

    @property
    def within_bound(self) -> bool | None:
        """Whether the median ratio keeps to the bound; None where there is none to compare."""
        if self.ratio is None or self.bound is None:
            return None
        return self.ratio.median <= self.bound


def summarise(measured: Sequence[Measured]) -> tuple[Row, ...]:
    """One row per variant, in the same order."""
    return tuple(_row(each, measured) for each in measured)


def quartiles(values: Sequence[float]) -> Quartiles:
    """Median and quartiles; of a single value: that value."""
    if len(values) == 1:
        return Quartiles(values[0], values[0], values[0])
    return Quartiles(*statistics.quantiles(values, n=4, method="inclusive"))


def _row(measured: Measured, everything: Sequence[Measured]) -> Row:
    variant, trainings = measured.variant, measured.trainings
    usable = bool(trainings) and measured.failure is None
    stepped = usable and trainings[0].steps > 0  # a fitted head takes no steps
    speeds = [each.images / each.seconds for each in trainings]
    return Row(
        variant=variant,
        training=trainings[0] if usable else None,
        milliseconds=(
            quartiles([1000.0 * each.seconds / each.steps for each in trainings])
            if stepped
            else None
        ),
        images_per_second=statistics.median(speeds) if stepped else None,
        ratio=_ratio(measured, everything) if usable else None,
        bound=None if variant.expected is None else variant.expected * ALLOWANCE,
        memory=measured.memory,
        failure=measured.failure,
    )


def _ratio(measured: Measured, everything: Sequence[Measured]) -> Quartiles | None:
    """Seconds over the partner's, round by round: both trained the same number of epochs."""
    if measured.variant.plain is None:
        return None
    plain = everything[measured.variant.plain]
    if plain.failure is not None or not plain.trainings:
        return None
    pairs = zip(measured.trainings, plain.trainings, strict=True)
    return quartiles([ours.seconds / theirs.seconds for ours, theirs in pairs])
