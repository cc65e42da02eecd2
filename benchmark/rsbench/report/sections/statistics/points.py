"""Table of what one test image weighs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent, Artefact, Column, Table, Value
from rsbench.report.rows import METRICS
from rsbench.report.sections.statistics.outcomes import class_sets

if TYPE_CHECKING:
    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

_TITLE = "Test images behind one point"
_COLUMNS = (
    Column("target", "target"),
    Column("group", "group"),
    Column("classes", "classes"),
    Column("test_images", "test images"),
    Column("images_per_point", "images per point"),
    Column("smallest_class", "smallest class"),
    Column("smallest_images", "its test images"),
    Column("points_group", "the group", 2, "points", "one image of it moves"),
    Column("points_mean", "the mean", 2, "points", "one image of it moves"),
)
_NOTES = (
    "images per point: test images of the group that one point of its accuracy stands for on "
    "average (test images / 100). An image of a class with n test images moves the mean over G "
    "classes by 100 / (G n) points, so images of small classes weigh most: a difference of that "
    "size may be a single image. mean: all classes.",
)


def points_table(results: RunResults) -> tuple[Artefact, ...]:
    """One line for each target and group."""
    tested = {_test_set(row): row for row in reversed(results.rows)}
    rows = [row for row in reversed(tested.values()) if row.first.test_counts]
    if not results.rows:
        return ()
    if not rows:
        reason = "the records do not tell how many test images each class has"
        return (Absent("points_per_image", _TITLE, reason),)
    lines = tuple(line for row in rows for line in _lines(row))
    labels = [row.target for row in rows]
    twice = ("A target that stands here twice was tested on different images.",)
    notes = (*_NOTES, *(twice if len(set(labels)) < len(labels) else ()))
    return (Table("points_per_image", _TITLE, _COLUMNS, lines, notes),)


def _test_set(row: Row) -> tuple[object, ...]:
    groups = tuple(sorted(row.first.groups.items()))
    return row.target, row.evaluated_on, row.first.test_counts, groups


def _lines(row: Row) -> list[tuple[Value, ...]]:
    from rsbench.statistics import points_per_image

    counts = row.first.test_counts
    known = sum(count > 0 for count in counts)
    target = row.target if row.evaluated_on == "test" else f"{row.target} ({row.evaluated_on})"
    lines: list[tuple[Value, ...]] = []
    for name in METRICS:
        found = points_per_image(counts, class_sets(row)[name])
        if found is None:
            lines.append((target, name, 0, 0, *(None,) * 5))
            continue
        lines.append(
            (
                *(target, name, found.classes, found.images, found.images_per_point),
                *(_class_name(row, found.smallest), found.smallest_images),
                *(found.points_smallest, 100 / (found.smallest_images * known)),
            )
        )
    return lines


def _class_name(row: Row, number: int) -> str:
    names = row.first.class_names
    return names[number] if number < len(names) else f"class {number}"
