"""The parts of a cell's view: pairs of name and value, tables, lists and texts.

A panel is ``[shape, data]``. The shape (kind, title, names) is stored once for all cells that
have it; the data either stand in the cell (a list) or are shared as well (a number, their place
among the shared values). The script that shows them knows these four kinds and nothing of cells.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rsbench.report.page.embed import Shared

#: Significant digits of numbers in the views of cells; the records keep all of them.
DIGITS = 6


class Panels:
    """Collects the panels of one cell."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.made: list[list[Any]] = []

    def pairs(self, title: str, pairs: Mapping[str, Any], digits: int | None = None) -> None:
        """Names and values of this cell alone; nothing where there are none.

        Args:
            title: heading.
            pairs: value of each name.
            digits: decimals of every number; None for as many as each has.
        """
        if pairs:
            names = self._names("pairs", title, tuple(pairs), digits)
            self.made.append([names, [scalar(value) for value in pairs.values()]])

    def same_pairs(self, title: str, key: str, make: Callable[[], Mapping[str, Any]]) -> None:
        """Names and values that other cells have as well.

        Args:
            title: heading.
            key: equal where the pairs are equal, so that they are made once.
            make: makes the pairs.
        """
        once = self._shared.once
        names = once((title, key, "names"), lambda: _shape("pairs", title, list(make())))
        values = once((title, key), lambda: [scalar(value) for value in make().values()])
        if self._shared.values[values]:
            self.made.append([names, values])

    def table(
        self,
        title: str,
        fixed: Mapping[str, Sequence[Any]],
        own: Mapping[str, Sequence[Any]],
        curve: str = "",
        digits: int | None = None,
    ) -> None:
        """Columns by heading: ``fixed`` ones that many cells have, then the cell's own.

        Args:
            title: heading.
            fixed: columns stored once for all cells that have the same.
            own: columns of this cell.
            curve: heading of a column that is also drawn as a line, "" for none.
            digits: decimals of the cell's own numbers; None for as many as each has.
        """
        names = (*fixed, *own)
        key = (title, names, tuple(map(tuple, fixed.values())))
        shape = self._shared.once(
            key,
            lambda: (
                _shape("table", title, list(names))
                | {
                    "fixed": [[scalar(value) for value in column] for column in fixed.values()],
                    "curve": curve,
                    "digits": [None] * len(fixed) + [digits] * len(own),
                }
            ),
        )
        self.made.append([shape, [[scalar(value) for value in each] for each in own.values()]])

    def sentences(self, title: str, sentences: Sequence[str]) -> None:
        """Sentences; nothing where there are none."""
        if sentences:
            self.made.append([self._names("list", title), self._shared.place(list(sentences))])

    def text(self, title: str, text: str) -> None:
        """Text as it is, lines kept."""
        self.made.append([self._names("text", title), self._shared.place([text])])

    def _names(
        self, kind: str, title: str, names: tuple[str, ...] = (), digits: int | None = None
    ) -> int:
        key = (kind, title, names, digits)
        return self._shared.once(key, lambda: _shape(kind, title, list(names), digits))


def _shape(kind: str, title: str, names: list[str], digits: int | None = None) -> dict[str, Any]:
    return {"kind": kind, "title": title, "names": names, "digits": digits}


def scalar(value: Any) -> Any:
    """A value as the page holds it: a rounded number, text, or None for what is unknown."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, int | str):
        return value
    return written(value)


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


def settings_of(part: Mapping[str, Any]) -> dict[str, str]:
    """Every setting by its dotted name, as one would write it."""
    return {name: written(value) for name, value in flattened(part)}


def flattened(settings: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with its dotted name; empty mappings too."""
    for key, value in settings.items():
        name = f"{path}{key}"
        if isinstance(value, dict) and value:
            yield from flattened(value, f"{name}.")
        else:
            yield name, value


def left_out(what: str, identifier: str) -> str:
    """The sentence in place of a list that is too long for the page."""
    place = f"cells/{identifier}/record.json"
    return f"{what}: left out here, to keep the page small; they are in {place}"
