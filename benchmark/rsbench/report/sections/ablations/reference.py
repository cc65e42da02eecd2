"""Which setting of a study the others are compared with, where one is evident."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rsbench.report.sections.ablations.axes import StudyAxis
    from rsbench.report.sections.ablations.study import Study, Subject, Values

#: The paper's own setting of numeric axes: scale alpha and start of gamma (section 1.1), share of
#: D_val (section 2.1).
PAPER = {"scale": 1.0, "init": 1.0, "ratio": 0.2}
#: Values that say themselves that nothing is restricted.
_WHOLE = ("all", "default")


def reference_of(study: Study, subject: Subject) -> Values | None:
    """The setting that the others are compared with; None where an axis has none."""
    found = [_reference_value(axis, number, subject) for number, axis in enumerate(study.axes)]
    values = tuple(value for value in found if value is not None)
    known = len(values) == len(found) and values in subject.places
    return values if known else None


def _reference_value(axis: StudyAxis, number: int, subject: Subject) -> str | None:
    """A value called "all"; all blocks; the paper's number; the first of two words."""
    for value in _WHOLE:
        if value in axis.values:
            return value
    if axis.is_depth:
        return _all_blocks(number, subject)
    if axis.numbers is not None:
        wanted = PAPER.get(axis.name)
        return axis.values[axis.numbers.index(wanted)] if wanted in axis.numbers else None
    return axis.values[0] if len(axis.values) == 2 else None


def _all_blocks(number: int, subject: Subject) -> str | None:
    """The value whose cells say ``blocks: all``."""
    for values, place in subject.places.items():
        if place.row and place.row.first.cell.method.options.get("blocks") == "all":
            return values[number]
    return None
