"""``rsbench run``: train the cells of a matrix and tabulate them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rsbench.cli.options import (
    CacheOption,
    DataOption,
    DeviceOption,
    OnOption,
    PluginOption,
)
from rsbench.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the command ``run`` to ``app``."""
    app.command("run")(run)


def run(
    matrix: Annotated[
        str | None,
        typer.Option(help="Name of a shipped matrix, or path of a YAML file.", show_default="demo"),
    ] = None,
    on: OnOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder. Default: results/<matrix name>.")
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="Seeds in place of those of the matrix, e.g. 0,1,2.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Run only some cells: target, backbone, method, metapeft, seed or an axis of the "
            "matrix. Repeatable.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the cells and train nothing.")
    ] = False,
    available: Annotated[
        bool,
        typer.Option(
            "--available", help="Leave out cells whose data or weights are not on this machine."
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Local processes; 0: in this process. Default: one per GPU, else one per core, "
            "at most 8.",
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads per worker. Default: cores / workers.")
    ] = None,
    device: DeviceOption = "auto",
    gamma_from: Annotated[
        str | None,
        typer.Option(
            metavar="RUN/CELL",
            help="Give every MetaPEFT cell the final gammas of this finished cell, frozen.",
        ),
    ] = None,
    keep_weights: Annotated[
        bool,
        typer.Option(
            "--keep-weights", help="Keep the fine-tuned backbone of full fine-tuning, too (large)."
        ),
    ] = False,
    figures: Annotated[
        bool,
        typer.Option(
            "--figures/--no-figures",
            envvar="RSBENCH_FIGURES",
            help="Draw figures and the page of the report at the end, or write tables alone.",
        ),
    ] = True,
    plugin: PluginOption = None,
    data_dir: DataOption = None,
    cache_dir: CacheOption = None,
) -> None:
    """Train every cell of a matrix that is not finished yet, and print the table.

    Call it again after an interruption or a failure: finished cells are kept.
    """
    import signal

    from rsbench.sweep.devices import choose_resources
    from rsbench.sweep.session import INTERRUPTED, open_session
    from rsbench.system import interrupt_once

    interrupt_once()
    # a closed terminal ends no training: what would be printed is in logs/run.log
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if matrix is None:
        matrix = "demo"
        typer.echo("no --matrix given: this is the demo (about 10 minutes on two cores)")
    try:
        session = open_session(
            matrix,
            on=on,
            out=out,
            seeds=None if seeds is None else parse_seeds(seeds),
            only=only or (),
            data=data_dir,
            cache=cache_dir,
            gamma_from=gamma_from,
            available=available,
            figures=figures,
        )
        if dry_run:
            code = session.show()
        else:
            code = session.run(choose_resources(workers, threads, device), keep_weights)
    except KeyboardInterrupt:
        typer.echo("interrupted; the same command goes on from here")
        code = INTERRUPTED
    raise typer.Exit(code)


def parse_seeds(text: str) -> tuple[int, ...]:
    """``"0,1,2"`` as numbers.

    Raises:
        SettingsError: something in it is not a whole number from 0, or occurs twice.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts) or len(set(parts)) < len(parts):
        raise SettingsError(
            f"--seeds {text}: not a list of different whole numbers", remedy="e.g. --seeds 0,1,2"
        )
    return tuple(int(part) for part in parts)
