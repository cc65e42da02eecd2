"""Draw the distances of all pairs of classes; imports matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rsbench.report.figures.canvas import blank, settle
from rsbench.report.figures.labels import shorten_all
from rsbench.report.figures.style import (
    DIVERGING,
    EMPTY_FIELD,
    GROUP_COLOURS,
    GROUP_MARKERS,
    QUIET,
    SEQUENTIAL,
    WIDE,
)
from rsbench.report.sections.distances.pairs import without_diagonal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing
    from numpy.typing import NDArray

    from rsbench.report.sections.distances.pairs import Pairs

#: Least width of a heatmap, inches.
_PANEL = 1.9
#: Room between the panels, in their widths: the words at a colour bar must not seem to be those of
#: the panel at their right.
_BETWEEN = 0.12
#: Up to this many classes, the numbers stand in the fields.
WRITTEN = 8


def draw_pairs(pairs: Pairs, heading: str) -> Drawing:
    """Distances before and after, their difference, and the mean of each class.

    Args:
        pairs: at least one of them with a distance in both states.
        heading: above all panels.
    """
    number = len(pairs.names)
    height = 2 * max(2.2, min(0.095 * number, 4.8)) + 1.3
    figure, panels = blank(WIDE, height, 2, 2, gridspec_kw={"wspace": _BETWEEN})
    before, after = (without_diagonal(each) for each in (pairs.before, pairs.after))
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


def _frame(axes: Axes, pairs: Pairs, title: str) -> None:
    """Title, groups, and ranks along the bottom."""
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
    size = 7.0 if digits == 2 else 5.5
    for row, column in np.ndindex(*shown.shape):
        value = round(float(shown[row, column]), digits)
        if not np.isfinite(value):
            continue
        red, green, blue, _ = image.cmap(image.norm(value))  # type: ignore[attr-defined]
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        text = (f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}") if value else "0"
        colour = "white" if dark else "black"
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)


def _means(axes: Axes, pairs: Pairs) -> None:
    """Mean distance of each class to the other ones shown, before and after."""
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
