"""Tail against mean-class accuracy (Fig. 1a of the paper), and accuracy against cost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent, Artefact, Figure
from rsbench.report.sections.overview.points import (
    method_points,
    names_of,
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
_SPREAD = "standard deviation over seeds, points"


def scatters(transfer: DrawnTransfer, rows: Sequence[Row]) -> list[Artefact]:
    """Tail against mean-class accuracy twice (size: spread, cost); two fronts over cost."""
    points = method_points(rows)[:MOST_POINTS]
    if len(points) < 2:
        return []
    figures: list[Artefact] = _tail_figures(transfer, points)
    figures += [_front(transfer, points, *each) for each in _COSTS]
    return figures


def _tail_figures(transfer: DrawnTransfer, points: Sequence[Row]) -> list[Artefact]:
    title = f"Tail against mean-class accuracy: {transfer.title}"
    tested = [row for row in points if _mean(row, "tail") is not None]
    if not tested:
        reason = "no tail class was tested"
        return [Absent(f"tail_overall{transfer.suffix}", title, reason)]
    spread = spread_of(tested)
    seconds = tuple(map(_seconds, tested))
    intro = _intro(transfer, tested)
    arrows = "Arrows lead from a method to the same with MetaPEFT" if pairs_of(tested) else ""
    return [
        Figure(
            name=f"tail_overall{transfer.suffix}",
            title=title,
            caption=_sentences(intro, f"Diameter: {_SPREAD}", _unknown(spread), arrows),
            draw=partial(_draw_tail, title, tested, spread, _SPREAD, 1),
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


def _intro(transfer: DrawnTransfer, points: Sequence[Row]) -> str:
    return f"{transfer.title}: {split_words(points)}, {seeds_words(points)}"


def _unknown(sizes: Sequence[float | None]) -> str:
    return "Small diamonds: one cell, so its spread is not known" if None in sizes else ""


def _sentences(*parts: str) -> str:
    return " ".join(f"{part}." for part in parts if part)


def _tail_words(points: Sequence[Row]) -> str:
    names = names_of(points)
    tails, means = ([_mean(row, column) or 0.0 for row in points] for column in ("tail", "mean"))
    words = [
        f"Highest {what} accuracy: {names[values.index(max(values))]}, {max(values):.1f} %"
        for what, values in (("tail", tails), ("mean-class", means))
    ]
    for plain, tuned in pairs_of(points):
        tail, mean = (values[tuned] - values[plain] for values in (tails, means))
        words.append(f"{names[tuned]}: tail {tail:+.1f}, mean {mean:+.1f} points")
    return _sentences(*words, "Whether a difference is more than noise is in the table of gains")


def _numbers(points: Sequence[Row]) -> dict[str, int]:
    return {method: n for n, method in enumerate(dict.fromkeys(row.method for row in points))}


def _mean(row: Row, column: str) -> float | None:
    return row.measure(column).mean


def _draw_tail(
    title: str,
    points: Sequence[Row],
    sizes: Sequence[float | None],
    size_title: str,
    digits: int,
) -> Drawing:
    from rsbench.report.figures.canvas import Axis
    from rsbench.report.figures.scatter import Point, scatter_with_size

    numbers, pairs = _numbers(points), pairs_of(points)
    mixed = any(row.metapeft == "yes" for row in points)
    drawn = [
        Point(
            *(name, _mean(each, "mean") or 0.0, _mean(each, "tail") or 0.0, size),
            number=numbers[each.method],
            hollow=mixed and each.metapeft == "no",
        )
        for each, name, size in zip(points, names_of(points), sizes, strict=True)
    ]
    return scatter_with_size(drawn, Axis(_MEAN), Axis(_TAIL), size_title, pairs, digits, title)


def _parameters(row: Row) -> float:
    return float(row.trainable)


def _seconds(row: Row) -> float:
    return row.train_seconds


#: Name, what it is, and the number, of each cost.
_COSTS: tuple[tuple[str, str, Callable[[Row], float]], ...] = (
    ("front_parameters", "trainable parameters", _parameters),
    ("front_seconds", "train seconds", _seconds),
)


def _front(
    transfer: DrawnTransfer,
    points: Sequence[Row],
    name: str,
    what: str,
    cost: Callable[[Row], float],
) -> Figure:
    title = f"Accuracy against {what}: {transfer.title}"
    means = [_mean(each, "mean") or 0.0 for each in points]
    names = names_of(points)
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
            + ", ".join(f"{names[n]} ({cost(points[n]):,.0f}; {means[n]:.1f} %)" for n in best)
        ),
    )


def _draw_front(
    title: str,
    points: Sequence[Row],
    what: str,
    cost: Callable[[Row], float],
    best: Sequence[int],
) -> Drawing:
    from rsbench.report.figures.canvas import Axis
    from rsbench.report.figures.scatter import Point, front

    numbers = _numbers(points)
    mixed = any(row.metapeft == "yes" for row in points)
    drawn: list[Point] = [
        Point(
            *(name, cost(each), _mean(each, "mean") or 0.0, None),
            number=numbers[each.method],
            hollow=mixed and each.metapeft == "no",
            faint=n not in best,
        )
        for n, (each, name) in enumerate(zip(points, names_of(points), strict=True))
    ]
    costs = [cost(each) for each in points]
    log = 10 if min(costs) > 0 and (what != "train seconds" or max(costs) > 8 * min(costs)) else 0
    unit = f"{what} (logarithmic)" if log else what
    return front(drawn, Axis(unit, log), Axis(_MEAN), best, title)
