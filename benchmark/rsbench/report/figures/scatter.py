"""Points in a plane, with a size that means something, arrows between them, and their names."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D

from rsbench.report.figures.canvas import Axis, blank, label_points, set_axes, settle
from rsbench.report.figures.labels import shorten
from rsbench.report.figures.style import QUIET, WIDE, look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Diameter of the largest marker and of one whose size is not known, points (1/72 inch).
_LARGEST, _UNKNOWN = 26.0, 5.0
#: Diameter of the markers of a front.
_FRONT = 7.0
#: How much wider hollow markers are where the diameter means nothing: a ring around the filled
#: marker at the same place, so that both are seen.
_RING = 1.4
#: Smallest extent of an axis: points of accuracy, or octaves of a logarithmic one.
_LEAST = 1.0


@dataclass(frozen=True)
class Point:
    """One point.

    Attributes:
        name: written beside it, "" for none.
        x: horizontal.
        y: vertical.
        size: in the unit of the size legend; None where unknown, drawn as a small
            diamond.
        number: which look it has.
        hollow: a plain method, where others are with MetaPEFT; the legend says so.
        faint: drawn lighter (dominated).
    """

    name: str
    x: float
    y: float
    size: float | None
    number: int
    hollow: bool = False
    faint: bool = False


def scatter_with_size(
    points: Sequence[Point],
    x: Axis,
    y: Axis,
    size_title: str,
    arrows: Sequence[tuple[int, int]] = (),
    digits: int = 1,
    title: str = "",
) -> Figure:
    """Draw points whose diameter is proportional to their size.

    Args:
        points: named ones.
        x: the horizontal axis.
        y: the vertical axis.
        size_title: what the size is, with the unit.
        arrows: from one point to another, by index.
        digits: decimals in the size legend.
        title: of the figure.
    """
    figure, (axes,) = blank(WIDE, 5.0, title=title)
    set_axes(axes, x, y)
    largest = max((point.size for point in points if point.size is not None), default=0.0)
    widths = [
        _ring(point, _UNKNOWN) if point.size is None else _width(point.size, largest)
        for point in points
    ]
    for order in sorted(range(len(points)), key=lambda number: -widths[number]):
        point = points[order]
        _point(axes, point, widths[order], "D" if point.size is None else "o")
    axes.margins(0.14)
    _widen(axes)
    for start, end in arrows:
        _arrow(axes, points[start], points[end], widths[end] / 2)
    _size_legend(figure, points, largest, size_title, digits)
    _hollow_legend(figure, points, beside=True)
    settle(figure)
    label_points(
        axes,
        [(point.x, point.y) for point in points],
        [width / 2 for width in widths],
        [shorten(point.name) for point in points],
        [[(points[n].x, points[n].y) for n in arrow] for arrow in arrows],
    )
    return figure


def front(
    points: Sequence[Point], x: Axis, y: Axis, best: Sequence[int], title: str = ""
) -> Figure:
    """Draw points with the line of those that no other beats in both directions.

    Args:
        points: the size is not used.
        x: the cost: less is better.
        y: the gain: more is better.
        best: indices of the undominated points, by ascending cost.
        title: of the figure.
    """
    figure, (axes,) = blank(WIDE, 4.2, title=title)
    set_axes(axes, x, y)
    steps = [(points[n].x, points[n].y) for n in best]
    if steps:
        axes.step(*zip(*steps, strict=True), where="post", color=QUIET, linewidth=1.2, zorder=1)
    for point in points:
        _point(axes, point, _ring(point, _FRONT), look(point.number).marker)
    axes.margins(0.12, 0.12)
    _widen(axes)
    _hollow_legend(figure, points, beside=False)
    settle(figure)
    order = [*best, *(n for n in range(len(points)) if n not in set(best))]
    label_points(
        axes,
        [(points[n].x, points[n].y) for n in order],
        [_ring(points[n], _FRONT) / 2 for n in order],
        [shorten(points[n].name) for n in order],
        [_corners(steps)] if steps else [],
    )
    return figure


def _widen(axes: Axes) -> None:
    """Show no less than a point or a factor of two: a hair's breadth must not look like a gap."""
    for limits, scale, put in (
        (axes.get_xlim(), axes.get_xscale(), axes.set_xlim),
        (axes.get_ylim(), axes.get_yscale(), axes.set_ylim),
    ):
        low, high = np.log2(limits) if scale == "log" else limits
        middle, reach = (low + high) / 2, max(high - low, _LEAST) / 2
        ends = np.array([middle - reach, middle + reach])
        put(*(2.0**ends if scale == "log" else ends))


def _corners(steps: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Corners of the staircase through the steps."""
    between = [[(b[0], a[1]), b] for a, b in pairwise(steps)]
    return [steps[0], *(corner for corners in between for corner in corners)]


def _width(size: float | None, largest: float) -> float:
    return _UNKNOWN if size is None or not largest else max(_LARGEST * size / largest, 3.0)


def _ring(point: Point, width: float) -> float:
    return _RING * width if point.hollow else width


def _point(axes: Axes, point: Point, width: float, marker: str) -> None:
    drawn = look(point.number)
    axes.plot(
        [point.x],
        [point.y],
        marker=marker,
        markersize=width,
        color=drawn.colour,
        markerfacecolor="none" if point.hollow else (drawn.colour, 0.45),
        markeredgewidth=1.3,
        alpha=0.4 if point.faint else None,
        linestyle="none",
        zorder=2,
    )


def _arrow(axes: Axes, start: Point, end: Point, radius: float) -> None:
    arrow = {"arrowstyle": "-|>", "color": look(end.number).colour, "linewidth": 0.9}
    arrow |= {"shrinkA": 0.0, "shrinkB": radius, "mutation_scale": 8.0}
    axes.annotate("", (end.x, end.y), (start.x, start.y), arrowprops=arrow)


def _size_legend(
    figure: Figure, points: Sequence[Point], largest: float, title: str, digits: int
) -> None:
    handles = []
    marks = [largest * part for part in (0.25, 0.5, 1.0)] if largest else []
    for mark in dict.fromkeys(np.round(marks, digits).tolist()):
        handles.append(_handle(f"{mark:,.{digits}f}", "o", _width(mark, largest)))
    if any(point.size is None for point in points):
        handles.append(_handle("not known", "D", _UNKNOWN))
    if handles:
        figure.legend(
            handles=handles,
            title=title,
            title_fontsize=8,
            loc="outside lower left" if _mixed(points) else "outside lower center",
            ncols=len(handles),
            handleheight=_LARGEST / 7.5,
            handletextpad=1.2,
            columnspacing=3.0,
            labelspacing=1.5,
        )


def _mixed(points: Sequence[Point]) -> bool:
    """Whether some are hollow and some are not."""
    return len({point.hollow for point in points}) > 1


def _hollow_legend(figure: Figure, points: Sequence[Point], beside: bool) -> None:
    """What hollow and filled mean; in one column at the right where it is beside the sizes."""
    if _mixed(points):
        plain = _handle("hollow: plain", "o", _FRONT)
        tuned = _handle("filled: with MetaPEFT", "o", _FRONT)
        tuned.set_markerfacecolor((QUIET, 0.45))
        figure.legend(
            handles=[plain, tuned],
            loc="outside lower right" if beside else "outside lower center",
            ncols=1 if beside else 2,
        )


def _handle(label: str, marker: str, width: float) -> Line2D:
    return Line2D(
        *([], []),
        marker=marker,
        markersize=width,
        color=QUIET,
        markerfacecolor="none",
        linestyle="none",
        label=label,
    )
