"""Empty figures, and words at the places that ``labels`` finds for them.

Figures are made without pyplot: no window, and nothing that outlives them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter
from matplotlib.transforms import ScaledTranslation

from rsbench.report.figures.labels import Box, place_around, shorten, spread
from rsbench.report.figures.style import QUIET

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.text import Text
    from matplotlib.transforms import Transform


@dataclass(frozen=True)
class Axis:
    """What an axis of a figure shows.

    Attributes:
        title: with its unit.
        log: 2 or 10 for a logarithmic axis with marks at powers of that; 0 for a linear one.
        marks: values to put marks at; empty to let the drawing choose.
        texts: of the marks; empty for the numbers.
    """

    title: str
    log: int = 0
    marks: tuple[float, ...] = ()
    texts: tuple[str, ...] = ()


def blank(
    width: float, height: float, rows: int = 1, columns: int = 1, title: str = "", **options: Any
) -> tuple[Figure, list[Axes]]:
    """A figure of this size in inches with its title, and its axes row by row."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(shorten(title, 100), fontsize=10)
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(np.asarray(axes).flat)


def settle(figure: Figure) -> None:
    """Lay the figure out and keep it so: from here on positions in pixels are final."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        # not "none": with that, saving would draw everything once more for a layout. (None is what
        # matplotlib's settings say, and the style leaves them without a layout.)
        figure.set_layout_engine(None)


def set_axes(axes: Axes, x: Axis, y: Axis, room: float = 6.0) -> None:
    """Scale, marks and titles of both axes; ``room`` is the width of the axes in inches."""
    for name, each in (("x", x), ("y", y)):
        if each.log:
            getattr(axes, f"set_{name}scale")("log", base=each.log)
        axis = getattr(axes, f"{name}axis")
        if each.log:
            axis.set_major_formatter(LogFormatter(each.log))  # the default one needs formulas
        if each.marks:
            axis.set_ticks(list(each.marks), labels=_thinned(each, room) if name == "x" else None)
            axis.set_ticks([], minor=True)
        axis.set_label_text(each.title)


def _thinned(axis: Axis, room: float) -> list[str]:
    """Texts of the marks, of which as many are left out as would meet their neighbours."""
    texts = list(axis.texts) or [f"{mark:g}" for mark in axis.marks]
    widths = [len(text) for text in texts]
    places = [math.log(mark) if axis.log else mark for mark in axis.marks]
    inch = room / ((max(places) - min(places)) or 1.0)
    shown, last = [], -math.inf
    for text, width, place in zip(texts, widths, places, strict=True):
        start = place * inch - 0.04 * width
        fits = start > last + 0.04
        shown.append(text if fits else "")
        last = place * inch + 0.04 * width if fits else last
    return shown


@dataclass(frozen=True)
class End:
    """The name of a line, to stand at its right end.

    Attributes:
        level: height of the line's end, in data units.
        name: what is written.
        colour: of the line.
        marker: of the line; "" for a reference.
        hollow: whether the marker is.
    """

    level: float
    name: str
    colour: str
    marker: str = ""
    hollow: bool = False


#: Where the marker and the name of a line stand, points (1/72 inch) right of the axes.
_MARKER, _NAME = 15.0, 22.0


def name_ends(axes: Axes, ends: Sequence[End]) -> list[Text]:
    """Write the names at the right of the axes; after ``settle``, ``part_ends`` moves them."""
    return [
        axes.text(
            *(1.0, end.level, end.name),
            transform=_right_of(axes, axes.get_yaxis_transform()),
            va="center",
            fontsize=7.5,
        )
        for end in ends
    ]


def _right_of(axes: Axes, transform: Transform) -> Transform:
    figure = axes.get_figure(root=True)
    if figure is None:
        raise TypeError("the axes are of no figure")
    return transform + ScaledTranslation(_NAME / 72, 0.0, figure.dpi_scale_trans)


def part_ends(axes: Axes, ends: Sequence[End], texts: Sequence[Text]) -> None:
    """Move the names at the ends of lines apart, and lead from each line's end to its name."""
    if not texts:
        return
    renderer = _renderer(axes)
    frame = axes.get_window_extent(renderer)
    point = _pixels(renderer) / frame.width
    high = max(text.get_window_extent(renderer).height for text in texts)
    wanted = [float(axes.transData.transform((1.0, end.level))[1]) for end in ends]
    # from the last to the first, so that of equal ends the first is the upper one
    places = spread(wanted[::-1], 1.02 * high, frame.y0 + high / 2, frame.y1 - high / 2)[::-1]
    for end, text, old, new in zip(ends, texts, wanted, places, strict=True):
        before, after = ((level - frame.y0) / frame.height for level in (old, new))
        text.set_transform(_right_of(axes, axes.transAxes))
        text.set_position((1.0, after))
        lead: dict[str, Any] = {
            "transform": axes.transAxes,
            "color": end.colour,
            "clip_on": False,
        }
        tip = 1.0 + (_MARKER - 4.0) * point
        axes.plot([1.0, tip], [before, after], linewidth=0.6, **lead)
        if end.marker:
            face = "white" if end.hollow else end.colour
            spot = 1.0 + _MARKER * point
            axes.plot([spot], [after], marker=end.marker, markerfacecolor=face, **lead)


def _renderer(axes: Axes) -> RendererAgg:
    figure = axes.get_figure(root=True)
    if figure is None or not isinstance(figure.canvas, FigureCanvasAgg):
        raise TypeError("the axes are of no figure made by 'blank'")
    renderer: RendererAgg = figure.canvas.get_renderer()  # type: ignore[no-untyped-call]
    return renderer


def _pixels(renderer: RendererAgg) -> float:
    """Pixels in a point (1/72 inch)."""
    return float(renderer.points_to_pixels(1.0))  # type: ignore[no-untyped-call]


def label_points(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    radii: Sequence[float],
    names: Sequence[str],
    lines: Sequence[Sequence[tuple[float, float]]] = (),
) -> None:
    """Name points, none over another; a line leads to a name that had to go far.

    Call after ``settle``.

    Args:
        axes: with its final limits.
        points: in data units; give the important ones first.
        radii: of the markers, in points (1/72 inch).
        names: one for each point; "" for none, and then after all that have one.
        lines: drawn lines that names should not cover, as corners in data units.
    """
    if not points:
        return
    renderer = _renderer(axes)
    scale = _pixels(renderer)
    pixels = [(float(x), float(y)) for x, y in axes.transData.transform(list(points))]
    texts = [axes.text(0, 0, name, fontsize=7.5, va="bottom") for name in names if name]
    extents = [text.get_window_extent(renderer) for text in texts]
    bounds = axes.get_window_extent(renderer)
    boxes = place_around(
        pixels,
        [(each.width, each.height) for each in extents],
        [scale * radius for radius in radii],
        Box(bounds.x0, bounds.y0, bounds.x1, bounds.y1),
        2.5 * scale,
        [box for line in lines for box in _along(axes, line, 3.0 * scale)],
    )
    to_data = axes.transData.inverted()
    for number, (text, box) in enumerate(zip(texts, boxes, strict=True)):
        x, y = to_data.transform((box.left, box.bottom))
        text.set_position((float(x), float(y)))
        _lead(axes, pixels[number], box, scale * (radii[number] + 6.0))


def _along(axes: Axes, line: Sequence[tuple[float, float]], width: float) -> list[Box]:
    """Small boxes along a line, in pixels."""
    corners = axes.transData.transform(list(line))
    boxes = []
    for start, end in pairwise(corners):
        number = int(np.hypot(*(end - start)) // (2 * width)) + 1
        for x, y in start + (end - start) * np.linspace(0, 1, number + 1)[:, None]:
            boxes.append(Box(x - width / 2, y - width / 2, x + width / 2, y + width / 2))
    return boxes


def _lead(axes: Axes, point: tuple[float, float], box: Box, near: float) -> None:
    x = min(max(point[0], box.left), box.right)
    y = min(max(point[1], box.bottom), box.top)
    if (x - point[0]) ** 2 + (y - point[1]) ** 2 <= near**2:
        return
    ends = axes.transData.inverted().transform([point, (x, y)])
    axes.plot(ends[:, 0], ends[:, 1], color=QUIET, linewidth=0.5, zorder=1.5)
