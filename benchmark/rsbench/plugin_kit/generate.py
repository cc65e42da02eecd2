"""Write the folder of a new plugin package: a working one, to be changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from keyword import iskeyword
from string import Template
from typing import TYPE_CHECKING, Literal

from rsbench import registry
from rsbench.atomic import new_folder
from rsbench.errors import RsbenchError, SettingsError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from pathlib import Path

PluginKind = Literal["dataset", "method", "backbone"]

GROUPS: dict[PluginKind, str] = {
    "dataset": "rsbench.datasets",
    "method": "rsbench.methods",
    "backbone": "rsbench.backbones",
}
"""Entry-point group of each kind."""

_MODULES: dict[PluginKind, str] = {"dataset": "target", "method": "method", "backbone": "backbone"}
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_SUFFIX = ".txt"  # of template files: they are no Python files yet


@dataclass(frozen=True)
class NewPlugin:
    """Where a new package is, and what is in it.

    Attributes:
        folder: the package folder.
        files: paths in it, relative, sorted.
    """

    folder: Path
    files: tuple[str, ...]


def write_plugin(name: str, kind: PluginKind, parent: Path) -> NewPlugin:
    """Write the package ``parent / name``.

    Args:
        name: what a matrix will call the plugin: lower-case words with ``_`` between them.
        kind: what to write.
        parent: an existing folder.

    Raises:
        SettingsError: the name is none, or is taken.
        RsbenchError: the folder exists, or cannot be written.
    """
    _check_name(name, kind)
    folder = parent / name
    if folder.exists():
        raise RsbenchError(
            "this folder exists already",
            where=folder,
            remedy="choose another name, or another place with --out",
        )
    values = _values(name, kind)
    try:
        with new_folder(folder) as building:
            written = [
                *_write(files("rsbench.plugin_kit") / "templates" / "common", building, values),
                *_write(files("rsbench.plugin_kit") / "templates" / kind, building, values),
            ]
    except OSError as error:
        raise RsbenchError(
            f"the package cannot be written: {error}",
            where=folder,
            remedy="choose a folder that you can write to with --out",
        ) from error
    return NewPlugin(folder, tuple(sorted(written)))


def package_name(name: str) -> str:
    """The Python package of a plugin; the prefix keeps it from hiding other packages."""
    return f"rsbench_{name}"


def _values(name: str, kind: PluginKind) -> dict[str, str]:
    return {
        "name": name,
        "class_name": "".join(word.capitalize() for word in name.split("_")),
        "package": package_name(name),
        "distribution": package_name(name).replace("_", "-"),
        "kind": kind,
        "group": GROUPS[kind],
        "module": _MODULES[kind],
    }


def _check_name(name: str, kind: PluginKind) -> None:
    if not _NAME.fullmatch(name) or iskeyword(name):
        raise SettingsError(
            f"{name!r} is no name for a plugin",
            remedy="use lower-case letters, digits and single '_', a letter first: my_plots",
        )
    if name in registry.names(GROUPS[kind]):
        raise SettingsError(
            f"there is a {registry.GROUPS[GROUPS[kind]]} called {name!r} already",
            remedy="choose another name; 'rsbench ls' shows those that are taken",
        )
    if find_spec(package_name(name)) is not None:
        raise SettingsError(
            f"there is a Python package {package_name(name)!r} already",
            remedy="choose another name",
        )


def _write(template: Traversable, folder: Path, values: dict[str, str]) -> list[str]:
    """Fill in every file below ``template``, names included.

    Returns:
        The paths of the new files below ``folder``.
    """
    written = []
    for entry in template.iterdir():
        name = entry.name.removesuffix(_SUFFIX)
        name = name.replace("PACKAGE", values["package"]).replace("NAME", values["name"])
        if entry.is_dir():
            (folder / name).mkdir(exist_ok=True)
            written += [f"{name}/{each}" for each in _write(entry, folder / name, values)]
        else:
            text = Template(entry.read_text(encoding="utf-8")).substitute(values)
            (folder / name).write_text(text, encoding="utf-8")
            written.append(name)
    return written
