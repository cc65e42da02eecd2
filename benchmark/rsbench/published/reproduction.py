"""What a run must be like to count as a reproduction: ``data/reproduction.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, JsonValue, ValidationError, model_validator

from rsbench.published.load import DATA, PublishedDataError
from rsbench.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Allowed values by dotted field; fields that are not named are free.
Allowed = dict[str, tuple[JsonValue, ...]]


class Part(Settings):
    """A plugin that stands for something in the paper."""

    kinds: tuple[str, ...]
    """Kinds that are accepted."""
    options: Allowed = Field(default_factory=dict)
    """What its options must be."""


class PublishedTarget(Part):
    """A data set of the paper."""

    classes: int
    """Number of classes."""
    groups: tuple[int, int, int] | None = None
    """Classes in head, medium and tail, where they are known for sure."""
    rank: Annotated[int, Field(ge=1)]
    """Rank of low-rank modules by the released rule, for the target's published backbone."""
    epochs: tuple[int, ...]
    """Numbers of epochs that are accepted."""


class PublishedBackbone(Part):
    """A backbone of the paper."""

    depth: int
    """Number of blocks."""


class Order(Settings):
    """An order of methods that the paper found."""

    numbers: Annotated[tuple[str, ...], Field(min_length=2)]
    """Ids of published numbers, the best method first."""
    tolerance: Annotated[float, Field(ge=0.0)]
    """How far a method may lie above the one before it, in points."""


class Reproduction(Settings):
    """Content of ``reproduction.yaml``."""

    targets: dict[str, PublishedTarget]
    transfers: dict[str, str]
    """Backbone of each target."""
    backbones: dict[str, PublishedBackbone]
    methods: dict[str, Part]
    recipe: Allowed
    metapeft: Allowed
    ratio: float
    """The sampling ratio of MetaPEFT where nothing else is stated."""
    order: Order

    @model_validator(mode="after")
    def _known_names(self) -> Reproduction:
        """Transfers name what is there."""
        unknown = [name for name in self.transfers if name not in self.targets]
        unknown += [name for name in self.transfers.values() if name not in self.backbones]
        if unknown:
            raise ValueError(f"unknown names: {', '.join(unknown)}")
        return self


def load_reproduction(path: Path = DATA / "reproduction.yaml") -> Reproduction:
    """The published setting.

    Raises:
        PublishedDataError: the file is missing or damaged.
    """
    import yaml

    try:
        return Reproduction.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise PublishedDataError(
            f"the published setting cannot be read: {error}",
            where=path,
            remedy="install rsbench again, or mend the file",
        ) from error


def name_of(parts: Mapping[str, Part], kind: str) -> str | None:
    """The published name that a plugin of this kind goes by, or None."""
    return next((name for name, part in parts.items() if kind in part.kinds), None)
