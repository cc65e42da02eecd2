"""Bars of the classes of a target, ordered by frequency, before a band of each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.patches import Patch

from rsbench.report.figures.canvas import blank
from rsbench.report.figures.labels import shorten_all
from rsbench.report.figures.style import GROUP_COLOURS, QUIET, WIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Hatches of head, medium and tail, for those who see no colours.
_HATCHES = {"head": "", "medium": "///", "tail": "xxx"}  # dots would fill a file of 150 kB
#: Most classes that are named, and most that have error bars.
NAMED, _BARRED = 40, 120


@dataclass(frozen=True)
class ClassBars:
    """One panel of bars.

    Attributes:
        title: above it.
        values: of each class.
        deviations: half lengths of the error bars; None for no bar.
        low: bottom of the grey band, at or below zero.
        high: top of the band, at or above zero.
    """

    title: str
    values: Sequence[float]
    deviations: Sequence[float | None]
    low: Sequence[float]
    high: Sequence[float]


def class_bars(
    names: Sequence[str],
    groups: Sequence[str],
    panels: Sequence[ClassBars],
    y_title: str,
    band_title: str,
    title: str = "",
) -> Figure:
    """Draw one panel below the other over the same classes.

    Args:
        names: of the classes, the most frequent first.
        groups: "head", "medium" or "tail", of each class.
        panels: what is drawn.
        y_title: of the values, with the unit.
        band_title: what the grey band is.
        title: of the figure.
    """
    named = len(names) <= NAMED
    room = 0.07 * max(len(name) for name in shorten_all(names, 22)) if named else 0.2
    height = 1.9 * len(panels) + room + 0.7
    figure, all_axes = blank(WIDE, height, len(panels), 1, title, sharex=True)
    for axes, panel in zip(all_axes, panels, strict=True):
        _draw(axes, groups, panel)
        axes.set_ylabel(y_title)
    if named:
        all_axes[-1].set_xticks(range(len(names)), shorten_all(names, 22), rotation=90)
    else:
        all_axes[-1].set_xlabel(f"{len(names)} classes, the most frequent in training first")
        all_axes[-1].set_xticks([])
    all_axes[-1].set_xlim(-0.6, len(names) - 0.4)
    present = [name for name in GROUP_COLOURS if name in set(groups)]
    handles = [
        Patch(facecolor=GROUP_COLOURS[n], hatch=_HATCHES[n], edgecolor="white", label=n)
        for n in present
    ]
    band = Patch(facecolor="#c4c4c4", label=band_title)
    figure.legend(handles=[*handles, band], loc="outside lower center", ncols=4)
    return figure


def _draw(axes: Axes, groups: Sequence[str], panel: ClassBars) -> None:
    places = range(len(panel.values))
    edges = [place - 0.5 for place in range(len(panel.values) + 1)]
    axes.stairs(panel.high, edges, baseline=panel.low, fill=True, color="#c4c4c4", zorder=0.5)
    many = len(groups) > NAMED
    for group in dict.fromkeys(groups):
        chosen = [place for place in places if groups[place] == group]
        values = [panel.values[place] for place in chosen]
        colour = GROUP_COLOURS.get(group, QUIET)
        if many:  # lines as pixels: a rectangle for each of thousands would take seconds
            width = max(300 / len(groups), 0.3)
            axes.vlines(chosen, 0.0, values, colour, rasterized=True, linewidth=width)
        else:
            hatch = _HATCHES.get(group, "")
            axes.bar(
                chosen, values, 0.62, color=colour, hatch=hatch, edgecolor="white", linewidth=0
            )
    bars = [place for place in places if panel.deviations[place] is not None]
    bars = bars if len(groups) <= _BARRED else []
    axes.errorbar(
        bars,
        [panel.values[place] for place in bars],
        yerr=[panel.deviations[place] or 0.0 for place in bars],
        linestyle="none",
        color="black",
        elinewidth=0.3 if many else 0.9,
    )
    axes.axhline(0.0, color="black", linewidth=0.8)
    axes.use_sticky_edges = False
    axes.set_title(panel.title)
    axes.grid(axis="x", visible=False)
