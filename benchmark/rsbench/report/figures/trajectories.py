"""Many thin lines in a few panels, coloured by block, with their mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import BoundaryNorm
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from rsbench.report.figures.canvas import blank
from rsbench.report.figures.style import QUIET, SEQUENTIAL, WIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

#: Above so many lines in a panel they are stored as pixels in SVG files.
_DENSE = 200


@dataclass(frozen=True)
class Paths:
    """One panel.

    Attributes:
        title: above it.
        steps: shape (points,), ascending.
        values: positive, shape (points, lines).
        blocks: block of each line, from 0.
    """

    title: str
    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    blocks: Sequence[int]


def trajectories(panels: Sequence[Paths], x_title: str, y_title: str, title: str = "") -> Figure:
    """Draw positive paths on a logarithmic axis; their geometric mean is the thick line.

    Args:
        panels: up to three stand side by side.
        x_title: of the steps.
        y_title: of the values.
        title: of the figure.
    """
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    lines = max(panel.title.count("\n") for panel in panels)
    height = (2.5 + 0.15 * lines) * rows + 0.6
    figure, all_axes = blank(WIDE, height, rows, columns, title, sharey=True)
    blocks = max(max(panel.blocks) for panel in panels) + 1
    colours = mpl.colormaps[SEQUENTIAL].resampled(blocks)
    norm = BoundaryNorm(np.arange(blocks + 1) - 0.5, blocks)
    for axes, panel in zip(all_axes, panels, strict=False):
        _draw(axes, panel, [colours(block) for block in panel.blocks])
        axes.set_xlabel(x_title)
    for axes in all_axes[len(panels) :]:
        axes.set_axis_off()
    for axes in all_axes[::columns]:
        axes.set_ylabel(y_title)
    bar = figure.colorbar(ScalarMappable(norm, colours), ax=all_axes, fraction=0.04, pad=0.015)
    step = -(-blocks // 12)
    bar.set_ticks(list(range(0, blocks, step)), labels=[str(n) for n in range(0, blocks, step)])
    bar.set_label("block")
    return figure


def _draw(axes: Axes, panel: Paths, colours: Sequence[tuple[float, ...]]) -> None:
    lines = [np.column_stack([panel.steps, values]) for values in panel.values.T]
    axes.set_yscale("log", base=2)
    axes.axhline(1.0, color=QUIET, linestyle=":", linewidth=1.2)
    axes.add_collection(
        LineCollection(lines, colors=list(colours), linewidths=0.8, rasterized=len(lines) > _DENSE)
    )
    mean = np.exp(np.log(panel.values).mean(axis=1))
    axes.plot(panel.steps, mean, color="white", linewidth=4.0)
    axes.plot(panel.steps, mean, color="#D55E00", linewidth=2.2)
    axes.autoscale_view()
    axes.set_title(panel.title)
    axes.yaxis.set_major_locator(FixedLocator(_marks(panel.values)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _marks(values: NDArray[np.float64]) -> list[float]:
    """Powers of 2; of its root where the values span less than three octaves."""
    octaves = np.log2(values)
    step = 0.5 if octaves.max() - octaves.min() < 3 else 1.0
    ends = np.floor(octaves.min() / step), np.ceil(octaves.max() / step)
    powers: list[float] = (2.0 ** (step * np.arange(ends[0] - 6, ends[1] + 7))).tolist()
    return powers
