"""What sections with figures per transfer have in common: names, bounds, and words for captions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rsbench.report.tables.layout import identifiers, transfer_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

#: Transfers (backbone x target) that get figures of their own.
MOST_TRANSFERS = 4
#: The same in runs of more than ``MANY_ROWS`` rows, whose report must not take minutes.
FEW_TRANSFERS, MANY_ROWS = 1, 1000
#: Settings (places on further axes) of a transfer that get figures of their own; of more settings
#: the first one does.
MOST_SETTINGS = 4


@dataclass(frozen=True)
class DrawnTransfer:
    """A transfer that gets figures, or one of its settings.

    Attributes:
        backbone: label.
        target: label.
        suffix: ends the names of its figures: "" where the run has one transfer and setting.
        title: for readers.
        axes: values on the further axes of the matrix; empty for all settings together.
    """

    backbone: str
    target: str
    suffix: str
    title: str
    axes: Mapping[str, str] = field(default_factory=dict)

    def has(self, row: Row) -> bool:
        """Whether a row is of this setting; one without a place on an axis is of each value."""
        ours = (self.backbone, self.target) == (row.backbone, row.target)
        return ours and row.axes.items() <= self.axes.items()


def drawn_transfers(results: RunResults) -> tuple[DrawnTransfer, ...]:
    """The first transfers of the run, at most ``MOST_TRANSFERS``, or ``FEW_TRANSFERS``."""
    transfers = results.transfers
    texts = [f"{target} {backbone}" for backbone, target in transfers]
    names = identifiers(texts) if len(transfers) > 1 else {}
    drawn = list(zip(transfers, texts, strict=True))[: _most(results)]
    return tuple(
        DrawnTransfer(*each, f"_{names[text]}" if names else "", transfer_title(each))
        for each, text in drawn
    )


def drawn_settings(transfer: DrawnTransfer, rows: Sequence[Row]) -> tuple[DrawnTransfer, ...]:
    """The settings of a transfer that figures of single methods show, one at a time.

    No figure mixes values of an axis: the methods would change places with their settings.

    Args:
        transfer: all of its settings.
        rows: its rows.
    """
    axes = list({tuple(row.axes.items()): row.axes for row in rows}.values())
    whole = [each for each in axes if not any(each.items() < other.items() for other in axes)]
    if len(whole) <= 1:
        return tuple(replace(transfer, axes=each) for each in whole)
    words = [", ".join(f"{axis}={value}" for axis, value in each.items()) for each in whole]
    if len(whole) > MOST_SETTINGS:
        title = f"{transfer.title}, {words[0]} (the first of {len(whole)} settings)"
        return (replace(transfer, title=title, axes=whole[0]),)
    names = identifiers(words)
    return tuple(
        replace(
            transfer,
            suffix=f"{transfer.suffix}_{names[text]}",
            title=f"{transfer.title}, {text}",
            axes=each,
        )
        for each, text in zip(whole, words, strict=True)
    )


def _most(results: RunResults) -> int:
    return MOST_TRANSFERS if len(results.rows) <= MANY_ROWS else FEW_TRANSFERS


def left_out(results: RunResults) -> str:
    """A sentence about the transfers without figures, "" where there are none."""
    most = _most(results)
    more = results.transfers[most:]
    if not more:
        return ""
    names = ", ".join(transfer_title(each) for each in more[:20])
    names += f" and {len(more) - 20} more" if len(more) > 20 else ""
    return (
        f"**figures are drawn for the first {most} of {len(results.transfers)} transfers "
        f"only**; the others ({names}) get theirs from a matrix of fewer transfers."
    )


def capital(text: str) -> str:
    """``text`` as the beginning of a sentence; not for labels, which keep their letters."""
    return text[:1].upper() + text[1:]


def seeds_words(rows: Sequence[Row]) -> str:
    """How many seeds rows have, for a caption."""
    numbers = sorted({len(row.seeds) for row in rows})
    if not numbers:
        return "no seed"
    if numbers[-1] == 1:
        return "one seed"
    least = "" if len(numbers) == 1 else f"{numbers[0]} to "
    return f"mean over {least}{numbers[-1]} seeds"


def spread_words(rows: Sequence[Row]) -> str:
    """What error bars of the deviation over seeds are, or why there are none."""
    several = [row for row in rows if len(row.seeds) > 1]
    if not several:
        return "no error bars: one seed only, so nothing is known of the spread"
    some = "" if len(several) == len(rows) else " where there are several"
    return f"error bars: ± sample standard deviation over the seeds{some}"


def split_words(rows: Sequence[Row]) -> str:
    """What was evaluated, with the number of images where it is one and the same."""
    held_out = any(row.evaluated_on == "validation" for row in rows)
    kind = "held-out training (NOT test)" if held_out else "test"
    numbers = {sum(row.first.test_counts) for row in rows}
    count = f"{numbers.pop():,} " if len(numbers) == 1 and 0 not in numbers else ""
    return f"{count}{kind} images"


def chance(row: Row) -> float | None:
    """Mean-class accuracy, percent, of a constant answer: 100 / number of tested classes."""
    tested = sum(count > 0 for count in row.first.test_counts)
    return 100.0 / tested if tested else None


def image_interval(row: Row) -> tuple[float, float] | None:
    """95 % interval, percent, of mean-class accuracy from the number of test images alone.

    From the class accuracies in the records (``statistics.binomial_interval``); None for records
    that do not tell their test images.
    """
    from rsbench.errors import NotComparableError
    from rsbench.statistics import binomial_interval

    record = row.first
    if record.metrics is None or not any(record.test_counts):
        return None
    try:
        found = binomial_interval(record.metrics.per_class, record.test_counts, None)
    except NotComparableError:  # invented or old records: no accuracy for a tested class
        return None
    return (found.low, found.high) if found else None
