"""``rsbench cost``: what every method costs on this machine, plain and with MetaPEFT."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rsbench.cli.options import (
    CacheOption,
    DataOption,
    DeviceOption,
    MatrixOption,
    OnOption,
    PluginOption,
)


def register(app: typer.Typer) -> None:
    """Add the command ``cost`` to ``app``."""
    app.command("cost")(cost)


def cost(
    matrix: MatrixOption = "demo",
    on: OnOption = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Measure only some variants: target, backbone, method or metapeft. Repeatable.",
        ),
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, help="Rounds that count; a warm-up round comes before them.")
    ] = 7,
    epochs_per_round: Annotated[
        int, typer.Option(min=1, help="Epochs that every variant trains in a round.")
    ] = 1,
    images: Annotated[
        int | None,
        typer.Option(
            min=1, help="Train on this many images at most, where an epoch takes too long."
        ),
    ] = None,
    memory: Annotated[
        bool, typer.Option("--memory/--no-memory", help="Whether to measure peak memory, too.")
    ] = True,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads. Default: as many as a worker of 'rsbench run' has."),
    ] = None,
    device: DeviceOption = "auto",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Where to write; every round and the machine go beside it as JSON. "
            "Default: results/cost/<matrix name>.csv.",
        ),
    ] = None,
    plugin: PluginOption = None,
    data_dir: DataOption = None,
    cache_dir: CacheOption = None,
) -> None:
    """Measure time and memory of every variant of a matrix, side by side, in one run.

    One seed is enough: each backbone, target, method and MetaPEFT is trained once per round. Let
    the machine do nothing else meanwhile.
    """
    from rsbench.cost.results import Effort
    from rsbench.cost.session import run_cost
    from rsbench.sweep.devices import choose_resources
    from rsbench.sweep.session import open_session
    from rsbench.system import interrupt_once

    interrupt_once()
    session = open_session(matrix, on=on, only=only or (), data=data_dir, cache=cache_dir)
    file = out if out is not None else Path("results") / "cost" / f"{session.matrix.name}.csv"
    effort = Effort(rounds, epochs_per_round, images, memory)
    raise typer.Exit(run_cost(session, file, effort, choose_resources(None, threads, device)))
