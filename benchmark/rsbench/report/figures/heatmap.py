"""Grids of numbers: values written into their fields, the best one framed, gaps marked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter

from rsbench.report.figures.canvas import blank
from rsbench.report.figures.labels import shorten_all
from rsbench.report.figures.style import DIVERGING, EMPTY_FIELD, QUIET, SEQUENTIAL, WIDE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from numpy.typing import NDArray

#: Characters of a row's or column's name that are shown.
_MOST = 20
#: Points (1/72 inch) of the smallest and largest writing in a field.
_SMALLEST, _LARGEST = 4.6, 8.0


@dataclass(frozen=True)
class Grid:
    """One heatmap.

    Attributes:
        values: shape (rows, columns); not-a-number where there is none.
        rows: names from top to bottom.
        columns: names from left to right.
        title: above it, "" for none.
        empty: what stands in a field without number, by row and column: "not run", "failed";
            their first letter in capitals where fields are small.
        best: mark the largest value with a frame (all of them where several are equal).
    """

    values: NDArray[np.float64]
    rows: Sequence[str]
    columns: Sequence[str]
    title: str = ""
    empty: Mapping[tuple[int, int], str] = field(default_factory=dict)
    best: bool = False


@dataclass(frozen=True)
class Colouring:
    """What colours and numbers mean; grids of one colouring share their scale.

    Attributes:
        title: beside the colour bar, with the unit.
        kind: "values" (cividis), "differences" (white at zero), or "ratios" (positive numbers on
            a logarithmic scale, white at one).
        digits: decimals in the fields.
        low: bottom of the scale; from the data where None.
        high: top of the scale; from the data where None.
    """

    title: str
    kind: Literal["values", "differences", "ratios"] = "values"
    digits: int = 1
    low: float | None = None
    high: float | None = None


def heatmap(
    grids: Sequence[tuple[Grid, Colouring]],
    row_title: str,
    column_title: str,
    across: int = 0,
    title: str = "",
) -> Figure:
    """Draw grids of the same columns, each with a colour bar where the colouring changes.

    Args:
        grids: each with its colouring.
        row_title: of all vertical axes.
        column_title: of all horizontal axes.
        across: grids in a row; 0 for as many as fit (one above six columns).
        title: of the figure.
    """
    columns = len(grids[0][0].columns)
    fitting = across or max(1, min(len(grids), 12 // max(columns, 4)))
    lines = -(-len(grids) // fitting)
    tallest = max(len(grid.rows) for grid, _ in grids)
    field_height = max(0.3, min(1.3 / tallest, 0.6)) if tallest <= 14 else max(4.0 / tallest, 0.1)
    # the names of columns stand upright where they would meet
    names = [name for grid, _ in grids for name in shorten_all(grid.columns, _MOST)]
    longest = max(len(name) for name in names)
    field_width = (WIDE - 1.6) / fitting / columns
    steep = 0.075 * longest > field_width
    words = 0.6 + (0.065 * longest if steep else 0.0)
    beside = [grids[first : first + fitting] for first in range(0, len(grids), fitting)]
    heights = [max(field_height * len(grid.rows) for grid, _ in each) for each in beside]
    above = [max(0.15 * (1 + grid.title.count("\n")) for grid, _ in each) for each in beside]
    height = sum(heights) + sum(above) + lines * words + 0.2 + 0.3 * bool(title)
    ratios = {"height_ratios": heights}
    figure, all_axes = blank(WIDE, height, lines, fitting, title, gridspec_kw=ratios)
    for number, axes in enumerate(all_axes):
        if number >= len(grids):
            axes.set_axis_off()
            continue
        grid, colouring = grids[number]
        image = _draw(axes, grid, colouring, [g for g, c in grids if c is colouring])
        _names(axes, grid, steep)
        _write(axes, grid, colouring, image, (field_width * 0.92, field_height))
        axes.set_xlabel(column_title)
        if number % fitting == 0:
            axes.set_ylabel(row_title)
        _bar(figure, axes, image, grids, number, all_axes)
    return figure


def _draw(axes: Axes, grid: Grid, colouring: Colouring, alike: Sequence[Grid]) -> AxesImage:
    values = np.ma.masked_invalid(grid.values)
    if colouring.kind == "ratios":
        values = np.ma.log2(values)
    everything = np.concatenate([each.values.ravel() for each in alike])
    colours = SEQUENTIAL if colouring.kind == "values" else DIVERGING
    image = axes.imshow(
        values, cmap=colours, norm=_norm(colouring, everything), aspect="auto", rasterized=True
    )
    axes.set_facecolor(EMPTY_FIELD)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_title(grid.title)
    return image


def _norm(colouring: Colouring, everything: NDArray[np.float64]) -> Normalize:
    known = everything[np.isfinite(everything)]
    if colouring.kind == "ratios":
        known = np.log2(known)
    low = colouring.low if colouring.low is not None else min(known, default=0.0)
    high = colouring.high if colouring.high is not None else max(known, default=1.0)
    if colouring.kind == "values":
        return Normalize(low, high if high > low else low + 1.0)
    reach = max(abs(low), abs(high)) or 1.0
    return TwoSlopeNorm(0.0, -reach, reach)


def _names(axes: Axes, grid: Grid, steep: bool) -> None:
    axes.set_yticks(range(len(grid.rows)), shorten_all(grid.rows, _MOST))
    axes.set_xticks(range(len(grid.columns)), shorten_all(grid.columns, _MOST))
    axes.tick_params(length=0, labelsize=8 if len(grid.rows) <= 20 else 6)
    axes.tick_params(axis="x", labelrotation=90 if steep else 0)


def _write(
    axes: Axes, grid: Grid, colouring: Colouring, image: AxesImage, size: tuple[float, float]
) -> None:
    """The values, where fields of ``size`` inches have room, in black or white by the colour."""
    texts = {
        (row, column): _number(grid.values[row, column], colouring)
        for row, column in np.argwhere(np.isfinite(grid.values)).tolist()
    }
    points = _fitting(max(map(len, texts.values()), default=1), size)
    for (row, column), text in texts.items() if points else ():
        level = np.asarray(_level(grid.values[row, column], colouring))
        red, green, blue, _ = image.to_rgba(level)
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.46
        _text(axes, row, column, text, points, "white" if dark else "black")
    for (row, column), text in grid.empty.items():
        words, points = _said(text, size)
        _text(axes, row, column, words, points, QUIET)
    highest = np.nanmax(grid.values) if grid.best and texts else np.inf
    for row, column in np.argwhere(grid.values == highest).tolist():
        frame = Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, fill=False)
        frame.set(edgecolor="#D55E00", linewidth=2.2, clip_on=False)
        axes.add_patch(frame)


def _text(axes: Axes, row: int, column: int, text: str, points: float, colour: str) -> None:
    field = axes.text(column, row, text, ha="center", va="center", fontsize=points, color=colour)
    field.set_in_layout(False)  # it lies within the axes, and measuring all of them takes long


def _number(value: float, colouring: Colouring) -> str:
    signed = "+" if colouring.kind == "differences" else ""
    text = f"{value:{signed}.{colouring.digits}f}"
    return text if any(each in "123456789" for each in text) else text.lstrip("+-")


def _level(value: float, colouring: Colouring) -> float:
    """What a value's colour is of."""
    return float(np.log2(value)) if colouring.kind == "ratios" else float(value)


def _said(text: str, size: tuple[float, float]) -> tuple[str, float]:
    """Words for an empty field with their size; their first letter where they do not fit."""
    words = text.split()
    lines = "\n".join(words) if 72 * size[1] > 16 else text
    points = _fitting(max(len(line) for line in lines.split("\n")), size)
    return (lines, points) if points else (text[0].upper(), 6.0)


def _fitting(characters: int, size: tuple[float, float]) -> float:
    """Points of writing with which so many characters fit into a field; 0 where none do."""
    points = min(0.9 * 72 * size[0] / (0.64 * characters), 0.7 * 72 * size[1], _LARGEST)
    return points if points >= _SMALLEST else 0.0


def _bar(
    figure: Figure,
    axes: Axes,
    image: AxesImage,
    grids: Sequence[tuple[Grid, Colouring]],
    number: int,
    all_axes: Sequence[Axes],
) -> None:
    """A colour bar for all grids of one colouring, drawn with the last of them."""
    colouring = grids[number][1]
    same = [n for n, (_, each) in enumerate(grids) if each is colouring]
    if number != same[-1]:
        return
    bar = figure.colorbar(image, ax=[all_axes[n] for n in same], aspect=30, pad=0.015)
    bar.outline.set_visible(False)
    bar.set_label(colouring.title)
    if colouring.kind == "ratios":
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{2.0**value:.2g}"))
