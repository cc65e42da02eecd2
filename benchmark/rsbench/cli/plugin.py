"""``rsbench plugin``: write a plugin package, and check a plugin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rsbench.cli.options import CacheOption, DataOption, PluginOption, folders_of

if TYPE_CHECKING:
    from rich.console import Console

    from rsbench.folders import Folders
    from rsbench.plugin_kit import Finding
    from rsbench.plugin_kit.chosen import Chosen
    from rsbench.target import Progress

app = typer.Typer(help="Write and check plugins of your own.", no_args_is_help=True)

_COLOURS = {"pass": "green", "fail": "bold red", "warning": "yellow", "skipped": "dim"}


class NewKind(StrEnum):
    """What a new package can hold."""

    dataset = "dataset"
    method = "method"
    backbone = "backbone"


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Lower-case name, such as my_plots.")],
    kind: Annotated[NewKind, typer.Option(help="What the plugin is.")] = NewKind.dataset,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to put it. Default: here.")
    ] = None,
) -> None:
    """Write a working plugin package to start from: code, test, README and a matrix."""
    from rsbench.plugin_kit.generate import write_plugin

    parent = Path.cwd() if out is None else out.expanduser().absolute()
    made = write_plugin(name, kind.value, parent)
    for file in made.files:
        typer.echo(made.folder / file)
    typer.echo(f"Read {made.folder / 'README.md'} and go on from there.")


@app.command()
def check(
    name: Annotated[
        str, typer.Argument(help="Name of a target, method or backbone, or a label in --matrix.")
    ],
    matrix: Annotated[
        str | None, typer.Option(help="Take the options from this matrix: a file, or a name.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="An option of the plugin. Repeatable."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Read every image in place of 2,000 of each split.")
    ] = False,
    plugin: PluginOption = None,
    data_dir: DataOption = None,
    cache_dir: CacheOption = None,
) -> None:
    """Check that a plugin keeps its promises; exit code 1 where it does not."""
    from dataclasses import replace

    from rich.console import Console

    from rsbench.plugin_kit.chosen import choose

    console = Console(highlight=False)
    folders = folders_of(data_dir, cache_dir)
    findings = []
    for chosen in choose(name, matrix, settings or ()):
        found = _check(chosen, replace(folders, base=chosen.base), everything)
        _print(chosen, found, console)
        findings += found
    if any(each.verdict == "fail" for each in findings):
        raise typer.Exit(1)


def _check(chosen: Chosen, folders: Folders, everything: bool) -> list[Finding]:
    """The findings on one plugin.

    Raises:
        SettingsError: it needs options that were not given, or one is wrong.
    """
    from rsbench.errors import SettingsError
    from rsbench.plugin_kit import DEFAULT_LIMIT, check_backbone, check_method, check_target

    choice = chosen.choice
    try:
        if chosen.group == "rsbench.methods":
            return check_method(choice.kind, choice.options, folders, name=choice.name)
        if chosen.group == "rsbench.backbones":
            return check_backbone(choice.kind, choice.options, folders, name=choice.name)
        with _display(choice.name) as progress:
            return check_target(
                choice.kind,
                choice.options,
                folders,
                name=choice.name,
                limit=None if everything else DEFAULT_LIMIT,
                prepare=True,
                progress=progress,
            )
    except SettingsError as error:
        remedy = f"{error.remedy}; give them with --set KEY=VALUE or --matrix FILE"
        raise SettingsError(error.what, where=error.where, remedy=remedy) from error


def _print(chosen: Chosen, findings: list[Finding], console: Console) -> None:
    from rich.text import Text

    from rsbench.registry import GROUPS

    choice = chosen.choice
    kind = "" if choice.kind == choice.name else f" ({choice.kind})"
    console.print(f"{GROUPS[chosen.group]} {choice.name}{kind}", markup=False, soft_wrap=True)
    for each in findings:
        line = Text(str(each))
        line.stylize(_COLOURS[each.verdict], 0, len(each.verdict))
        console.print(line, soft_wrap=True)
    counts = Counter[str](each.verdict for each in findings)
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in _COLOURS if counts[verdict])
    word = "check" if len(findings) == 1 else "checks"
    console.print(f"{len(findings)} {word}: {told}", markup=False)


@contextmanager
def _display(name: str) -> Iterator[Progress]:
    """A progress bar on standard error, gone when it is done; none where nobody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task(f"Reading {name}", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
