"""Critical-difference diagram (Demsar 2006): average ranks, and bars over what may be equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.figures.canvas import blank
from rsbench.report.figures.labels import shorten_all
from rsbench.report.figures.style import COLOURS, QUIET, WIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rsbench.statistics import AverageRanks

#: Heights are in lines of text; the axis of ranks is at 0, and everything else below it.
_LINE = 0.19
_BAR = 0.45
_LABEL = 0.3
#: Most characters of a method's name.
_LONGEST = 26


def critical_difference_diagram(ranks: AverageRanks, title: str) -> Figure:
    """Draw the diagram; the best method is at the left.

    Args:
        ranks: with a critical difference.
        title: of the figure.
    """
    methods = list(ranks.ranks.items())
    names = dict(zip(ranks.ranks, shorten_all(list(ranks.ranks), _LONGEST), strict=True))
    bars = _BAR * len(ranks.cliques) + 0.4
    lines = (len(methods) + 1) // 2
    depth = bars + lines + 0.4
    figure, (axes,) = blank(WIDE, _LINE * (depth + 4.0) + 0.35)
    figure.suptitle(title, fontsize=10)
    worst = len(methods)
    margin = _margin(worst - 1, list(names.values()))
    axes.set(xlim=(1 - margin, worst + margin), ylim=(-depth, 3.2))
    axes.set_axis_off()
    _rank_axis(axes, worst)
    _critical(axes, ranks.critical_difference or 0.0)
    _bars(axes, ranks)
    away = 0.06 * (worst - 1)
    _labels(axes, methods[:lines], names, bars, (1 - away, "right"))
    _labels(axes, methods[lines:][::-1], names, bars, (worst + away, "left"))
    return figure


def _margin(span: float, names: Sequence[str]) -> float:
    """Room for the names at each side, in ranks."""
    inches = 0.072 * (max(map(len, names)) + 6) + 0.3
    return span * inches / (WIDE - 2 * inches)


def _rank_axis(axes: Axes, worst: int) -> None:
    axes.plot([1, worst], [0, 0], color="black", linewidth=1.2)
    for rank in range(1, worst + 1):
        axes.plot([rank, rank], [0, 0.35], color="black", linewidth=1.0)
        axes.text(rank, 0.5, str(rank), ha="center", va="bottom", fontsize=8)
    axes.text(worst, 1.5, "average rank (1 is best)", ha="right", va="bottom", fontsize=8.5)


def _critical(axes: Axes, critical: float) -> None:
    """The length of a critical difference, above the left end of the axis."""
    left, height = axes.get_xlim()[0], 1.6
    axes.plot([left, left + critical], [height, height], color="black", linewidth=1.2)
    for end in (left, left + critical):
        axes.plot([end, end], [height - 0.25, height + 0.25], color="black", linewidth=1.2)
    text = f"critical difference {critical:.2f}"
    axes.text(left, height + 0.4, text, ha="left", va="bottom", fontsize=8)


def _bars(axes: Axes, ranks: AverageRanks) -> None:
    """A thick bar over each group of methods that the test cannot tell apart."""
    for number, clique in enumerate(ranks.cliques):
        ends = [ranks.ranks[clique[0]] - 0.05, ranks.ranks[clique[-1]] + 0.05]
        height = -_BAR * (number + 0.8)
        axes.plot(
            ends, [height, height], color=COLOURS[0], linewidth=3.2, solid_capstyle="butt", zorder=3
        )


def _labels(
    axes: Axes,
    methods: Sequence[tuple[str, float]],
    names: dict[str, str],
    start: float,
    place: tuple[float, str],
) -> None:
    """Names on one side, the outermost rank highest, each led to its place on the axis."""
    edge, side = place
    for number, (method, rank) in enumerate(methods):
        height = -(start + number + _LABEL)
        axes.plot([rank, rank, edge], [0, height, height], color=QUIET, linewidth=0.8)
        axes.plot([rank], [0], "o", color="black", markersize=3.5)
        text = f"{names[method]}  {rank:.2f}" if side == "right" else f"{rank:.2f}  {names[method]}"
        axes.annotate(
            text,
            (edge, height),
            (-3 if side == "right" else 3, 0),
            textcoords="offset points",
            ha=side,
            va="center",
            fontsize=8.5,
        )
