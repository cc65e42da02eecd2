"""Accuracy over an axis of numbers, one line for each method or value of the other axes."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from rsbench.report.sections.ablations.common import (
    ACCURACY,
    MOST_LINES,
    MOST_PANELS,
    is_hollow,
    looks_of,
    references_of,
    title_of,
)
from rsbench.report.transfers import chance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure as Drawing

    from rsbench.report.figures.canvas import Axis
    from rsbench.report.figures.curves import CurvePanel, Line
    from rsbench.report.sections.ablations.axes import StudyAxis
    from rsbench.report.sections.ablations.study import Study, Subject, Values


def abscissa(axis: StudyAxis) -> Axis:
    """The horizontal axis of a numeric axis of the matrix."""
    from rsbench.report.figures.canvas import Axis

    unit = " (logarithmic)" if axis.log else ""
    marks = tuple(sorted(axis.numbers or ()))
    return Axis(f"{axis.title}{unit}", axis.log, marks, axis.texts)


def line_of(
    axis: StudyAxis,
    subject: Subject,
    fixed: Mapping[str, str],
    names: Sequence[str],
    name: str,
    number: int,
    dashed: bool = False,
) -> Line:
    """One line over ``axis``; the other axes of the study (``names``) have ``fixed`` values."""
    from rsbench.report.figures.curves import Line

    settings: list[Values] = [
        tuple(value if each == axis.name else fixed[each] for each in names)
        for value in axis.ordered
    ]
    rows = [subject.row(each) for each in settings]
    states = [place.state if (place := subject.places.get(each)) else "" for each in settings]
    x = sorted(axis.numbers or ())
    return Line(
        name=name,
        x=x,
        y=[subject.mean(each) for each in settings],
        deviations=[row.measure("mean").deviation if row else None for row in rows],
        number=number,
        dashed=dashed,
        failed=[at for at, state in zip(x, states, strict=True) if state == "failed"],
    )


def draw_curve(study: Study, subjects: Sequence[Subject]) -> Drawing:
    """One axis of numbers, a line for each method."""
    from rsbench.report.figures.canvas import Axis
    from rsbench.report.figures.curves import CurvePanel, curves

    axis, looks = study.axes[0], looks_of(study)
    lines = [
        line_of(
            *(axis, subject, {}, [axis.name]),
            name=subject.name,
            number=looks[subject.method],
            dashed=is_hollow(subject, subjects),
        )
        for subject in subjects
    ]
    references = [*references_of(study), *near_chance(study, lines)]
    panel = CurvePanel("", lines, abscissa(axis), references)
    return curves([panel], Axis(ACCURACY), title=title_of(study), note=bars_note(subjects))


def draw_curves(study: Study, subjects: Sequence[Subject]) -> Drawing:
    """One axis of numbers, a panel for each method, a line for each value of the other axes."""
    from rsbench.report.figures.canvas import Axis
    from rsbench.report.figures.curves import curves

    axis = next(each for each in study.axes if each.is_numeric and not each.is_depth)
    panels = [
        panel
        for subject in subjects
        for panel in curve_panels(study, subject, axis, len(subjects) > 1)
    ]
    note = bars_note(subjects)
    return curves(panels[:MOST_PANELS], Axis(ACCURACY), title=title_of(study), note=note)


def curve_panels(study: Study, subject: Subject, axis: StudyAxis, titled: bool) -> list[CurvePanel]:
    """One panel with a line for each combination of the other axes; several where they are many."""
    from rsbench.report.figures.curves import CurvePanel

    names = [each.name for each in study.axes]
    others = [each for each in study.axes if each is not axis]
    apart: list[StudyAxis] = []
    while len(others) > 1 and _combinations(others) > MOST_LINES:
        apart.insert(0, others.pop())
    panels = []
    for panel_values in product(*(each.values for each in apart)):
        lines = []
        held = dict(zip([each.name for each in apart], panel_values, strict=True))
        for number, values in enumerate(product(*(each.values for each in others))):
            fixed = held | dict(zip([each.name for each in others], values, strict=True))
            name = _name(others, values)
            line = line_of(axis, subject, fixed, names, name, number)
            if any(value is not None for value in line.y):
                lines.append(line)
        if lines:
            said = [f"{name}: {value}" for name, value in held.items()]
            title = ", ".join([*([subject.name] if titled else []), *said])
            references = [*references_of(study), *near_chance(study, lines)]
            panels.append(CurvePanel(title, lines[:MOST_LINES], abscissa(axis), references))
    return panels


def _combinations(axes: Sequence[StudyAxis]) -> int:
    number = 1
    for axis in axes:
        number *= len(axis.values)
    return number


def _name(axes: Sequence[StudyAxis], values: Sequence[str]) -> str:
    """The values in words; of several axes each with its axis, for two may share their words."""
    if len(axes) == 1:
        return _said(axes[0], values[0])
    words = {"true": "yes", "false": "no"}
    return ", ".join(
        f"{axis.title}={words.get(value, value)}" for axis, value in zip(axes, values, strict=True)
    )


def _said(axis: StudyAxis, value: str) -> str:
    """A value in words: with its axis where it would not be understood alone."""
    if value in ("true", "false"):
        return axis.title if value == "true" else f"no {axis.title}"
    return f"{axis.title} {value}" if axis.numbers is not None else value


def bars_note(subjects: Sequence[Subject]) -> str:
    """Why points have no error bar; "" where each has one."""
    single = {len(row.seeds) == 1 for subject in subjects for row in subject.rows}
    if single == {True}:
        return "one seed, so no error bars"
    return "no error bar: one seed" if True in single else ""


def near_chance(study: Study, lines: Sequence[Line]) -> list[tuple[float, str]]:
    """The level of a constant answer, where a line comes near it."""
    level = chance(study.rows[0])
    lowest = min((value for line in lines for value in line.y if value is not None), default=None)
    near = level is not None and lowest is not None and lowest < 3 * level
    return [(level, "chance")] if near and level is not None else []
