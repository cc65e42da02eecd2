"""What is wrong with a field or an option, in words: shared by matrices and the command line."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_LISTS = frozenset({"tuple_type", "list_type", "set_type", "frozen_set_type"})
_PLAIN = {
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
}


def option_problem(
    error: ValidationError, model: type[BaseModel], given: Mapping[str, Any]
) -> tuple[str, str]:
    """The first thing that is wrong with some options.

    Args:
        error: what pydantic raised.
        model: the options class.
        given: the options as they were given.

    Returns:
        One sentence that names the option, and a remedy or "".
    """
    first = error.errors(include_url=False)[0]
    text, remedy = wording(first, model, "option")
    name = ".".join(str(part) for part in _written(first, given))
    if first["type"] == "extra_forbidden":
        return f"there is no option {name!r}", remedy
    if first["type"] == "missing":
        return f"the option {name!r} is required and missing", remedy
    return (f"option {name!r}: {text}" if name else text), remedy


def first_problem(error: ValidationError) -> str:
    """Field and message of the first thing that is wrong with a file, and how many more there are.

    For files that rsbench writes: nobody mends them by hand.
    """
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    more = f" (and {error.error_count() - 1:,} more)" if error.error_count() > 1 else ""
    return f"field {field}: {first['msg']}{more}"


def _written(error: ErrorDetails, given: Any) -> list[str | int]:
    """The part of an error's location that a reader wrote: no names of validators and unions."""
    path: list[str | int] = []
    for part in error["loc"]:
        inside = part in given if isinstance(given, Mapping) else False
        if isinstance(given, list | tuple) and isinstance(part, int):
            inside = part < len(given)
        if inside:
            path.append(part)
            given = given[part]
    if error["type"] == "missing":
        path.append(error["loc"][-1])
    return path


def counted(number: int, singular: str) -> str:
    """A number with its noun: "1 table", "2 tables", "1,200 cells"."""
    return f"{number:,} {singular}{'' if number == 1 else 's'}"


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A remedy that names what is spelled like ``wrong``; "" when nothing is."""
    near = difflib.get_close_matches(wrong, list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(repr(each) for each in near)}?" if near else ""


def near_names(wrong: str, known: Iterable[str]) -> str:
    """A remedy for a wrong name: near names, else all that are known."""
    listed = list(known)
    fallback = f"known: {', '.join(listed)}" if listed else ""
    return did_you_mean(wrong, listed) or fallback


def wording(error: ErrorDetails, model: type[BaseModel], place: str = "field") -> tuple[str, str]:
    """What is wrong and what to do, for one of pydantic's errors.

    Args:
        error: one of ``ValidationError.errors()``.
        model: the class that was validated against, for near names of unknown fields.
        place: what its fields are to the reader: "field", "option".

    Returns:
        The end of a sentence that starts with the field's path, and a remedy or "".
    """
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "missing":
        return f"this {place} is required and missing", ""
    if kind == "extra_forbidden":
        known = _fields(model, error["loc"][:-1])
        return f"there is no such {place}", near_names(str(error["loc"][-1]), known)
    if kind == "value_error":
        return str(context["error"]), ""
    if kind == "string_type" and isinstance(given, int | float):
        return f"must be text, but is {shown(given)}", "write it in quotes"
    if kind == "literal_error":
        choices = _choices(context)
        quotable = not isinstance(given, str) and str(given) in choices
        remedy = "write it in quotes" if quotable else did_you_mean(str(given), choices)
        return f"must be {context['expected']}, but is {shown(given)}", remedy
    if kind in _LISTS:
        return f"must be a list, but is {shown(given)}", _as_list(given)
    if kind in _PLAIN:
        return f"must be {_PLAIN[kind]}, but is {shown(given)}", ""
    message = error["msg"].removeprefix("Input ").split(", unable to parse")[0]
    message = message.replace("Tuple should", "List should")
    return f"{message[:1].lower()}{message[1:]}, but is {shown(given)}", ""


def _as_list(given: Any) -> str:
    """How text with commas is written as a list."""
    if not isinstance(given, str | int | float):
        return ""
    items = [item.strip() for item in str(given).split(",")]
    return f"write [{', '.join(item for item in items if item)}]"


def _choices(context: Mapping[str, Any]) -> list[str]:
    """The texts a literal field allows."""
    return str(context["expected"]).split("'")[1::2]


def shown(value: Any) -> str:
    """A value as a reader wrote it, shortened."""
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
