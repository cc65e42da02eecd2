"""The columns that name a row, and the names and the order of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.groups import GROUP_NAMES
from rsbench.report.artefacts import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.record import Record
    from rsbench.report.artefacts import Value
    from rsbench.report.rows import Row

_FIXED = ("backbone", "target", "method", "metapeft")


def label_columns(rows: Sequence[Row]) -> tuple[Column, ...]:
    """Backbone, target, method, metapeft, axes of the matrix, and what else tells rows apart."""
    axes = dict.fromkeys(axis for row in rows for axis in row.axes)
    variant = ("variant",) if any(row.variant for row in rows) else ()
    return tuple(Column(name, name) for name in (*_FIXED, *axes, *variant))


def label_fields(row: Row, columns: Sequence[Column]) -> tuple[Value, ...]:
    """What a row has in these columns."""
    named = {name: getattr(row, name) for name in (*_FIXED, "variant")} | dict(row.axes)
    return tuple(named.get(column.key, "") for column in columns)


def class_name(record: Record, index: int) -> str:
    """A class's name; its number where the record does not say."""
    return record.class_names[index] if index < len(record.class_names) else f"class {index}"


def in_order(record: Record, classes: Sequence[int]) -> list[tuple[int, str]]:
    """Class indices with their groups: head, medium, tail, each by training images, most first.

    Classes of no group come last, with "" for it.
    """
    counts = dict(enumerate(record.train_counts))
    group_of = {each: name for name in GROUP_NAMES for each in record.groups.get(name, ())}
    ranks = {name: rank for rank, name in enumerate((*GROUP_NAMES, ""))}
    found = [(each, group_of.get(each, "")) for each in classes]
    return sorted(found, key=lambda each: (ranks[each[1]], -counts.get(each[0], 0), each[0]))
