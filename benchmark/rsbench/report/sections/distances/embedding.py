"""Test images in the plane of their principal components, before and after adaptation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent, Figure
from rsbench.report.sections.distances.chosen import RULE, example, probe_of, tuned_of
from rsbench.report.sections.distances.labels import (
    class_name,
    in_order,
)
from rsbench.report.sections.distances.plane import MOST_IMAGES, Plane, project
from rsbench.report.transfers import split_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

    from rsbench.record import Record
    from rsbench.report.artefact_files import ArtefactFiles
    from rsbench.report.sections.distances.measured import MeasuredRow, MeasuredRun
    from rsbench.report.transfers import DrawnTransfer

#: Most class names that are written.
MOST_NAMES = 30
#: More images than this are a picture inside the SVG, which has a line for each otherwise.
_MANY = 300


@dataclass(frozen=True)
class Panel:
    """The features of one cell.

    Attributes:
        title: above it.
        measured: the row; its first cell is drawn.
    """

    title: str
    measured: MeasuredRow

    @property
    def record(self) -> Record:
        """The record of the cell."""
        return self.measured.row.first


def embedding_figure(
    run: MeasuredRun, transfer: DrawnTransfer, rows: Sequence[MeasuredRow]
) -> Figure | Absent:
    """The linear probe's features (those of the frozen backbone) beside adapted ones."""
    name = f"embedding{transfer.suffix}"
    title = f"Test images in feature space, {transfer.title}"
    files = run.results.files
    kept = [each for each in panels_of(rows) if files.has_image_features(each.record.id)]
    if not kept:
        reason = (
            "the features of single test images were not kept: a cell keeps them for at most 5,000 "
            "images, and published runs may leave them out"
        )
        return Absent(name, title, reason)
    return Figure(
        name=name,
        title=title,
        caption=_caption(kept),
        draw=partial(_draw, kept, files, transfer),
        alt=_message(kept, transfer),
    )


def panels_of(rows: Sequence[MeasuredRow]) -> list[Panel]:
    """The cells that are drawn: the linear probe, and the example with MetaPEFT or without."""
    panels = []
    probe = probe_of(rows)
    if probe is not None:
        panels.append(Panel("frozen backbone (linear)", probe))
    chosen = example(rows)
    if chosen is not None:
        adapted = tuned_of(chosen, rows) or chosen
        panels.append(Panel(adapted.row.method_and_setting, adapted))
    return panels


def _caption(panels: Sequence[Panel]) -> str:
    first = panels[0].record
    images = sum(first.test_counts)
    some = f" At most about {MOST_IMAGES} of {images} images." if images > MOST_IMAGES else ""
    classes = sum(1 for each in first.test_counts if each)
    named = f" {MOST_NAMES} of {classes} classes are named." if classes > MOST_NAMES else ""
    frozen = (
        ""
        if any("frozen" in each.title for each in panels)
        else (" Without a linear probe in the run, the frozen backbone's features were not kept.")
    )
    seeds = "; ".join(f"{each.title}: seed {each.measured.row.seeds[0]}" for each in panels)
    return (
        f"Features of {split_words([panels[0].measured.row])}, scaled to length 1, along the two "
        "directions in which they vary most (principal components, in brackets their share of the "
        "variance; each panel has its own). Small: images; large: mean of a class. Two directions "
        f"hide most of what the distances measure. {seeds}. {RULE}{some}{named}{frozen}"
    )


def _message(panels: Sequence[Panel], transfer: DrawnTransfer) -> str:
    parts = []
    for each in panels:
        values = [
            f"{group} {measure.mean:.3f}"
            for group in ("head", "medium", "tail")
            for measure in [each.measured.measure("after", group)]
            if measure.mean is not None
        ]
        found = ", ".join(values) or "not defined"
        parts.append(f"{each.title}: {found}")
    return (
        f"Clouds of test images of {transfer.title} by class. Mean distance of their "
        f"centroids to the other classes, in all directions: {'; '.join(parts)}."
    )


def _draw(panels: Sequence[Panel], files: ArtefactFiles, transfer: DrawnTransfer) -> Drawing:
    from rsbench.report.figures.canvas import blank, settle
    from rsbench.report.figures.style import WIDE

    planes = [_plane(each.record, files) for each in panels]
    classes = max(len(plane.centroids()) for plane in planes)
    side_by_side = len(panels) == 1 or classes <= 8
    lines = 1 if side_by_side else len(panels)
    height = 3.9 if side_by_side else (4.2 if classes <= 16 else 5.2)
    figure, all_axes = blank(WIDE, height * lines + 0.5, lines, len(panels) // lines)
    for axes, panel, plane in zip(all_axes, panels, planes, strict=True):
        _points(axes, panel, plane)
    _legend(figure, panels)
    figure.suptitle(transfer.title, fontsize=10)
    settle(figure)
    for axes, panel, plane in zip(all_axes, panels, planes, strict=True):
        _names(axes, panel.record, plane, 22 if 8 < classes <= 16 else 18)
    return figure


def _plane(record: Record, files: ArtefactFiles) -> Plane:
    features = files.image_features(record.id)
    if features is None:
        raise LookupError(f"cell {record.id} had image features and has them no more")
    return project(features.features, features.labels)


def _groups(record: Record) -> Mapping[int, str]:
    return {each: name for name, members in record.groups.items() for each in members}


def _points(axes: Axes, panel: Panel, plane: Plane) -> None:
    from rsbench.report.figures.style import GROUP_COLOURS, GROUP_MARKERS, QUIET

    groups = _groups(panel.record)
    # a larger group must not bury a smaller one: the rare classes come last
    for name in (*GROUP_COLOURS, ""):
        members = [each for each in plane.centroids() if groups.get(each, "") == name]
        marker, colour = GROUP_MARKERS.get(name, "D"), GROUP_COLOURS.get(name, QUIET)
        chosen = [label in set(members) for label in plane.labels.tolist()]
        x, y = plane.points[chosen].T
        images = axes.scatter(x, y, s=7, marker=marker, color=colour, alpha=0.35, linewidths=0)
        images.set_rasterized(len(plane.labels) > _MANY)
        centres = [plane.centroids()[each] for each in members]
        axes.scatter(
            [each[0] for each in centres],
            [each[1] for each in centres],
            s=46,
            marker=marker,
            color=colour,
            edgecolors="black",
            linewidths=0.9,
            zorder=6,  # above the names
        )
    axes.set_xlabel(f"component 1 ({100 * plane.explained[0]:.0f} % of the variance)")
    axes.set_ylabel(f"component 2 ({100 * plane.explained[1]:.0f} %)")
    axes.set_title(panel.title)
    axes.margins(0.04)


def _names(axes: Axes, record: Record, plane: Plane, most: int) -> None:
    from rsbench.report.figures.canvas import label_points
    from rsbench.report.figures.labels import shorten_all

    centres = plane.centroids()
    ordered = [each for each, _ in in_order(record, list(centres))]
    named = ordered
    if len(ordered) > MOST_NAMES:
        half = MOST_NAMES // 2
        named = [*ordered[:half], *ordered[-half:]]
    texts = dict(
        zip(named, shorten_all([class_name(record, each) for each in named], most), strict=True)
    )
    order = [*named, *(each for each in ordered if each not in texts)]
    before = len(axes.texts)
    points = [centres[each] for each in order]
    label_points(axes, points, [4.8] * len(order), [texts.get(each, "") for each in order])
    for text in axes.texts[before:]:
        text.set_zorder(5)
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.3, "alpha": 0.7})


def _legend(figure: Drawing, panels: Sequence[Panel]) -> None:
    from matplotlib.lines import Line2D

    from rsbench.report.figures.style import GROUP_COLOURS, GROUP_MARKERS

    present = {name for each in panels for name in _groups(each.record).values()}
    handles = [
        Line2D(
            *([], []),
            marker=GROUP_MARKERS[name],
            color=GROUP_COLOURS[name],
            linestyle="none",
            label=f"{name} classes",
        )
        for name in GROUP_COLOURS
        if name in present
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
