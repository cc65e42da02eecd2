"""Collect what is wrong with a matrix, in words, and raise it as one error."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from rsbench.errors import MatrixError
from rsbench.matrix.located import KeyPath, LocatedYaml
from rsbench.wording import shown, wording

MOST_SHOWN = 10


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        path: where, from the root of the document.
        text: what, as the end of a sentence that starts with the field's path.
        remedy: what to do, or "".
    """

    path: KeyPath
    text: str
    remedy: str = ""


class Problems:
    """Everything that is wrong with one document."""

    def __init__(self, source: LocatedYaml) -> None:
        self.source = source
        self.found: list[Problem] = []

    def add(self, path: KeyPath, text: str, remedy: str = "") -> None:
        """Note one problem, once."""
        self.extend([Problem(path, text, remedy)])

    def extend(self, problems: Iterable[Problem]) -> None:
        """Note several problems, each once."""
        self.found += [each for each in problems if each not in self.found]

    def raise_if_any(self) -> None:
        """Raise everything that was found as one error that names file and line.

        Raises:
            MatrixError: when something was found.
        """
        if not self.found:
            return
        found = sorted(self.found, key=lambda each: self._place(each.path))
        where = self.source.where(found[0].path)
        if len(found) == 1:
            raise MatrixError(self._sentence(found[0]), where=where, remedy=found[0].remedy)
        lines = [f"{len(found)} problems"]
        for each in found[:MOST_SHOWN]:
            remedy = f" ({each.remedy})" if each.remedy else ""
            lines.append(f"  {self.line_of(each.path)}: {self._sentence(each)}{remedy}")
        if len(found) > MOST_SHOWN:
            lines.append(f"  and {len(found) - MOST_SHOWN} more")
        raise MatrixError("\n".join(lines), where=where)

    def line_of(self, path: KeyPath) -> str:
        """``line 3``, with the file where that is not the document's own."""
        origin = self.source.origin(path)
        return f"line {origin.line}" + ("" if self._is_own(path) else f" of {origin.file}")

    def _is_own(self, path: KeyPath) -> bool:
        return self.source.origin(path).file == self.source.file

    def _place(self, path: KeyPath) -> tuple[bool, str, int]:
        """Sorts by file, the document's own first, and line."""
        origin = self.source.origin(path)
        return (not self._is_own(path), str(origin.file), origin.line)

    def _sentence(self, problem: Problem) -> str:
        place = self.source.dotted(problem.path)
        return f"{place}: {problem.text}" if place else problem.text


def explain(
    error: ValidationError,
    model: type[BaseModel],
    source: LocatedYaml,
    locate: Callable[[KeyPath], KeyPath] = lambda location: location,
) -> list[Problem]:
    """A validation error as problems of the document.

    Args:
        error: what pydantic raised.
        model: the class that was validated against, for near names of unknown fields.
        source: the document.
        locate: turns pydantic's location within the value into a path in the document.
    """
    problems: list[Problem] = []
    for each in error.errors(include_url=False):
        place = source.known_part(locate(each["loc"]))
        if each["type"] == "missing":
            place = (*place, each["loc"][-1])
        problem = Problem(place, *wording(each, model))
        if problem not in problems:
            problems.append(problem)
    return problems


def booleans_for_numbers(given: Any, validated: Any, path: KeyPath) -> list[Problem]:
    """Where ``true`` or ``false`` was written and a number was meant.

    Python counts ``True`` as 1, and so does the validation; a reader would not.

    Args:
        given: the value as written.
        validated: the same value after validation, as JSON values.
        path: where ``given`` stands in the document.
    """
    is_number = isinstance(validated, int | float) and not isinstance(validated, bool)
    if isinstance(given, bool) and is_number:
        return [Problem(path, f"must be a number, but is {shown(given)}")]
    pairs: list[tuple[str | int, Any, Any]] = []
    if isinstance(given, dict) and isinstance(validated, dict):
        pairs = [(key, given[key], validated[key]) for key in given if key in validated]
    elif isinstance(given, list) and isinstance(validated, list) and len(given) == len(validated):
        pairs = [(i, *both) for i, both in enumerate(zip(given, validated, strict=True))]
    found: list[Problem] = []
    for key, written, result in pairs:
        found += booleans_for_numbers(written, result, (*path, key))
    return found
