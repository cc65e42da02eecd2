"""What a matrix file may say: the fields, their types, and nothing else."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from rsbench.matrix.entries import Label, MethodEntry, Options, PluginEntry
from rsbench.matrix.located import KeyPath
from rsbench.settings import Recipe, Settings

#: What an axis may not be called: a condition or a table would mean something else by it.
RESERVED = (
    *("target", "backbone", "method", "metapeft", "seed", "recipe", "kind"),
    *("targets", "backbones", "methods", "seeds", "variant"),
)


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


def _empty_as_mapping(value: Any) -> Any:
    return {} if value is None else value


def value_label(value: Any) -> str:
    """The label of an axis value: text as it is, a number or true or false as JSON has it.

    Raises:
        ValueError: it is a list or a mapping, or text that is no label.
    """
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if not isinstance(value, str):
        raise ValueError("must be a label: text or a number")
    text = value.removeprefix("-")
    if not text or not text[0].isalnum() or not all(c.isalnum() or c in "._-+" for c in text):
        raise ValueError(
            f"{value!r} is no label: letters, digits, '.', '_', '-' and '+', "
            "the first a letter, a digit or a minus sign"
        )
    return value


def _axis_name(text: str) -> str:
    if text in RESERVED:
        raise ValueError(f"an axis cannot be called {text!r}: that means something else already")
    return text


def _value_labels(value: Any) -> Any:
    return [value_label(each) for each in _as_list(value)]


LabelList = Annotated[tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1)]
"""One label or a list of them, to match."""
ValueList = Annotated[tuple[str, ...], BeforeValidator(_value_labels), Field(min_length=1)]
"""One value of an axis or a list of them; numbers mean their labels."""
AxisName = Annotated[Label, AfterValidator(_axis_name)]
ValueName = Annotated[str, AfterValidator(value_label)]
Seed = Annotated[int, Field(ge=0)]
SeedList = Annotated[tuple[Seed, ...], BeforeValidator(_as_list), Field(min_length=1)]


class Conditions(BaseModel):
    """Which cells a rule is about, by their labels; what is not stated matches every cell.

    Every further field is an axis of the matrix with one of its values or a list of them. A cell
    that has no place on that axis does not match.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, ValueList]

    target: LabelList | None = None
    backbone: LabelList | None = None
    method: LabelList | None = None
    metapeft: bool | None = None
    seed: SeedList | None = None

    @property
    def axes(self) -> dict[str, tuple[str, ...]]:
        """Accepted values by axis."""
        return dict(self.__pydantic_extra__)

    @model_validator(mode="after")
    def _not_empty(self) -> Conditions:
        if not self.model_dump(exclude_none=True):
            raise ValueError(
                "state at least one of target, backbone, method, metapeft, seed and the axes"
            )
        return self


class Changes(Settings):
    """Settings laid over others."""

    recipe: Recipe = Recipe()
    """Only the fields that are written count."""
    method: Options = Field(default_factory=dict)
    metapeft: Options = Field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is changed."""
        return not (self.recipe.model_fields_set or self.method or self.metapeft)


class Override(Changes):
    """Settings for the cells that match; a later override wins over an earlier one.

    One that names an axis in ``when`` comes after the settings of all axis values, any other
    before them: an axis varies what the rest of the matrix has settled.
    """

    when: Conditions

    @model_validator(mode="after")
    def _changes_something(self) -> Override:
        if self.is_empty:
            raise ValueError("changes nothing: state recipe, method or metapeft beside 'when'")
        return self


AxisValue = Annotated[Changes, BeforeValidator(_empty_as_mapping)]
"""Settings of the cells at one value of an axis; may be empty."""


class Block(Settings):
    """Extra cells; what is not stated is that of the matrix."""

    targets: Annotated[tuple[PluginEntry, ...], Field(min_length=1)] | None = None
    backbones: Annotated[tuple[PluginEntry, ...], Field(min_length=1)] | None = None
    methods: Annotated[tuple[MethodEntry, ...], Field(min_length=1)] | None = None
    seeds: SeedList | None = None
    axes: dict[str, ValueList] | None = None
    """The axes that these cells have, with their values: {} for none, not stated for all."""

    @model_validator(mode="after")
    def _not_empty(self) -> Block:
        if not self.model_fields_set:
            raise ValueError("state at least one of targets, backbones, methods, seeds and axes")
        return self


class MatrixDocument(Settings):
    """A whole matrix file."""

    name: Label
    """Name of the sweep; its results go to a folder of this name."""
    description: str = ""
    """One line for ``rsbench ls matrices``."""
    disclaimer: str = ""
    """What a reader of the tables must know, such as "demo numbers"."""
    targets: Annotated[tuple[PluginEntry, ...], Field(min_length=1)]
    backbones: Annotated[tuple[PluginEntry, ...], Field(min_length=1)]
    methods: Annotated[tuple[MethodEntry, ...], Field(min_length=1)]
    seeds: SeedList
    axes: dict[AxisName, Annotated[dict[ValueName, AxisValue], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    """Further axes: by name their values, by label the settings of each."""
    recipe: Recipe = Recipe()
    """Only the fields that are written differ from the paper's recipe."""
    metapeft: Options = Field(default_factory=dict)
    """Options of MetaPEFT, wherever it is used."""
    defaults: dict[str, Changes] = Field(default_factory=dict)
    """Settings by kind of method, for every label that is made from it; what its entry in
    ``methods`` states wins over them."""
    overrides: tuple[Override, ...] = ()
    include: tuple[Block, ...] = ()
    exclude: tuple[Conditions, ...] = ()
    extends: str | None = None
    """Another matrix that this one says the differences to; merged before this is read."""
    on: dict[str, Options] | None = None
    """What differs on a stage, by its name; merged before this is read."""
    base: str | None = None
    """Folder that relative paths start from, seen from the file; not stated: the file's own."""

    @model_validator(mode="before")
    @classmethod
    def _drop_empty_fields(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError("a matrix is a mapping: 'name: ...', 'targets: ...' and so on")
        return {key: each for key, each in value.items() if each is not None}

    def axis_values(self) -> dict[str, tuple[str, ...]]:
        """Labels of the values of each further axis, in order."""
        return {name: tuple(values) for name, values in self.axes.items()}

    def axis_numbers(self) -> dict[str, tuple[float, ...]]:
        """The values as numbers, of the axes all of whose labels are finite numbers."""
        numbers = {name: [_number(each) for each in values] for name, values in self.axes.items()}
        return {
            name: tuple(value for value in values if value is not None)
            for name, values in numbers.items()
            if None not in values
        }

    def plugin_entries(
        self, axis: Literal["targets", "backbones"]
    ) -> Iterator[tuple[KeyPath, PluginEntry]]:
        """Every entry of ``axis`` with its path: those of the matrix, then of the blocks."""
        own: tuple[PluginEntry, ...] = getattr(self, axis)
        yield from (((axis, i), entry) for i, entry in enumerate(own))
        for number, block in enumerate(self.include):
            extra: tuple[PluginEntry, ...] = getattr(block, axis) or ()
            yield from ((("include", number, axis, i), entry) for i, entry in enumerate(extra))

    def method_entries(self) -> Iterator[tuple[KeyPath, MethodEntry]]:
        """Every entry of ``methods`` with its path: those of the matrix, then of the blocks."""
        yield from ((("methods", i), entry) for i, entry in enumerate(self.methods))
        for number, block in enumerate(self.include):
            for i, entry in enumerate(block.methods or ()):
                yield ("include", number, "methods", i), entry


def _number(label: str) -> float | None:
    try:
        number = float(label)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def written(recipe: Recipe) -> Options:
    """Only the fields of ``recipe`` that were stated, nested ones too."""
    return recipe.model_dump(mode="json", exclude_unset=True)
