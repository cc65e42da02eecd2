"""The points of a figure of methods: a row each, with its name and the spread over its seeds."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rsbench.report.tables.layout import in_paper_order, is_control

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.rows import Row


def method_points(rows: Sequence[Row]) -> list[Row]:
    """The rows of one setting in the paper's order, controls left out."""
    return in_paper_order([row for row in rows if not is_control(row)])


def names_of(points: Sequence[Row]) -> list[str]:
    """Methods as tables show them; what else tells two of one name apart follows in brackets."""
    counts = Counter(row.full_method for row in points)
    return [
        row.full_method if counts[row.full_method] == 1 else row.method_and_setting
        for row in points
    ]


def spread_of(points: Sequence[Row]) -> tuple[float | None, ...]:
    """Standard deviation of mean-class accuracy over the seeds; None with one seed."""
    return tuple(row.measure("mean").deviation for row in points)


def pairs_of(points: Sequence[Row]) -> list[tuple[int, int]]:
    """Indices of each plain method and the same with MetaPEFT, where they are unmistakable."""
    plain: dict[str, list[int]] = {}
    for number, row in enumerate(points):
        if row.metapeft == "no":
            plain.setdefault(row.method, []).append(number)
    return [
        (plain[row.method][0], number)
        for number, row in enumerate(points)
        if row.metapeft == "yes" and len(plain.get(row.method, ())) == 1
    ]


def undominated(costs: Sequence[float], gains: Sequence[float]) -> list[int]:
    """Indices of what nothing beats at the same or a lower cost, by ascending cost."""
    best: list[int] = []
    for number in sorted(range(len(costs)), key=lambda n: (costs[n], -gains[n], n)):
        if not best or gains[number] > gains[best[-1]]:
            best.append(number)
    return best
