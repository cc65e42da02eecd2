"""Dots with error bars: one line of the figure for each thing that is compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.report.figures.canvas import blank
from rsbench.report.figures.labels import shorten_all
from rsbench.report.figures.style import QUIET, WIDE, look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Dots:
    """One series of dots.

    Attributes:
        name: in the legend.
        values: one for each line of the figure; None where there is none.
        low: how far the error bar reaches down from the value; None for no bar.
        high: how far it reaches up.
        empty: what stands on a line without value ("not run"), "" for nothing.
        number: which look it has.
        hollow: a second series of the same look (the plain method beside MetaPEFT).
    """

    name: str
    values: Sequence[float | None]
    low: Sequence[float | None]
    high: Sequence[float | None]
    empty: Sequence[str]
    number: int
    hollow: bool = False


def dots_with_intervals(
    names: Sequence[str],
    series: Sequence[Dots],
    x_title: str,
    y_title: str = "",
    references: Sequence[tuple[float, str]] = (),
    title: str = "",
) -> Figure:
    """Draw all series over the same lines, the first name at the top.

    Args:
        names: of the lines.
        series: at most six read well.
        x_title: the value, with its unit.
        y_title: what the lines are.
        references: values with their names, drawn as dotted lines.
        title: of the figure.
    """
    step = max(0.3 if len(names) <= 15 else 0.21, 0.13 * len(series))
    entries = len(series) + len(references)
    legend = 0.2 * -(-entries // 3) + 0.1 if entries > 1 else 0.0
    figure, (axes,) = blank(WIDE, step * len(names) + 1.0 + legend, title=title)
    for place, each in enumerate(series):
        offset = (place - (len(series) - 1) / 2) * 0.7 / max(len(series), 2)
        _draw(axes, each, offset)
    for (value, name), dashes in zip(references, (":", "--", "-."), strict=False):
        axes.axvline(value, color=QUIET, linestyle=dashes, linewidth=1.2, label=name)
    axes.set_yticks(range(len(names)), shorten_all(names, 30))
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(x_title)
    axes.set_ylabel(y_title)
    if entries > 1:
        figure.legend(loc="outside lower center", ncols=min(3, entries))
    _say_empty(axes, series)
    return figure


def _draw(axes: Axes, each: Dots, offset: float) -> None:
    drawn = look(each.number)
    known = [number for number, value in enumerate(each.values) if value is not None]
    axes.errorbar(
        [float(each.values[number] or 0.0) for number in known],
        [number + offset for number in known],
        xerr=[[side[number] or 0.0 for number in known] for side in (each.low, each.high)],
        color=drawn.colour,
        marker=drawn.marker,
        markerfacecolor="white" if each.hollow else drawn.colour,
        linestyle="none",
        elinewidth=1.2,
        label=each.name,
    )


def _say_empty(axes: Axes, series: Sequence[Dots]) -> None:
    """Words at the left edge of lines that have no dot at all."""
    for line in range(len(series[0].values) if series else 0):
        if any(each.values[line] is not None for each in series):
            continue
        words = list(dict.fromkeys(each.empty[line] for each in series if each.empty[line]))
        transform = axes.get_yaxis_transform()
        text = ", ".join(words)
        axes.text(0.01, line, text, transform=transform, va="center", fontsize=7.5, color=QUIET)
