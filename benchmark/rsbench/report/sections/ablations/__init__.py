"""What each further axis of the matrix does: positions, depths, scales, ranks, sampling, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import Artefact
from rsbench.report.section import Section

if TYPE_CHECKING:
    from rsbench.report.results import RunResults


def _build(results: RunResults) -> tuple[Artefact, ...]:
    from rsbench.report.sections.ablations.build import build

    return build(results)


SECTION = Section(
    name="ablations",
    title="Ablations",
    introduction=(
        "What does each further axis of the matrix do to accuracy, with all other settings held?"
    ),
    files=(
        "ablation_*",
        "curve_*",
        "curves_*",
        "dots_*",
        "heatmap_*",
        "robustness",
        "robustness_*",
    ),
    build=_build,
)
