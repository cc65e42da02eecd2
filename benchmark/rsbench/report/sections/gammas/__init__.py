"""The learned modulators: where in the network they are large, and how they got there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import Artefact
from rsbench.report.section import Section

if TYPE_CHECKING:
    from rsbench.report.results import RunResults


def _build(results: RunResults) -> tuple[Artefact, ...]:
    from rsbench.report.sections.gammas.build import build

    return build(results)


SECTION = Section(
    name="gammas",
    title="Learned gammas",
    introduction=(
        "Where in the network does MetaPEFT make modules strong or weak, and do its controls do "
        "the same?"
    ),
    files=("gamma_*",),
    build=_build,
)
