"""Change of distance against gain in accuracy, class by class, for one method."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent, Figure
from rsbench.report.sections.distances.chosen import RULE, example, tuned_of
from rsbench.report.sections.distances.labels import (
    class_name,
    in_order,
)
from rsbench.report.sections.distances.link import no_probe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

    from rsbench.report.sections.distances.link import Link, Links
    from rsbench.report.sections.distances.measured import MeasuredRow
    from rsbench.report.transfers import DrawnTransfer

#: Up to this many classes all are named, beyond the outer ones.
MOST_NAMES = 30


def gain_figure(
    transfer: DrawnTransfer, rows: Sequence[MeasuredRow], links: Links
) -> Figure | Absent | None:
    """Scatter of the classes for the example method, without and with MetaPEFT."""
    name = f"distance_gain{transfer.suffix}"
    title = f"Change of distance and gain in accuracy by class, {transfer.title}"
    chosen = example(rows)
    if chosen is None:
        return None  # nothing but the linear probe
    labels = (transfer.backbone, transfer.target)
    if labels in links.lacking:
        return Absent(name, title, no_probe([labels]))
    pair = [chosen.row.ids] + [each.row.ids for each in [tuned_of(chosen, rows)] if each]
    shown = [each for each in links.found if each.measured.row.ids in pair and _points(each)]
    if not shown:
        reason = "no class of the chosen method has both a change of distance and a gain"
        return Absent(name, title, f"{reason}; the table 'distance_link' has the other rows")
    return Figure(
        name=name,
        title=title,
        caption=_caption(shown),
        draw=partial(_draw, shown, transfer),
        alt=_message(shown, transfer),
    )


def _points(link: Link) -> dict[int, tuple[float, float]]:
    """Change of distance and gain of the classes that have both."""
    return {
        each: (distance, gain)
        for each, distance, gain in zip(link.classes, link.distance, link.gain, strict=True)
        if distance is not None and gain is not None
    }


def _correlation(link: Link) -> str:
    """Rho with its interval, or why there is none."""
    found = link.correlation
    if found.rho is None:
        return f"no rho: {found.reason}"
    text = f"rho = {found.rho:+.2f}"
    if found.interval is None:
        return text
    return f"{text}, 95 % interval {found.interval.low:+.2f} to {found.interval.high:+.2f}"


def _caption(shown: Sequence[Link]) -> str:
    seeds = "; ".join(
        f"{each.measured.row.method_and_setting}: {_seeds(each.seeds)}" for each in shown
    )
    return (
        "Each point is a class. Horizontal: its mean distance to the other classes in the trained "
        "network minus that in the frozen backbone; vertical: its accuracy minus that of the "
        "linear probe on the frozen features, in points. rho: Spearman's rank correlation over "
        f"the classes; interval: bootstrap over the classes. {seeds}. {RULE} Other methods are in "
        "the table 'distance_link'."
    )


def _seeds(number: int) -> str:
    return "one seed" if number == 1 else f"mean over {number} seeds"


def _message(shown: Sequence[Link], transfer: DrawnTransfer) -> str:
    parts = []
    for each in shown:
        interval = each.correlation.interval
        sure = interval is not None and (interval.low > 0 or interval.high < 0)
        said = "which leaves out zero" if sure else "which holds zero: no link can be told"
        name = f"{each.measured.row.method_and_setting}, {each.correlation.points} classes"
        parts.append(f"{name}: {_correlation(each)}" + (f", {said}" if interval else ""))
    return (
        "Do classes that move further from the others gain more accuracy over the linear probe? "
        f"{transfer.title}: {'; '.join(parts)}."
    )


def _draw(shown: Sequence[Link], transfer: DrawnTransfer) -> Drawing:
    from matplotlib.lines import Line2D

    from rsbench.report.figures.canvas import blank, settle
    from rsbench.report.figures.style import GROUP_COLOURS, GROUP_MARKERS, WIDE

    most = max(len(_points(each)) for each in shown)
    stacked = len(shown) > 1 and most > 8
    lines = len(shown) if stacked else 1
    height = 3.4 if most <= 16 else 4.6
    figure, all_axes = blank(
        WIDE, height * lines + 0.5, lines, len(shown) // lines, sharex=True, sharey=True
    )
    for axes, each in zip(all_axes, shown, strict=True):
        _scatter(axes, each)
    for axes in all_axes[-(len(shown) // lines) :]:
        axes.set_xlabel("change of distance (after - before)")
    for axes in all_axes[:: len(shown) // lines]:
        axes.set_ylabel("gain over the linear probe (points)")
    groups = (each.measured.row.first.groups for each in shown)
    present = {name for each in groups for name, members in each.items() if members}
    handles = [
        Line2D([], [], marker=GROUP_MARKERS[n], color=GROUP_COLOURS[n], linestyle="none", label=n)
        for n in GROUP_COLOURS
        if n in present
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    figure.suptitle(transfer.title, fontsize=10)
    settle(figure)
    for axes, each in zip(all_axes, shown, strict=True):
        _names(axes, each)
    return figure


def _scatter(axes: Axes, link: Link) -> None:
    from rsbench.report.figures.style import GROUP_COLOURS, GROUP_MARKERS, QUIET

    points = _points(link)
    many = len(points) > MOST_NAMES
    for each, group in in_order(link.measured.row.first, list(points)):
        axes.plot(
            *([points[each][0]], [points[each][1]]),
            marker=GROUP_MARKERS.get(group, "D"),
            color=GROUP_COLOURS.get(group, QUIET),
            markersize=2.5 if many else 5.5,
            alpha=0.5 if many else 1.0,
            linestyle="none",
        )
    axes.axhline(0.0, color=QUIET, linewidth=0.8)
    axes.axvline(0.0, color=QUIET, linewidth=0.8)
    axes.margins(0.08, 0.1)
    axes.set_title(f"{link.measured.row.method_and_setting}\n{_correlation(link)}", fontsize=8.5)


def _names(axes: Axes, link: Link) -> None:
    from rsbench.report.figures.canvas import label_points
    from rsbench.report.figures.labels import shorten_all

    points = _points(link)
    if len(points) > MOST_NAMES:
        return
    record = link.measured.row.first
    ordered = [each for each, _ in in_order(record, list(points))]
    names = shorten_all([class_name(record, each) for each in ordered], 22)
    label_points(axes, [points[each] for each in ordered], [4.0] * len(ordered), names)
