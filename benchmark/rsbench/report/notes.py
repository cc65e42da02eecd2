"""The lines that say what limits the numbers of a run."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from rsbench.alarms import BELOW
from rsbench.heldout import SMALLEST_CLASS
from rsbench.report.artefacts import EMPTY
from rsbench.report.record_notes import NUMBER, together
from rsbench.report.results import reason_of
from rsbench.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

#: Most labels that one line lists.
_MOST = 20
#: Most labels that a line of ``warnings`` lists, and most rows of a value in ``_exceptions``.
_FEW = 3

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
    return (*cautions(results), *gaps(results, _MOST), *remarks(results))


def cautions(results: RunResults) -> tuple[str, ...]:
    """What must be known before any number is read, marked as bold."""
    return (*_conditions(results), *alarm_lines(results.rows))


def table_cautions(results: RunResults) -> tuple[str, ...]:
    """The same in few lines, for every table of accuracies: it may be cut out of the report."""
    found = [each.strip("*") for each in _conditions(results)]
    lines = [f"**{' — '.join(found)}**"] if found else []
    if alarm_lines(results.rows):
        lines.append("**some rows did not learn or are below a probe**: see the table main")
    unfinished = len(results.missing) + len(results.failures)
    if unfinished:
        cells = f"{unfinished} of {results.cells} cells"
        lines.append(f"**{cells} are missing or failed**: see the table main")
    return (*lines, *_precisions(results.rows))


def _conditions(results: RunResults) -> tuple[str, ...]:
    """What all numbers rest on: no cells, no test images, demo data and the like."""
    lines = [] if results.rows else ["**No cell is finished.**"]
    lines += _validation(results.rows)
    return (*lines, *(f"**{text}**" for text in results.disclaimers))


def alarm_lines(rows: Sequence[Row]) -> list[str]:
    """Rows with cells that did not learn, by what was seen, and rows below a fitted probe."""
    seen: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    findings: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        for text in (each for record in row.records for each in record.alarms):
            finding, _, cure = text.partition(": ")
            kind = (NUMBER.sub("0", finding), cure)
            findings[kind].append(finding)
            seen[kind][row.label] = None
    lines = [
        f"**{together(list(dict.fromkeys(findings[kind])))}** ({shortened(list(labels), _FEW)}): "
        f"{kind[1]}"
        for kind, labels in seen.items()
    ]
    return [*lines, *_below_the_floor(rows)]


def _below_the_floor(rows: Sequence[Row]) -> list[str]:
    """Trained rows whose mean accuracy is below that of a fitted row, which has no epochs."""
    lines = []
    for floor in (row for row in rows if not row.first.epochs):
        height = _mean(floor)
        below = [
            f"{row.method_and_setting} {_mean(row):.1f}"
            for row in rows
            if row.first.epochs and floor.place.covers(row.place) and _mean(row) < height
        ]
        if below:
            lines.append(
                f"**below {floor.label} ({height:.1f} %), a head fitted to the frozen features** "
                f"({shortened(below)}): {BELOW}"
            )
    return lines


def _mean(row: Row) -> float:
    return row.measure("mean").mean or 0.0


def warnings(results: RunResults) -> tuple[str, ...]:
    """What must not be overlooked, in few and short lines, for the terminal."""
    rows = results.rows
    return (
        *cautions(results),
        *gaps(results),
        *_foreign(results),
        *_unpredicted(results, _FEW),
        *_one_seed(rows),
        *(["**the rows do not all have the same seeds**"] if _unequal_seeds(rows) else []),
        *_precisions(rows),
    )


def gaps(results: RunResults, most: int = _FEW) -> list[str]:
    """A line on the missing cells and one on the failed ones; nothing where there are none."""
    cells, lines = results.cells, []
    if results.missing:
        labels = shortened([each.label for each in results.missing], most)
        lines.append(f"**missing: {len(results.missing)} of {cells} cells**: {labels}")
    if results.failures:
        reasons = [f"{each.cell.label} ({reason_of(each)})" for each in results.failures]
        failed = f"**failed: {len(results.failures)} of {cells} cells**"
        lines.append(f"{failed}: {shortened(reasons, most)}")
    return lines


def remarks(results: RunResults) -> tuple[str, ...]:
    """What else limits the numbers: cells left out or without files, seeds, precisions, notes."""
    return (
        *_foreign(results),
        *untested(results.rows),
        *_unpredicted(results),
        *_seeds(results.rows),
        *_precisions(results.rows),
        *results.notes,
    )


def untested(rows: Sequence[Row]) -> list[str]:
    """Classes without a test image, by target, and why: no mean counts them."""
    lines: dict[str, None] = {}
    for row in rows:
        record = row.first
        tested = dict(zip(record.class_names, record.test_counts, strict=False))
        without = [name for name, count in tested.items() if not count]
        if not without:
            continue
        left_out = record.skipped.get("test", 0)
        reason = "the target lists none of them"
        if left_out:
            reason += f", or only some of the {left_out} that cannot be used and were left out"
        if row.evaluated_on == "validation":
            reason = f"images are held out of classes with {SMALLEST_CLASS} or more alone"
        lines[
            f"**{row.target}: {len(without)} of {len(tested)} classes have no test image** and "
            f"enter no mean ({reason}): {shortened(without)}"
        ] = None
    return list(lines)


def _foreign(results: RunResults) -> list[str]:
    if not results.foreign:
        return []
    return [
        f"left out: {counted(results.foreign, 'cell')} in the folder that the matrix does not name "
        "(from another version of it, or of its data)"
    ]


def _cells_without_predictions(results: RunResults) -> tuple[tuple[str, ...], int]:
    """Labels of the finished cells without ``predictions.parquet``, and how many are finished."""
    labels = {record.id: record.cell.label for row in results.rows for record in row.records}
    lacking = [label for i, label in labels.items() if not results.files.has_predictions(i)]
    return tuple(lacking), len(labels)


def _unpredicted(results: RunResults, most: int = _MOST) -> list[str]:
    lacking, finished = results.once(_cells_without_predictions)
    if not lacking:
        return []
    return [
        f"**no predictions: {len(lacking)} of {finished} finished cells have no "
        "predictions.parquet**: comparisons and intervals of their rows rest on the class "
        "accuracies alone (images not paired: wider intervals, fewer differences found), and "
        f"these cells have no ECE: {shortened(lacking, most)}"
    ]


def _seeds(rows: Sequence[Row]) -> list[str]:
    lines = _one_seed(rows)
    if _unequal_seeds(rows):
        listed = _exceptions(rows, lambda row: ", ".join(map(str, row.seeds)))
        lines.append(f"**the rows do not all have the same seeds**: {listed}")
    return lines


def _one_seed(rows: Sequence[Row]) -> list[str]:
    single = sum(len(row.seeds) == 1 for row in rows)
    if not single:
        return []
    some = f"{single} of {len(rows)} rows (those with 1 under 'seeds')"
    which = "all rows" if single == len(rows) else some
    return [f"**one seed only, so nothing is known of the spread**: {which}"]


def _unequal_seeds(rows: Sequence[Row]) -> bool:
    return len({row.seeds for row in rows}) > 1


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
    texts = {
        text: "all other rows" if text == commonest else shortened(labels, _FEW)
        for text, labels in by_value.items()
    }
    listed = [f"{text} ({which})" for text, which in texts.items() if text != commonest]
    return "; ".join([f"{commonest} ({texts[commonest]})", *listed[:_MOST]])


def shortened(labels: Sequence[str], most: int = _MOST) -> str:
    """The first labels, and how many more there are."""
    more = f", and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(labels[:most]) + more
