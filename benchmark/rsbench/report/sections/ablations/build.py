"""Tables and figures of the further axes of a matrix."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent, Artefact
from rsbench.report.sections.ablations.figures import study_figures
from rsbench.report.sections.ablations.robustness import robustness
from rsbench.report.sections.ablations.study import Study, find_studies
from rsbench.report.sections.ablations.tables import study_table
from rsbench.report.transfers import drawn_transfers, left_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.results import RunResults


def build(results: RunResults) -> tuple[Artefact, ...]:
    """A table for each set of axes with its figures; nothing where the matrix has no axes."""
    groups: dict[str, list[Study]] = {}
    for study in find_studies(results):
        groups.setdefault(study.name, []).append(study)
    artefacts: list[Artefact] = []
    for studies in groups.values():
        artefacts += _of_axes(results, studies)
    return tuple(artefacts)


def _of_axes(results: RunResults, studies: Sequence[Study]) -> list[Artefact]:
    if not any(study.rows for study in studies):
        titles = " x ".join(axis.title for axis in studies[0].axes)
        reason = "no cell on this axis is finished: run the matrix"
        return [Absent(f"ablation_{studies[0].name}", f"Accuracy by {titles}", reason)]
    table = study_table(results, studies)
    more = left_out(results)
    artefacts: list[Artefact] = [replace(table, notes=(*table.notes, more)) if more else table]
    drawn = {(each.backbone, each.target): each.suffix for each in drawn_transfers(results)}
    shown = [study for study in studies if (study.backbone, study.target) in drawn]
    for study in shown:
        artefacts += study_figures(study, drawn[study.backbone, study.target])
    artefacts += robustness(results, [(each, drawn[each.backbone, each.target]) for each in shown])
    return artefacts
