"""``rsbench data verify``, ``describe`` and ``speed``: look into a data set that is here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rsbench.cli.data import (
    MatrixOption,
    NameArgument,
    SetOption,
    choose_dataset,
    options_of,
)
from rsbench.cli.options import CacheOption, DataOption, PluginOption, folders_of

if TYPE_CHECKING:
    from rich.console import Console

    from rsbench.dataset.describe import Description
    from rsbench.dataset.verify import Verdict
    from rsbench.folders import Folders
    from rsbench.target import Target


StoredSideOption = Annotated[
    int, typer.Option(min=1, help="Shrink images of a longer short side, as recipe.stored_side.")
]
#: Of many classes, so many of the most and of the least frequent are printed.
_ENDS = 30


def register(app: typer.Typer) -> None:
    """Add the commands to the group ``data``."""
    app.command("verify")(verify)
    app.command("describe")(describe)
    app.command("speed")(speed)


def verify(
    name: NameArgument,
    matrix: MatrixOption = None,
    settings: SetOption = None,
    plugin: PluginOption = None,
    data_dir: DataOption = None,
    cache_dir: CacheOption = None,
) -> None:
    """Compare a data set with its known counts and decode every image; exit code 1 if it differs.

    Every difference is printed: classes with other counts, images that do not decode, images in
    both train and test, files that changed.
    """
    from rich.console import Console

    from rsbench import registry
    from rsbench.dataset.verify import verify as checks
    from rsbench.sweep.progress import Activities

    chosen = choose_dataset(name, matrix, settings)
    options = options_of(chosen, registry.target_class(chosen.choice.kind))
    folders = replace(folders_of(data_dir, cache_dir), base=chosen.base)
    console = Console(highlight=False)
    activity = Activities(Console(stderr=True, highlight=False))
    wrong = 0
    for verdict in checks(chosen.choice, options, folders, activity):
        _print_verdict(verdict, console)
        wrong += len(verdict.differences)
    if wrong:
        console.print(f"{wrong} differences", style="bold red")
        raise typer.Exit(1)
    console.print(f"{name} is as it should be")


def _print_verdict(verdict: Verdict, console: Console) -> None:
    from rich.text import Text

    if not verdict.differences:
        line = Text("ok         ", style="green") + Text(f"{verdict.check}: {verdict.fine}", "")
        console.print(line, soft_wrap=True)
    for text in verdict.differences:
        line = Text("DIFFERENT  ", style="bold red") + Text(f"{verdict.check}: {text}", "")
        console.print(line, soft_wrap=True)


def describe(
    name: NameArgument,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Default: results/datasets/<name>.")
    ] = None,
    stored_side: StoredSideOption = 2048,
    matrix: MatrixOption = None,
    settings: SetOption = None,
    plugin: PluginOption = None,
    data_dir: DataOption = None,
    cache_dir: CacheOption = None,
) -> None:
    """Print counts, groups, sizes and channel statistics; write a contact sheet and a histogram."""
    from rich.console import Console

    from rsbench.dataset.describe import describe as look
    from rsbench.dataset.describe import write_description
    from rsbench.report.figures.letters import lacking
    from rsbench.report.figures.rendered import missing_remark
    from rsbench.sweep.progress import Activities

    target, _ = _opened(name, matrix, settings, folders_of(data_dir, cache_dir))
    activity = Activities(Console(stderr=True, highlight=False))
    description = look(target, stored_side, activity)
    console = Console(highlight=False)
    _print_description(description, console)
    folder = Path("results") / "datasets" / target.name if out is None else out
    for file in write_description(description, folder):
        console.print(f"wrote {file}", markup=False, soft_wrap=True)
    remark = missing_remark(lacking("".join(target.class_names)))
    if remark:
        console.print(remark, markup=False, soft_wrap=True)


def _opened(
    name: str, matrix: str | None, settings: list[str] | None, folders: Folders
) -> tuple[Target, Folders]:
    """The target called ``name``, and the folders with its own base.

    Raises:
        RsbenchError: there is none, an option is wrong, or it cannot be opened.
    """
    from rsbench import registry

    chosen = choose_dataset(name, matrix, settings)
    kind = registry.target_class(chosen.choice.kind)
    own = replace(folders, base=chosen.base)
    return kind.open(chosen.choice.name, options_of(chosen, kind), own), own


def _print_description(description: Description, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    facts = description.as_json()
    target = description.target
    table = Table("class", "group", box=None, pad_edge=False, header_style="bold")
    for heading in ("train", "test"):
        table.add_column(heading, justify="right")
    group_of = {label: group for group, labels in facts["groups"].items() for label in labels}
    counts = facts["counts"]
    order = sorted(range(target.number_of_classes), key=lambda c: -counts["train"][c])
    left_out = len(order) - 2 * _ENDS
    if left_out > 0:
        order = [*order[:_ENDS], *order[-_ENDS:]]
    for label in order:
        cells = [target.class_names[label], group_of[label]]
        numbers = [f"{counts[split][label]:,}" for split in ("train", "test")]
        table.add_row(*(Text(cell) for cell in [*cells, *numbers]))
    console.print(table)
    if left_out > 0:
        console.print(f"({left_out:,} more in the middle: see description.json)")
    for line in description.lines():
        console.print(line, markup=False, soft_wrap=True)


def speed(
    name: NameArgument,
    image_size: Annotated[int, typer.Option(min=8, help="Side of the network's input.")] = 224,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per batch.")] = 64,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each way is measured.")] = 5.0,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads. Default: all cores.")] = None,
    stored_side: StoredSideOption = 2048,
    matrix: MatrixOption = None,
    settings: SetOption = None,
    plugin: PluginOption = None,
    data_dir: DataOption = None,
    cache_dir: CacheOption = None,
) -> None:
    """Measure how many images a second are fed from the decoded images, on the CPU."""
    from rich.console import Console

    from rsbench.dataset.speed import measure_speed
    from rsbench.settings import Recipe
    from rsbench.sweep.progress import Activities

    target, folders = _opened(name, matrix, settings, folders_of(data_dir, cache_dir))
    console = Console(highlight=False)
    with Activities(Console(stderr=True, highlight=False))(f"decoding {name}") as progress:
        recipe = Recipe(batch_size=batch_size, stored_side=stored_side)
        results = measure_speed(target, folders, recipe, image_size, seconds, threads, progress)
    for line in results:
        console.print(line, markup=False, soft_wrap=True)
