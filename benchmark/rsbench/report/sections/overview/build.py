"""Figures of the overview, for each setting of the first transfers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent
from rsbench.report.sections.overview.gains import gain_figure
from rsbench.report.sections.overview.scatter import scatters
from rsbench.report.transfers import drawn_settings, drawn_transfers, left_out

if TYPE_CHECKING:
    from rsbench.report.artefacts import Artefact
    from rsbench.report.results import RunResults


def build(results: RunResults) -> tuple[Artefact, ...]:
    """Nothing where a transfer has one method alone."""
    artefacts: list[Artefact] = []
    for transfer in drawn_transfers(results):
        of_transfer = results.rows_of(transfer.backbone, transfer.target)
        for setting in drawn_settings(transfer, of_transfer):
            rows = [row for row in of_transfer if setting.has(row)]
            pairs = [pair for pair in results.pairs if setting.has(pair.tuned)]
            artefacts += scatters(setting, rows)
            gains = gain_figure(setting, rows, pairs)
            artefacts += [gains] if gains else []
    more = left_out(results)
    if artefacts and more:
        artefacts.append(Absent("overview_others", "Overview of the other transfers", more))
    return tuple(artefacts)
