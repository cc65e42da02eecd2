"""``rsbench ls``: what there is to choose from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from rsbench.cli.options import PluginOption


class Kind(StrEnum):
    """What can be listed."""

    datasets = "datasets"
    backbones = "backbones"
    methods = "methods"
    matrices = "matrices"
    stages = "stages"


@dataclass(frozen=True)
class Row:
    """One line of a listing.

    Attributes:
        name: what to write in a matrix or on the command line.
        text: one line about it, or why it cannot be used.
        broken: whether it cannot be used.
    """

    name: str
    text: str
    broken: bool = False


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("ls")(ls)


def ls(
    kind: Annotated[Kind, typer.Argument(help="What to list.")], plugin: PluginOption = None
) -> None:
    """List the datasets, backbones or methods, or the shipped matrices or their stages."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if kind is Kind.matrices:
        rows = matrix_rows()
    else:
        rows = stage_rows() if kind is Kind.stages else plugin_rows(f"rsbench.{kind.value}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    # A name that is cut or broken is of no use.
    longest = max((len(row.name) for row in rows), default=0)
    table.add_column("name", no_wrap=True, min_width=longest)
    table.add_column("description")
    for row in rows:
        table.add_row(Text(row.name), Text(row.text, style="red" if row.broken else ""))
    Console(highlight=False).print(table)


def plugin_rows(group: str) -> list[Row]:
    """The plugins of an entry-point group; one that cannot be loaded says why in its row."""
    from rsbench import registry
    from rsbench.errors import RsbenchError

    rows = []
    for name in registry.names(group):
        try:
            plugin = registry.load(group, name)
        except RsbenchError as error:
            rows.append(Row(name, error.what, broken=True))
        except Exception as error:  # foreign code may raise anything; shown, and the rest listed
            rows.append(Row(name, f"cannot be loaded: {error}", broken=True))
        else:
            rows.append(Row(name, _described(plugin)))
    return rows


def _described(plugin: object) -> str:
    """Its one line; of a trained method with the rate that it has where a matrix states none."""
    from rsbench.method import FittedMethod, Method

    text = str(getattr(plugin, "description", ""))
    if not (isinstance(plugin, type) and issubclass(plugin, Method)):
        return text
    if issubclass(plugin, FittedMethod):
        return text
    return f"{text} (learning rate {plugin.learning_rate:g})".strip()


def matrix_rows() -> list[Row]:
    """The shipped matrices; one with an error in it says so in its row."""
    from rsbench.errors import MatrixError
    from rsbench.matrix.load import load_matrix, shipped_matrices

    rows = []
    for name in shipped_matrices():
        try:
            rows.append(Row(name, load_matrix(name).description))
        except MatrixError as error:
            rows.append(Row(name, f"cannot be read: {error}", broken=True))
    return rows


def stage_rows() -> list[Row]:
    """The shipped stages; one with an error in it says so in its row."""
    from rsbench.errors import MatrixError
    from rsbench.matrix.chain import read_stage, shipped_stages

    rows = []
    for name in shipped_stages():
        try:
            rows.append(Row(name, str(read_stage(name).source.value.get("description") or "")))
        except MatrixError as error:
            rows.append(Row(name, f"cannot be read: {error}", broken=True))
    return rows
