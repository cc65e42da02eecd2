"""Write the report of a run: tables, figures, page."""

from __future__ import annotations

import gc
import json
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rsbench.atomic import write_file
from rsbench.report.artefacts import Absent, Figure, Table
from rsbench.report.build import Report, build_report, chosen
from rsbench.report.figures.drawing import Drawing
from rsbench.report.figures.rendered import missing_remark, write_figure
from rsbench.report.helpers import helpers_for
from rsbench.report.notes import shortened
from rsbench.report.sections import all_sections
from rsbench.report.writers import to_csv, to_latex, to_markdown, to_parquet
from rsbench.store import RunFolder, explained
from rsbench.wording import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from rsbench.report.build import BuiltSection
    from rsbench.report.figures.rendered import Rendered

#: Names of the files in ``tables/`` and ``figures/`` that reports wrote: they alone may be removed.
WRITTEN = "report-files.json"
#: Absent artefacts and removed files that the console lists.
_MOST_SHOWN = 10


@dataclass(frozen=True)
class Written:
    """What became of a report.

    Attributes:
        report: the report.
        place: the folder that holds ``tables/``, ``figures/`` and ``report.html``.
        tables: how many tables were written.
        figures: how many figures were written.
        page: whether the page was written.
        absent: of a part of a report (``only``), what of it cannot be made.
        removed: of a part, files of an earlier report that this one does not make, as names
            below ``place``; of a whole report not told.
        missing: letters that no font has for the figures.
        undrawn: of a part, how many figures of it were not drawn, as asked.
        left: of a part, the sections with files of an earlier report that were left as they are
            ("page" for ``report.html``), with the number of artefacts.
    """

    report: Report
    place: Path
    tables: int
    figures: int
    page: bool
    absent: tuple[Absent, ...] = ()
    removed: tuple[str, ...] = ()
    left: tuple[tuple[str, int], ...] = ()
    undrawn: int = 0
    missing: str = ""

    @property
    def text(self) -> str:
        """Where everything is, in one line for the console; of a part also what it left out."""
        parts = [f"{counted(self.tables, 'table')} in tables/"] if self.tables else []
        parts += [f"{counted(self.figures, 'figure')} in figures/"] if self.figures else []
        parts += ["report.html"] if self.page else []
        lines = [f"report: {self.place}: {', '.join(parts) or 'nothing could be made'}"]
        if self.missing:
            lines.append(missing_remark(self.missing))
        lines += [f"cannot be made: {each.name}: {each.reason}" for each in self._some_absent]
        if len(self.absent) > _MOST_SHOWN:
            lines.append(f"cannot be made: {len(self.absent) - _MOST_SHOWN} more")
        if self.undrawn:
            lines.append(f"not drawn, as asked: {counted(self.undrawn, 'figure')}")
        if self.removed:
            listed = shortened(self.removed, _MOST_SHOWN)
            lines.append(f"removed, as this report does not make them any more: {listed}")
        if self.left:
            listed = ", ".join(name if n == 0 else f"{name} ({n})" for name, n in self.left)
            lines.append(f"left as they were, maybe older than the records: {listed}")
        return "\n".join(lines)

    @property
    def _some_absent(self) -> tuple[Absent, ...]:
        return self.absent[:_MOST_SHOWN]


def write_report(
    folder: RunFolder, only: Sequence[str] = (), out: Path | None = None, figures: bool = True
) -> Written:
    """Build the report of a run and write it; the same records give the same bytes.

    What an earlier report recorded as its own (``report-files.json``) in the rewritten parts, and
    this one does not make, is removed; every other file stays.

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
    with _uncollected(), helpers_for(len(folder.present())) as helpers:
        drawing = Drawing(helpers)

        def draw_soon(built: BuiltSection) -> None:
            if figures and not only:
                drawing.announce(built.figures)

        report = build_report(folder, helpers, draw_soon)
        named = [name for name in only if name != "page"]
        artefacts = chosen(report, named) if only else report.artefacts()
        place = folder.path if out is None else out
        earlier = _recorded(place)
        tables = [each for each in artefacts if isinstance(each, Table)]
        files = write_tables(tables, place / "tables")
        drawn: list[Figure] = []
        missing = ""
        page = figures and (not only or "page" in only)
        if figures:
            drawn = [each for each in artefacts if isinstance(each, Figure)]
            rendered = drawing.finish(report.figures() if page else drawn)
            if page:
                _write_page(report, rendered, place / "report.html")
            for each in drawn:
                files += write_figure(rendered[each.name], place / "figures")
            missing = "".join(sorted(set().union(*(each.missing for each in rendered.values()))))
        before = [each for each in earlier if each not in files]
        stale = [each for each in before if _is_rewritten(each, report, only, figures)]
        _record(place, {*earlier, *files} - {*stale}, stale)
    if not only:
        return Written(report, place, len(tables), len(drawn), page, missing=missing)
    return Written(
        report,
        place,
        len(tables),
        len(drawn),
        page,
        absent=tuple(each for each in artefacts if isinstance(each, Absent)),
        removed=tuple(each.relative_to(place).as_posix() for each in stale),
        left=_left(before, stale, place, page),
        missing=missing,
        undrawn=sum(isinstance(each, Figure) for each in artefacts) - len(drawn),
    )


def _recorded(place: Path) -> list[Path]:
    """Files that an earlier report wrote into a folder and that are still there, sorted."""
    try:
        names = json.loads((place / WRITTEN).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none, or not ours: nothing is known to be a report's own
        return []
    listed = names if isinstance(names, list) else []
    parts = [Path(name) for name in listed if isinstance(name, str)]
    inside = {place / each for each in parts if each.parent in (Path("tables"), Path("figures"))}
    return sorted(each for each in inside if each.is_file())


def _is_rewritten(file: Path, report: Report, only: Sequence[str], figures: bool) -> bool:
    """Whether a file lies in a part of the report that was written anew."""
    if file.parent.name == "figures" and not figures:
        return False
    if not only or file.stem in only or file.parent.name in only:
        return True
    sections = [each.section for each in report.sections if each.section.name in only]
    return any(section.owns(file.stem) for section in sections)


def _record(place: Path, own: Collection[Path], stale: Sequence[Path]) -> None:
    """Remove what is stale, and keep the names of the others."""
    with explained(place):
        for file in stale:
            file.unlink()
        names = sorted(each.relative_to(place).as_posix() for each in own)
        write_file(place / WRITTEN, (json.dumps(names, indent=0) + "\n").encode())


def _left(
    earlier: Sequence[Path], removed: Collection[Path], place: Path, page: bool
) -> tuple[tuple[str, int], ...]:
    """Sections with artefacts that stay as they were, and how many; the page counts 0."""
    stems = {each.stem for each in earlier} - {each.stem for each in removed}
    sections = all_sections()
    counts = {section.name: sum(section.owns(stem) for stem in stems) for section in sections}
    left = [(name, count) for name, count in counts.items() if count]
    if not page and (place / "report.html").exists():
        left.append(("report.html", 0))
    return tuple(left)


def _write_page(report: Report, rendered: Mapping[str, Rendered], file: Path) -> None:
    from rsbench.report.page import to_html

    with explained(file.parent):
        write_file(file, to_html(report, rendered).encode())


def write_tables(tables: Sequence[Table], folder: Path) -> list[Path]:
    """Write each table as CSV, Markdown, LaTeX and parquet; one in files alone not as LaTeX.

    Returns:
        The files.

    Raises:
        ResultsFolderError: the folder cannot be written.
    """
    files: list[Path] = []
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for table in tables:
            contents = {
                folder / f"{table.name}.csv": to_csv(table).encode(),
                folder / f"{table.name}.md": to_markdown(table).encode(),
                folder / f"{table.name}.parquet": to_parquet(table),
            }
            if not table.files_only:
                contents[folder / f"{table.name}.tex"] = to_latex(table).encode()
            for file, content in contents.items():
                write_file(file, content)
            files += contents
    return files


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
            if not gc.get_freeze_count():
                # ages everything at once, or the next collection would walk through it after all
                gc.freeze()
                gc.unfreeze()
            gc.enable()
