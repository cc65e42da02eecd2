"""Figures of studies: dots for words, curves for numbers, heatmaps for two axes of words."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Figure
from rsbench.report.sections.ablations.common import (
    ACCURACY,
    MOST_PANELS,
    MOST_SUBJECTS,
    is_hollow,
    looks_of,
    references_of,
    title_of,
)
from rsbench.report.sections.ablations.curves import draw_curve, draw_curves
from rsbench.report.sections.ablations.heatmaps import draw_heatmaps
from rsbench.report.sections.ablations.twins import twins_of
from rsbench.report.sections.ablations.words import alt_of, caption_of
from rsbench.report.transfers import image_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure as Drawing

    from rsbench.report.figures.dots import Dots
    from rsbench.report.rows import Row
    from rsbench.report.sections.ablations.axes import StudyAxis
    from rsbench.report.sections.ablations.study import Study, Subject


def study_figures(study: Study, suffix: str) -> list[Figure]:
    """The figures of a study; ``suffix`` ends their names.

    None where the section's figures of robustness show the same grids.
    """
    if not study.rows or shown_as_twins(study):
        return []
    numeric = [axis for axis in study.axes if axis.is_numeric]
    if len(study.axes) == 1:
        kind, make = ("curve", draw_curve) if numeric else ("dots", draw_dots)
    else:
        numeric = [axis for axis in numeric if not axis.is_depth]
        kind, make = ("curves", draw_curves) if len(numeric) == 1 else ("heatmap", draw_heatmaps)
    parts = _parts(study, MOST_SUBJECTS if len(study.axes) == 1 else MOST_PANELS)
    figures = []
    for number, subjects in enumerate(parts[:2]):
        more = f"_{number + 1}" if len(parts) > 1 else ""
        figures.append(
            Figure(
                name=f"{kind}_{study.name}{suffix}{more}",
                title=title_of(study),
                caption=caption_of(study, subjects, kind, len(parts[2:])),
                draw=partial(make, study, subjects),
                alt=alt_of(study, subjects),
            )
        )
    return figures


def shown_as_twins(study: Study) -> bool:
    """Whether each method of a study over two numeric axes has results with and without MetaPEFT.

    ``robustness`` draws those.
    """
    twins = twins_of(study, "")
    return (
        len(twins) > 0
        and 2 * len(twins) == len(study.subjects)
        and all(each.plain.rows and each.tuned.rows for each in twins)
    )


def _parts(study: Study, most: int) -> list[tuple[Subject, ...]]:
    """The subjects that have results, at most so many in a figure."""
    present = [subject for subject in study.subjects if subject.rows]
    return [tuple(present[n : n + most]) for n in range(0, len(present), most)]


def draw_dots(study: Study, subjects: Sequence[Subject]) -> Drawing:
    """One axis of words, a series of dots for each method."""
    from rsbench.report.figures.dots import dots_with_intervals

    axis = study.axes[0]
    series = [_series(axis, subject, subjects, looks_of(study)) for subject in subjects]
    return dots_with_intervals(
        axis.values, series, ACCURACY, axis.title, references_of(study), title_of(study)
    )


def _series(
    axis: StudyAxis, subject: Subject, subjects: Sequence[Subject], looks: dict[str, int]
) -> Dots:
    from rsbench.report.figures.dots import Dots

    rows = [subject.row((value,)) for value in axis.values]
    arms = [_arms(row) for row in rows]
    places = [subject.places.get((value,)) for value in axis.values]
    return Dots(
        name=subject.name,
        values=[subject.mean((value,)) for value in axis.values],
        low=[low for low, _ in arms],
        high=[high for _, high in arms],
        empty=["" if place is None or place.row else place.state for place in places],
        number=looks[subject.method],
        hollow=is_hollow(subject, subjects),
    )


def _arms(row: Row | None) -> tuple[float | None, float | None]:
    """Down and up: the deviation over seeds; with one seed the interval over the test images."""
    if row is None:
        return None, None
    measure = row.measure("mean")
    if measure.mean is None or measure.deviation is not None:
        return measure.deviation, measure.deviation
    interval = image_interval(row)
    return (measure.mean - interval[0], interval[1] - measure.mean) if interval else (None, None)
