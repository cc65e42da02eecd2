"""Tables as the data that the page's script shows, sorts, filters and writes as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from rsbench.report.artefacts import Column, Measure, Table, Value
from rsbench.report.page.embed import packed
from rsbench.report.writers import shown, to_csv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def table_data(table: Table, numbers: Mapping[str, int]) -> dict[str, Any]:
    """A table, column by column.

    Args:
        table: the table.
        numbers: place of each cell, by its id, in the list of cells of the page.

    Returns:
        JSON values: ``name``; ``columns`` in the order of ``_order`` (title, unit, group, the
        text of each field, and the numbers to sort by, null where that is the text);
        ``files``: name and fields of each column of the CSV file, or the number of the shown
        column that has the same fields; ``cells``: places of the cells behind each row.
    """
    columns = [
        _column(table.columns[number], [row[number] for row in table.rows])
        for number in _order(table)
    ]
    return {
        "name": table.name,
        "rows": len(table.rows),
        "columns": [{**each, "text": packed(each["text"])} for each in columns],
        "files": _files(table, [each["text"] for each in columns]),
        "cells": [[numbers[each] for each in ids if each in numbers] for ids in table.cells],
    }


def _order(table: Table) -> list[int]:
    """Columns as a narrow screen should show them.

    Backbone and target stand behind the numbers where the other labels tell the rows apart
    without them: one target for all, say, or one backbone for each target. So does the number of
    seeds.
    """
    keys = [column.key for column in table.columns]
    values = list(zip(*table.rows, strict=True))
    labels = [
        number for number, known in enumerate(values) if all(isinstance(v, str) for v in known)
    ]
    moved = [number for number, key in enumerate(keys) if key == "seeds"]
    for key in ("backbone", "target"):
        if key in keys and keys.index(key) in labels and len(labels) > 1:
            rest = [number for number in labels if keys[number] != key]
            if _different(values, rest) == _different(values, labels):
                moved.append(keys.index(key))
                labels = rest
    return [number for number in range(len(keys)) if number not in moved] + moved


def _different(values: Sequence[Sequence[Value]], columns: Sequence[int]) -> int:
    return len(set(zip(*(values[number] for number in columns), strict=True)))


def _column(column: Column, values: Sequence[Value]) -> dict[str, Any]:
    numeric = _is_numeric(values)
    return {
        "title": column.title,
        # a title that ends with its unit ("training, s") says it already
        "unit": "" if column.title.endswith(f", {column.unit}") else column.unit,
        "group": column.group,
        "text": [shown(value, column) for value in values],
        "keys": packed([_key(value) for value in values]) if numeric else None,
    }


def _is_numeric(values: Sequence[Value]) -> bool:
    """Whether every known value is a number, and there is one."""
    known = [value for value in values if value is not None]
    return bool(known) and all(
        isinstance(value, int | float | Measure) and not isinstance(value, bool) for value in known
    )


def _key(value: Value) -> float | int | None:
    """The number to sort by, None for what is undefined."""
    number = value.mean if isinstance(value, Measure) else value
    if number is None or isinstance(number, str) or number != number or abs(number) == float("inf"):
        return None
    return float(f"{number:.6g}") if isinstance(number, float) else int(number)


def _files(table: Table, shown_texts: Sequence[list[str]]) -> list[list[Any]]:
    """The columns of the CSV file, with the very text that stands there."""
    names, *rows = csv.reader(io.StringIO(to_csv(table), newline=""))
    fields = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
    places = {tuple(texts): number for number, texts in enumerate(shown_texts)}
    return [
        [name, places.get(tuple(column), packed(column))]
        for name, column in zip(names, fields, strict=True)
    ]
