"""Heatmaps of the distances of all pairs of classes before and after adaptation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rsbench.distances import class_vectors, distance_matrix
from rsbench.report.artefacts import Absent, Figure
from rsbench.report.sections.distances.chosen import RULE, example
from rsbench.report.sections.distances.labels import (
    class_name,
    in_order,
)
from rsbench.report.transfers import split_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing
    from numpy.typing import NDArray

    from rsbench.report.sections.distances.measured import MeasuredRow, MeasuredRun
    from rsbench.report.transfers import DrawnTransfer

#: Most classes that are drawn.
MOST_CLASSES = 60
#: Least width of a heatmap, inches.
_PANEL = 1.9
#: Up to this many classes, the numbers stand in the fields.
WRITTEN = 8


@dataclass(frozen=True)
class Pairs:
    """Distances of all pairs of classes, head classes first, frequent ones first.

    Attributes:
        names: of the classes.
        groups: of the classes.
        before: in the frozen backbone, shape (classes, classes).
        after: in the trained network.
        tested: how many classes were tested; more than are shown where they are many.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    tested: int

    def boundaries(self) -> list[int]:
        """Places at which another group begins, the first one left out."""
        return [n for n in range(1, len(self.groups)) if self.groups[n] != self.groups[n - 1]]

    def spans(self) -> list[tuple[str, int, int]]:
        """Each group with its first and last place."""
        starts = [0, *self.boundaries()]
        ends = [*(each - 1 for each in starts[1:]), len(self.groups) - 1]
        return [(self.groups[a], a, b) for a, b in zip(starts, ends, strict=True)]


def matrix_figure(
    run: MeasuredRun, transfer: DrawnTransfer, rows: Sequence[MeasuredRow]
) -> Figure | Absent | None:
    """Before, after and their difference for one method; None without two classes."""
    name = f"distance_matrix{transfer.suffix}"
    title = f"Distances of all pairs of classes, {transfer.title}"
    chosen = example(rows)
    if chosen is None:
        reason = "the linear probe leaves the features as they are: run a method that adapts them"
        return Absent(name, title, reason)
    pairs = read_pairs(run, chosen)
    if not np.isfinite(_without_diagonal(pairs.after - pairs.before)).any():
        return None
    method = chosen.row.full_method
    return Figure(
        name=name,
        title=title,
        caption=_caption(chosen, pairs),
        draw=lambda: _draw(pairs, f"{method}, {transfer.title}"),
        alt=_message(pairs, method),
        raster=len(pairs.names) > 30,
    )


def read_pairs(run: MeasuredRun, chosen: MeasuredRow) -> Pairs:
    """The distances of the row's first cell; of many classes, evenly spaced ones."""
    record = chosen.row.first
    features = run.results.files.class_features(record.id)
    if features is None:
        raise LookupError(f"cell {record.id} had class features and has them no more")
    place = {int(each): number for number, each in enumerate(features.classes)}
    ordered = in_order(record, list(place))
    if len(ordered) > MOST_CLASSES:
        steps = np.linspace(0, len(ordered) - 1, MOST_CLASSES).round().astype(int)
        ordered = [ordered[each] for each in steps]
    chosen_rows = [place[each] for each, _ in ordered]
    before, after = (
        distance_matrix(class_vectors(centroids[chosen_rows], "centroids"))
        for centroids in (features.centroids_before, features.centroids_after)
    )
    names = tuple(class_name(record, each) for each, _ in ordered)
    return Pairs(names, tuple(group for _, group in ordered), before, after, len(place))


def _caption(chosen: MeasuredRow, pairs: Pairs) -> str:
    ranks = ", ".join(
        f"{group or 'no group'} {a + 1}" + (f"-{b + 1}" if b > a else "")
        for group, a, b in pairs.spans()
    )
    some = ""
    if pairs.tested > len(pairs.names):
        some = f" {len(pairs.names)} of {pairs.tested} classes, evenly spaced in this order."
    setting = f" ({chosen.row.setting})" if chosen.row.setting else ""
    return (
        f"Distance (1 - cosine of the angle) between the centroids of every two classes, "
        f"features of {split_words([chosen.row])}; {chosen.row.full_method}{setting}, seed "
        f"{chosen.row.seeds[0]}, one cell, so nothing is known of the spread. {RULE} Classes by "
        f"group, then by training images, most first: {ranks}.{some} Last panel: mean over the "
        "other classes shown, hollow before and filled after."
    )


def _message(pairs: Pairs, method: str) -> str:
    upper = np.triu_indices(len(pairs.names), 1)
    change = (pairs.after - pairs.before)[upper]
    known = np.flatnonzero(np.isfinite(change))
    if not known.size:
        return "No two classes have a distance."
    grown = int((change > 0).sum())

    def pair(number: np.intp) -> str:
        first, second = (pairs.names[each[known[number]]] for each in upper)
        return f"{first} and {second} ({change[known[number]]:+.3f})"

    closest = known[int(np.argmin(pairs.after[upper][known]))]
    first, second = (pairs.names[each[closest]] for each in upper)
    return (
        f"With {method}, {grown} of {known.size} pairs of classes move apart; mean change "
        f"{change[known].mean():+.3f}; most: {pair(np.argmax(change[known]))}; least: "
        f"{pair(np.argmin(change[known]))}. Closest after adaptation: {first} and {second} "
        f"({pairs.after[upper][closest]:.3f})."
    )


def _draw(pairs: Pairs, heading: str) -> Drawing:
    from rsbench.report.figures.canvas import blank, settle
    from rsbench.report.figures.labels import shorten_all
    from rsbench.report.figures.style import DIVERGING, SEQUENTIAL, WIDE

    number = len(pairs.names)
    height = 2 * max(2.2, min(0.095 * number, 4.8)) + 1.3
    figure, panels = blank(WIDE, height, 2, 2)
    before, after = (_without_diagonal(each) for each in (pairs.before, pairs.after))
    low, high = (float(end([before, after])) for end in (np.nanmin, np.nanmax))
    change = after - before
    reach = float(np.nanmax(np.abs(change))) or 1.0
    for axes, title, shown, colours, ends in (
        (panels[0], "before: frozen backbone", before, SEQUENTIAL, (low, high)),
        (panels[1], "after adaptation", after, SEQUENTIAL, (low, high)),
        (panels[2], "difference: after - before", change, DIVERGING, (-reach, reach)),
    ):
        image = axes.imshow(
            np.ma.masked_invalid(shown),
            cmap=colours,
            vmin=ends[0],
            vmax=ends[1],
            aspect="auto",
            interpolation="nearest",
        )
        _write(axes, shown, image, signed=shown is change)
        _frame(axes, pairs, title)
        if axes is not panels[0]:
            title = "change of distance" if shown is change else "distance (1 - cosine)"
            bar = figure.colorbar(image, ax=axes, fraction=0.06, pad=0.02, label=title)
            bar.outline.set_visible(False)
    _means(panels[3], pairs)
    names = [f"{name} · {rank}" for rank, name in enumerate(shorten_all(pairs.names, 20), 1)]
    size = 7.5 if number <= 20 else (6.0 if number <= 34 else 4.6)
    for axes in (panels[0], panels[2]):
        axes.set_yticks(range(number), names, fontsize=size)
    for axes in (panels[1], panels[3]):
        axes.set_yticks([])  # the rows are those of the panel on the left
    figure.suptitle(heading, fontsize=10)
    settle(figure)
    return figure


def _without_diagonal(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """A class has no distance to itself, and zeros would take most of the colours."""
    return np.where(np.eye(len(matrix), dtype=bool), np.nan, matrix)


def _frame(axes: Axes, pairs: Pairs, title: str) -> None:
    """Title, groups, and ranks along the bottom."""
    from rsbench.report.figures.style import EMPTY_FIELD

    number = len(pairs.names)
    step = 1 if number <= 20 else 5
    ranks = [1, *range(step, number + 1, step)] if step > 1 else list(range(1, number + 1))
    axes.set_xticks(
        [rank - 1 for rank in ranks],
        [str(rank) for rank in ranks],
        fontsize=7 if number <= 12 else 6,
    )
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.set_facecolor(EMPTY_FIELD)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=9, pad=14)
    for each in pairs.boundaries():
        axes.axvline(each - 0.5, color="white", linewidth=1.6)
        axes.axhline(each - 0.5, color="white", linewidth=1.6)
        axes.axvline(each - 0.5, color="black", linewidth=0.6)
        axes.axhline(each - 0.5, color="black", linewidth=0.6)
    for group, first, last in pairs.spans():
        if _PANEL * (last - first + 1) / number >= 0.06 * len(group):  # inches, both
            axes.annotate(
                group,
                ((first + last + 1) / 2 / number, 1.0),
                (0, 3),
                xycoords="axes fraction",
                textcoords="offset points",
                ha="center",
                fontsize=7,
            )


def _write(axes: Axes, shown: NDArray[np.float64], image: object, signed: bool) -> None:
    if len(shown) > WRITTEN:
        return
    digits = 2 if np.nanmax(np.abs(shown)) >= 0.1 else 3
    for row, column in np.ndindex(*shown.shape):
        value = round(float(shown[row, column]), digits)
        if not np.isfinite(value):
            continue
        red, green, blue, _ = image.cmap(image.norm(value))  # type: ignore[attr-defined]
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        text = (f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}") if value else "0"
        colour = "white" if dark else "black"
        axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)


def _means(axes: Axes, pairs: Pairs) -> None:
    """Mean distance of each class to the other ones shown, before and after."""
    from rsbench.report.figures.style import GROUP_COLOURS, GROUP_MARKERS, QUIET

    number = len(pairs.names)
    known = np.isfinite(pairs.before).sum(axis=1) - 1
    shares = np.where(known > 0, known, np.nan)
    before, after = (np.nansum(each, axis=1) / shares for each in (pairs.before, pairs.after))
    for place, group in enumerate(pairs.groups):
        colour = GROUP_COLOURS.get(group, QUIET)
        marker = GROUP_MARKERS.get(group, "D")
        axes.plot([before[place], after[place]], [place, place], color=colour, linewidth=1.0)
        for mean, face in ((before[place], "white"), (after[place], colour)):
            axes.plot(
                [mean], [place], marker=marker, color=colour, markersize=4, markerfacecolor=face
            )
    for each in pairs.boundaries():
        axes.axhline(each - 0.5, color="black", linewidth=0.6)
    axes.set_ylim(number - 0.5, -0.5)
    axes.set_title("class by class: hollow before, filled after", fontsize=9, pad=14)
    axes.set_xlabel("mean distance to the others (1 - cosine)")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
