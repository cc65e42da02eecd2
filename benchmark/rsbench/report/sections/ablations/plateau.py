"""How wide the good settings of a method are on a grid of two numbers, and how bad the bad ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rsbench.report.sections.ablations.reference import PAPER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rsbench.report.sections.ablations.axes import StudyAxis
    from rsbench.report.sections.ablations.study import Subject

#: How far, in points, a setting may be below the method's best and still be on its plateau.
TOLERANCES = (1.0, 2.0)


@dataclass(frozen=True)
class GridMeans:
    """Mean-class accuracy of one method over two numeric axes, percent, mean over seeds.

    Attributes:
        axes: the two.
        means: shape (first axis, second axis), ascending numbers; not-a-number where nothing is
            finished.
        diverged: the same shape, number of seeds whose training diverged. One that did makes its
            setting a bad one, whatever the others came to.
    """

    axes: tuple[StudyAxis, StudyAxis]
    means: NDArray[np.float64]
    diverged: NDArray[np.int64]

    @property
    def finished(self) -> int:
        """Number of settings with a result."""
        return int(np.isfinite(self.means).sum())

    def setting(self, place: tuple[int, int]) -> tuple[str, str]:
        """Labels of a place in the grid."""
        first, second = self.axes
        return first.ordered[place[0]], second.ordered[place[1]]

    def highest(self) -> tuple[int, int]:
        """Place of the best setting; at least one must be finished."""
        return self._place(int(np.nanargmax(self.means)))

    def lowest(self) -> tuple[int, int]:
        """Place of the worst setting: where most trainings diverged, then the lowest mean.

        At least one must be finished.
        """
        without = np.where(self.diverged > 0, -1.0, np.inf)  # all diverged, or not run
        means = np.where(np.isnan(self.means), without, self.means)
        worst = self.diverged == self.diverged.max()
        return self._place(int(np.argmin(np.where(worst, means, np.inf))))

    def _place(self, number: int) -> tuple[int, int]:
        row, column = np.unravel_index(number, self.means.shape)
        return int(row), int(column)

    def within(self, tolerance: float) -> int:
        """Number of settings at most ``tolerance`` points below the best, none diverged."""
        return int(self._good(tolerance).sum())

    def _good(self, tolerance: float) -> NDArray[np.bool_]:
        near = self.means >= np.nanmax(self.means) - tolerance
        return np.asarray(near & (self.diverged == 0))

    def collapsed(self, level: float) -> int:
        """Number of settings below ``level`` percent, or of which a training diverged."""
        return int(((self.means < level) | (self.diverged > 0)).sum())

    def default(self) -> tuple[int, int]:
        """The paper's setting (scale 1) where an axis has it, else the middle of the axis."""
        first, second = (_default(axis) for axis in self.axes)
        return first, second

    def width(self, along: int, tolerance: float) -> float | None:
        """Width of the plateau along one axis, the other at its default.

        The longest run of neighbouring values at most ``tolerance`` points below the method's best
        of the whole grid, from its first to its last value.

        Args:
            along: 0 or 1, the axis that is walked along.
            tolerance: points.

        Returns:
            Octaves on an axis of powers of 2, decades on other logarithmic axes, else the
            difference; 0 for a single value, None where no setting of the line is good enough.
        """
        other = self.default()[1 - along]
        settings = self._good(tolerance)
        good = settings[:, other] if along == 0 else settings[other]
        numbers = sorted(self.axes[along].numbers or ())
        base = self.axes[along].log
        widths = [
            _distance(numbers[start], numbers[end], base)
            for start in range(len(numbers))
            for end in range(start, len(numbers))
            if bool(good[start : end + 1].all())
        ]
        return max(widths) if widths else None


def _default(axis: StudyAxis) -> int:
    numbers = sorted(axis.numbers or ())
    wanted = PAPER.get(axis.name)
    if wanted is None or wanted not in numbers:
        return len(numbers) // 2
    return numbers.index(wanted)


def _distance(low: float, high: float, base: int) -> float:
    return math.log(high / low, base) if base else high - low


def width_unit(axis: StudyAxis) -> str:
    """What ``GridMeans.width`` counts along an axis."""
    return {2: "octaves", 10: "decades"}.get(axis.log, "")


def grid_means(subject: Subject, axes: tuple[StudyAxis, StudyAxis]) -> GridMeans:
    """The grid of a method of a study on exactly these two axes."""
    first, second = axes
    settings = [[(one, other) for other in second.ordered] for one in first.ordered]
    return GridMeans(
        axes,
        np.array([[_number(subject.mean(each)) for each in line] for line in settings], np.float64),
        np.array([[subject.diverged(each) for each in line] for line in settings], np.int64),
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value
