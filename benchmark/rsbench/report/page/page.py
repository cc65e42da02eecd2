"""The page itself: what the templates are given, and what the browser is allowed.

The page holds everything: style, script, pictures and data. Its Content-Security-Policy allows
this script and this style sheet by their hashes and pictures from data URIs, and nothing else,
so that neither a mistake here nor a name in the data can make it ask the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rsbench.report.artefacts import Absent, Artefact, Figure, Table
from rsbench.report.notes import table_cautions
from rsbench.report.page.cells import cells_data
from rsbench.report.page.embed import Anchors, csp_hash, json_text
from rsbench.report.page.figures import FigureView, figure_view
from rsbench.report.page.inline import marked
from rsbench.report.page.summary import all_records, summarise_run
from rsbench.report.page.tables import table_data
from rsbench.report.writers import pointer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rsbench.record import Record
    from rsbench.report.build import BuiltSection, Report
    from rsbench.report.figures.rendered import Rendered

TEMPLATES = Path(__file__).parent / "templates"
#: Parts of the script, in the order in which they need each other.
_SCRIPTS = ("dom.js", "table_view.js", "cell_view.js", "frame.js")
#: A table's notes beyond so many are folded, but for those marked as important.
_MOST_NOTES = 3


@dataclass(frozen=True)
class TableView:
    """A table in the page.

    Attributes:
        table: what it is.
        anchor: id of its place.
        data: JSON for the script.
        shown_notes: those in plain sight.
        folded_notes: the rest.
        see_summary: whether notes that stand in the summary were left out here.
    """

    table: Table
    anchor: str
    data: Markup
    shown_notes: tuple[str, ...]
    folded_notes: tuple[str, ...]
    see_summary: bool


@dataclass(frozen=True)
class Part:
    """One artefact in the page; one of the three is there.

    Attributes:
        anchor: id of its place.
        title: its heading.
        table: a table.
        figure: a figure.
        absent: why there is none.
    """

    anchor: str
    title: str
    table: TableView | None = None
    figure: Figure | None = None
    absent: Absent | None = None


@dataclass(frozen=True)
class SectionView:
    """A section in the page.

    Attributes:
        anchor: id of its place.
        title: heading.
        introduction: the question it answers.
        parts: its artefacts.
    """

    anchor: str
    title: str
    introduction: str
    parts: tuple[Part, ...]


def render_page(report: Report, rendered: Mapping[str, Rendered]) -> str:
    """The report as HTML; the same report gives the same page.

    Args:
        report: the report.
        rendered: every figure of it, by name.

    Raises:
        KeyError: a figure of the report is not among ``rendered``.
    """
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    script = "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    # before any figure is asked for: helpers may still be drawing
    content = _content(report)
    return (
        _environment(rendered)
        .get_template("page.html")
        .render(
            **content,
            policy=_policy(style, script),
            style=Markup(style),
            script=Markup(script),
        )
    )


def _environment(rendered: Mapping[str, Rendered]) -> Environment:
    def view(figure: Figure) -> FigureView:
        return figure_view(rendered[figure.name])

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked"] = marked
    environment.filters["view"] = view
    environment.filters["number"] = lambda value: f"{value:,}"
    return environment


def _policy(style: str, script: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {csp_hash(script)}",
            f"style-src {csp_hash(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _content(report: Report) -> dict[str, Any]:
    results, anchors = report.results, Anchors()
    records = all_records(results)
    views = _Views(records, anchors)
    summary = summarise_run(results)
    cautions = (f"**{each}**" for each in summary.cautions)
    views.in_summary = frozenset((*summary.remarks, *cautions, *table_cautions(results)))
    return {
        "summary": summary,
        "summary_tables": [views.table(each, anchors.of(each.name)) for each in summary.tables],
        "sections": [views.section(each) for each in report.sections],
        "cells": json_text(cells_data(records)),
        "cell_list": json_text(
            [[each.id, each.cell.seed, each.cell.label, each.status] for each in records]
        ),
    }


class _Views:
    """Turns what a report is made of into what the templates show."""

    def __init__(self, records: Sequence[Record], anchors: Anchors) -> None:
        self._numbers = {record.id: number for number, record in enumerate(records)}
        self._anchors = anchors
        self.in_summary: frozenset[str] = frozenset()

    def section(self, built: BuiltSection) -> SectionView:
        """A section with its artefacts."""
        section = built.section
        return SectionView(
            anchor=self._anchors.of(f"section-{section.name}"),
            title=section.title,
            introduction=section.introduction,
            parts=tuple(self._part(each) for each in built.artefacts),
        )

    def _part(self, artefact: Artefact) -> Part:
        anchor = self._anchors.of(artefact.name)
        if isinstance(artefact, Table) and artefact.files_only and artefact.rows:
            elsewhere = Absent(artefact.name, artefact.title, pointer(artefact))
            return Part(anchor, artefact.title, absent=elsewhere)
        if isinstance(artefact, Table):
            return Part(anchor, artefact.title, table=self.table(artefact, anchor))
        if isinstance(artefact, Figure):
            return Part(anchor, artefact.title, figure=artefact)
        return Part(anchor, artefact.title, absent=artefact)

    def table(self, table: Table, anchor: str) -> TableView:
        """A table; what the summary says already is not said again below it."""
        notes = [note for note in table.notes if note not in self.in_summary]
        shown = notes
        if len(notes) > _MOST_NOTES:
            shown = [note for note in notes if note.startswith("**")]
        return TableView(
            table=table,
            anchor=anchor,
            data=json_text(table_data(table, self._numbers)),
            shown_notes=tuple(shown),
            folded_notes=tuple(note for note in notes if note not in shown),
            see_summary=len(notes) < len(table.notes),
        )
