"""Write the report of a run: tables, figures, page."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.atomic import write_file
from rsbench.report.artefacts import Figure, Table
from rsbench.report.build import Report, build_report, chosen
from rsbench.report.writers import to_csv, to_latex, to_markdown, to_parquet
from rsbench.store import RunFolder, explained

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from rsbench.report.figures.files import Rendered

#: Files that a report writes, and the beginnings of names of tables that other commands write.
_SUFFIXES = frozenset({".csv", ".md", ".tex", ".parquet", ".png", ".svg"})
_OF_OTHERS = ("compare-", "prune-")


@dataclass(frozen=True)
class Written:
    """What became of a report.

    Attributes:
        report: the report.
        place: the folder that holds ``tables/``, ``figures/`` and ``report.html``.
        tables: how many tables were written.
        figures: how many figures were written.
        page: whether the page was written.
    """

    report: Report
    place: Path
    tables: int
    figures: int
    page: bool

    @property
    def text(self) -> str:
        """Where everything is, in one line for the console."""
        parts = [f"{self.tables} tables in tables/"] if self.tables else []
        parts += [f"{self.figures} figures in figures/"] if self.figures else []
        parts += ["report.html"] if self.page else []
        return f"report: {self.place}: {', '.join(parts)}"


def write_report(
    folder: RunFolder, only: Sequence[str] = (), out: Path | None = None, figures: bool = True
) -> Written:
    """Build the report of a run and write it; the same records give the same bytes.

    Args:
        folder: the run.
        only: sections, artefacts, "tables", "figures" or "page"; nothing for all of it.
        out: where to; the run's own folder by default.
        figures: whether to draw; without, the tables alone are written.

    Raises:
        ResultsFolderError: the folder is not a run, or cannot be written.
        RecordError: a record or another file of a cell is damaged.
        SettingsError: ``only`` names something that this report does not have.
    """
    with _uncollected():
        report = build_report(folder)
        named = [name for name in only if name != "page"]
        artefacts = chosen(report, named) if only else report.artefacts()
        place = folder.path if out is None else out
        tables = [each for each in artefacts if isinstance(each, Table)]
        write_tables(tables, place / "tables")
        drawn: list[Figure] = []
        page = figures and (not only or "page" in only)
        if figures:
            drawn = [each for each in artefacts if isinstance(each, Figure)]
            rendered = _draw(report.figures() if page else drawn)
            _write_figures([rendered[each.name] for each in drawn], place / "figures")
            if page:
                _write_page(report, rendered, place / "report.html")
        if not only:
            _remove_stale(place / "tables", {each.name for each in tables})
            _remove_stale(place / "figures", {each.name for each in drawn} if figures else None)
    return Written(report, place, len(tables), len(drawn), page)


def _draw(figures: Sequence[Figure]) -> dict[str, Rendered]:
    from rsbench.report.figures.files import render_all

    return render_all(figures)


def _write_figures(rendered: Sequence[Rendered], folder: Path) -> None:
    from rsbench.report.figures.files import write_figure

    for each in rendered:
        write_figure(each, folder)


def _write_page(report: Report, rendered: dict[str, Rendered], file: Path) -> None:
    from rsbench.report.page import to_html

    with explained(file.parent):
        write_file(file, to_html(report, rendered).encode())


def write_tables(tables: Sequence[Table], folder: Path) -> None:
    """Write each table as CSV, Markdown, LaTeX and parquet; one in files alone not as LaTeX.

    Raises:
        ResultsFolderError: the folder cannot be written.
    """
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for table in tables:
            write_file(folder / f"{table.name}.csv", to_csv(table).encode())
            write_file(folder / f"{table.name}.md", to_markdown(table).encode())
            if not table.files_only:
                write_file(folder / f"{table.name}.tex", to_latex(table).encode())
            write_file(folder / f"{table.name}.parquet", to_parquet(table))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the cyclic garbage collector: it would walk through all records again and again.

    A report makes few cycles; with 10,000 cells this saves a quarter of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _remove_stale(folder: Path, made: Collection[str] | None) -> None:
    """Remove what an earlier report left and this one does not have; None: leave all of it.

    Tables of other commands (``rsbench compare``, ``rsbench gammas``) stay.
    """
    if made is None or not folder.is_dir():
        return
    with explained(folder):
        for file in folder.iterdir():
            ours = file.suffix in _SUFFIXES and not file.stem.startswith(_OF_OTHERS)
            if ours and file.stem not in made:
                file.unlink()
