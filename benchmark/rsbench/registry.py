"""Find plugins by entry point or in files, and suggest near names for a wrong one.

Installed plugins are found by their entry points and imported when they are used. The files
that ``RSBENCH_PLUGINS`` names (see :mod:`rsbench.plugin_files`) are executed to see which
classes they define.
"""

from __future__ import annotations

import difflib
import os
from contextlib import suppress
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, TypeVar

from rsbench.errors import PluginError, RsbenchError, UnknownNameError
from rsbench.foreign import contained

if TYPE_CHECKING:
    from rsbench.backbone import Backbone
    from rsbench.method import Method
    from rsbench.strategy import Strategy
    from rsbench.target import Target

Base = TypeVar("Base")

#: What each entry-point group holds, in words for messages.
GROUPS = {
    "rsbench.datasets": "target",
    "rsbench.backbones": "backbone",
    "rsbench.methods": "method",
    "rsbench.strategies": "training strategy",
}


def find(group: str) -> dict[str, EntryPoint]:
    """Entry points of ``group`` by name, sorted, those of plugin files included.

    No installed plugin is imported.

    Raises:
        RsbenchError: two plugins register the same name, or a plugin file cannot be loaded.
    """
    found = dict(installed(group))
    if not os.environ.get("RSBENCH_PLUGINS"):  # spares the import where there are none
        return found
    from rsbench.plugin_files import plugins_in

    for plugin in plugins_in(group):
        if plugin.name in found:
            raise RsbenchError(
                f"{plugin.class_name} has the name {plugin.name!r}, and so has the installed "
                f"{GROUPS[group]} {found[plugin.name].value}",
                where=plugin.file,
                remedy="give the class another name, or a 'plugin_name' of its own",
            )
        value = f"{plugin.module}:{plugin.class_name}"
        found[plugin.name] = EntryPoint(plugin.name, value, group)
    return dict(sorted(found.items()))


@cache
def installed(group: str) -> dict[str, EntryPoint]:
    """Entry points of ``group`` that distributions register, by name, sorted.

    Raises:
        RsbenchError: two installed distributions register the same name.
    """
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=group), key=lambda each: each.name):
        other = found.get(point.name)
        if other is not None and other.value != point.value:
            raise RsbenchError(
                f"two plugins register the {GROUPS[group]} {point.name!r}: "
                f"{other.value} and {point.value}",
                remedy="uninstall one of the two distributions, or rename its entry point",
            )
        found[point.name] = point
    return found


def names(group: str) -> list[str]:
    """Registered names of ``group``, sorted."""
    return list(find(group))


def load(group: str, name: str) -> object:
    """Import and return the object that ``name`` registers in ``group``.

    Raises:
        UnknownNameError: no plugin registers the name; near names are suggested.
        RsbenchError: the plugin is registered but cannot be imported.
    """
    points = find(group)
    if name not in points:
        raise unknown_name(GROUPS[group], name, list(points))
    what = f"the {GROUPS[group]} {name!r} ({points[name].value}) cannot be imported"
    try:
        with contained(what):
            return points[name].load()
    except PluginError as error:
        if not isinstance(error.__cause__, ImportError | AttributeError):
            raise
        raise RsbenchError(
            f"{what}: {error.__cause__}",
            remedy="reinstall the package that provides it, or see 'rsbench doctor'",
        ) from error


def code_digest(group: str, name: str) -> str:
    """SHA-256 of the plugin file that ``name`` comes from; "" for an installed plugin.

    It belongs to the identity of whatever the plugin computes: an edited file is another plugin.

    Raises:
        UnknownNameError: no plugin registers the name.
        RsbenchError: the plugin file cannot be loaded.
    """
    points = find(group)
    if name not in points:
        raise unknown_name(GROUPS[group], name, list(points))
    if not points[name].module.startswith("rsbench.plugin_files."):
        return ""
    loaded = points[name].load()
    return class_digest(loaded)


def class_digest(kind: type) -> str:
    """SHA-256 over the plugin files that a class and its bases are from; "" where none is."""
    from rsbench.plugin_files import code_digest

    return code_digest(kind)


def unknown_name(kind: str, name: str, known: list[str]) -> UnknownNameError:
    """The error for a wrong name: near names first, else all known ones."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        remedy = "did you mean " + " or ".join(repr(each) for each in near) + "?"
    else:
        remedy = f"known: {', '.join(known)}." if known else f"no {kind} is installed."
    hint = plugin_file_hint()
    if hint:
        remedy += f" {hint[0].upper()}{hint[1:]}."
    return UnknownNameError(f"there is no {kind} called {name!r}", remedy=remedy)


def plugin_file_hint() -> str:
    """How a plugin in a file of its own is named; "" where such files are named already."""
    given = os.environ.get("RSBENCH_PLUGINS", "").strip()
    return "" if given else "one in a file of its own needs --plugin FILE"


def target_class(kind: str) -> type[Target]:
    """The target class registered as ``kind`` in ``rsbench.datasets``."""
    from rsbench.target import Target

    return _checked_class(load("rsbench.datasets", kind), Target, kind)  # type: ignore[type-abstract]


def backbone_class(kind: str) -> type[Backbone]:
    """The backbone class registered as ``kind`` in ``rsbench.backbones``."""
    from rsbench.backbone import Backbone

    return _checked_class(load("rsbench.backbones", kind), Backbone, kind)  # type: ignore[type-abstract]


def method_class(kind: str) -> type[Method]:
    """The method class registered as ``kind`` in ``rsbench.methods``."""
    from rsbench.method import Method

    return _checked_class(load("rsbench.methods", kind), Method, kind)  # type: ignore[type-abstract]


def methods_without_modules() -> list[str]:
    """Names of the methods that insert nothing, and so need no insertion sites."""
    found = []
    for name in names("rsbench.methods"):
        with suppress(RsbenchError):  # a broken plugin is no answer, and not the question
            if not method_class(name).modulates:
                found.append(name)
    return found


def strategy_class(kind: str) -> type[Strategy]:
    """The training strategy registered as ``kind`` in ``rsbench.strategies``."""
    from rsbench.strategy import Strategy

    return _checked_class(load("rsbench.strategies", kind), Strategy, kind)  # type: ignore[type-abstract]


def _checked_class(found: object, base: type[Base], kind: str) -> type[Base]:
    if not (isinstance(found, type) and issubclass(found, base)):
        raise RsbenchError(
            f"the plugin {kind!r} registers {found!r}, which is not a {base.__name__} class",
            remedy=f"register a subclass of {base.__module__}.{base.__name__}",
        )
    return found
