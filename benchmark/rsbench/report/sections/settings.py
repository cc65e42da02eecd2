"""How every row was trained: what all share stands once, what differs in a table by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rsbench.report.artefacts import Artefact, Column, Table, Value
from rsbench.report.notes import shortened, table_cautions
from rsbench.report.rows import flat
from rsbench.report.section import Section
from rsbench.report.tables.layout import RowLabels, identifiers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

#: What a setting is of, in the order of the tables.
_DATA, _RECIPE, _METHOD, _METAPEFT = "data", "recipe", "method", "metapeft"
_NOTES = (
    "recipe: learning_rate is for a batch of reference_batch images; rate_at_batch is what the "
    "optimiser gets at the batch size of the cells, at its highest. training images: without those "
    "held out; imbalance: training images of the most frequent class divided by those of the "
    "rarest. method, metapeft: options as in the matrix, defaults included.",
    "What all rows that have a setting share stands in the table settings_shared, the rest in the "
    "table settings.",
)

Key = tuple[str, str]
"""What a setting is of, and its name."""


@dataclass(frozen=True)
class Facts:
    """The settings of all rows.

    Attributes:
        rows: the rows.
        by_row: of each row, its settings in words or as numbers.
    """

    rows: Sequence[Row]
    by_row: Sequence[Mapping[Key, Value]]

    def values(self, key: Key) -> list[Value]:
        """The values that rows have, each once."""
        return list(dict.fromkeys(facts[key] for facts in self.by_row if key in facts))

    def keys(self, shared: bool) -> list[Key]:
        """Settings with one value, or those with several, in order."""
        order = (_DATA, _RECIPE, _METHOD, _METAPEFT)
        known = dict.fromkeys(key for facts in self.by_row for key in facts)
        wanted = [key for key in known if (len(self.values(key)) == 1) is shared]
        return sorted(wanted, key=lambda key: order.index(key[0]))

    def holders(self, key: Key) -> str:
        """Which methods have a setting: all, all with MetaPEFT, or their names."""
        having = [row for row, facts in zip(self.rows, self.by_row, strict=True) if key in facts]
        if len(having) == len(self.rows):
            return "all"
        if len(having) == sum(row.metapeft != "no" for row in self.rows) and key[0] == _METAPEFT:
            return "all with MetaPEFT"
        return shortened(list(dict.fromkeys(row.method for row in having)), 6)


def facts_of(row: Row) -> dict[Key, Value]:
    """Every setting of a row, by what it is of and its name."""
    cell, recipe = row.first.cell, row.first.cell.recipe
    strategy = cell.metapeft.options if cell.metapeft else {}
    named: list[tuple[str, Mapping[str, Any]]] = [
        (_DATA, _data(row)),
        (_RECIPE, flat(recipe.model_dump()) | {"rate_at_batch": recipe.scaled_learning_rate}),
        (_METHOD, flat(cell.method.options)),
        (_METAPEFT, flat(strategy)),
    ]
    return {(of, key): _value(value) for of, each in named for key, value in each.items() if key}


def _data(row: Row) -> dict[str, Any]:
    record = row.first
    counts = [count for count in record.train_counts if count]
    facts: dict[str, Any] = {"image_size": record.identity["backbone"]["image_size"]}
    if counts:
        facts |= {
            "classes": len(record.class_names),
            "training_images": sum(counts),
            "imbalance": max(counts) / min(counts),
            "test_images": sum(record.test_counts),
        }
    return facts


def _value(value: Any) -> Value:
    """Numbers that count as they are; others as text with the digits that they have."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(str(_value(each)) for each in value)
    return "none" if value is None else str(value)


def settings_table(results: RunResults, facts: Facts) -> Table:
    """A line for each row with the settings in which the rows differ."""
    labels, keys = RowLabels(facts.rows), facts.keys(shared=False)
    names = identifiers([f"{of} {name}" for of, name in keys])
    return Table(
        name="settings",
        title=f"{results.index.matrix}: settings in which the rows differ",
        columns=(
            *labels.columns,
            *(Column(names[f"{of} {n}"], n.replace("_", " "), group=of) for of, n in keys),
            Column("seeds", "seeds"),
        ),
        rows=tuple(
            (
                *labels.fields(row),
                *(_field(facts.values(key), known.get(key)) for key in keys),
                ", ".join(map(str, row.seeds)),
            )
            for row, known in zip(facts.rows, facts.by_row, strict=True)
        ),
        notes=(*table_cautions(results), *_NOTES),
        cells=tuple(row.ids for row in facts.rows),
    )


def _field(values: Sequence[Value], value: Value) -> Value:
    """One of the values of a column: a number beside texts is a text."""
    mixed = any(isinstance(each, str) for each in values)
    return str(value) if mixed and value is not None else value


def shared_table(results: RunResults, facts: Facts) -> Table:
    """A line for each setting that has one value in all rows that have it."""
    return Table(
        name="settings_shared",
        title=f"{results.index.matrix}: settings that all rows share",
        columns=tuple(Column(name, name) for name in ("of", "setting", "value", "methods")),
        rows=tuple(
            (key[0], key[1].replace("_", " "), str(facts.values(key)[0]), facts.holders(key))
            for key in facts.keys(shared=True)
        ),
        notes=_NOTES,
    )


def _build(results: RunResults) -> tuple[Artefact, ...]:
    if not results.rows:
        return ()
    facts = Facts(results.rows, [facts_of(row) for row in results.rows])
    return settings_table(results, facts), shared_table(results, facts)


SECTION = Section(
    name="settings",
    title="Settings",
    introduction="How was each method trained, on which data, with which options?",
    files=("settings", "settings_shared"),
    build=_build,
)
