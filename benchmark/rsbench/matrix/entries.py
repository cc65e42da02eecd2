"""What stands on the axes of a matrix file: targets, backbones and methods."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    JsonValue,
    model_validator,
)

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


def _metapeft_options(value: Any) -> Any:
    if isinstance(value, bool):
        return {} if value else None
    if isinstance(value, dict):
        return value
    raise ValueError("must be true, false, or a mapping of MetaPEFT's options")


Label = Annotated[str, AfterValidator(_label)]
"""A name in tables and on the command line."""


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
