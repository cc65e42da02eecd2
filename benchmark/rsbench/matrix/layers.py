"""Options from several places of a matrix, merged in order and validated together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from rsbench.errors import RsbenchError
from rsbench.matrix.entries import Options
from rsbench.matrix.located import KeyPath
from rsbench.matrix.problems import Problem, Problems, booleans_for_numbers, explain

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Layer:
    """Options as written in one place.

    Attributes:
        path: that place, from the root of the document.
        values: the options.
    """

    path: KeyPath
    values: Options


def merge(layers: Sequence[Layer]) -> Options:
    """All layers in one mapping; a later value wins, nested mappings are merged."""
    merged: Options = {}
    for layer in layers:
        merged = _merged(merged, layer.values)
    return merged


def _merged(old: Options, new: Options) -> Options:
    result = dict(old)
    for key, value in new.items():
        before: JsonValue = result.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        result[key] = _merged(before, value) if both else value  # type: ignore[arg-type]
    return result


def validate(
    model: type[Model], layers: Sequence[Layer], problems: Problems, owner: str
) -> Model | None:
    """Merge ``layers`` and validate the result.

    Args:
        model: the options class.
        layers: at least one; the first is where a missing field is reported.
        problems: takes what is wrong, at the place of the layer that said it.
        owner: whose options they are, for messages ("method 'lora'").

    Returns:
        The validated options, or None when something is wrong.
    """

    def locate(location: KeyPath) -> KeyPath:
        def depth(layer: Layer) -> int:
            path = (*layer.path, *location)
            return len(problems.source.known_part(path)) - len(layer.path)

        return (*max(reversed(layers), key=depth).path, *location)

    try:
        validated = model.model_validate(merge(layers))
    except ValidationError as error:
        found = explain(error, model, problems.source, locate)
        problems.extend(
            Problem(each.path, f"{each.text} (options of {owner})", each.remedy) for each in found
        )
        return None
    except RsbenchError as error:  # a validator of the plugin that uses our own errors
        problems.add(layers[-1].path, f"{error.what} (options of {owner})", error.remedy)
        return None
    complete = validated.model_dump(mode="json")
    for layer in layers:
        problems.extend(booleans_for_numbers(layer.values, complete, layer.path))
    return validated
