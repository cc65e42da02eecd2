"""One point for each method of a transfer: accuracy, spread and cost over all of its cells."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.report.tables.layout import in_paper_order, is_control

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.record import Record
    from rsbench.report.rows import Row


@dataclass(frozen=True)
class MethodPoint:
    """A method, plain or with MetaPEFT, over its settings and seeds.

    Attributes:
        method: label.
        metapeft: whether with MetaPEFT.
        rows: its settings.
    """

    method: str
    metapeft: bool
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        """The method as tables show it."""
        return self.rows[0].full_method

    @property
    def records(self) -> tuple[Record, ...]:
        """Every finished cell."""
        return tuple(record for row in self.rows for record in row.records)

    def mean(self, column: str) -> float | None:
        """Mean over all cells of a column of accuracy, percent; None for an empty group."""
        means = [row.measure(column).mean for row in self.rows for _ in row.records]
        known = [mean for mean in means if mean is not None]
        return statistics.fmean(known) if len(known) == len(means) else None

    def values(self) -> list[float]:
        """Mean-class accuracy of each cell, percent."""
        return [100 * record.metrics.mean_class for record in self.records if record.metrics]

    @property
    def seconds(self) -> float:
        """Train seconds, mean over all cells."""
        return statistics.fmean(row.train_seconds for row in self.rows)


def method_points(rows: Sequence[Row]) -> tuple[MethodPoint, ...]:
    """The methods of one transfer in the paper's order, controls left out."""
    groups: dict[tuple[str, bool], list[Row]] = {}
    for row in in_paper_order([row for row in rows if not is_control(row)]):
        groups.setdefault((row.method, row.metapeft == "yes"), []).append(row)
    return tuple(MethodPoint(*key, tuple(listed)) for key, listed in groups.items())


@dataclass(frozen=True)
class Spread:
    """How the spread of methods is measured, one way for all methods of a figure.

    Attributes:
        words: what it is, with the unit.
        by_point: of each method; None where it has a single cell.
    """

    words: str
    by_point: tuple[float | None, ...]


def spread_of(points: Sequence[MethodPoint]) -> Spread:
    """Standard deviation over seeds and settings; with one seed the range over settings."""
    several_seeds = any(len(row.seeds) > 1 for point in points for row in point.rows)
    several_settings = any(len(point.rows) > 1 for point in points)
    over = "seeds and settings" if several_settings else "seeds"
    measure = statistics.stdev if several_seeds else _range
    if several_seeds:
        words = f"standard deviation over {over}, points"
    else:
        words = f"{'range over settings' if several_settings else 'spread over seeds'}, points"
    return Spread(
        words,
        tuple(measure(values) if len(values := point.values()) > 1 else None for point in points),
    )


def _range(values: Sequence[float]) -> float:
    return max(values) - min(values)


def pairs_of(points: Sequence[MethodPoint]) -> list[tuple[int, int]]:
    """Indices of each plain method and the same with MetaPEFT."""
    plain = {point.method: n for n, point in enumerate(points) if not point.metapeft}
    return [
        (plain[point.method], n)
        for n, point in enumerate(points)
        if point.metapeft and point.method in plain
    ]


def undominated(costs: Sequence[float], gains: Sequence[float]) -> list[int]:
    """Indices of what nothing beats at the same or a lower cost, by ascending cost."""
    best: list[int] = []
    for number in sorted(range(len(costs)), key=lambda n: (costs[n], -gains[n], n)):
        if not best or gains[number] > gains[best[-1]]:
            best.append(number)
    return best
