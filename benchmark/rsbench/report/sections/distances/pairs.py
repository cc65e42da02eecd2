"""Distances of all pairs of classes, before and after adaptation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Pairs:
    """Distances of all pairs of classes, head classes first, frequent ones first.

    Attributes:
        names: of the classes.
        groups: of the classes.
        before: in the frozen backbone, shape (classes, classes).
        after: in the trained network.
        tested: how many classes were tested; more than are shown where they are many.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    tested: int

    def boundaries(self) -> list[int]:
        """Places at which another group begins, the first one left out."""
        return [n for n in range(1, len(self.groups)) if self.groups[n] != self.groups[n - 1]]

    def spans(self) -> list[tuple[str, int, int]]:
        """Each group with its first and last place."""
        starts = [0, *self.boundaries()]
        ends = [*(each - 1 for each in starts[1:]), len(self.groups) - 1]
        return [(self.groups[a], a, b) for a, b in zip(starts, ends, strict=True)]


def without_diagonal(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """A class has no distance to itself, and zeros would take most of the colours."""
    return np.where(np.eye(len(matrix), dtype=bool), np.nan, matrix)
