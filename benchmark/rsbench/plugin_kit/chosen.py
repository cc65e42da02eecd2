"""Which plugin is meant, and with which options: from a name, a matrix, and ``--set``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rsbench import registry
from rsbench.errors import SettingsError, UnknownNameError
from rsbench.settings import PluginChoice
from rsbench.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import JsonValue

    from rsbench.cell import Cell

DATASETS = "rsbench.datasets"
CHECKED = (DATASETS, "rsbench.methods", "rsbench.backbones")
"""The entry-point groups that have a conformance kit."""

Options = dict[str, "JsonValue"]


@dataclass(frozen=True)
class Chosen:
    """A plugin with its options.

    Attributes:
        group: entry-point group.
        choice: label, kind and options.
        base: folder that relative paths in the options start from.
    """

    group: str
    choice: PluginChoice
    base: Path


def choose(
    name: str,
    matrix: str | None,
    settings: Iterable[str] = (),
    groups: Sequence[str] = CHECKED,
) -> tuple[Chosen, ...]:
    """What ``rsbench plugin check NAME`` is about.

    Args:
        name: label or kind in the matrix, or without one a registered name.
        matrix: file, or name of a shipped one; None where there is none.
        settings: ``KEY=VALUE`` texts, laid over the options.
        groups: entry-point groups to look in.

    Returns:
        Every plugin of that name: a label may stand on several axes of a matrix, and a name
        may be registered in several groups.

    Raises:
        UnknownNameError: nothing has that name.
        SettingsError: a text of ``settings`` is wrong.
        MatrixError: the matrix is wrong.
    """
    options = parse_settings(settings)
    found = _registered(name, groups) if matrix is None else _in_matrix(name, matrix, groups)
    return tuple(Chosen(each.group, _with(each.choice, options), each.base) for each in found)


def parse_settings(texts: Iterable[str]) -> Options:
    """``["file=a.csv", "groups.rule=thirds"]`` as options; values are YAML.

    Raises:
        SettingsError: a text is not KEY=VALUE, or its value is no YAML.
    """
    import yaml

    options: Options = {}
    for text in texts:
        key, equals, value = text.partition("=")
        parts = key.strip().split(".")
        if not equals or not all(parts):
            raise SettingsError(
                f"--set {text}: this is not KEY=VALUE", remedy="for example --set file=split.csv"
            )
        try:
            parsed: JsonValue = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise SettingsError(
                f"--set {text}: the value is no YAML", remedy="put it in quotes: KEY='\"text\"'"
            ) from error
        for part in reversed(parts):
            parsed = {part: parsed}
        options = _merged(options, parsed) if isinstance(parsed, dict) else options
    return options


def _with(choice: PluginChoice, options: Options) -> PluginChoice:
    return choice.model_copy(update={"options": _merged(choice.options, options)})


def _merged(old: Options, new: Options) -> Options:
    result = dict(old)
    for key, value in new.items():
        before = result.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        result[key] = _merged(before, value) if both else value  # type: ignore[arg-type]
    return result


def _registered(name: str, groups: Sequence[str]) -> list[Chosen]:
    having = [group for group in groups if name in registry.names(group)]
    if not having:
        if name in registry.names("rsbench.strategies"):
            raise SettingsError(
                f"{name!r} is a training strategy, and there are no checks for those",
                remedy="check a target, a method or a backbone",
            )
        known = sorted({each for group in groups for each in registry.names(group)})
        raise registry.unknown_name(_what(groups), name, known)
    choice = PluginChoice(name=name, kind=name)
    return [Chosen(group, choice, Path.cwd()) for group in having]


def _what(groups: Sequence[str]) -> str:
    """What is looked for, in a word."""
    return registry.GROUPS[groups[0]] if len(groups) == 1 else "plugin"


def _in_matrix(name: str, matrix: str, groups: Sequence[str]) -> list[Chosen]:
    every, base = _every_choice(matrix, groups)
    for wanted in ("name", "kind"):  # a label is meant first
        found: dict[str, Chosen] = {}
        for group, choice in every:
            if getattr(choice, wanted) == name:
                key = group + choice.model_dump_json()
                found.setdefault(key, Chosen(group, choice, base))
        if found:
            return list(found.values())
    known = list(dict.fromkeys(choice.name for _, choice in every))
    near = did_you_mean(name, known)
    raise UnknownNameError(
        f"no {_what(groups)} in the matrix is called {name!r}",
        where=matrix,
        remedy=f"{near} There are: {', '.join(known)}."
        if near
        else f"there are: {', '.join(known)}",
    )


def _every_choice(
    matrix: str, groups: Sequence[str]
) -> tuple[list[tuple[str, PluginChoice]], Path]:
    """Group and choice of everything in the matrix, and its base."""
    if tuple(groups) == (DATASETS,):
        from rsbench.matrix.targets import targets_of

        targets, base = targets_of(matrix)
        return [(DATASETS, each) for each in targets], base
    from rsbench.matrix.expand import expand
    from rsbench.matrix.load import load_matrix

    loaded = load_matrix(matrix)
    every = [pair for cell in expand(loaded) for pair in _choices(cell) if pair[0] in groups]
    return every, loaded.base


def _choices(cell: Cell) -> list[tuple[str, PluginChoice]]:
    return [
        ("rsbench.datasets", cell.target),
        ("rsbench.methods", cell.method),
        ("rsbench.backbones", cell.backbone),
    ]
