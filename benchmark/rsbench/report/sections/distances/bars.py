"""The bar chart of Fig. 1b: distance of head and of tail classes, by method."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent, Figure
from rsbench.report.sections.distances.chosen import is_linear
from rsbench.report.tables.layout import paper_order
from rsbench.report.transfers import seeds_words, split_words, spread_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

    from rsbench.report.artefacts import Measure
    from rsbench.report.sections.distances.measured import MeasuredRow
    from rsbench.report.transfers import DrawnTransfer

#: Most methods (with their settings) that one chart shows.
MOST = 16
PANELS = ("head", "tail")


@dataclass(frozen=True)
class Bars:
    """One method: a bar without MetaPEFT and one with it.

    Attributes:
        name: method and setting.
        plain: the row without, or None.
        tuned: the row with it, or None.
    """

    name: str
    plain: MeasuredRow | None
    tuned: MeasuredRow | None

    @property
    def rows(self) -> list[MeasuredRow]:
        """Those that there are."""
        return [each for each in (self.plain, self.tuned) if each is not None]


def bar_chart(transfer: DrawnTransfer, rows: Sequence[MeasuredRow]) -> Figure | Absent | None:
    """The chart of one transfer; None where it has no adapted row."""
    name = f"distance_bars{transfer.suffix}"
    title = f"Distance between classes, {transfer.title}"
    bars = gather(rows)
    if not bars:
        return None
    if len(bars) > MOST:
        reason = (
            f"{len(bars)} methods and settings do not fit into one chart (at most {MOST} do); "
            "the table 'distances' has them all"
        )
        return Absent(name, title, reason)
    reference = {group: rows[0].measure("before", group).mean for group in PANELS}
    return Figure(
        name=name,
        title=title,
        caption=_caption(bars),
        draw=partial(_draw, bars, reference, transfer),
        alt=_message(bars, reference, transfer),
    )


def gather(rows: Sequence[MeasuredRow]) -> list[Bars]:
    """Methods in the order of the paper; controls and the linear probe are left out."""
    found: dict[str, dict[str, MeasuredRow]] = {}
    for each in (rows[place] for place in paper_order([each.row for each in rows])):
        row = each.row
        if row.metapeft in ("no", "yes") and not is_linear(row):
            setting = ", ".join(f"{axis}={value}" for axis, value in row.axes.items())
            name = f"{row.method} ({setting})" if setting else row.method
            place = found.setdefault(name, {})
            if row.metapeft in place:  # settings of other kinds tell rows apart: one bar each
                place = found.setdefault(f"{name} ({row.variant})", {})
            place[row.metapeft] = each
    return [Bars(name, each.get("no"), each.get("yes")) for name, each in found.items()]


def _caption(bars: Sequence[Bars]) -> str:
    rows = [each.row for bar in bars for each in bar.rows]
    return (
        "Mean distance (1 - cosine of the angle) between the centroid of a class and those of all "
        f"other classes, features of {split_words(rows)}, averaged over head and over tail classes "
        "(as Fig. 1b of the paper). Dashed: the frozen backbone, which is what a linear probe "
        f"sees. Bars: {seeds_words(rows)}; {spread_words(rows)}. Controls of MetaPEFT are in "
        "the table 'distances'."
    )


def _message(
    bars: Sequence[Bars], reference: dict[str, float | None], transfer: DrawnTransfer
) -> str:
    parts = []
    for group in PANELS:
        frozen = reference[group]
        values = [
            (measure.mean, each.row.full_method)
            for bar in bars
            for each in bar.rows
            for measure in [each.measure("after", group)]
            if measure.mean is not None
        ]
        if frozen is not None and values:
            (low, first), (high, last) = min(values), max(values)
            parts.append(
                f"{group} classes: {frozen:.3f} in the frozen backbone, from {low:.3f} ({first}) "
                f"to {high:.3f} ({last}) after adaptation"
            )
    found = "; ".join(parts) or "no head or tail class was tested together with another class"
    return f"Mean distance between classes for {transfer.title}. {found}."


def _draw(
    bars: Sequence[Bars], reference: dict[str, float | None], transfer: DrawnTransfer
) -> Drawing:
    from matplotlib.patches import Patch

    from rsbench.report.figures.canvas import blank, settle
    from rsbench.report.figures.labels import shorten_all
    from rsbench.report.figures.style import WIDE

    paired = any(len(each.rows) == 2 for each in bars)
    height = 1.5 + (0.42 if paired else 0.26) * len(bars)
    figure, panels = blank(WIDE, height, 1, len(PANELS), sharex=True, sharey=True)
    for axes, group in zip(panels, PANELS, strict=True):
        _panel(axes, bars, group, paired)
        axes.set_title(f"{group} classes")
        axes.set_xlabel("distance to the other classes (1 - cosine)")
        frozen = reference[group]
        if frozen is not None:
            axes.axvline(frozen, color="black", linestyle="--", linewidth=1.0, zorder=3)
    panels[0].set_yticks(range(len(bars)), shorten_all([each.name for each in bars], 26))
    panels[0].set_ylim(len(bars) - 0.4, -0.6)
    figure.suptitle(transfer.title, fontsize=10)
    _legend(figure, bars, Patch)
    settle(figure)
    return figure


def _panel(axes: Axes, bars: Sequence[Bars], group: str, paired: bool) -> None:
    """Bars of one group; the value stands at their ends."""
    thick = 0.36 if paired else 0.62
    farthest = 0.0
    for place, each in enumerate(bars):
        both = len(each.rows) == 2
        for row, tuned in ((each.plain, False), (each.tuned, True)):
            if row is None:
                continue
            level = place + ((thick / 2 + 0.02) * (1 if tuned else -1) if both else 0.0)
            measure = row.measure("after", group)
            farthest = max(farthest, _bar(axes, level, thick, measure, group, tuned))
    # the panels share their scale, and the wider one decides
    axes.set_xlim(0.0, max(axes.get_xlim()[1] if group != PANELS[0] else 0.1, farthest * 1.18))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)


def _bar(
    axes: Axes, level: float, thick: float, measure: Measure, group: str, tuned: bool
) -> float:
    """One bar; returns how far it reaches."""
    from rsbench.report.figures.style import GROUP_COLOURS, QUIET

    if measure.mean is None:
        axes.text(0.0, level, " no value", va="center", fontsize=6.5, color=QUIET)
        return 0.0
    colour = GROUP_COLOURS[group]
    axes.barh(
        *(level, measure.mean, thick),
        facecolor="white" if tuned else colour,
        edgecolor=colour,
        hatch="////" if tuned else "",
        linewidth=0.8,
    )
    reach = measure.mean + (measure.deviation or 0.0)
    if measure.deviation is not None:
        axes.errorbar(
            measure.mean, level, xerr=measure.deviation, color="black", elinewidth=0.9, capsize=2
        )
    halo = {"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.85}
    axes.annotate(
        f"{measure.mean:.3f}",
        (reach, level),
        (3, 0),
        textcoords="offset points",
        va="center",
        fontsize=6.5,
        bbox=halo,
        zorder=4,
    )
    return reach


def _legend(figure: Drawing, bars: Sequence[Bars], patch: type) -> None:
    from matplotlib.lines import Line2D

    from rsbench.report.figures.style import QUIET

    handles: list[object] = []
    if any(each.plain for each in bars):
        handles.append(patch(facecolor=QUIET, edgecolor=QUIET, label="without MetaPEFT"))
    if any(each.tuned for each in bars):
        handles.append(patch(facecolor="white", edgecolor=QUIET, hatch="////", label="+metapeft"))
    dashed = Line2D([], [], color="black", linestyle="--", linewidth=1.0, label="frozen backbone")
    figure.legend(handles=[*handles, dashed], loc="outside lower center", ncols=3)
