"""``rsbench doctor``: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer

_REINSTALL = "run 'make install', or 'pip install' of rsbench again"
_REINSTALL_PLUGIN = "install the package that provides it again, or remove it"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        name: what was looked at.
        value: what was found.
        remedy: what to do about it, or "".
        fatal: whether rsbench is unusable like this.
    """

    name: str
    value: str
    remedy: str = ""
    fatal: bool = False


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("doctor")(doctor)


def doctor() -> None:
    """Show versions, devices and folders, and what is missing; exit code 1 if unusable."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    findings = examine()
    table = Table(box=None, pad_edge=False, show_header=False)
    for each in findings:
        mark, style = (
            ("missing", "red") if each.fatal else ("note", "yellow") if each.remedy else ("ok", "")
        )
        text = each.value + (f"\n-> {each.remedy}" if each.remedy else "")
        table.add_row(Text(mark, style=style), Text(each.name), Text(text, style=style))
    console = Console(highlight=False)
    console.print(table)
    fatal = [each.name for each in findings if each.fatal]
    if fatal:
        console.print(Text(f"Not usable yet: {', '.join(fatal)}", style="bold red"))
        raise typer.Exit(1)
    console.print("Ready.")


def examine() -> list[Finding]:
    """Everything that ``rsbench doctor`` looks at."""
    return [*_versions(), *_machine(), *_folders(), *_plugins(), *_demo()]


def _versions() -> Iterator[Finding]:
    from importlib.metadata import requires, version

    yield Finding("rsbench", version("rsbench"))
    old = sys.version_info < (3, 11)
    remedy = "install Python 3.11 or later" if old else ""
    yield Finding("python", platform.python_version(), remedy, fatal=old)
    for requirement in requires("rsbench") or ():
        if "extra ==" not in requirement:
            yield check_requirement(requirement)


def check_requirement(requirement: str) -> Finding:
    """Whether a package is installed in the version that ``name>=minimum`` asks for."""
    from importlib.metadata import PackageNotFoundError, version

    name, _, minimum = requirement.partition(">=")
    try:
        found = version(name)
    except PackageNotFoundError:
        return Finding(name, f"not installed (needs {minimum} or later)", _REINSTALL, fatal=True)
    if _release(found) < _release(minimum):
        return Finding(name, f"{found} is too old (needs {minimum})", _REINSTALL, fatal=True)
    return Finding(name, found)


def _release(text: str) -> tuple[int, ...]:
    """The numbers at the start of a version: ``2.6.1+cpu`` is (2, 6, 1)."""
    match = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _machine() -> Iterator[Finding]:
    from rsbench.cores import usable_cores

    yield Finding("cores", str(usable_cores()))
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a shared library that does not load
        yield Finding("device", f"torch cannot be imported: {error}", _REINSTALL, fatal=True)
        return
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if not names and torch.backends.mps.is_available():
        names = ["Apple GPU (mps)"]
    yield Finding("device", ", ".join(names) or "CPU only (enough for the demo)")


def _folders() -> Iterator[Finding]:
    from rsbench.folders import Folders

    folders = Folders()
    for name, folder, variable in (
        ("data folder", folders.data, "set RSBENCH_DATA to a folder you can write to"),
        ("cache folder", folders.cache, "set RSBENCH_CACHE to a folder you can write to"),
        ("current folder", Path.cwd(), "run in a folder you can write to, or give --out"),
    ):
        yield check_folder(name, folder, variable)


def check_folder(name: str, folder: Path, remedy: str) -> Finding:
    """Whether ``folder`` can be written to, or made, and how much space is left there."""
    existing = folder
    while not existing.exists():
        existing = existing.parent
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        return Finding(name, f"{folder} cannot be written to", remedy, fatal=True)
    free = shutil.disk_usage(existing).free / 2**30
    text = f"{folder}, {free:.1f} GiB free"
    return Finding(name, text, "free some space" if free < 1.0 else "")


def _plugins() -> Iterator[Finding]:
    from rsbench.cli.listing import plugin_rows
    from rsbench.registry import GROUPS

    for group in GROUPS:
        for row in plugin_rows(group):
            if row.broken:
                yield Finding(f"{GROUPS[group]} {row.name}", row.text, _REINSTALL_PLUGIN)


def _demo() -> Iterator[Finding]:
    """The demo backbone must be there; the demo world is rendered when it is needed."""
    from rsbench import registry
    from rsbench.cli.data import DEMO
    from rsbench.errors import NotPreparedError, RsbenchError
    from rsbench.folders import Folders

    try:
        backbone = registry.backbone_class("demo_vit")
        backbone.open("demo_vit", backbone.Options(), Folders())
        yield Finding("demo backbone", "its weights are installed")
    except RsbenchError as error:
        yield Finding("demo backbone", error.what, error.remedy or _REINSTALL, fatal=True)
    for name in DEMO:
        try:
            target = registry.target_class(name)
            target.open(name, target.Options(), Folders())
            yield Finding(name, "prepared")
        except NotPreparedError:
            remedy = "'rsbench run' prepares it when needed; 'rsbench data prepare demo' does now"
            yield Finding(name, "not prepared yet", remedy)
        except RsbenchError as error:
            yield Finding(name, error.what, error.remedy or _REINSTALL, fatal=True)
