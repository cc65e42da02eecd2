"""A run beside the paper as tables: all of it for files, and in parts for readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.compare.measured import EXACT
from rsbench.compare.paper import VERDICTS, Comparison, PaperComparison, which
from rsbench.report.artefacts import Column, Measure, Table, Value
from rsbench.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.compare.measured import Measured
    from rsbench.compare.order import Step
    from rsbench.published import PublishedNumber, PublishedTable
    from rsbench.report.rows import Row

NAME = "compare-paper"
ORDER_NAME = "compare-paper-order"
#: Decimals that readers see of our numbers, where two are not right.
_DIGITS = {"distance": 3, "parameters": 0, "limits": 0}

_COLUMNS = (
    Column("id", "published number"),
    Column("where", "where"),
    Column("quantity", "quantity"),
    Column("metric", "metric"),
    Column("unit", "unit"),
    Column("published", "published"),
    Column("uncertainty", "±"),
    Column("certainty", "how sure"),
    Column("tolerance", "tolerance"),
    Column("source", "source"),
    Column("row", "row of this run"),
    Column("reading", "reading"),
    Column("seeds", "seeds"),
    Column("ours", "ours", digits=2, parts=("mean", "low", "high")),
    Column("basis", "interval over"),
    Column("difference", "difference", digits=2, signed=True),
    Column("verdict", "verdict"),
    Column("remark", "remark"),
)
_ORDER_COLUMNS = (
    Column("better", "published as better"),
    Column("worse", "published as worse"),
    Column("published", "published difference", unit="points", signed=True),
    Column("better_row", "row of this run, better"),
    Column("worse_row", "row of this run, worse"),
    Column("ours", "ours", digits=2, unit="points", parts=("mean", "low", "high"), signed=True),
    Column("verdict", "verdict"),
)
_ORDER_NOTE = (
    "mean-class accuracy on DOTA, plain methods; differences paired by seed, with 95 % intervals; "
    "holds: the difference is not below zero; within tolerance: the order is reversed by no more "
    "than a reproduction may deviate; reversed: by more than that."
)
_LEGEND = (
    "ours: mean over the seeds, with a 95 % t interval over seeds and test images (over seeds "
    "alone where no predictions were kept, over images alone with one seed; the CSV file says "
    "which); with fewer than three seeds it is too narrow. published ±: half the width of the "
    "range that the value may lie in, and how it is known. reading: which of several meanings of "
    "a setting that the paper leaves open."
)


def paper_table(comparison: PaperComparison) -> Table:
    """A line for every published number, and one more for every further row that it fits."""
    where = {table.name: table.where for table in comparison.published.tables}
    return Table(
        name=NAME,
        title=_title(comparison),
        columns=_COLUMNS,
        rows=tuple(_line(each, where) for each in comparison.comparisons),
        cells=tuple(_ids(each.ours.rows) for each in comparison.comparisons),
    )


def reading_tables(comparison: PaperComparison) -> tuple[Table, ...]:
    """For readers: a summary, the order, and each published table that the run has a part of."""
    found = [(table, _of(comparison, table)) for table in comparison.published.tables]
    parts = [
        _part(table, numbers)
        for table, numbers in found
        if any(each.ours.measured for each in numbers)
    ]
    order = [order_table(comparison)] if any(step.rows for step in comparison.order) else []
    return (summary_table(comparison), *order, *parts)


def summary_table(comparison: PaperComparison) -> Table:
    """How many numbers of each published table came to which verdict."""
    rows: list[tuple[Value, ...]] = []
    for table in comparison.published.tables:
        verdicts = [each.verdict for each in _of(comparison, table)]
        rows.append((f"{table.title} ({table.where})", *(verdicts.count(v) for v in VERDICTS)))
    return Table(
        name=f"{NAME}-summary",
        title=_title(comparison),
        columns=(Column("table", "published table"), *(Column(v, v) for v in VERDICTS)),
        rows=tuple(rows),
        notes=_notes(comparison),
    )


def order_table(comparison: PaperComparison) -> Table:
    """The published order of the methods."""
    return Table(
        name=ORDER_NAME,
        title="The published order of the methods",
        columns=_ORDER_COLUMNS,
        rows=tuple(_step(step) for step in comparison.order),
        notes=(_ORDER_NOTE,),
        cells=tuple(_ids(step.rows) for step in comparison.order),
    )


def counts(comparison: PaperComparison) -> str:
    """How many numbers came to which verdict."""
    verdicts = [each.verdict for each in comparison.comparisons]
    return ", ".join(f"{name}: {verdicts.count(name)}" for name in VERDICTS if name in verdicts)


def left_out_lines(comparison: PaperComparison) -> list[str]:
    """What was not compared, and why."""
    rows = len(comparison.results.rows)
    lines = [
        f"**left out, no reproduction**: {each.reason}: {which(each.rows, rows)}"
        for each in comparison.refused
    ]
    if comparison.unreported:
        labels = which(comparison.unreported, rows)
        lines.append(f"left out, methods that the paper does not report: {labels}")
    results = comparison.results
    if results.failures:
        labels = which([each.cell.label for each in results.failures], results.cells)
        lines.append(f"**failed: {counted(len(results.failures), 'cell')}**: {labels}")
    if results.missing:
        labels = which([each.label for each in results.missing], results.cells)
        lines.append(f"**missing: {counted(len(results.missing), 'cell')}**: {labels}")
    return lines


def plain(value: float | None) -> str | None:
    """A published number as it was stated, without digits that it does not have."""
    return None if value is None else f"{value:.10g}"


def _title(comparison: PaperComparison) -> str:
    return f"{comparison.results.index.matrix} beside the published numbers"


def _of(comparison: PaperComparison, table: PublishedTable) -> list[Comparison]:
    return [each for each in comparison.comparisons if each.number.table == table.name]


def _line(comparison: Comparison, where: dict[str, str]) -> tuple[Value, ...]:
    number, ours = comparison.number, comparison.ours
    return (
        number.id,
        where[number.table],
        number.quantity,
        number.metric,
        number.unit,
        plain(number.value),
        plain(number.uncertainty),
        number.certainty,
        plain(number.tolerance),
        number.source,
        ", ".join(row.label for row in ours.rows),
        ours.reading,
        None if ours.measured is None else ours.measured.seeds,
        _measure(ours.measured),
        "" if ours.measured is None else ours.measured.basis,
        comparison.difference,
        comparison.verdict,
        _remark(comparison),
    )


def _part(table: PublishedTable, comparisons: Sequence[Comparison]) -> Table:
    digits = _DIGITS.get(table.name, 2)
    units = {each.number.unit for each in comparisons}
    unit = f", {units.pop()}" if len(units) == 1 else ""
    return Table(
        name=f"{NAME}-{table.name}",
        title=f"{table.title} ({table.where})",
        columns=(
            Column("number", "number"),
            Column("published", f"published{unit}"),
            Column("ours", "ours", digits=digits, parts=("mean", "low", "high")),
            Column("difference", "difference", digits=digits, signed=True),
            Column("verdict", "verdict"),
            Column("row", "row of this run"),
            Column("remark", "remark"),
        ),
        rows=tuple(_short_line(each) for each in comparisons),
        notes=table.notes,
        cells=tuple(_ids(each.ours.rows) for each in comparisons),
    )


def _short_line(comparison: Comparison) -> tuple[Value, ...]:
    number, ours = comparison.number, comparison.ours
    labels = ", ".join(row.label for row in ours.rows)
    row = f"{labels}; {ours.reading}" if ours.reading else labels
    return (
        number.id.partition("/")[2],
        _published(number),
        _measure(ours.measured),
        comparison.difference,
        comparison.verdict,
        row,
        _remark(comparison),
    )


def _published(number: PublishedNumber) -> str | None:
    if number.value is None:
        return None
    bound = "below " if number.quantity == "modulators" else ""
    spread = f" ± {plain(number.uncertainty)}" if number.uncertainty else ""
    return f"{bound}{plain(number.value)}{spread} ({number.certainty})"


def _remark(comparison: Comparison) -> str:
    number, ours = comparison.number, comparison.ours
    own = "" if number.is_gap and ours.measured is None else ours.remark
    return "; ".join(filter(None, (own, number.note)))


def _step(step: Step) -> tuple[Value, ...]:
    better, worse = step.rows or (None, None)
    return (
        step.better.setting.method,
        step.worse.setting.method,
        step.published,
        "" if better is None else better.label,
        "" if worse is None else worse.label,
        _measure(step.measured),
        step.verdict,
    )


def _measure(measured: Measured | None) -> Measure | None:
    if measured is None:
        return None
    interval = None if measured.basis == EXACT else measured.interval
    low, high = interval or (None, None)
    return Measure(measured.value, None, low, high)


def _ids(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(identifier for row in rows for identifier in row.ids)


def _notes(comparison: PaperComparison) -> tuple[str, ...]:
    notes = [f"**{counts(comparison)}**", *left_out_lines(comparison)]
    if comparison.single_seed:
        labels = which(comparison.single_seed, len(comparison.results.rows))
        notes.append(f"**one seed only, so the intervals know nothing of other seeds**: {labels}")
    if comparison.skipped:
        notes.append(f"**images that could not be used**: {'; '.join(comparison.skipped)}")
    verdicts = "; ".join(f"{name}: {text}" for name, text in VERDICTS.items())
    notes += [f"verdicts: {verdicts}.", _LEGEND]
    definitions = comparison.published.quantities.items()
    notes.append("; ".join(f"{name}: {quantity.definition}" for name, quantity in definitions))
    return tuple(notes)
