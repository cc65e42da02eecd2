"""Tables and figures of the learned modulators."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent, Artefact
from rsbench.report.sections.gammas.ends import GammaRow, blocks_of, gamma_rows
from rsbench.report.sections.gammas.figures import map_figures, path_figure
from rsbench.report.sections.gammas.tables import thirds_table
from rsbench.report.transfers import drawn_transfers, left_out

if TYPE_CHECKING:
    from rsbench.report.results import RunResults


def build(results: RunResults) -> tuple[Artefact, ...]:
    """Nothing without MetaPEFT; the table and figures for each of the first transfers."""
    if not any(row.gamma for row in results.rows):
        return ()
    rows = gamma_rows(results)
    if not rows:
        reason = "no record tells gammas by block: one gamma for all, or for each position"
        return (Absent("gamma_thirds", "Learned gammas by thirds of the blocks", reason),)
    table, more = thirds_table(results, rows), left_out(results)
    artefacts: list[Artefact] = [replace(table, notes=(*table.notes, more)) if more else table]
    for transfer in drawn_transfers(results):
        shown = [each for each in rows if _of(each, transfer.backbone, transfer.target)]
        artefacts += map_figures(transfer, shown, blocks_of(rows, transfer.backbone))
        paths = path_figure(results.files, transfer, shown)
        artefacts += [paths] if paths else []
    return tuple(artefacts)


def _of(row: GammaRow, backbone: str, target: str) -> bool:
    return (row.row.backbone, row.row.target) == (backbone, target)
