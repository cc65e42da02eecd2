"""What is known of two rows of a transfer beside each other, and what may be said about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.report.rows import METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.sections.statistics.contrasts import Contrast
    from rsbench.statistics import Interval, Judged, PairedDifference, UnpairedDifference


@dataclass(frozen=True)
class Comparison:
    """The second row minus the first on one metric, in points; at most one of the two is there.

    Attributes:
        paired: on the same images and seeds.
        unpaired: from the records alone, where predictions are missing.
        reason: why it is not paired, or why there is no comparison; "" where nothing is missing.
    """

    paired: PairedDifference | None
    unpaired: UnpairedDifference | None
    reason: str = ""

    @property
    def found(self) -> PairedDifference | UnpairedDifference | None:
        """The comparison, None where there is none."""
        return self.paired or self.unpaired

    @property
    def difference(self) -> float | None:
        """In points; None where there is no comparison."""
        return self.found.difference if self.found else None

    @property
    def interval(self) -> Interval | None:
        """95 %, over seeds and images (over images alone with one seed), in points."""
        if self.paired is not None:
            return self.paired.both
        return self.unpaired.interval if self.unpaired else None

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those that both rows have and that were used."""
        return self.found.seeds if self.found else ()


@dataclass(frozen=True)
class Finding:
    """A comparison on one metric with what may be said about it.

    Attributes:
        contrast: the two rows.
        metric: one of ``METRICS``.
        comparison: the numbers.
        judged: verdict after Holm's correction over the family; None where images are not paired.
    """

    contrast: Contrast
    metric: str
    comparison: Comparison
    judged: Judged | None

    @property
    def verdict(self) -> str:
        """In words; "" where there is nothing to judge."""
        if self.judged is not None:
            return str(self.judged.verdict)
        unpaired = self.comparison.unpaired
        return f"{unpaired.verdict} (images not paired)" if unpaired else ""


def judge(
    contrasts: Sequence[Contrast], compared: Sequence[dict[str, Comparison]]
) -> list[Finding]:
    """Findings by contrast and metric; each metric is one family for Holm's correction.

    The same cells under two values of an axis are one test of the family, not two.
    """
    from rsbench.statistics import judge_family

    keys = [(each.first.ids, each.second.ids) for each in contrasts]
    once = dict(zip(keys, compared, strict=True))
    judged = {
        name: dict(
            zip(once, judge_family([each[name].paired for each in once.values()]), strict=True)
        )
        for name in METRICS
    }
    return [
        Finding(contrast, name, comparisons[name], judged[name][key])
        for contrast, key, comparisons in zip(contrasts, keys, compared, strict=True)
        for name in METRICS
    ]
