"""Confusion matrices with the boundaries of head, medium and tail."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from rsbench.report.figures.canvas import blank
from rsbench.report.figures.labels import shorten_all
from rsbench.report.figures.style import EMPTY_FIELD, SEQUENTIAL, WIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

#: Most classes that are named.
NAMED = 30
#: Most classes whose numbers are written into the fields.
_WRITTEN = 20


def confusion_matrix(
    shares: NDArray[np.float64], names: Sequence[str], groups: Sequence[str], title: str = ""
) -> Figure:
    """Draw shares of each true class (rows) by predicted class (columns), in percent.

    Args:
        shares: percent, shape (classes, classes); a row without test images is not-a-number.
        names: of the classes, the most frequent first.
        groups: "head", "medium" or "tail", of each class, in the same order.
        title: of the figure.
    """
    named = len(names) <= NAMED
    side = min(max(0.24 * len(names), 3.4), WIDE - 2.3) if named else 5.2
    room = 0.075 * max(len(name) for name in shorten_all(names, 20)) if named else 0.3
    figure, (axes,) = blank(WIDE, side + room + 0.8, title=title)
    image = axes.imshow(
        np.ma.masked_invalid(shares),
        cmap=SEQUENTIAL,
        vmin=0.0,
        vmax=100.0,
        rasterized=True,
        interpolation="nearest",
    )
    axes.set_facecolor(EMPTY_FIELD)
    axes.grid(False)
    axes.set(xlabel="predicted class", ylabel="true class")
    _ticks(axes, names if named else [])
    _boundaries(axes, groups)
    if len(names) <= _WRITTEN:
        _write(axes, shares, side * 72 / len(names))
    bar = figure.colorbar(image, ax=axes, fraction=0.045, pad=0.06)
    bar.set_label("share of the true class, %")
    return figure


def _ticks(axes: Axes, names: Sequence[str]) -> None:
    short = shorten_all(names, 20)
    axes.set_xticks(range(len(short)), short, rotation=90)
    axes.set_yticks(range(len(short)), short)
    axes.tick_params(length=0, labelsize=7.5)


def _boundaries(axes: Axes, groups: Sequence[str]) -> None:
    """White lines where a group ends, and the groups' names at the right."""
    starts = [0, *(n + 1 for n, (a, b) in enumerate(pairwise(groups)) if a != b), len(groups)]
    for start, end in pairwise(starts):
        if start:
            axes.axhline(start - 0.5, color="white", linewidth=1.4)
            axes.axvline(start - 0.5, color="white", linewidth=1.4)
        axes.text(
            *(1.015, (start + end - 1) / 2, groups[start]),
            transform=axes.get_yaxis_transform(),
            rotation=270,
            va="center",
            fontsize=8,
        )


def _write(axes: Axes, shares: NDArray[np.float64], field: float) -> None:
    """Numbers without decimals; none where that would be 0."""
    points = min(7.5, 0.42 * field)
    for row, column in np.ndindex(*shares.shape):
        value = float(shares[row, column])
        if np.isfinite(value) and round(value) > 0:
            colour = "white" if value < 45 else "black"
            place = (column, row, f"{value:.0f}")
            text = axes.text(*place, ha="center", va="center", fontsize=points, color=colour)
            text.set_in_layout(False)  # within the axes; measuring all of them takes long
