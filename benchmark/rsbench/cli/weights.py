"""``rsbench weights``: fetch, verify and convert the weights of backbones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rsbench.cli.options import DataOption, PluginOption, folders_of
from rsbench.cli.progress import progress_bar

if TYPE_CHECKING:
    from rsbench.errors import SettingsError
    from rsbench.pretrained import PretrainedBackbone

app = typer.Typer(help="Fetch, verify and convert weights.", no_args_is_help=True)

NameArgument = Annotated[
    str, typer.Argument(help="A backbone of 'rsbench weights ls'.", show_default=False)
]


@app.command("ls")
def ls(
    long: Annotated[
        bool, typer.Option("--long", help="Show where they are published, too.")
    ] = False,
    plugin: PluginOption = None,
    data_dir: DataOption = None,
) -> None:
    """List the backbones with published weights, and whether they are here."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    folders = folders_of(data_dir, None)
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = ("name", "parameters", "download", "licence", "here")
    for column in (*columns, "source") if long else columns:
        table.add_column(column, no_wrap=True)
    for name, kind in _pretrained().items():
        facts = kind.weights_facts()
        cells = [
            name,
            f"{facts.parameters / 1e6:.1f} M",
            facts.download_size,
            facts.licence or "not stated",
            "yes" if kind.weights_file(folders).is_file() else "no",
            facts.source or "a file of your own",
        ]
        table.add_row(*(Text(cell) for cell in cells[: len(table.columns)]))
    console = Console(highlight=False)
    needed = console.measure(table, options=console.options.update(max_width=1000)).maximum
    console.width = max(console.width, needed)  # a name that is cut is of no use
    console.print(table)


@app.command()
def fetch(
    name: NameArgument,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Take this file in place of a download."),
    ] = None,
    plugin: PluginOption = None,
    data_dir: DataOption = None,
) -> None:
    """Download the weights of a backbone, convert them, and keep them in the data folder."""
    kind = _named(name)
    file = None if source is None else _existing(source)
    with progress_bar(f"Fetching {name}", in_bytes=True) as progress:
        lines = kind.fetch_weights(folders_of(data_dir, None), source=file, progress=progress)
    _print(lines)


@app.command()
def verify(name: NameArgument, plugin: PluginOption = None, data_dir: DataOption = None) -> None:
    """Read the weights of a backbone whole, and build its network strictly."""
    _print(_named(name).verify_weights(folders_of(data_dir, None)))


@app.command()
def convert(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Weights to convert.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Safetensors file to write.", show_default=False)
    ],
    name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="They are this backbone's.")
    ] = None,
    architecture: Annotated[
        str | None, typer.Option(help="They are this timm model's (in place of --as).")
    ] = None,
    image_size: Annotated[
        int, typer.Option(min=1, help="With --architecture: side of the input, pixels.")
    ] = 224,
    argument: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="With --architecture: an argument of it, such as patch_size=8. Repeatable.",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PREFIX",
            help="With --architecture: leave out the keys that start so, such as head. or "
            "decoder_. Repeatable.",
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="With --architecture: where in the file the weights lie, such as model_ema or "
            "teacher, if they are there several times."
        ),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(
            help="With --architecture: what their keys begin with, such as teacher.backbone."
        ),
    ] = None,
) -> None:
    """Convert weights to safetensors with timm's keys; every key must fit the network."""
    from rsbench.errors import SettingsError

    if (name is None) == (architecture is None):
        raise SettingsError(
            "what the weights are for must be said once",
            remedy="add --as NAME ('rsbench weights ls' lists them) or --architecture MODEL",
        )
    source, written = _existing(file), out.expanduser().absolute()
    if name is not None:
        if argument or ignore or key is not None or prefix is not None:
            raise SettingsError(
                f"{name} knows its own arguments and keys",
                remedy="leave --argument, --ignore, --key and --prefix out, or use --architecture",
            )
        _print(_named(name).convert_weights(source, written))
        return
    options = {
        "architecture": architecture,
        "arguments": dict(_argument(text) for text in argument or ()),
        "image_size": image_size,
        "ignore_keys": list(ignore or ()),
        "weights": str(source),
        "normalisation": {"statistics": "target"},  # is not converted: a matrix states it
        "key": key,
        "prefix": prefix,
    }
    _print(_convert_any(options, source, written))


def _existing(file: Path) -> Path:
    """The absolute path of a file that the user named.

    Raises:
        CheckpointError: there is no such file.
    """
    from rsbench.errors import CheckpointError

    path = file.expanduser().absolute()
    if not path.is_file():
        what = "this is a folder, not a file" if path.is_dir() else "there is no such file"
        raise CheckpointError(what, where=path, remedy="check the path")
    return path


def _argument(text: str) -> tuple[str, Any]:
    """``KEY=VALUE`` with the value as YAML reads it.

    Raises:
        SettingsError: it is not of that form.
    """
    import yaml

    from rsbench.errors import SettingsError

    key, equals, value = text.partition("=")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        equals = ""
    if not key or not equals:
        raise SettingsError(f"--argument {text}: not KEY=VALUE", remedy="e.g. patch_size=8")
    return key, parsed


def _convert_any(options: dict[str, Any], source: Path, out: Path) -> list[str]:
    """Convert with the backbone ``checkpoint``, whose options say what network it is."""
    from rsbench import registry
    from rsbench.settings import PluginChoice
    from rsbench.sources import checked_options

    kind: Any = registry.backbone_class("checkpoint")
    choice = PluginChoice(name="checkpoint", kind="checkpoint", options=options)
    lines: list[str] = kind.convert(source, out, checked_options(kind.Options, choice))
    return lines


def _pretrained() -> dict[str, type[PretrainedBackbone]]:
    """The registered backbones with published weights, by name; a broken plugin is told of."""
    from rsbench import registry
    from rsbench.errors import RsbenchError
    from rsbench.pretrained import PretrainedBackbone

    found = {}
    for name in registry.names("rsbench.backbones"):
        try:
            kind = registry.backbone_class(name)
        except RsbenchError as error:
            typer.echo(f"Left out: {error}", err=True)
            continue
        if issubclass(kind, PretrainedBackbone):
            found[name] = kind
    return found


def _named(name: str) -> type[PretrainedBackbone]:
    """The backbone called ``name``.

    Raises:
        UnknownNameError: there is none.
        SettingsError: its weights are not fetched.
    """
    from rsbench import registry

    known = _pretrained()
    if name in known:
        return known[name]
    if name in registry.names("rsbench.backbones"):
        raise _not_fetched(name)
    raise registry.unknown_name("backbone with weights to fetch", name, list(known))


def _not_fetched(name: str) -> SettingsError:
    """Why a backbone is there and yet has nothing to fetch."""
    from rsbench import registry
    from rsbench.errors import SettingsError

    if "weights" in registry.backbone_class(name).Options.model_fields:
        return SettingsError(
            f"{name} takes a weights file of your own: there is nothing to fetch or verify",
            remedy=f"name the file in a matrix, as the option 'weights' of {name}",
        )
    return SettingsError(
        f"{name} comes with its weights: there is nothing to fetch or verify",
        remedy=f"use it as it is ('rsbench plugin check {name}' builds and runs it)",
    )


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        typer.echo(line)
