"""Collect what is wrong with a matrix, in words, and raise it as one error."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from rsbench.errors import MatrixError
from rsbench.matrix.yaml_lines import KeyPath, LocatedYaml, dotted

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
        found = sorted(self.found, key=lambda each: self.source.line(each.path))
        where = f"{self.source.file}:{self.source.line(found[0].path)}"
        if len(found) == 1:
            raise MatrixError(_sentence(found[0]), where=where, remedy=found[0].remedy)
        lines = [f"{len(found)} problems"]
        for each in found[:MOST_SHOWN]:
            remedy = f" ({each.remedy})" if each.remedy else ""
            lines.append(f"  line {self.source.line(each.path)}: {_sentence(each)}{remedy}")
        if len(found) > MOST_SHOWN:
            lines.append(f"  and {len(found) - MOST_SHOWN} more")
        raise MatrixError("\n".join(lines), where=where)


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A remedy that names what is spelled like ``wrong``; "" when nothing is."""
    near = difflib.get_close_matches(wrong, list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(repr(each) for each in near)}?" if near else ""


def near_names(wrong: str, known: Iterable[str]) -> str:
    """A remedy for a wrong name: near names, else all that are known."""
    listed = list(known)
    fallback = f"known: {', '.join(listed)}" if listed else ""
    return did_you_mean(wrong, listed) or fallback


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
        problem = Problem(place, *_wording(dict(each), model))
        if problem not in problems:
            problems.append(problem)
    return problems


def _sentence(problem: Problem) -> str:
    place = dotted(problem.path)
    return f"{place}: {problem.text}" if place else problem.text


def _wording(error: dict[str, Any], model: type[BaseModel]) -> tuple[str, str]:
    """What is wrong and what to do, for one of pydantic's errors."""
    kind, given = error["type"], error["input"]
    if kind == "missing":
        return "this field is required and missing", ""
    if kind == "extra_forbidden":
        known = _fields(model, error["loc"][:-1])
        return "there is no such field", near_names(str(error["loc"][-1]), known)
    if kind == "value_error":
        return str(error["ctx"]["error"]), ""
    if kind == "string_type" and isinstance(given, int | float):
        return f"must be text, but is {_shown(given)}", "write it in quotes"
    if kind == "literal_error":
        quotable = not isinstance(given, str) and str(given) in _choices(error)
        remedy = "write it in quotes" if quotable else did_you_mean(str(given), _choices(error))
        return f"must be {error['ctx']['expected']}, but is {_shown(given)}", remedy
    message = str(error["msg"]).removeprefix("Input ")
    return f"{message[:1].lower()}{message[1:]}, but is {_shown(given)}", ""


def _choices(error: dict[str, Any]) -> list[str]:
    """The texts a literal field allows."""
    return str(error["ctx"]["expected"]).split("'")[1::2]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return "empty" if value is None else text if len(text) <= 60 else f"{text[:57]}..."


def _fields(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """Field names of the model that ``location`` leads to; none where it cannot be followed."""
    found: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, int):
            continue  # the item of a list: the field's annotation was followed already
        if found is None or part not in found.model_fields:
            return []
        found = _model_in(found.model_fields[part].annotation)
    return [] if found is None else list(found.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The first model class inside an annotation such as ``list[Model]`` or ``Model | None``."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    for inner in typing.get_args(annotation):
        found = _model_in(inner)
        if found is not None:
            return found
    return None


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
        return [Problem(path, f"must be a number, but is {_shown(given)}")]
    pairs: list[tuple[str | int, Any, Any]] = []
    if isinstance(given, dict) and isinstance(validated, dict):
        pairs = [(key, given[key], validated[key]) for key in given if key in validated]
    elif isinstance(given, list) and isinstance(validated, list) and len(given) == len(validated):
        pairs = [(i, *both) for i, both in enumerate(zip(given, validated, strict=True))]
    found: list[Problem] = []
    for key, written, result in pairs:
        found += booleans_for_numbers(written, result, (*path, key))
    return found
