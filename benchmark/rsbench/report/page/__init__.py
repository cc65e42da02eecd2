"""``report.html``: one page that needs no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rsbench.report.build import Report
    from rsbench.report.figures.rendered import Rendered


def to_html(report: Report, rendered: Mapping[str, Rendered]) -> str:
    """The whole report as one page.

    Args:
        report: the report.
        rendered: every figure of it, by name.
    """
    from rsbench.report.page.page import render_page

    return render_page(report, rendered)
