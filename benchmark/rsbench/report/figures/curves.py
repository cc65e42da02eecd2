"""Lines over a numeric axis, each with its marker and its name at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.lines import Line2D

from rsbench.report.figures.canvas import (
    Axis,
    End,
    blank,
    name_ends,
    part_ends,
    set_axes,
    settle,
)
from rsbench.report.figures.labels import shorten_all
from rsbench.report.figures.style import QUIET, WIDE, look

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text


#: Characters of the longest name beside which panels stand side by side, and of any name.
_SHORT, _LONGEST = 18, 44
#: Inches of the legend, which only crosses and notes need: lines have their names at their ends.
_LEGEND = 0.25
#: The shape of a cross at the foot.
_CROSS: dict[str, Any] = {
    "marker": "x",
    "markersize": 6.0,
    "markeredgewidth": 1.6,
    "linestyle": "none",
}


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        name: written at its end.
        x: ascending.
        y: values; None where there is none, which breaks the line.
        deviations: half lengths of the error bars; None for no bar.
        number: which look it has; lines of the same thing have the same in every panel.
        dashed: for a second line of the same look (the plain method beside MetaPEFT).
        failed: where it has no value because the training failed.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    deviations: Sequence[float | None]
    number: int
    dashed: bool = False
    failed: Sequence[float] = ()


@dataclass(frozen=True)
class CurvePanel:
    """Lines that share axes.

    Attributes:
        title: above them, "" for none.
        lines: what is drawn.
        x: the horizontal axis.
        references: levels with their names, drawn as dotted lines (chance, a plain method).
    """

    title: str
    lines: Sequence[Line]
    x: Axis
    references: Sequence[tuple[float, str]] = ()


def curves(
    panels: Sequence[CurvePanel], y: Axis, across: int = 2, title: str = "", note: str = ""
) -> Figure:
    """Draw panels with one vertical axis in common.

    Args:
        panels: at least one; a single one takes the whole width.
        y: the vertical axis.
        across: panels in a row; one where the names of lines would leave them no room.
        title: of the figure.
        note: below the panels, "" for none.
    """
    names = [line.name for panel in panels for line in panel.lines]
    longest = max(map(len, names), default=0)
    columns = min(across, len(panels)) if longest <= _SHORT else 1
    rows = -(-len(panels) // columns)
    most = max(len(panel.lines) + len(panel.references) for panel in panels)
    height = max(3.2 if columns == 1 else 2.6, 0.16 * most + 0.9)
    handles = _handles(panels, note)
    height = rows * height + 0.4 + _LEGEND * bool(handles)
    figure, all_axes = blank(WIDE, height, rows, columns, title, sharey=True)
    ends = []
    for number, (axes, panel) in enumerate(zip(all_axes, panels, strict=False)):
        ends.append(_panel(axes, panel, y, (WIDE - 1.0) / columns - 1.0))
        axes.set_ylabel("" if number % columns else y.title)
    for axes in all_axes[len(panels) :]:
        axes.set_axis_off()
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    settle(figure)
    for axes, (named, texts) in zip(all_axes, ends, strict=False):
        part_ends(axes, named, texts)
    return figure


def _handles(panels: Sequence[CurvePanel], note: str) -> list[Line2D]:
    """What no name at the end of a line explains."""
    handles = []
    if any(line.failed for panel in panels for line in panel.lines):
        words = "diverged or failed: no accuracy"
        handles.append(Line2D([], [], color=QUIET, label=words, **_CROSS))
    if note:
        handles.append(Line2D([], [], linestyle="none", label=note))
    return handles


def _panel(axes: Axes, panel: CurvePanel, y: Axis, room: float) -> tuple[list[End], list[Text]]:
    set_axes(axes, panel.x, y, room)
    axes.set_title(panel.title)
    names = shorten_all([line.name for line in panel.lines], _LONGEST)
    ends = []
    for place, (line, name) in enumerate(zip(panel.lines, names, strict=True)):
        # the first the widest: where lines lie upon each other all are seen
        aside = (place - (len(names) - 1) / 2) * 0.012 if _barred(panel.lines) else 0.0
        ends += _line(axes, line, name, 1.0 - place / max(len(names), 4), aside)
        if line.failed:
            _crosses(axes, line, place)
    for level, name in panel.references:
        axes.axhline(level, color=QUIET, linestyle=":", linewidth=1.2)
        ends.append(End(level, name, QUIET))
    return ends, name_ends(axes, ends)


def _crosses(axes: Axes, line: Line, place: int) -> None:
    """Where trainings of the line failed: at the foot, those of several lines above each other."""
    axes.plot(
        list(line.failed),
        [0.03 + 0.045 * place] * len(line.failed),
        transform=axes.get_xaxis_transform(),
        color=look(line.number).colour,
        **_CROSS,
    )


def _barred(lines: Sequence[Line]) -> bool:
    """Whether error bars of several lines could hide each other."""
    return sum(any(line.deviations) for line in lines) > 1


def _aside(axes: Axes, x: Sequence[float], share: float) -> list[float]:
    """``x`` moved by a share of its range as it is seen."""
    if axes.get_xscale() == "log":
        return [each * (max(x) / min(x)) ** share for each in x]
    return [each + (max(x) - min(x)) * share for each in x]


def _line(axes: Axes, line: Line, name: str, weight: float, aside: float) -> list[End]:
    known = [value for value in line.y if value is not None]
    if not known:
        return []
    drawn = look(line.number)
    axes.errorbar(
        _aside(axes, line.x, aside),
        [float("nan") if value is None else value for value in line.y],
        yerr=[each or 0.0 for each in line.deviations],
        color=drawn.colour,
        marker=drawn.marker,
        linestyle="--" if line.dashed else "-",
        markerfacecolor="white" if line.dashed else drawn.colour,
        linewidth=1.1 + 1.6 * weight,
        markersize=3.5 + 4.0 * weight,
        elinewidth=1.0,
        capsize=2.0 if any(line.deviations) else 0.0,
    )
    return [End(known[-1], name, drawn.colour, drawn.marker, line.dashed)]
