"""Draw D_val from the training samples, and keep an audit of what was drawn (9.1, 9.11)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rsbench.groups import GROUP_NAMES, ClassGroups


def validation_size(samples: int, ratio: float) -> int:
    """``round(ratio * n)`` samples in D_val, at least one (check 15)."""
    return max(1, round(ratio * samples))


def draw_validation(
    candidates: NDArray[np.int64],
    labels: NDArray[np.int64],
    size: int,
    stratified: bool,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """A random subset of the candidates, ascending, no repetition.

    Args:
        candidates: indices of the train split that may be drawn, shape (n,), n >= size.
        labels: labels of the whole train split.
        size: number to draw.
        stratified: class by class: each class gives its share, rounded up or down at random
            so that the shares add up; else uniformly.
        rng: random stream.
    """
    if not stratified:
        return np.sort(rng.choice(candidates, size=size, replace=False))
    found = labels[candidates]
    order = np.argsort(found, kind="stable")
    by_class = np.split(candidates[order], np.flatnonzero(np.diff(found[order])) + 1)
    shares = np.cumsum([len(members) * size / len(candidates) for members in by_class])
    # systematic sampling: one random offset rounds all shares, and their sum is exact
    bounds = np.floor(np.concatenate([[0.0], shares]) + rng.random() + 1e-9).astype(int)
    numbers = np.minimum(np.diff(bounds), [len(members) for members in by_class])
    chosen = [
        rng.choice(members, size=number, replace=False)
        for members, number in zip(by_class, numbers, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


@dataclass
class Audit:
    """What each outer loop drew: an index hash, group counts, and the spread per class.

    Attributes:
        labels: labels of the whole train split.
        groups: head, medium and tail classes.
        classes: number of classes.
        loops: one entry per outer loop.
    """

    labels: NDArray[np.int64]
    groups: ClassGroups
    classes: int
    loops: list[dict[str, Any]] = field(default_factory=list)
    _counts: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, drawn: NDArray[np.int64]) -> None:
        """Note one D_val."""
        counts = np.bincount(self.labels[drawn], minlength=self.classes)
        self._counts.append(counts)
        entry: dict[str, Any] = {
            "samples": len(drawn),
            "hash": hashlib.sha256(np.sort(drawn).tobytes()).hexdigest()[:16],
        }
        for name in GROUP_NAMES:
            entry[name] = int(counts[list(self.groups.of(name))].sum())
        self.loops.append(entry)

    def summary(self) -> dict[str, Any]:
        """JSON values: the loops, and per class the minimum, mean and maximum drawn."""
        counts = np.stack(self._counts)
        return {
            "loops": self.loops,
            "per_class": {
                "minimum": [int(n) for n in counts.min(axis=0)],
                "mean": [round(float(n), 3) for n in counts.mean(axis=0)],
                "maximum": [int(n) for n in counts.max(axis=0)],
            },
        }
