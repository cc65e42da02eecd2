"""Tail against mean-class accuracy (Fig. 1a of the paper), and accuracy against cost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent, Artefact, Figure
from rsbench.report.sections.overview.points import (
    MethodPoint,
    method_points,
    pairs_of,
    spread_of,
    undominated,
)
from rsbench.report.transfers import DrawnTransfer, seeds_words, split_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure as Drawing

    from rsbench.report.figures.scatter import Point
    from rsbench.report.rows import Row

#: Most methods in one figure (plain and +metapeft counted each).
MOST_POINTS = 24
_MEAN, _TAIL = "mean-class accuracy, %", "tail accuracy, %"


def scatters(transfer: DrawnTransfer, rows: Sequence[Row]) -> list[Artefact]:
    """Tail against mean-class accuracy twice (size: spread, cost); two fronts over cost."""
    points = method_points(rows)[:MOST_POINTS]
    if len(points) < 2:
        return []
    figures: list[Artefact] = _tail_figures(transfer, points)
    figures += [_front(transfer, points, *each) for each in _COSTS]
    return figures


def _tail_figures(transfer: DrawnTransfer, points: Sequence[MethodPoint]) -> list[Artefact]:
    title = f"Tail against mean-class accuracy: {transfer.title}"
    tested = [point for point in points if point.mean("tail") is not None]
    if not tested:
        reason = "no tail class was tested"
        return [Absent(f"tail_overall{transfer.suffix}", title, reason)]
    spread = spread_of(tested)
    seconds = tuple(point.seconds for point in tested)
    intro = _intro(transfer, tested)
    arrows = "Arrows lead from a method to the same with MetaPEFT" if pairs_of(tested) else ""
    return [
        Figure(
            name=f"tail_overall{transfer.suffix}",
            title=title,
            caption=_sentences(
                intro, f"Diameter: {spread.words}", _unknown(spread.by_point), arrows
            ),
            draw=partial(_draw_tail, title, tested, spread.by_point, spread.words, 1),
            alt=_tail_words(tested),
        ),
        Figure(
            name=f"tail_overall_cost{transfer.suffix}",
            title=f"{title}, with cost",
            caption=_sentences(intro, "Diameter: train seconds of a cell, mean", arrows),
            draw=partial(_draw_tail, f"{title}, with cost", tested, seconds, "train seconds", 0),
            alt=_tail_words(tested),
        ),
    ]


def _intro(transfer: DrawnTransfer, points: Sequence[MethodPoint]) -> str:
    rows = [row for point in points for row in point.rows]
    several = any(len(point.rows) > 1 for point in points)
    settings = " and over the settings of the matrix" if several else ""
    return f"{transfer.title}: {split_words(rows)}, {seeds_words(rows)}{settings}"


def _unknown(sizes: Sequence[float | None]) -> str:
    return "Small diamonds: one cell, so its spread is not known" if None in sizes else ""


def _sentences(*parts: str) -> str:
    return " ".join(f"{part}." for part in parts if part)


def _tail_words(points: Sequence[MethodPoint]) -> str:
    best = max(points, key=lambda point: point.mean("tail") or 0.0)
    highest = max(points, key=lambda point: point.mean("mean") or 0.0)
    words = [
        f"Highest tail accuracy: {best.name}, {best.mean('tail'):.1f} %",
        f"Highest mean-class accuracy: {highest.name}, {highest.mean('mean'):.1f} %",
    ]
    for plain, tuned in pairs_of(points):
        tail, mean = (
            (points[tuned].mean(column) or 0.0) - (points[plain].mean(column) or 0.0)
            for column in ("tail", "mean")
        )
        words.append(f"{points[tuned].name}: tail {tail:+.1f}, mean {mean:+.1f} points")
    return _sentences(*words, "Whether a difference is more than noise is in the table of gains")


def _numbers(points: Sequence[MethodPoint]) -> dict[str, int]:
    return {method: n for n, method in enumerate(dict.fromkeys(p.method for p in points))}


def _draw_tail(
    title: str,
    points: Sequence[MethodPoint],
    sizes: Sequence[float | None],
    size_title: str,
    digits: int,
) -> Drawing:
    from rsbench.report.figures.canvas import Axis
    from rsbench.report.figures.scatter import Point, scatter_with_size

    numbers, pairs = _numbers(points), pairs_of(points)
    mixed = any(point.metapeft for point in points)
    drawn = [
        Point(
            *(each.name, each.mean("mean") or 0.0, each.mean("tail") or 0.0, size),
            number=numbers[each.method],
            hollow=mixed and not each.metapeft,
        )
        for each, size in zip(points, sizes, strict=True)
    ]
    return scatter_with_size(drawn, Axis(_MEAN), Axis(_TAIL), size_title, pairs, digits, title)


def _parameters(point: MethodPoint) -> float:
    return float(max(row.trainable for row in point.rows))


def _seconds(point: MethodPoint) -> float:
    return point.seconds


#: Name, what it is, and the number, of each cost.
_COSTS: tuple[tuple[str, str, Callable[[MethodPoint], float]], ...] = (
    ("front_parameters", "trainable parameters", _parameters),
    ("front_seconds", "train seconds", _seconds),
)


def _front(
    transfer: DrawnTransfer,
    points: Sequence[MethodPoint],
    name: str,
    what: str,
    cost: Callable[[MethodPoint], float],
) -> Figure:
    title = f"Accuracy against {what}: {transfer.title}"
    means = [each.mean("mean") or 0.0 for each in points]
    best = undominated([cost(each) for each in points], means)
    time = "Wall time depends on the machine and its load" if what == "train seconds" else ""
    return Figure(
        name=f"{name}{transfer.suffix}",
        title=title,
        caption=_sentences(
            _intro(transfer, points),
            f"Line: methods that none beats at the same or fewer {what}, the others lighter",
            "It is a line of means: differences within the noise decide it too",
            time,
        ),
        draw=partial(_draw_front, title, points, what, cost, best),
        alt=_sentences(
            f"By ascending {what}, not beaten: "
            + ", ".join(
                f"{points[n].name} ({cost(points[n]):,.0f}; {points[n].mean('mean'):.1f} %)"
                for n in best
            )
        ),
    )


def _draw_front(
    title: str,
    points: Sequence[MethodPoint],
    what: str,
    cost: Callable[[MethodPoint], float],
    best: Sequence[int],
) -> Drawing:
    from rsbench.report.figures.canvas import Axis
    from rsbench.report.figures.scatter import Point, front

    numbers = _numbers(points)
    mixed = any(point.metapeft for point in points)
    drawn: list[Point] = [
        Point(
            *(each.name, cost(each), each.mean("mean") or 0.0, None),
            number=numbers[each.method],
            hollow=mixed and not each.metapeft,
            faint=n not in best,
        )
        for n, each in enumerate(points)
    ]
    costs = [cost(each) for each in points]
    log = 10 if min(costs) > 0 and (what != "train seconds" or max(costs) > 8 * min(costs)) else 0
    unit = f"{what} (logarithmic)" if log else what
    return front(drawn, Axis(unit, log), Axis(_MEAN), best, title)
