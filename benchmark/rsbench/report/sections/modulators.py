"""Where the modulators ended, beside their controls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import Artefact, Column, Table
from rsbench.report.modulators import COLUMNS, EXPLANATION
from rsbench.report.section import Section

if TYPE_CHECKING:
    from rsbench.report.results import RunResults


def modulator_table(results: RunResults) -> Table:
    """One line for each row that has a training strategy."""
    shown = [(row, row.gamma) for row in results.rows if row.gamma is not None]
    labels = (Column(n, n) for n in ("backbone", "target", "method", "setting", "seeds"))
    numbers = (Column(title.replace(" ", "_"), title, digits=3) for title, _ in COLUMNS)
    return Table(
        name="modulators",
        title="Modulators",
        columns=(*labels, *numbers),
        rows=tuple(
            (
                *(row.backbone, row.target, row.full_method, row.setting, len(row.seeds)),
                *(value(gamma) for _, value in COLUMNS),
            )
            for row, gamma in shown
        ),
        notes=(EXPLANATION,),
        cells=tuple(row.ids for row, _ in shown),
    )


def _build(results: RunResults) -> tuple[Artefact, ...]:
    table = modulator_table(results)
    return (table,) if table.rows else ()


SECTION = Section(
    name="modulators",
    title="Modulators",
    introduction="How far did the gammas of MetaPEFT go, and do those of a control go as far?",
    files=("modulators",),
    build=_build,
)
