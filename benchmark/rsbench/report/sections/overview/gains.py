"""Gains of single classes, ordered by their frequency, beside how exact an accuracy is."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent, Artefact, Figure
from rsbench.report.sections.statistics.contrasts import is_reference
from rsbench.report.tables.layout import in_paper_order, is_control
from rsbench.report.transfers import DrawnTransfer, split_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure as Drawing

    from rsbench.record import Record
    from rsbench.report.figures.bars import ClassBars
    from rsbench.report.rows import Pair, Row

#: Pairs (a method without and with MetaPEFT) that get a panel in each transfer.
MOST_PAIRS = 3
#: What the grey band is: no interval of the difference, which is of pairs on the same images.
_BAND = "95 % interval (Wilson) of the subtracted method's accuracy"


@dataclass(frozen=True)
class ClassGain:
    """Second row minus first, class by class.

    Attributes:
        title: of its panel.
        first: the plain method, or the reference.
        second: what is compared with it.
    """

    title: str
    first: Row
    second: Row

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that both have."""
        return tuple(seed for seed in self.first.seeds if seed in self.second.seeds)

    def differences(self, index: int) -> list[float]:
        """Of one class, by seed, in points."""
        ours, theirs = _by_seed(self.first), _by_seed(self.second)
        found = [(theirs[seed][index], ours[seed][index]) for seed in self.seeds]
        return [100 * (b - a) for b, a in found if a is not None and b is not None]


def gain_figure(
    transfer: DrawnTransfer, rows: Sequence[Row], pairs: Sequence[Pair]
) -> Artefact | None:
    """MetaPEFT minus plain for the first pairs, and the best PEFT method minus the linear probe."""
    gains = [*_pair_gains(pairs), *_best_gain(rows)]
    if not gains:
        return None
    name, title = f"class_gains{transfer.suffix}", f"Gains by class: {transfer.title}"
    first = gains[0].first.first
    classes = frequent_first(first)
    alike = [
        each
        for each in gains
        if all(_same_classes(first, row.first) for row in (each.first, each.second))
    ]
    if not classes or not alike:
        return Absent(name, title, "the records do not tell the images of each class")
    return Figure(
        name=name,
        title=title,
        caption=_caption(transfer, alike, len(pairs)),
        draw=partial(_draw, title, alike, classes),
        alt=" ".join(_words(each, classes) for each in alike),
    )


def _pair_gains(pairs: Sequence[Pair]) -> list[ClassGain]:
    """The first pairs, LoRA first."""
    both = [pair for pair in pairs if pair.seeds]
    ordered = sorted(both, key=lambda pair: pair.plain.first.cell.method.kind != "lora")
    return [
        ClassGain(
            f"{pair.tuned.full_method} minus {pair.plain.full_method}", pair.plain, pair.tuned
        )
        for pair in ordered[:MOST_PAIRS]
    ]


def _best_gain(rows: Sequence[Row]) -> list[ClassGain]:
    """The method with the highest mean-class accuracy (linear, full, controls aside) - linear."""
    plain = [row for row in in_paper_order(rows) if not is_control(row)]
    linear = [row for row in plain if is_reference(row, "linear")]
    others = [
        row
        for row in plain
        if row not in linear and not is_reference(row, "full") and row.first.parameters
    ]
    if not linear or not others:
        return []
    best = max(others, key=lambda row: row.measure("mean").mean or 0.0)
    gain = ClassGain(f"{best.full_method} (best PEFT) minus {linear[0].method}", linear[0], best)
    return [gain] if gain.seeds else []


def frequent_first(record: Record) -> list[int]:
    """Tested classes, the most frequent in training first; empty where counts are not told."""
    if record.metrics is None or not record.train_counts or not record.test_counts:
        return []
    tested = [
        index
        for index, value in enumerate(record.metrics.per_class)
        if value is not None and record.test_counts[index] > 0
    ]
    return sorted(tested, key=lambda index: (-record.train_counts[index], index))


def group_names(record: Record, classes: Sequence[int]) -> list[str]:
    """Group of each class."""
    names = {index: name for name, members in record.groups.items() for index in members}
    return [names.get(index, "medium") for index in classes]


def _same_classes(one: Record, other: Record) -> bool:
    return one.class_names == other.class_names and one.test_counts == other.test_counts


def _by_seed(row: Row) -> dict[int, tuple[float | None, ...]]:
    return {record.cell.seed: record.metrics.per_class for record in row.records if record.metrics}


def _caption(transfer: DrawnTransfer, gains: Sequence[ClassGain], pairs: int) -> str:
    seeds = sorted({len(each.seeds) for each in gains})
    number = " to ".join(str(each) for each in dict.fromkeys((seeds[0], seeds[-1])))
    bars = "Error bars: ± sample standard deviation of the differences over seeds"
    if seeds[-1] == 1:
        bars = "No error bars: one seed only"
    counts = gains[0].first.first.test_counts
    ends = dict.fromkeys((min(count for count in counts if count), max(counts)))
    images = " to ".join(str(end) for end in ends)
    sentences = [
        f"{transfer.title}: difference in accuracy of each class on "
        f"{split_words([gains[0].first])} ({images} for each class), seeds: "
        f"{number}; the most frequent class in training first",
        bars,
        "Grey: 95 % Wilson interval of the accuracy in that class of the method that is "
        "subtracted, less that accuracy: how far its test images alone leave it open. It is no "
        "interval of the difference, and of many classes some leave the band by chance",
    ]
    if any("best PEFT" in each.title for each in gains):
        sentences.append("The best PEFT method was chosen on these images, which flatters it")
    left_out = pairs - sum("best PEFT" not in each.title for each in gains)
    if left_out > 0:
        sentences.append(f"{left_out} more pairs are in the tables")
    return " ".join(f"{each}." for each in sentences)


def _words(gain: ClassGain, classes: Sequence[int]) -> str:
    names = gain.first.first.class_names
    means = {index: statistics.fmean(d) for index in classes if (d := gain.differences(index))}
    high, low = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    low_ends, high_ends = _band(gain, classes)
    outside = sum(
        not low <= means[index] <= high
        for index, low, high in zip(classes, low_ends, high_ends, strict=True)
    )
    return (
        f"{gain.title}: from {means[low]:+.1f} points ({names[low]}) to {means[high]:+.1f} "
        f"({names[high]}); {outside} of {len(classes)} classes leave the grey band."
    )


def _band(gain: ClassGain, classes: Sequence[int]) -> tuple[list[float], list[float]]:
    """Ends of the band of each class, in points."""
    import numpy as np

    from rsbench.statistics.binomial import wilson

    per_class = _by_seed(gain.first)
    accuracies = np.array(
        [statistics.fmean(per_class[s][index] or 0.0 for s in gain.seeds) for index in classes]
    )
    counts = np.array([gain.first.first.test_counts[index] for index in classes])
    low, high = wilson(accuracies, counts)
    return (100 * (low - accuracies)).tolist(), (100 * (high - accuracies)).tolist()


def _draw(title: str, gains: Sequence[ClassGain], classes: Sequence[int]) -> Drawing:
    from rsbench.report.figures.bars import class_bars

    record = gains[0].first.first
    names = [record.class_names[index] for index in classes]
    panels = [_panel(each, classes) for each in gains]
    return class_bars(names, group_names(record, classes), panels, "gain, points", _BAND, title)


def _panel(gain: ClassGain, classes: Sequence[int]) -> ClassBars:
    from rsbench.report.figures.bars import ClassBars

    differences = [gain.differences(index) for index in classes]
    low, high = _band(gain, classes)
    return ClassBars(
        title=gain.title,
        values=[statistics.fmean(each) for each in differences],
        deviations=[statistics.stdev(each) if len(each) > 1 else None for each in differences],
        low=low,
        high=high,
    )
