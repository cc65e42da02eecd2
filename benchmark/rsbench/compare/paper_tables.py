"""A run beside the paper as tables and text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.compare.paper import VERDICTS, Comparison, PaperComparison, which
from rsbench.report.artefacts import Column, Measure, Table, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.compare.measured import Measured
    from rsbench.compare.order import Step
    from rsbench.report.rows import Row

NAME = "compare-paper"
ORDER_NAME = "compare-paper-order"

_COLUMNS = (
    Column("id", "published number"),
    Column("where", "where"),
    Column("quantity", "quantity"),
    Column("metric", "metric"),
    Column("unit", "unit"),
    Column("published", "published", digits=4),
    Column("uncertainty", "±", digits=4),
    Column("certainty", "how sure"),
    Column("tolerance", "tolerance", digits=4),
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


def paper_table(comparison: PaperComparison) -> Table:
    """A line for every published number, and one more for every further row that it fits."""
    where = {table.name: table.where for table in comparison.published.tables}
    return Table(
        name=NAME,
        title=f"{comparison.results.index.matrix} beside the published numbers",
        columns=_COLUMNS,
        rows=tuple(_line(each, where) for each in comparison.comparisons),
        notes=_notes(comparison),
        cells=tuple(_ids(each.ours.rows) for each in comparison.comparisons),
    )


def order_table(comparison: PaperComparison) -> Table:
    """The published order of the methods."""
    return Table(
        name=ORDER_NAME,
        title="The published order of the methods",
        columns=_ORDER_COLUMNS,
        rows=tuple(_step(step) for step in comparison.order),
        notes=(
            "mean-class accuracy on DOTA, plain methods; differences paired by seed, with 95 % "
            "intervals; holds: the difference is not below zero; within tolerance: the order is "
            "reversed by no more than a reproduction may deviate; reversed: by more than that.",
        ),
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
        lines.append(f"**failed: {len(results.failures)} cells**: {labels}")
    if results.missing:
        labels = which([each.label for each in results.missing], results.cells)
        lines.append(f"**missing: {len(results.missing)} cells**: {labels}")
    return lines


def _line(comparison: Comparison, where: dict[str, str]) -> tuple[Value, ...]:
    number, ours = comparison.number, comparison.ours
    remark = "; ".join(filter(None, (ours.remark, number.note)))
    return (
        number.id,
        where[number.table],
        number.quantity,
        number.metric,
        number.unit,
        number.value,
        number.uncertainty,
        number.certainty,
        number.tolerance,
        ", ".join(row.label for row in ours.rows),
        ours.reading,
        None if ours.measured is None else ours.measured.seeds,
        _measure(ours.measured),
        "" if ours.measured is None else ours.measured.basis,
        comparison.difference,
        comparison.verdict,
        remark,
    )


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
    low, high = measured.interval or (None, None)
    return Measure(measured.value, None, low, high)


def _ids(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(identifier for row in rows for identifier in row.ids)


def _notes(comparison: PaperComparison) -> tuple[str, ...]:
    published = comparison.published
    notes = [f"**{counts(comparison)}**", *left_out_lines(comparison)]
    if comparison.single_seed:
        labels = which(comparison.single_seed, len(comparison.results.rows))
        notes.append(f"**one seed only, so the intervals know nothing of other seeds**: {labels}")
    if comparison.skipped:
        notes.append(f"**images that could not be used**: {'; '.join(comparison.skipped)}")
    verdicts = "; ".join(f"{name}: {text}" for name, text in VERDICTS.items())
    notes.append(f"verdicts: {verdicts}.")
    notes.append(
        "ours: mean over the seeds, with a 95 % t interval over what stands under 'interval over'; "
        "with fewer than three seeds it is too narrow. ±: half the width of the range that the "
        "published value may lie in. tolerance: the same, or what a reproduction may deviate. "
        "reading: which of several meanings of a setting that the paper leaves open."
    )
    definitions = published.quantities.items()
    notes.append("; ".join(f"{name}: {quantity.definition}" for name, quantity in definitions))
    notes += [
        f"{table.where} ({table.name}): {note}"
        for table in published.tables
        for note in table.notes
    ]
    return tuple(notes)
