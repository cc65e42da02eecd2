"""``rsbench publish``: a small copy of a run for a repository, with its report."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Features(StrEnum):
    """Which test features a published run keeps."""

    drawn = "drawn"
    classes = "classes"
    none = "none"


def register(app: typer.Typer) -> None:
    """Add the command ``publish`` to ``app``."""
    app.command("publish")(publish)


def publish(
    run: Annotated[str, typer.Argument(help="Run folder, or its name below results/.")],
    name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Default: the run's own name.")
    ] = None,
    features: Annotated[
        Features,
        typer.Option(
            help="Test features to keep: class means and the images that the report draws, "
            "class means alone, or none."
        ),
    ] = Features.drawn,
    gamma_paths: Annotated[
        bool,
        typer.Option(help="Keep the gammas of every outer step (gamma.csv), or the last alone."),
    ] = True,
    confidences: Annotated[
        bool, typer.Option(help="Keep the confidence of every prediction; calibration needs them.")
    ] = True,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Keep only these parts of the report, as in 'rsbench report'."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of published runs.")] = Path(
        "results/published"
    ),
) -> None:
    """Copy what the report of a run is made from, without weights, and write its report there.

    'rsbench report' on the copy gives the same bytes again.
    """
    from rsbench.errors import SettingsError
    from rsbench.finished.about import write_about
    from rsbench.finished.publish import publish as copy
    from rsbench.report.build import build_report, chosen
    from rsbench.report.drawn import drawn_cells
    from rsbench.report.write import write_report
    from rsbench.store import RunFolder, find_run
    from rsbench.wording import counted

    if name is not None and (name in ("", ".", "..") or Path(name).name != name):
        raise SettingsError(
            f"--as takes a name, not a path: {name!r}", remedy="say the folder above it with --out"
        )
    folder = RunFolder(find_run(run))
    report = build_report(folder)
    chosen(report, [part for part in only or () if part != "page"])  # before anything is copied
    drawn = drawn_cells(report.results)
    place = out / (name or folder.path.name)
    done = copy(folder, place, features.value, drawn, gamma_paths, confidences)
    written = write_report(done.folder, only or ())
    left_out = _left_out(features, gamma_paths, confidences)
    write_about(written.report.results, done.folder.path, only or (), left_out)
    typer.echo(f"{counted(done.cells, 'cell')}, {done.size / 1e6:.1f} MB without the report")
    if done.hidden:
        typer.echo(f"{done.hidden} paths outside of the project are shortened to their last part")
    typer.echo(written.text)


def _left_out(features: Features, gamma_paths: bool, confidences: bool) -> list[str]:
    """What the copy lacks, as ``rsbench.finished.about`` names it."""
    chosen = {
        "features": features is Features.none,
        "image features": features is Features.classes,
        "gamma paths": not gamma_paths,
        "confidences": not confidences,
    }
    return [name for name, is_left_out in chosen.items() if is_left_out]
