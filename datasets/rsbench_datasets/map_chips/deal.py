"""Deal units (squares of ground, or scenes) out to train and test, greedily.

A unit that alone holds a class is for training. Then, as long as there are units: of the classes
that are left, take the one with the fewest chips left, and the next unit, in a random order, that
holds it; the unit goes to the side that lacks more of the class. The class's last unit goes to a
side that has none of it yet.

Where the gap around test chips would then take the last training chip of a class away, the
units that stand in the way of one chip go to training as well: of all such chips, the one for
which the fewest test chips have to go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def deal(
    counts: NDArray[np.int64], test_fraction: float, random: np.random.Generator
) -> NDArray[np.bool_]:
    """Deal units out to train and test, as the module says.

    Args:
        counts: chips per unit and class, shape (units, classes).
        test_fraction: share of each class that the test should have.
        random: draws the order of the units.

    Returns:
        Which units are for the test, shape (units,).
    """
    total = counts.sum(axis=0)
    wanted = np.maximum(total * test_fraction, 1.0)
    only = (counts > 0).sum(axis=0) == 1
    waiting: NDArray[np.bool_] = counts[:, only].sum(axis=1) == 0
    left = counts[waiting].sum(axis=0)
    in_test = np.zeros_like(left)
    test = np.zeros(len(counts), dtype=np.bool_)
    order = random.permutation(len(counts))
    for _ in range(int(waiting.sum())):
        rarest = int(np.where(left > 0, left, np.iinfo(np.int64).max).argmin())
        holders = order[waiting[order] & (counts[order, rarest] > 0)]
        unit = holders[0]
        has_test = in_test[rarest]
        has_train = total[rarest] - left[rarest] - has_test
        test[unit] = wanted[rarest] - has_test > total[rarest] - wanted[rarest] - has_train
        if len(holders) == 1 and not (has_test and has_train):
            test[unit] = has_train > 0
        waiting[unit] = False
        left = left - counts[unit]
        in_test = in_test + test[unit] * counts[unit]
    return test


def spare(
    test: NDArray[np.bool_],
    units: NDArray[np.int64],
    wanted: NDArray[np.int64],
    obstacles: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Take the units out of the test that stand in the way of one of the wanted chips.

    Args:
        test: which units are for the test, shape (units,).
        units: unit of every chip, shape (chips,).
        wanted: chips of a class that has no training chip, shape (pairs,); a chip is there once
            for each test chip in its way.
        obstacles: the test chip of each pair, shape (pairs,).

    Returns:
        Which units are for the test now, shape (units,).
    """
    sizes = np.bincount(units, minlength=len(test))
    choices = [np.unique(units[obstacles[wanted == chip]]) for chip in np.unique(wanted)]
    if not choices:
        return test
    spared = test.copy()
    spared[min(choices, key=lambda choice: int(sizes[choice].sum()))] = False
    return spared
