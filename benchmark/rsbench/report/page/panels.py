"""The parts of a cell's view: pairs of name and value, tables, lists and texts.

A panel is ``[shape, data]``. The shape (kind, title, names) is stored once for all cells that
have it; the data either stand in the cell (a list) or are shared as well (a number, their place
among the shared values). The script that shows them knows these four kinds and nothing of cells.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rsbench.report.page.embed import Shared

#: Significant digits of numbers in the views of cells; the records keep all of them.
DIGITS = 6


class Panels:
    """Collects the panels of one cell."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.made: list[list[Any]] = []

    def pairs(self, title: str, pairs: Mapping[str, Any], own: bool = False) -> None:
        """Names and values; nothing where there are none. ``own``: no other cell has these."""
        values = [scalar(value) for value in pairs.values()]
        if values:
            self._add({"kind": "pairs", "title": title, "names": list(pairs)}, values, own)

    def table(
        self,
        title: str,
        fixed: Mapping[str, Sequence[Any]],
        own: Mapping[str, Sequence[Any]],
        curve: str = "",
        note: str = "",
    ) -> None:
        """Columns by heading: ``fixed`` ones that many cells have, then the cell's own.

        Args:
            title: heading.
            fixed: columns stored once for all cells that have the same.
            own: columns of this cell.
            curve: heading of a column that is also drawn as a line, "" for none.
            note: a sentence below the title.
        """
        shape = {
            "kind": "table",
            "title": title,
            "names": [*fixed, *own],
            "fixed": [[scalar(value) for value in column] for column in fixed.values()],
            "curve": curve,
            "note": note,
        }
        self._add(shape, [[scalar(value) for value in column] for column in own.values()], True)

    def list(self, title: str, sentences: Sequence[str]) -> None:
        """Sentences; nothing where there are none."""
        if sentences:
            self._add({"kind": "list", "title": title}, list(sentences), False)

    def text(self, title: str, text: str) -> None:
        """Text as it is, lines kept."""
        self._add({"kind": "text", "title": title}, [text], False)

    def _add(self, shape: dict[str, Any], data: list[Any], own: bool) -> None:
        place = self._shared.place
        self.made.append([place(shape), data if own else place(data)])


def scalar(value: Any) -> Any:
    """A value as the page holds it: a rounded number, text, or None for what is unknown."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else str(value)
    if value is None or isinstance(value, int | str):
        return value
    return ", ".join(written(each) for each in value) if value else "(none)"


def written(value: Any) -> str:
    """A setting as one would write it into a matrix."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        inner = ", ".join(f"{key}: {written(each)}" for key, each in value.items())
        return "{" + inner + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(written(each) for each in value) + "]"
    return str(value) if value != "" else '""'


def flattened(settings: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Every setting with its dotted name, as text; empty mappings too."""
    for key, value in settings.items():
        name = f"{path}{key}"
        if isinstance(value, dict) and value:
            yield from flattened(value, f"{name}.")
        else:
            yield name, written(value)


def left_out(what: str, identifier: str) -> str:
    """The sentence in place of a list that is too long for the page."""
    place = f"cells/{identifier}/record.json"
    return f"{what}: left out here, to keep the page small; they are in {place}"
