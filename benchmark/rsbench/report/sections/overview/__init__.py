"""The run at a glance: tail against mean-class accuracy, accuracy against cost, gains by class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import Artefact
from rsbench.report.section import Section

if TYPE_CHECKING:
    from rsbench.report.results import RunResults


def _build(results: RunResults) -> tuple[Artefact, ...]:
    from rsbench.report.sections.overview.build import build

    return build(results)


SECTION = Section(
    name="overview",
    title="Overview",
    introduction=(
        "How do the methods compare at a glance: rare classes against all, accuracy against cost, "
        "and which classes gain?"
    ),
    files=("tail_overall*", "front_*", "class_gains*"),
    build=_build,
)
