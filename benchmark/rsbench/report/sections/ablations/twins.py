"""Figures of a method without and with MetaPEFT over two axes of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Figure
from rsbench.report.sections.ablations.common import ACCURACY, title_of
from rsbench.report.sections.ablations.curves import abscissa, bars_note, line_of, near_chance
from rsbench.report.sections.ablations.heatmaps import grid_of
from rsbench.report.sections.ablations.plateau import GridMeans, grid_means
from rsbench.report.tables.layout import transfer_title
from rsbench.report.transfers import capital, seeds_words, split_words, spread_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

    from rsbench.report.sections.ablations.study import Study, Subject


@dataclass(frozen=True)
class Twins:
    """A method without and with MetaPEFT over the same two numeric axes.

    Attributes:
        study: what they are of.
        suffix: ends the names of the transfer's figures.
        plain: the method.
        tuned: the same with MetaPEFT.
    """

    study: Study
    suffix: str
    plain: Subject
    tuned: Subject

    def grids(self) -> tuple[GridMeans, GridMeans]:
        """Accuracies of both."""
        axes = (self.study.axes[0], self.study.axes[1])
        return grid_means(self.plain, axes), grid_means(self.tuned, axes)

    @property
    def transfer(self) -> str:
        """Backbone and target, for readers."""
        return transfer_title((self.study.backbone, self.study.target))


def twins_of(study: Study, suffix: str) -> list[Twins]:
    """The methods of a study over two numeric axes that it has with and without MetaPEFT."""
    if len(study.axes) != 2 or any(not axis.is_numeric or axis.is_depth for axis in study.axes):
        return []
    plain = {each.method: each for each in study.subjects if not each.metapeft}
    return [
        Twins(study, suffix, plain[each.method], each)
        for each in study.subjects
        if each.metapeft and each.method in plain
    ]


def twin_figures(twins: Twins, suffix: str) -> list[Figure]:
    """Curves and heatmaps; ``suffix`` ends their names."""
    return [_curves(twins, suffix), _heatmaps(twins, suffix)]


def _curves(twins: Twins, suffix: str) -> Figure:
    titles = " and ".join(axis.title for axis in twins.study.axes)
    rows = (*twins.plain.rows, *twins.tuned.rows)
    grid = twins.grids()[0]
    first, second = grid.setting(grid.default())
    axes = twins.study.axes
    return Figure(
        name=f"robustness_curves{suffix}",
        title=f"Accuracy against {titles}, with and without MetaPEFT",
        caption=(
            f"{twins.transfer}: mean-class accuracy on "
            f"{split_words(rows)}, {seeds_words(rows)}. Left: {axes[0].title} at {axes[1].title} "
            f"{second}; right: {axes[1].title} at {axes[0].title} {first}. "
            f"{capital(spread_words(rows))}."
        ),
        draw=partial(_draw_curves, twins),
        alt=_alt(twins),
    )


def _draw_curves(twins: Twins) -> Drawing:
    from rsbench.report.figures.canvas import Axis
    from rsbench.report.figures.curves import CurvePanel, curves

    grid = twins.grids()[0]
    names = [axis.name for axis in twins.study.axes]
    default = dict(zip(names, grid.setting(grid.default()), strict=True))
    panels = []
    for axis in twins.study.axes:
        lines = [
            line_of(axis, subject, default, names, subject.name, number, dashed)
            for subject, number, dashed in ((twins.plain, 0, True), (twins.tuned, 3, False))
        ]
        held = ", ".join(f"{n.replace('_', ' ')} {v}" for n, v in default.items() if n != axis.name)
        references = near_chance(twins.study, lines)
        panels.append(CurvePanel(f"at {held}", lines, abscissa(axis), references))
    note = bars_note((twins.plain, twins.tuned))
    return curves(panels, Axis(ACCURACY), title=title_of(twins.study), note=note)


def _heatmaps(twins: Twins, suffix: str) -> Figure:
    titles = " and ".join(axis.title for axis in twins.study.axes)
    rows = (*twins.plain.rows, *twins.tuned.rows)
    return Figure(
        name=f"robustness_heatmap{suffix}",
        title=f"Accuracy by {titles}, with and without MetaPEFT, and the difference",
        caption=(
            f"{twins.transfer}: mean-class accuracy on "
            f"{split_words(rows)}, {seeds_words(rows)}; right: with minus without MetaPEFT, "
            "points, white at zero, none where a training diverged ('diverged', or D where fields "
            "are small): left of it the means are of the other seeds. Frames mark the highest "
            "value of a panel."
        ),
        draw=partial(_draw_heatmaps, twins),
        alt=_alt(twins),
    )


def _draw_heatmaps(twins: Twins) -> Drawing:
    import numpy as np

    from rsbench.report.figures.heatmap import Colouring, Grid, heatmap

    rows, columns = twins.study.axes
    accuracy, points = Colouring(ACCURACY), Colouring("difference, points", "differences")
    grids = [
        (grid_of(twins.study, each, (rows, columns), {}, each.name), accuracy)
        for each in (twins.plain, twins.tuned)
    ]
    plain, tuned = twins.grids()
    texts = (list(rows.texts), list(columns.texts))
    lost = (plain.diverged > 0) | (tuned.diverged > 0)  # means of other seeds are no pair
    differences = np.where(lost, np.nan, tuned.means - plain.means)
    empty = {(int(row), int(column)): "diverged" for row, column in np.argwhere(lost)}
    grids.append((Grid(differences, *texts, "difference", empty), points))
    return heatmap(grids, rows.title, columns.title, across=3, title=title_of(twins.study))


def _alt(twins: Twins) -> str:
    plain, tuned = twins.grids()
    words = [
        f"{subject.name}: {grid.means[grid.highest()]:.1f} % at best, "
        f"{grid.means[grid.lowest()]:.1f} % at worst, {grid.within(2.0)} of {grid.finished} "
        "settings within 2 points of its best."
        for subject, grid in ((twins.plain, plain), (twins.tuned, tuned))
    ]
    return " ".join(words)
