"""Accuracy by class of one transfer: classes down, a few methods across."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import EMPTY, SPREAD, Column, Measure, Table, Value
from rsbench.report.notes import shortened, table_cautions, untested
from rsbench.report.tables.class_rows import by_frequency, class_rows
from rsbench.report.tables.layout import identifiers, is_control

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row
    from rsbench.report.tables.class_rows import ClassRow

#: Methods side by side.
MOST_METHODS = 8
#: Classes in a table; of more, the most frequent and the rarest half of this number.
MOST_CLASSES = 60
#: Which methods come first where there are too many, each followed by its +metapeft.
_FIRST = ("linear", "full", "lora", "adapter", "adaptformer", "vpt_deep", "bitfit", "vpt_shallow")


def wide_table(results: RunResults, rows: Sequence[Row], name: str, title: str) -> Table:
    """The classes of one transfer, from the most to the least frequent in training.

    Args:
        results: the run.
        rows: of the transfer; at least one.
        name: of the table.
        title: of the transfer.
    """
    chosen = choose(rows)
    classes = by_frequency(class_rows(chosen[0]))
    half = MOST_CLASSES // 2
    shown = classes if len(classes) <= MOST_CLASSES else [*classes[:half], *classes[-half:]]
    columns = identifiers([_heading(row) for row in chosen])
    accuracies = [_by_name(row) for row in chosen]
    return Table(
        name=name,
        title=f"Accuracy by class: {title}, in percent",
        columns=(
            *(Column("class", "class"), Column("group", "group")),
            *(Column("train_images", "train images"), Column("test_images", "test images")),
            *(Column(key, heading, unit="%", parts=SPREAD) for heading, key in columns.items()),
        ),
        rows=tuple(_fields(each, accuracies) for each in shown),
        notes=(
            *table_cautions(results),
            *untested(chosen),
            *_choice(rows, chosen),
            *_bound(classes, shown),
            *_differences(chosen),
            "from the most to the least frequent class in training; train images: without the "
            "held-out slice; mean ± sample standard deviation (ddof = 1) over the seeds "
            f"({_seeds(chosen)}); {EMPTY}: the class has no test image.",
        ),
    )


def choose(rows: Sequence[Row]) -> list[Row]:
    """At most ``MOST_METHODS`` rows: all of them, or those without axes and controls first.

    Of too many, the order of ``_FIRST`` counts, other methods after it.
    """
    if len(rows) <= MOST_METHODS:
        return _distinct(rows)
    order = dict.fromkeys((*_FIRST, *(row.method for row in rows)))
    ranks = {method: rank for rank, method in enumerate(order)}

    def key(row: Row) -> tuple[bool, bool, int, bool]:
        return bool(row.axes), is_control(row), ranks[row.method], row.metapeft == "yes"

    return _distinct(sorted(rows, key=key))[:MOST_METHODS]


def _distinct(rows: Sequence[Row]) -> list[Row]:
    """Rows with headings of their own (cells of two places on an axis may be the same)."""
    found: dict[str, Row] = {}
    for row in rows:
        found.setdefault(_heading(row), row)
    return list(found.values())


def _heading(row: Row) -> str:
    control = f", {row.metapeft}" if is_control(row) and row.setting == "" else ""
    setting = f" ({row.setting})" if row.setting else ""
    return f"{row.full_method}{control}{setting}"


def _by_name(row: Row) -> dict[str, Measure]:
    return {each.name: each.accuracy for each in class_rows(row)}


def _fields(each: ClassRow, accuracies: Sequence[dict[str, Measure]]) -> tuple[Value, ...]:
    measures = (known.get(each.name, Measure(None)) for known in accuracies)
    return (each.name, each.group, each.train, each.test, *measures)


def _choice(rows: Sequence[Row], chosen: Sequence[Row]) -> list[str]:
    if len(chosen) == len(rows):
        return []
    return [
        f"**{len(chosen)} of {len(rows)} rows**: first those without further axes and without "
        f"controls, in the order {', '.join(_FIRST)}, others, each with its +metapeft; all rows "
        "are in classes.csv and classes.parquet."
    ]


def _bound(classes: Sequence[ClassRow], shown: Sequence[ClassRow]) -> list[str]:
    if len(shown) == len(classes):
        return []
    return [
        f"**{len(shown)} of {len(classes)} classes**: the {len(shown) // 2} most frequent and the "
        f"{len(shown) // 2} rarest; all of them are in classes.csv and classes.parquet."
    ]


def _differences(chosen: Sequence[Row]) -> list[str]:
    """A note where the methods were not trained or tested on the same images by class."""
    first = chosen[0].first
    others = [
        _heading(row)
        for row in chosen[1:]
        if (row.first.class_names, row.first.train_counts, row.first.test_counts)
        != (first.class_names, first.train_counts, first.test_counts)
    ]
    if not others:
        return []
    return [
        f"**classes and numbers of images are those of {_heading(chosen[0])}; they differ for**: "
        f"{shortened(others)}"
    ]


def _seeds(rows: Sequence[Row]) -> str:
    listed = dict.fromkeys(len(row.seeds) for row in rows)
    if len(listed) == 1:
        return f"{next(iter(listed))}"
    return ", ".join(f"{_heading(row)}: {len(row.seeds)}" for row in rows)
