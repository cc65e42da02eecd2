"""The main table: one row for each setting, accuracy by group, and what limits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import Artefact, Column, Section, Table, Value
from rsbench.report.notes import DEFINITIONS, footnotes
from rsbench.report.rows import METRICS

if TYPE_CHECKING:
    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row


def accuracy_columns(group: str = "") -> tuple[Column, ...]:
    """Head, medium, tail and mean with their spread over the seeds, in percent."""
    return tuple(
        Column(name, name, unit="%", group=group, parts=("mean", "std")) for name in METRICS
    )


def main_table(results: RunResults) -> Table:
    """Every row of the run."""
    axes = tuple(dict.fromkeys(axis for row in results.rows for axis in row.axes))
    labels = ("backbone", "target", "method", "metapeft", *axes)
    if any(row.variant for row in results.rows):
        labels += ("variant",)
    columns = (
        *(Column(name, name) for name in labels),
        *((Column("evaluated_on", "evaluated on"),) if _mixed(results.rows) else ()),
        Column("seeds", "seeds"),
        *accuracy_columns(),
        Column("trainable_parameters", "trainable parameters"),
        Column("modulators", "modulators"),
        Column("train_seconds", "train seconds", unit="s"),
    )
    return Table(
        name="main",
        title=results.index.matrix,
        columns=columns,
        rows=tuple(_fields(row, labels, results.rows) for row in results.rows),
        notes=(*footnotes(results), *DEFINITIONS),
        cells=tuple(row.ids for row in results.rows),
    )


def _mixed(rows: tuple[Row, ...]) -> bool:
    return any(row.evaluated_on != "test" for row in rows)


def _fields(row: Row, labels: tuple[str, ...], rows: tuple[Row, ...]) -> tuple[Value, ...]:
    named = {name: getattr(row, name) for name in ("backbone", "target", "method", "metapeft")}
    named |= {"variant": row.variant, **row.axes}
    return (
        *(named.get(name, "") for name in labels),
        *((row.evaluated_on,) if _mixed(rows) else ()),
        len(row.seeds),
        *(row.measure(name) for name in METRICS),
        row.trainable,
        row.modulators,
        row.train_seconds,
    )


def _build(results: RunResults) -> tuple[Artefact, ...]:
    return (main_table(results),)


SECTION = Section(
    name="main",
    title="Accuracy",
    introduction="How accurate is each method on frequent, medium and rare classes?",
    build=_build,
)
