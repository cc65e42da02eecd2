"""The taxonomy of iNaturalist 2018: which ranks there are, and what a category is called."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, get_args

from rsbench.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Level = Literal[
    "species", "genus", "family", "order", "class", "phylum", "kingdom", "supercategory"
]
"""Ranks of the taxonomy, the finest first; ``supercategory`` is iNaturalist's own grouping."""
LEVELS: tuple[Level, ...] = get_args(Level)

Category = dict[str, Any]
"""One entry of ``categories``: ``id``, ``name`` (of the species), and the ranks above it."""


def read_categories(file: Path) -> tuple[Category, ...]:
    """The categories of ``categories.json``, which is a plain list.

    Raises:
        FileNotFoundError: the file does not exist.
        TargetError: the file is no such list.
    """
    try:
        content = json.loads(file.read_bytes())
    except ValueError as error:
        raise TargetError(f"the file is no JSON: {error}", where=file) from error
    if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
        raise TargetError(
            "the file is no list of categories", where=file, remedy="fetch categories.json again"
        )
    return tuple(content)


def names_are_hidden(categories: Sequence[Category]) -> bool:
    """Whether these are the numbers that the competition put in place of species names."""
    return bool(categories) and all(str(each.get("name", "")).isdigit() for each in categories)


def field_of(level: Level) -> str:
    """The field of a category that holds its name at ``level``."""
    return "name" if level == "species" else level


def rank_of(categories: Sequence[Category], level: Level, where: Path) -> dict[int, str]:
    """The name of each category, by its id, at one rank of the taxonomy.

    Raises:
        TargetError: a category lacks its id or this rank, or an id occurs twice.
    """
    field = field_of(level)
    names: dict[int, str] = {}
    for each in categories:
        number, name = each.get("id"), each.get(field)
        if not isinstance(number, int) or not isinstance(name, str) or not name:
            raise TargetError(
                f"a category lacks its {'id' if not isinstance(number, int) else field!r}: {each}",
                where=where,
                remedy="use the categories.json of the data set, which has every rank",
            )
        if number in names:
            raise TargetError(f"two categories have the id {number}", where=where)
        names[number] = name
    return names


def merged(categories: Sequence[Category], level: Level) -> list[str]:
    """Names at ``level`` that stand for several taxa (homonyms, such as a plant and a moth)."""
    if level == "supercategory":
        return []
    above: tuple[Level, ...] = LEVELS[LEVELS.index(level) + 1 : -1]
    field = field_of(level)
    parents: dict[str, set[tuple[Any, ...]]] = {}
    for each in categories:
        higher = tuple(each.get(rank) for rank in above)
        entry = (each.get("id"), *higher) if level == "species" else higher
        parents.setdefault(str(each.get(field)), set()).add(entry)
    return sorted(name for name, found in parents.items() if len(found) > 1)
