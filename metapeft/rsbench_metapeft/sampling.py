"""Draw D_val from the training samples, and keep an audit of what was drawn (9.1, 9.11)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rsbench.groups import GROUP_NAMES, ClassGroups


def draw_validation(
    train: NDArray[np.int64],
    labels: NDArray[np.int64],
    ratio: float,
    stratified: bool,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """A random subset of ``round(ratio * n)`` training indices, ascending, no repetition.

    Args:
        train: indices that may be trained on, shape (n,).
        labels: labels of the whole train split.
        ratio: share to draw.
        stratified: class by class: each class gives its share, rounded up or down at random
            so that the shares add up; else uniformly.
        rng: random stream.
    """
    size = max(1, round(ratio * len(train)))
    if not stratified:
        return np.sort(rng.choice(train, size=size, replace=False))
    order = np.argsort(labels[train], kind="stable")
    by_class = np.split(train[order], np.flatnonzero(np.diff(labels[train][order])) + 1)
    shares = np.cumsum([len(members) * size / len(train) for members in by_class])
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
