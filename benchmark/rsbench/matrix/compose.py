"""Lay one matrix document over another; what each part came from stays known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rsbench.matrix.located import KeyPath, LocatedYaml, Origin

#: Fields of which parent and child are merged, key by key.
MERGED = ("recipe", "metapeft", "defaults")


@dataclass(frozen=True)
class Part:
    """A part of a document.

    Attributes:
        value: as plain Python values.
        origins: of itself, with the path ``()``, and of everything in it.
    """

    value: Any
    origins: Mapping[KeyPath, Origin]

    @classmethod
    def of(cls, source: LocatedYaml) -> Part:
        """A whole document."""
        return cls(source.value, source.origins)

    def get(self, key: str | int) -> Part:
        """The part under one key, or at one place of a list."""
        inside = {path[1:]: origin for path, origin in self.origins.items() if path[:1] == (key,)}
        return Part(self.value[key], inside)

    def items(self) -> dict[str, Part]:
        """The parts of a mapping; empty where this is none."""
        return {key: self.get(key) for key in self.value} if isinstance(self.value, dict) else {}

    def listed(self) -> list[Part]:
        """The parts of a list; empty where this is none."""
        return [self.get(i) for i in range(len(self.value))] if isinstance(self.value, list) else []

    def marked(self, inherited: bool) -> Part:
        """The same with every origin marked as taken over, or as the document's own."""
        origins = {
            path: replace(origin, inherited=inherited) for path, origin in self.origins.items()
        }
        return Part(self.value, origins)

    def without(self, *keys: str) -> Part:
        """A mapping without some keys; anything else as it is."""
        if not isinstance(self.value, dict):
            return self
        kept = {key: part for key, part in self.items().items() if key not in keys}
        return mapping(kept, self.origins[()])


def mapping(parts: Mapping[str, Part], origin: Origin) -> Part:
    """The mapping of some parts."""
    value = {key: part.value for key, part in parts.items()}
    return Part(value, {(): origin, **_below(parts)})


def sequence(parts: Sequence[Part], origin: Origin) -> Part:
    """The list of some parts."""
    return Part([part.value for part in parts], {(): origin, **_below(dict(enumerate(parts)))})


def _below(parts: Mapping[Any, Part]) -> dict[KeyPath, Origin]:
    return {
        (key, *path): origin for key, part in parts.items() for path, origin in part.origins.items()
    }


def lay_over(base: Part, top: Part) -> Part:
    """The document ``base`` with what ``top`` says otherwise.

    Recipe, metapeft and defaults are merged key by key; overrides are added; axes are merged by
    name, one that is null is dropped, and ``axes: {}`` drops all; every other field that ``top``
    states replaces that of ``base``.
    """
    result = base.items()
    for key, part in top.items().items():
        if part.value is None:
            continue  # an empty field is one that is not stated
        before = result.get(key)
        if before is None or before.value is None:
            result[key] = part
        elif key in MERGED:
            result[key] = _merged(before, part)
        elif key == "overrides" and isinstance(part.value, list):
            result[key] = sequence([*before.listed(), *part.listed()], part.origins[()])
        elif key == "axes" and isinstance(part.value, dict) and part.value:
            result[key] = _merged_axes(before, part)
        else:
            result[key] = part
    return mapping(result, top.origins[()])


def _merged(base: Part, top: Part) -> Part:
    if not (isinstance(base.value, dict) and isinstance(top.value, dict)):
        return top
    result = base.items()
    for key, part in top.items().items():
        result[key] = _merged(result[key], part) if key in result else part
    return mapping(result, top.origins[()])


def _merged_axes(base: Part, top: Part) -> Part:
    axes = {**base.items(), **top.items()}
    dropped = {name for name, part in axes.items() if part.value is None and name in base.value}
    return mapping({n: part for n, part in axes.items() if n not in dropped}, top.origins[()])


def without_in_blocks(base: Part, stated: Sequence[str]) -> Part:
    """``base``, its ``include`` blocks without some fields; a block with nothing else is dropped.

    A stage's targets stand for all targets of a matrix, those of its blocks included.
    """
    parts = base.items()
    include = parts.get("include")
    if include is None or not isinstance(include.value, list):
        return base
    blocks = [(part, part.without(*stated)) for part in include.listed()]
    kept = [less for part, less in blocks if less.value or less.value == part.value]
    parts["include"] = sequence(kept, include.origins[()])
    return mapping(parts, base.origins[()])
