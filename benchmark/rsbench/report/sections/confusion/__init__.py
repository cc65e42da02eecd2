"""What is mistaken for what: confusion matrices, and the most frequent confusions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import Artefact
from rsbench.report.section import Section

if TYPE_CHECKING:
    from rsbench.report.results import RunResults


def _build(results: RunResults) -> tuple[Artefact, ...]:
    from rsbench.report.sections.confusion.build import build

    return build(results)


SECTION = Section(
    name="confusion",
    title="Confusions",
    introduction="Which classes are mistaken for which, and are rare ones lost to frequent ones?",
    files=("confusion*",),
    build=_build,
)
