"""The command line: ``rsbench run``, ``report``, ``predict``, ``export``, ``gammas``, ``data``, ...

Only typer and the standard library are imported here and at the top of the command modules;
everything else inside the commands, so that help appears at once.
"""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TextIO

import typer

from rsbench import __version__
from rsbench.cli import (
    compare,
    cost,
    data,
    data_checks,
    doctor,
    export,
    gammas,
    listing,
    plugin,
    predict,
    publish,
    report,
    run,
    weights,
)
from rsbench.errors import PluginError, RsbenchError
from rsbench.foreign import line_of
from rsbench.matrix import MatrixWarning
from rsbench.output import accept_all_letters, lasting_streams
from rsbench.system import open_more_files

app = typer.Typer(
    name="rsbench",
    help="Benchmark of parameter-efficient fine-tuning on long-tailed remote-sensing images.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

DEBUG = "--debug"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rsbench {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(DEBUG, help="Show the traceback of an error; may stand anywhere."),
    ] = False,
) -> None:
    pass


run.register(app)
cost.register(app)
report.register(app)
compare.register(app)
publish.register(app)
predict.register(app)
export.register(app)
gammas.register(app)
data_checks.register(data.app)
app.add_typer(data.app, name="data")
app.add_typer(weights.app, name="weights")
app.add_typer(plugin.app, name="plugin")
listing.register(app)
doctor.register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: without the program's name; None: those of this process.

    Returns:
        0 on success, 1 when the work itself failed or standard output could not be written (the
        work goes on then), 2 for a user's mistake, 130 when interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    open_more_files()
    accept_all_letters()
    with lasting_streams() as output, warnings.catch_warnings():
        warnings.showwarning = _show_warning
        code = _call(given)
        output.flush()
    return code or int(output.broken)


def _call(given: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    debug = DEBUG in given
    try:
        _check_current_folder()
        app([each for each in given if each != DEBUG], prog_name="rsbench")
    except RsbenchError as error:
        if debug:
            traceback.print_exception(error)
        _print_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except SystemExit as leaving:
        if _is_typers(leaving):
            return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        _print_error(
            PluginError(
                f"a plugin or library called sys.exit({leaving.code!r})", where=line_of(leaving)
            )
        )
        return 1
    return 0


def _check_current_folder() -> None:
    """Relative paths, and Python itself, need one."""
    try:
        Path.cwd()
    except OSError as error:
        raise RsbenchError(
            f"the current folder cannot be used: {error}",
            remedy="it was deleted or moved: go to a folder that exists ('cd')",
        ) from error


def _is_typers(leaving: SystemExit) -> bool:
    """Whether the command line itself ended, as after ``--help``."""
    step = leaving.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    name = str(step.tb_frame.f_globals.get("__name__")) if step else ""
    return name.partition(".")[0] in {"typer", "click"}


def _print_error(error: RsbenchError) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(Text("Error: ", style="bold red") + Text(error.what))
    if error.where:
        console.print(Text("Where: ", style="bold") + Text(error.where))
    if error.remedy:
        console.print(Text("What to do: ", style="bold") + Text(error.remedy))
    if error.command:
        console.print(Text("Run: ", style="bold") + Text(error.command))


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print our own warnings without the place in the code that raised them."""
    if issubclass(category, MatrixWarning):
        text = f"Warning: {message}\n"
    else:
        text = warnings.formatwarning(message, category, filename, lineno, line)
    (file or sys.stderr).write(text)
