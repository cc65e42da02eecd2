"""Where words go in a figure: never over each other, never out of it; the same on every machine."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Directions that a label can lie in from its point, the preferred first.
_DIRECTIONS = (
    *((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)),
    *((1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)),
    *((0.5, 1.0), (0.5, -1.0), (-0.5, 1.0), (-0.5, -1.0)),
    *((1.0, 0.5), (1.0, -0.5), (-1.0, 0.5), (-1.0, -0.5)),
)
#: How far away, in steps of the given distance.
_STEPS = (1.0, 2.0, 3.5, 5.0, 7.0, 9.0, 12.0)


@dataclass(frozen=True)
class Box:
    """A rectangle, in pixels.

    Attributes:
        left: smallest x.
        bottom: smallest y.
        right: largest x.
        top: largest y.
    """

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: Box) -> float:
        """Common area, square pixels."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return width * height if width > 0 and height > 0 else 0.0

    def outside(self, frame: Box) -> float:
        """Area that lies outside ``frame``, square pixels."""
        return (self.right - self.left) * (self.top - self.bottom) - self.overlap(frame)


def shorten(text: str, most: int = 24) -> str:
    """``text`` with its middle left out where it has more than ``most`` characters."""
    if len(text) <= most:
        return text
    kept = most - 1
    front = (kept + 1) // 2
    return text[:front] + "…" + text[len(text) - (kept - front) :]


def shorten_all(names: Sequence[str], most: int = 24) -> list[str]:
    """Short names that stay different: those that would become the same get a number."""
    short = [shorten(name, most) for name in names]
    counts = Counter(short)
    seen: Counter[str] = Counter()
    numbered = []
    for name, text in zip(names, short, strict=True):
        seen[text] += 1
        same = counts[text] > 1 and text != name
        numbered.append(f"{shorten(name, most - 3)} {seen[text]}" if same else text)
    return numbered


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places at least ``gap`` apart within [low, high], as near to the wanted ones as can be.

    Least squares (isotonic regression of the places less their share of the gaps); where there
    is not room for all, they go on above ``high``.

    Returns:
        The places, in the order of ``wanted``.
    """
    order = sorted(range(len(wanted)), key=lambda number: (wanted[number], number))
    blocks: list[list[float]] = []  # sum and number of pooled neighbours
    for place, number in enumerate(order):
        blocks.append([wanted[number] - place * gap, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1] = [blocks[-1][0] + total, blocks[-1][1] + count]
    level = [total / count for total, count in blocks for _ in range(int(count))]
    ceiling = max(high - (len(wanted) - 1) * gap, low)
    places = [0.0] * len(wanted)
    for place, number in enumerate(order):
        places[number] = min(max(level[place], low), ceiling) + place * gap
    return places


def place_around(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    radii: Sequence[float],
    frame: Box,
    distance: float,
    obstacles: Sequence[Box] = (),
) -> list[Box]:
    """A box beside each point that covers no other box, no point, and stays in the frame.

    Greedy, from the first point to the last: of all candidates the one with the least covered
    area, the nearest among equals.

    Args:
        points: in pixels.
        sizes: width and height of the label of each point; those at the end may have none.
        radii: of the points.
        frame: where labels may lie.
        distance: from the edge of a point to its label.
        obstacles: what else should not be covered; half as bad as a point or a label.
    """
    markers = [Box(x - r, y - r, x + r, y + r) for (x, y), r in zip(points, radii, strict=True)]
    placed: list[Box] = []
    for point, size, radius in zip(points, sizes, radii, strict=False):
        candidates = _candidates(point, size, radius, distance)
        costs = [
            sum(box.overlap(other) for other in (*placed, *markers))
            + sum(box.overlap(other) for other in obstacles) / 2
            + 4 * box.outside(frame)
            for box in candidates
        ]
        placed.append(candidates[costs.index(min(costs))])
    return placed


def _candidates(
    point: tuple[float, float], size: tuple[float, float], radius: float, distance: float
) -> list[Box]:
    (x, y), (width, height) = point, size
    boxes = []
    for step in _STEPS:
        away = radius + distance * step
        for right, up in _DIRECTIONS:
            reach = away if 0.0 in (right, up) else 0.75 * away
            left = x + right * reach - width * (1 - right) / 2
            bottom = y + up * reach - height * (1 - up) / 2
            boxes.append(Box(left, bottom, left + width, bottom + height))
    return boxes
