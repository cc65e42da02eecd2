"""Heatmaps of two axes of a study, one panel for each method and value of further axes."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from rsbench.report.sections.ablations.common import ACCURACY, MOST_PANELS, title_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure as Drawing

    from rsbench.report.figures.heatmap import Grid
    from rsbench.report.sections.ablations.axes import StudyAxis
    from rsbench.report.sections.ablations.study import Study, Subject


def draw_heatmaps(study: Study, subjects: Sequence[Subject]) -> Drawing:
    """Two axes as rows and columns; at most ``MOST_PANELS`` panels."""
    from rsbench.report.figures.heatmap import Colouring, heatmap

    rows, columns, others = heatmap_axes(study)
    colouring = Colouring(ACCURACY)
    grids = []
    for subject in subjects:
        for values in product(*(each.values for each in others)):
            fixed = dict(zip([each.name for each in others], values, strict=True))
            said = [f"{each.title}: {fixed[each.name]}" for each in others]
            title = ", ".join([*([subject.name] if len(subjects) > 1 else []), *said])
            grids.append((grid_of(study, subject, (rows, columns), fixed, title), colouring))
    return heatmap(grids[:MOST_PANELS], rows.title, columns.title, title=title_of(study))


def heatmap_axes(study: Study) -> tuple[StudyAxis, StudyAxis, tuple[StudyAxis, ...]]:
    """Rows, columns and the rest: depth goes to the columns, then numbers, then the last axis."""
    depths = [axis for axis in study.axes if axis.is_depth]
    numeric = [axis for axis in study.axes if axis.is_numeric]
    columns = (depths or numeric[-1:] or [study.axes[1]])[0]
    rows = next(axis for axis in study.axes if axis is not columns)
    return rows, columns, tuple(axis for axis in study.axes if axis not in (rows, columns))


def grid_of(
    study: Study,
    subject: Subject,
    axes: tuple[StudyAxis, StudyAxis],
    fixed: dict[str, str],
    title: str,
) -> Grid:
    """The grid of one method over two axes; the others have their ``fixed`` values."""
    import numpy as np

    from rsbench.report.figures.heatmap import Grid

    rows, columns = axes
    values = np.full((len(rows.values), len(columns.values)), np.nan)
    empty = {}
    for place in np.ndindex(*values.shape):
        chosen = fixed | {
            rows.name: rows.ordered[place[0]],
            columns.name: columns.ordered[place[1]],
        }
        setting = tuple(chosen[axis.name] for axis in study.axes)
        mean = subject.mean(setting)
        if mean is not None:
            values[place] = mean
        elif setting in subject.places:
            empty[place] = subject.places[setting].state
    return Grid(values, rows.texts, columns.texts, title, empty, best=True)
