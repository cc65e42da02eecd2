"""What a matrix file may say: the fields, their types, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from rsbench.matrix.yaml_lines import KeyPath
from rsbench.settings import Recipe, Settings

#: Written after a method's name for its MetaPEFT version.
METAPEFT_SUFFIX = "+metapeft"

Options = dict[str, JsonValue]


def _label(text: str) -> str:
    allowed = text and text[0].isalnum() and all(c.isalnum() or c in "._-" for c in text)
    if not allowed:
        raise ValueError(
            f"{text!r} is no label: letters, digits, '.', '_' and '-', the first a letter or digit"
        )
    return text


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


def _metapeft_options(value: Any) -> Any:
    if isinstance(value, bool):
        return {} if value else None
    if isinstance(value, dict):
        return value
    raise ValueError("must be true, false, or a mapping of MetaPEFT's options")


Label = Annotated[str, AfterValidator(_label)]
"""A name in tables and on the command line."""
LabelList = Annotated[tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1)]
"""One label or a list of them, to match."""
Seed = Annotated[int, Field(ge=0)]
SeedList = Annotated[tuple[Seed, ...], BeforeValidator(_as_list), Field(min_length=1)]


class PluginEntry(BaseModel):
    """An item of ``targets`` or ``backbones``: a name, or a mapping with options of its own."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    name: Label
    """Label in tables."""
    kind: str | None = None
    """Entry-point name of the plugin; None: the same as ``name``."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            return cls.parse_text(value)
        if not isinstance(value, dict):
            raise ValueError("must be a name, or a mapping with 'name', 'kind' and options")
        return value

    @classmethod
    def parse_text(cls, text: str) -> dict[str, Any]:
        """The mapping that a plain name stands for."""
        return {"name": text}

    @property
    def options(self) -> Options:
        """Every other field: options of the plugin."""
        return dict(self.__pydantic_extra__)

    @property
    def is_reference(self) -> bool:
        """Whether it only names something that is defined elsewhere or registered."""
        return self.kind is None and not self.options


class MethodEntry(PluginEntry):
    """An item of ``methods``: also says whether MetaPEFT trains its scales."""

    metapeft: Annotated[Options | None, BeforeValidator(_metapeft_options)] = None
    """MetaPEFT's options for this entry; None for the plain method."""

    @classmethod
    def parse_text(cls, text: str) -> dict[str, Any]:
        """The mapping that ``lora`` or ``lora+metapeft`` stands for."""
        name = text.removesuffix(METAPEFT_SUFFIX)
        if "+" in name:
            raise ValueError(f"{text!r}: the only thing that can follow '+' is 'metapeft'")
        return {"name": name, "metapeft": name != text}


class Conditions(Settings):
    """Which cells a rule is about, by their labels; what is not stated matches every cell."""

    target: LabelList | None = None
    backbone: LabelList | None = None
    method: LabelList | None = None
    """``lora`` matches with and without MetaPEFT, ``lora+metapeft`` only with."""
    metapeft: bool | None = None
    seed: SeedList | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Conditions:
        if not self.model_dump(exclude_none=True):
            raise ValueError("state at least one of target, backbone, method, metapeft and seed")
        return self


class Override(Settings):
    """Settings for the cells that match; a later override wins over an earlier one."""

    when: Conditions
    recipe: Recipe = Recipe()
    """Only the fields that are written count."""
    method: Options = Field(default_factory=dict)
    metapeft: Options = Field(default_factory=dict)

    @model_validator(mode="after")
    def _changes_something(self) -> Override:
        if not (self.recipe.model_fields_set or self.method or self.metapeft):
            raise ValueError("changes nothing: state recipe, method or metapeft beside 'when'")
        return self


class Block(Settings):
    """Extra cells; an axis that is not stated is that of the matrix."""

    targets: Annotated[tuple[PluginEntry, ...], Field(min_length=1)] | None = None
    backbones: Annotated[tuple[PluginEntry, ...], Field(min_length=1)] | None = None
    methods: Annotated[tuple[MethodEntry, ...], Field(min_length=1)] | None = None
    seeds: SeedList | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Block:
        if not self.model_fields_set:
            raise ValueError("state at least one of targets, backbones, methods and seeds")
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
    recipe: Recipe = Recipe()
    """Only the fields that are written differ from the paper's recipe."""
    metapeft: Options = Field(default_factory=dict)
    """Options of MetaPEFT, wherever it is used."""
    overrides: tuple[Override, ...] = ()
    include: tuple[Block, ...] = ()
    exclude: tuple[Conditions, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _drop_empty_fields(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError("a matrix is a mapping: 'name: ...', 'targets: ...' and so on")
        return {key: each for key, each in value.items() if each is not None}

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


def written(recipe: Recipe) -> Options:
    """Only the fields of ``recipe`` that were stated, nested ones too."""
    return recipe.model_dump(mode="json", exclude_unset=True)
