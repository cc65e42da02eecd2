"""Forest plot: differences with their intervals, one line each, beside what could be detected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from rsbench.report.figures.canvas import blank
from rsbench.report.figures.labels import shorten_all
from rsbench.report.figures.style import COLOURS, EMPTY_FIELD, QUIET, WIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Inches for each line.
_LINE = 0.27
#: Shape, fill and meaning of each kind of verdict, in the order of the legend.
SHAPES = {
    "higher": (">", COLOURS[2], "higher"),
    "lower": ("<", COLOURS[3], "lower"),
    "noise": ("o", COLOURS[0], "within the noise"),
    "none": ("D", "white", "no verdict (fewer than three seeds)"),
}


@dataclass(frozen=True)
class ForestLine:
    """One difference.

    Attributes:
        heading: what neighbouring lines have in common, shown once above them.
        label: at the left.
        difference: in points.
        both: ends of the interval over seeds and images (over images alone with one seed).
        images: ends of the interval over test images alone; None where it is unknown.
        detectable: smallest difference that could be detected; None where it is unknown.
        seeds: how many both rows have.
        shape: a key of ``SHAPES``.
        starred: whether the two sides differ in further settings; marks the label.
    """

    heading: str
    label: str
    difference: float
    both: tuple[float, float] | None
    images: tuple[float, float] | None
    detectable: float | None
    seeds: int
    shape: str
    starred: bool = False


def forest(lines: Sequence[ForestLine], title: str, quantity: str) -> Figure:
    """Draw the plot.

    Args:
        lines: at least one, those of a heading beside each other.
        title: of the figure.
        quantity: what the differences are of, with its unit.
    """
    places, headings = _places(lines)
    height = _LINE * (places[-1] + 1) + 1.3
    figure, (axes,) = blank(WIDE, height)
    axes.set_title(title)
    for place, line in zip(places, lines, strict=True):
        _draw_line(axes, -place, line)
    axes.axvline(0.0, color="black", linewidth=1.0, zorder=2)
    axes.set_ylim(-places[-1] - 0.7, 0.7)
    _set_width(axes, lines)
    axes.set_xlabel(quantity)
    names = shorten_all([line.label for line in lines], 36)
    labels = [
        f"{name} *" if line.starred else name for name, line in zip(names, lines, strict=True)
    ]
    axes.set_yticks([-place for place in places], labels)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    _headings(axes, headings)
    _numbers(axes, places, lines)
    _legend(figure, lines)
    return figure


def _places(lines: Sequence[ForestLine]) -> tuple[list[float], list[tuple[float, str]]]:
    """Heights, downwards, of lines and of headings."""
    places: list[float] = []
    headings: list[tuple[float, str]] = []
    place, last = 0.0, None
    for line in lines:
        if line.heading != last:
            place += 0.3 if headings else 0.0
            headings.append((place, line.heading))
            place, last = place + 1.0, line.heading
        places.append(place)
        place += 1.0
    return places, headings


def _draw_line(axes: Axes, height: float, line: ForestLine) -> None:
    if line.detectable is not None:
        axes.barh(height, 2 * line.detectable, 0.8, -line.detectable, color=EMPTY_FIELD, zorder=1)
    marker, fill, _ = SHAPES[line.shape]
    edge = QUIET if fill == "white" else fill
    if line.images is not None:
        axes.plot(line.images, [height - 0.25] * 2, color=QUIET, linewidth=0.9, zorder=3)
    if line.both is not None:
        axes.plot(line.both, [height] * 2, color=edge, linewidth=2.2, zorder=3)
    axes.plot(
        [line.difference],
        [height],
        marker=marker,
        markersize=7,
        markerfacecolor=fill,
        markeredgecolor=edge if fill == "white" else "black",
        markeredgewidth=1.2 if fill == "white" else 0.6,
        linestyle="none",
        zorder=4,
    )


def _set_width(axes: Axes, lines: Sequence[ForestLine]) -> None:
    """Room for everything, and zero in sight."""
    ends = [0.0]
    for line in lines:
        band = (-(line.detectable or 0.0), line.detectable or 0.0)
        ends += [line.difference, *band, *(line.both or ()), *(line.images or ())]
    margin = 0.05 * (max(ends) - min(ends)) or 1.0
    axes.set_xlim(min(ends) - margin, max(ends) + margin)


def _headings(axes: Axes, headings: Sequence[tuple[float, str]]) -> None:
    for place, heading in headings:
        axes.annotate(
            heading,
            (0.0, -place),
            xycoords=("axes fraction", "data"),
            ha="left",
            va="center",
            fontsize=8.5,
            fontweight="bold",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
            zorder=5,
        )


def _numbers(axes: Axes, places: Sequence[float], lines: Sequence[ForestLine]) -> None:
    """Difference, interval and number of seeds, at the right of each line."""
    twin = axes.secondary_yaxis("right")
    texts = []
    for line in lines:
        text = _signed(line.difference)
        if line.both is not None:
            text += f" [{_signed(line.both[0])}, {_signed(line.both[1])}]"
        texts.append(f"{text}, {line.seeds} {'seed' if line.seeds == 1 else 'seeds'}")
    twin.set_yticks([-place for place in places], texts)
    twin.tick_params(axis="y", length=0, labelsize=8)
    twin.spines["right"].set_visible(False)


def _signed(value: float) -> str:
    text = f"{value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def _both_words(lines: Sequence[ForestLine]) -> str:
    """What the thick lines are over: where there is one seed, it tells nothing of other seeds."""
    words = "95 %: seeds and images"
    return f"{words} (one seed: images alone)" if _single(lines) else words


def _single(lines: Sequence[ForestLine]) -> bool:
    """Whether an interval is of one seed."""
    return any(line.seeds == 1 and line.both is not None for line in lines)


def _legend(figure: Figure, lines: Sequence[ForestLine]) -> None:
    used = [SHAPES[name] for name in SHAPES if any(line.shape == name for line in lines)]
    handles: list[Line2D | Patch] = [
        Line2D(
            [],
            [],
            marker=marker,
            linestyle="none",
            markerfacecolor=fill,
            markeredgecolor="black",
            markersize=6,
            label=meaning,
        )
        for marker, fill, meaning in used
    ]
    handles.append(Line2D([], [], color=QUIET, linewidth=2.2, label=_both_words(lines)))
    handles.append(Line2D([], [], color=QUIET, linewidth=0.9, label="95 %: test images alone"))
    handles.append(Patch(facecolor=EMPTY_FIELD, label="too small to be detected"))
    if any(line.starred for line in lines):
        handles.append(
            Line2D(
                [],
                [],
                marker=(6, 2, 0),  # an asterisk
                linestyle="none",
                color="black",
                markersize=6,
                label="the two differ in further settings",
            )
        )
    columns = 2 if _single(lines) else 3  # its words are long
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=8)
