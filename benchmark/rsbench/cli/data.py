"""``rsbench data``: download, render or link the files of a data set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rsbench.folders import Folders
    from rsbench.settings import Settings
    from rsbench.target import Progress, Target

DEMO = ("demo_dota", "demo_fusrs")
"""The kinds that ``rsbench data prepare demo`` stands for."""

app = typer.Typer(help="Prepare data sets.", no_args_is_help=True)


class SplitChoice(StrEnum):
    """Splits that files of one's own may hold."""

    train = "train"
    val = "val"


@app.callback()
def _group() -> None:
    """Prepare data sets."""  # a callback keeps ``prepare`` a command of its own


@app.command()
def prepare(
    name: Annotated[str, typer.Argument(help="'demo', or a dataset of 'rsbench ls datasets'.")],
    source: Annotated[
        Path | None, typer.Option("--from", metavar="PATH", help="Use these files you have.")
    ] = None,
    split: Annotated[
        SplitChoice | None, typer.Option(help="The split that the files of --from hold.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where prepared data lies (RSBENCH_DATA).")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="World seed of the demo.", min=0)] = None,
) -> None:
    """Download, render or link the files of a data set."""
    from rsbench import registry
    from rsbench.folders import Folders

    folders = Folders() if data_dir is None else Folders(data=data_dir.expanduser().absolute())
    kinds = DEMO if name == "demo" else (name,)
    targets = {kind: registry.target_class(kind) for kind in kinds}
    for kind, target in targets.items():
        options = _options(kind, target, seed, folders)
        with _display(kind) as progress:
            where = target.prepare(
                options,
                folders,
                source=None if source is None else source.expanduser().absolute(),
                split=None if split is None else split.value,
                progress=progress,
            )
        typer.echo(f"{kind} is ready: {where}")


def _options(kind: str, target: type[Target], seed: int | None, folders: Folders) -> Settings:
    """Default options of a kind, with the seed where it has one.

    Raises:
        SettingsError: the kind takes no seed, or needs options that a matrix must give.
        TargetError: the kind has nothing to prepare.
    """
    from pydantic import ValidationError

    from rsbench.errors import SettingsError
    from rsbench.settings import Settings
    from rsbench.target import Target

    own_classes = target.__mro__[: target.__mro__.index(Target)]
    if not any("prepare" in vars(each) for each in own_classes):
        target.prepare(Settings(), folders)  # raises: it has nothing to prepare
    if seed is not None and "world_seed" not in target.Options.model_fields:
        raise SettingsError(f"{kind} takes no seed", remedy="leave --seed out")
    try:
        return target.Options.model_validate({} if seed is None else {"world_seed": seed})
    except ValidationError as error:
        raise SettingsError(
            f"{kind} needs options that only a matrix gives: {error}",
            remedy="prepare it as its own documentation says",
        ) from error


@contextmanager
def _display(kind: str) -> Iterator[Progress]:
    """A progress bar on standard error, so that standard output holds results alone."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(f"Preparing {kind}", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
        if bar.tasks[0].total is None:  # there was nothing to do
            bar.remove_task(task)
