"""The page itself."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Table
from rsbench.report.writers import texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rsbench.report.build import Report
    from rsbench.report.figures.files import Rendered


def render_page(report: Report, rendered: Mapping[str, Rendered]) -> str:
    """The report as HTML."""
    parts = [
        f"<!doctype html><meta charset=utf-8><title>{escape(report.results.index.matrix)}</title>"
    ]
    for artefact in report.artefacts():
        parts.append(f"<h2>{escape(artefact.title)}</h2>")
        if isinstance(artefact, Table):
            for row in artefact.rows:
                parts.append(f"<p>{escape(' | '.join(texts(artefact, row)))}</p>")
        elif artefact.name in rendered:
            parts.append(rendered[artefact.name].svg.decode())
    return "\n".join(parts)
