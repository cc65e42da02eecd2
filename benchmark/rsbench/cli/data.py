"""``rsbench data``: what data sets there are, how to get them, and what is in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rsbench.cli.options import CacheOption, DataOption, PluginOption, folders_of
from rsbench.cli.progress import progress_bar

if TYPE_CHECKING:
    from rsbench.dataset.listing import Listed
    from rsbench.folders import Folders
    from rsbench.plugin_kit.chosen import Chosen
    from rsbench.settings import Settings
    from rsbench.target import Target

DEMO = ("demo_dota", "demo_fusrs", "demo_inat")
"""The kinds that ``rsbench data prepare demo`` stands for."""

app = typer.Typer(help="List, prepare, verify and describe data sets.", no_args_is_help=True)

NameArgument = Annotated[
    str, typer.Argument(help="A dataset of 'rsbench data ls', or a label in --matrix.")
]
MatrixOption = Annotated[
    str | None, typer.Option(help="Take the options from this matrix: a file, or a name.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="An option of the dataset. Repeatable."),
]


class SplitChoice(StrEnum):
    """Splits that files of one's own may hold."""

    train = "train"
    val = "val"


@app.command("ls")
def ls(
    licences: Annotated[bool, typer.Option("--licences", help="Show terms of use, too.")] = False,
    plugin: PluginOption = None,
    data_dir: DataOption = None,
    cache_dir: CacheOption = None,
) -> None:
    """List the data sets: which are here, and how to get the others."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from rsbench.dataset.listing import list_datasets

    table = Table(box=None, pad_edge=False, header_style="bold")
    headings = ("name", "state", "download", *(("licence",) if licences else ()), "description")
    for heading in headings:
        table.add_column(heading, no_wrap=heading in ("name", "state"))
    listed = list_datasets(folders_of(data_dir, cache_dir))
    for each in listed:
        style = {"here": "green", "unusable": "red"}.get(each.state, "")
        cells = [getattr(each, heading) for heading in headings]
        table.add_row(*(Text(cell, style=style if i == 1 else "") for i, cell in enumerate(cells)))
    console = Console(highlight=False)
    console.print(table)
    console.print(
        "\nnot here: 'rsbench data prepare NAME' gets it, or says what to fetch by hand; "
        "yours: it reads files of your own and needs options, which a matrix gives."
    )
    for line in _unusable(listed):
        console.print(Text(line, style="red"), soft_wrap=True)


def _unusable(listed: list[Listed]) -> Iterator[str]:
    for each in listed:
        if each.state == "unusable":
            yield f"{each.name}: {each.problem}"


@app.command()
def prepare(
    name: Annotated[
        str,
        typer.Argument(help="'demo', a dataset of 'rsbench data ls', or a label in --matrix."),
    ],
    source: Annotated[
        Path | None, typer.Option("--from", metavar="PATH", help="Use these files you have.")
    ] = None,
    split: Annotated[
        SplitChoice | None, typer.Option(help="The split that the files of --from hold.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="World seed of the demo.", min=0)] = None,
    matrix: MatrixOption = None,
    settings: SetOption = None,
    plugin: PluginOption = None,
    data_dir: DataOption = None,
    cache_dir: CacheOption = None,
) -> None:
    """Download, render or link the files of a data set."""
    from rsbench import registry

    folders = folders_of(data_dir, cache_dir)
    file = None if source is None else _existing(source)
    for kind in DEMO if name == "demo" else (name,):
        chosen = choose_dataset(kind, matrix, settings)
        target = registry.target_class(chosen.choice.kind)
        options = _options(chosen, target, seed)
        own = replace(folders, base=chosen.base)
        with progress_bar(f"Preparing {kind}") as progress:
            where = target.prepare(
                options,
                own,
                source=file,
                split=None if split is None else split.value,
                progress=progress,
            )
        _tell(kind, target, options, own, where)


def _tell(
    kind: str, target: type[Target], options: Settings, folders: Folders, where: Path
) -> None:
    """Say whether a set is ready now: one of two splits alone, or a part of one, is not."""
    from rsbench.errors import TargetError

    try:
        target.open(kind, options, folders)
    except TargetError as error:
        typer.echo(f"{kind}: the files are in place: {where}")
        typer.echo(f"{kind} is not usable yet: {error.what}")
        if error.remedy:
            typer.echo(f"What to do: {error.remedy}")
    else:
        typer.echo(f"{kind} is ready: {where}")


def _existing(source: Path) -> Path:
    """The absolute path of what ``--from`` names.

    Raises:
        TargetError: there is nothing.
    """
    from rsbench.errors import TargetError

    path = source.expanduser().absolute()
    if not path.exists():
        raise TargetError(f"there is nothing at {path}", remedy="check the path after --from")
    return path


def choose_dataset(name: str, matrix: str | None, settings: list[str] | None) -> Chosen:
    """The dataset called ``name``, with its options.

    Raises:
        UnknownNameError: there is none.
        SettingsError: the label stands for several, or an option is wrong.
    """
    from rsbench.errors import SettingsError
    from rsbench.plugin_kit.chosen import choose

    group = "rsbench.datasets"
    found = choose(name, matrix, settings or (), groups=(group,))
    if len(found) != 1:
        raise SettingsError(
            f"{name!r} stands for {len(found)} targets in the matrix",
            where=matrix,
            remedy="give the label of one target",
        )
    return found[0]


def _options(chosen: Chosen, target: type[Target], seed: int | None) -> Settings:
    """Options of a kind, with the seed where it has one.

    Raises:
        SettingsError: the kind takes no seed, or needs options that were not given.
        TargetError: the kind has nothing to prepare.
    """
    from rsbench.errors import SettingsError, TargetError
    from rsbench.target import Target

    kind, given = chosen.choice.kind, dict(chosen.choice.options)
    own_classes = target.__mro__[: target.__mro__.index(Target)]
    if not any("prepare" in vars(each) for each in own_classes):
        raise TargetError(
            f"{chosen.choice.name} reads files of your own: there is nothing to prepare",
            remedy="say where they are in a matrix, or with --set KEY=VALUE; options of "
            f"{kind}: {', '.join(target.Options.model_fields) or 'none'}",
        )
    if seed is not None:
        if "world_seed" not in target.Options.model_fields:
            raise SettingsError(f"{kind} takes no seed", remedy="leave --seed out")
        given["world_seed"] = seed
    return options_of(chosen, target, given)


def options_of(
    chosen: Chosen, target: type[Target], given: Mapping[str, object] | None = None
) -> Settings:
    """Validated options.

    Raises:
        SettingsError: one is wrong, or needed and not given.
    """
    from rsbench.errors import SettingsError
    from rsbench.sources import checked_options

    choice = chosen.choice
    if given is not None:
        choice = choice.model_copy(update={"options": dict(given)})
    try:
        return checked_options(target.Options, choice)
    except SettingsError as error:
        remedy = (
            f"{error.remedy}; give options with --set KEY=VALUE, or a matrix that has them with "
            "--matrix FILE"
        )
        raise SettingsError(error.what, remedy=remedy) from error
