"""Figures of the overview, for each of the first transfers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent
from rsbench.report.sections.overview.gains import gain_figure
from rsbench.report.sections.overview.scatter import scatters
from rsbench.report.transfers import drawn_transfers, left_out

if TYPE_CHECKING:
    from rsbench.report.artefacts import Artefact
    from rsbench.report.results import RunResults


def build(results: RunResults) -> tuple[Artefact, ...]:
    """Nothing where a transfer has one method alone."""
    artefacts: list[Artefact] = []
    for transfer in drawn_transfers(results):
        rows = results.rows_of(transfer.backbone, transfer.target)
        pairs = [
            pair
            for pair in results.pairs
            if (pair.tuned.backbone, pair.tuned.target) == (transfer.backbone, transfer.target)
        ]
        artefacts += scatters(transfer, rows)
        gains = gain_figure(transfer, rows, pairs)
        artefacts += [gains] if gains else []
    more = left_out(results)
    if artefacts and more:
        artefacts.append(Absent("overview_others", "Overview of the other transfers", more))
    return tuple(artefacts)
