"""Accuracy: every row, the paper's layout, what MetaPEFT adds, every metric, the families."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import Artefact, Column, Table, Value
from rsbench.report.notes import DEFINITIONS, footnotes
from rsbench.report.rows import METRICS
from rsbench.report.section import Section
from rsbench.report.tables.families import additive_table
from rsbench.report.tables.gains import gains_average_table, gains_table
from rsbench.report.tables.layout import accuracy_columns
from rsbench.report.tables.quality import metrics_table
from rsbench.report.tables.transfers import transfers_table

if TYPE_CHECKING:
    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row


def main_table(results: RunResults) -> Table:
    """Every row of the run."""
    axes = tuple(dict.fromkeys(axis for row in results.rows for axis in row.axes))
    labels = ("backbone", "target", "method", "metapeft", *axes)
    if any(row.variant for row in results.rows):
        labels += ("variant",)
    mixed = any(row.evaluated_on != "test" for row in results.rows)
    columns = (
        *(Column(name, name) for name in labels),
        *((Column("evaluated_on", "evaluated on"),) if mixed else ()),
        Column("seeds", "seeds"),
        *accuracy_columns(),
        Column("trainable_parameters", "trainable parameters"),
        Column("modulators", "modulators"),
        Column("train_seconds", "train seconds", unit="s"),
    )
    return Table(
        name="main",
        title=f"{results.index.matrix}: every row, accuracy in percent",
        columns=columns,
        rows=tuple(_fields(row, labels, mixed) for row in results.rows),
        notes=(*footnotes(results), *DEFINITIONS),
        cells=tuple(row.ids for row in results.rows),
    )


def _fields(row: Row, labels: tuple[str, ...], mixed: bool) -> tuple[Value, ...]:
    named = {name: getattr(row, name) for name in ("backbone", "target", "method", "metapeft")}
    named |= {"variant": row.variant, **row.axes}
    return (
        *(named.get(name, "") for name in labels),
        *((row.evaluated_on,) if mixed else ()),
        len(row.seeds),
        *(row.measure(name) for name in METRICS),
        row.trainable,
        row.modulators,
        row.train_seconds,
    )


def _build(results: RunResults) -> tuple[Artefact, ...]:
    others = (
        transfers_table(results),
        gains_table(results),
        gains_average_table(results),
        additive_table(results),
        metrics_table(results),
    )
    return (main_table(results), *(table for table in others if table is not None))


SECTION = Section(
    name="accuracy",
    title="Accuracy",
    introduction="How accurate is each method on frequent, medium and rare classes, and what does "
    "MetaPEFT add?",
    files=("main", "transfers", "gains", "gains_average", "additive", "metrics"),
    build=_build,
)
