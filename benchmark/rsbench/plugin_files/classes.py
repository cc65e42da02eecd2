"""Which classes of a plugin file are plugins, and under which names."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from rsbench.errors import RsbenchError
from rsbench.plugin_files.loading import listed_files, load_file

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class FilePlugin:
    """A plugin that a file defines.

    Attributes:
        group: entry-point group it belongs to.
        name: what a matrix calls it.
        module: module name of its file.
        class_name: name of the class.
        file: the file.
    """

    group: str
    name: str
    module: str
    class_name: str
    file: Path


def plugins_in(group: str) -> list[FilePlugin]:
    """The plugins of ``group`` in all listed files, loaded first.

    Raises:
        RsbenchError: a file cannot be loaded, defines no plugin, gives one a name that is no
            name, or gives two the same.
    """
    found: dict[str, FilePlugin] = {}
    for file in listed_files():
        for plugin in _plugins_of(load_file(file), file):
            if plugin.group != group:
                continue
            other = found.setdefault(plugin.name, plugin)
            if other is not plugin:
                raise RsbenchError(
                    f"{plugin.class_name} has the name {plugin.name!r}, and so has "
                    f"{other.class_name} of {other.file}",
                    where=file,
                    remedy="give one of the two classes another name, or a 'plugin_name' of its "
                    "own",
                )
    return list(found.values())


def snake_case(name: str) -> str:
    """``EuroSATScenes`` as ``euro_sat_scenes``."""
    parted = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", parted).lower()


def _bases() -> dict[str, type]:
    """The base class of each entry-point group."""
    from rsbench.backbone import Backbone
    from rsbench.method import Method
    from rsbench.strategy import Strategy
    from rsbench.target import Target

    return {
        "rsbench.datasets": Target,
        "rsbench.backbones": Backbone,
        "rsbench.methods": Method,
        "rsbench.strategies": Strategy,
    }


@cache
def _plugins_of(module: ModuleType, file: Path) -> tuple[FilePlugin, ...]:
    """One plugin for each concrete class; names that start with ``_`` are helpers."""
    plugins, abstract = [], []
    for group, base in _bases().items():
        for kind in vars(module).values():
            if not (isinstance(kind, type) and issubclass(kind, base)):
                continue
            if kind.__module__ != module.__name__ or kind.__name__.startswith("_"):
                continue
            if inspect.isabstract(kind):
                abstract.append(kind)
            elif kind.__qualname__ == kind.__name__:
                name = _name_of(kind, file)
                plugins.append(FilePlugin(group, name, module.__name__, kind.__name__, file))
    if not plugins:
        raise _no_plugin(file, abstract)
    return tuple(dict.fromkeys(plugins))


def _name_of(kind: type, file: Path) -> str:
    # its own, not an inherited one: two classes would have the same
    name = vars(kind).get("plugin_name", snake_case(kind.__name__))
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise RsbenchError(
            f"{kind.__name__}.plugin_name is {name!r}, which is no name",
            where=file,
            remedy="use letters, digits, '.', '_' and '-', the first a letter or digit",
        )
    return name


def _no_plugin(file: Path, abstract: list[type]) -> RsbenchError:
    unfinished = [
        f"{kind.__name__} lacks {', '.join(sorted(getattr(kind, '__abstractmethods__', ())))}"
        for kind in abstract
    ]
    return RsbenchError(
        "the plugin file defines no plugin" + "".join(f"; {each}" for each in unfinished),
        where=file,
        remedy="define a class that derives from Target, Backbone, Method or Strategy and has all "
        "their methods",
    )
