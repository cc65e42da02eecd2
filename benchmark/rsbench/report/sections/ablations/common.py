"""What the figures of studies have in common: bounds, looks and references."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.tables.layout import transfer_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.sections.ablations.study import Study, Subject

ACCURACY = "mean-class accuracy, %"
#: Methods (plain and +metapeft counted each) in one plot of dots or curves.
MOST_SUBJECTS = 6
#: Lines of one panel of curves.
MOST_LINES = 9
#: Panels of one figure.
MOST_PANELS = 6
#: References that are drawn.
MOST_CONSTANTS = 3


def title_of(study: Study) -> str:
    """What is shown, and of which transfer."""
    *first, last = (axis.title for axis in study.axes)
    axes = f"{', '.join(first)} and {last}" if first else last
    return f"Accuracy by {axes}: {transfer_title((study.backbone, study.target))}"


def looks_of(study: Study) -> dict[str, int]:
    """A number for each method label; plain and +metapeft share theirs."""
    return {m: n for n, m in enumerate(dict.fromkeys(each.method for each in study.subjects))}


def is_hollow(subject: Subject, subjects: Sequence[Subject]) -> bool:
    """Plain methods are hollow or dashed where their MetaPEFT version is beside them."""
    return not subject.metapeft and any(
        other.metapeft and other.method == subject.method for other in subjects
    )


def references_of(study: Study) -> list[tuple[float, str]]:
    """Means of the rows without a place on the axes, with their names."""
    found = []
    for row in study.constants[:MOST_CONSTANTS]:
        mean = row.measure("mean").mean
        if mean is not None:
            found.append((mean, row.full_method))
    return found
