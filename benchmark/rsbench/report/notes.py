"""The lines that say what limits the numbers of a run."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from rsbench.report.artefacts import EMPTY
from rsbench.report.results import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

#: Most labels that one line lists.
_MOST = 20

DEFINITIONS = (
    "head, medium, tail: mean of the per-class accuracies of the classes in the group; "
    "mean: mean-class accuracy over all classes; in percent, mean ± sample standard deviation "
    "(ddof = 1) over the seeds; "
    f"{EMPTY}: no class of the group was tested.",
    "trainable parameters: everything that training changes: method, head and modulators; "
    "modulators: scalars that MetaPEFT trains; metapeft: yes, no, or what a control does with "
    "gamma instead of learning it; train seconds: wall time of the training loop, "
    "mean over the seeds.",
)


def footnotes(results: RunResults) -> tuple[str, ...]:
    """What limits the numbers, the most important first."""
    cells = results.cells
    lines = [] if results.rows else ["**No cell is finished.**"]
    lines += _validation(results.rows)
    lines += [f"**{text}**" for text in results.disclaimers]
    if results.missing:
        labels = shortened([each.label for each in results.missing])
        lines.append(f"**missing: {len(results.missing)} of {cells} cells**: {labels}")
    if results.failures:
        reasons = shortened([f"{each.cell.label} ({reason_of(each)})" for each in results.failures])
        lines.append(f"**failed: {len(results.failures)} of {cells} cells**: {reasons}")
    if results.foreign:
        lines.append(
            f"left out: {results.foreign} cells in the folder that the matrix does not name "
            "(from another version of it, or of its data)"
        )
    return (*lines, *_seeds(results.rows), *_precisions(results.rows), *results.notes)


def _seeds(rows: Sequence[Row]) -> list[str]:
    lines = []
    single = [row.label for row in rows if len(row.seeds) == 1]
    if single:
        some = f"{len(single)} of {len(rows)} rows (those with 1 under 'seeds')"
        which = "all rows" if len(single) == len(rows) else some
        lines.append(f"**one seed only, so nothing is known of the spread**: {which}")
    if len({row.seeds for row in rows}) > 1:
        listed = _exceptions(rows, lambda row: ", ".join(map(str, row.seeds)))
        lines.append(f"**the rows do not all have the same seeds**: {listed}")
    return lines


def _precisions(rows: Sequence[Row]) -> list[str]:
    if len({precision for row in rows for precision in row.precisions}) <= 1:
        return []
    listed = _exceptions(rows, lambda row: ", ".join(row.precisions))
    return [f"**the cells were not all trained in the same precision**: {listed}"]


def _validation(rows: Sequence[Row]) -> list[str]:
    held_out = [row.label for row in rows if row.evaluated_on == "validation"]
    if not held_out:
        return []
    which = "all rows" if len(held_out) == len(rows) else shortened(held_out)
    return [
        "**NOT TEST RESULTS: scored on the slice held out of train (evaluate_on: validation), "
        f"for choosing settings only: {which}**"
    ]


def _exceptions(rows: Sequence[Row], value: Callable[[Row], str]) -> str:
    """Every value with the rows that have it; the commonest one has "all other rows"."""
    by_value: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        by_value[value(row)].append(row.label)
    commonest = max(by_value, key=lambda text: len(by_value[text]))
    return "; ".join(
        f"{text} ({'all other rows' if text == commonest else shortened(labels)})"
        for text, labels in by_value.items()
    )


def shortened(labels: Sequence[str]) -> str:
    """The first labels, and how many more there are."""
    more = f", and {len(labels) - _MOST} more" if len(labels) > _MOST else ""
    return ", ".join(labels[:_MOST]) + more
