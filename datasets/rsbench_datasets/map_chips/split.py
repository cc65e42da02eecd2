"""Divide chips into train and test.

Squares of ground, or scenes, go to one side as a whole. They are dealt out once for each of
several random orders (see :mod:`rsbench_datasets.map_chips.deal`), training chips in the gap
around test chips are taken out, and the best deal is kept: the one that leaves the fewest
classes without training chips, then the fewest without test chips, then loses the fewest
training chips to the gap, then comes nearest to the test share asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rsbench.errors import TargetError
from rsbench_datasets.map_chips.deal import deal, spare

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rsbench_datasets.map_chips.footprints import Footprints
    from rsbench_datasets.map_chips.options import (
        BlockSplit,
        ColumnSplit,
        RandomSplit,
        SceneSplit,
        SplitRule,
    )

_DEALS = 16


@dataclass(frozen=True)
class Division:
    """Who goes where; a chip can be on neither side.

    Attributes:
        train: bool, shape (chips,).
        test: bool, shape (chips,).
        remarks: what a reader of the numbers must know about it.
    """

    train: NDArray[np.bool_]
    test: NDArray[np.bool_]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class ChipsToDivide:
    """What the split needs to know of chips.

    Attributes:
        file: the vector file, for messages.
        labels: class index per chip, int64, shape (chips,).
        class_names: names in label order.
        scene: index of the scene of each chip, shape (chips,).
        splits: value of the split column per chip; () without one.
        ground: outlines of the chips.
    """

    file: Path
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    scene: NDArray[np.int64]
    splits: tuple[str, ...]
    ground: Footprints


def divide(chips: ChipsToDivide, rule: SplitRule) -> Division:
    """Divide ``chips`` as ``rule`` says.

    Raises:
        TargetError: there is one square or scene only, or the column has no training or no
            test row.
    """
    if rule.by == "column":
        return _by_column(chips, rule)
    if rule.by == "random":
        return _at_random(chips, rule)
    return _by_units(chips, rule)


def _by_units(chips: ChipsToDivide, rule: BlockSplit | SceneSplit) -> Division:
    units = _units(chips, rule)
    number = int(units.max()) + 1
    what = "scenes" if rule.by == "scenes" else f"squares of {rule.block_metres:g} m"
    if number < 2:
        raise TargetError(
            f"all chips lie in one of the {what}, which cannot be divided",
            where=chips.file,
            remedy="add scenes, or use 'by: blocks'"
            if rule.by == "scenes"
            else "make 'block_metres' smaller",
        )
    counts = np.zeros((number, len(chips.class_names)), dtype=np.int64)
    np.add.at(counts, (units, chips.labels), 1)
    random = np.random.default_rng(rule.seed)
    deals = [
        _judge(chips, units, deal(counts, rule.test_fraction, random), rule) for _ in range(_DEALS)
    ]
    best = min(deals, key=lambda each: each.merit)
    if not best.test.any():
        raise TargetError(
            f"none of the {number} {what} can be spared for the test: a class would lose its last "
            "training chip to it or to the gap around it",
            where=chips.file,
            remedy="use smaller blocks, more scenes or a smaller gap, or leave rare classes out "
            "with the option 'classes'",
        )
    for_test = np.unique(units[best.test]).size
    where = f" in {chips.ground.system}" if rule.by == "blocks" else ""
    remark = f"split by {what}{where}: {number - for_test} for training, {for_test} for the test"
    train = ~best.test & ~best.lost
    return Division(train, best.test, (remark, *_gap_remark(best.lost, rule.gap_metres)))


@dataclass(frozen=True)
class _Deal:
    """Chips of the test and chips lost to the gap; of two deals the lesser merit is better."""

    test: NDArray[np.bool_]
    lost: NDArray[np.bool_]
    merit: tuple[float, ...]


def _judge(
    chips: ChipsToDivide,
    units: NDArray[np.int64],
    test_units: NDArray[np.bool_],
    rule: BlockSplit | SceneSplit,
) -> _Deal:
    test = test_units[units]
    lost = chips.ground.near(~test, test, rule.gap_metres)
    without_train, without_test = _absent(chips, ~test & ~lost), _absent(chips, test)
    if without_train:
        for label in without_train:
            own = ~test & (chips.labels == label)
            pairs = chips.ground.neighbours(own, test, rule.gap_metres)
            test_units = spare(test_units, units, *pairs)
            test = test_units[units]
        lost = chips.ground.near(~test, test, rule.gap_metres)
        without_train, without_test = _absent(chips, ~test & ~lost), _absent(chips, test)
    share = abs(float(test.mean()) - rule.test_fraction)
    merit = (len(without_train), len(without_test), int(lost.sum()), share)
    return _Deal(test, lost, merit)


def _absent(chips: ChipsToDivide, side: NDArray[np.bool_]) -> list[int]:
    counts = np.bincount(chips.labels[side], minlength=len(chips.class_names))
    absent: list[int] = np.flatnonzero(counts == 0).tolist()
    return absent


def _units(chips: ChipsToDivide, rule: BlockSplit | SceneSplit) -> NDArray[np.int64]:
    """The unit of each chip, numbered from 0."""
    if rule.by == "scenes":
        return np.unique(chips.scene, return_inverse=True)[1]
    squares = np.floor(chips.ground.middles / rule.block_metres).astype(np.int64)
    return np.unique(squares, axis=0, return_inverse=True)[1].reshape(-1)


def _by_column(chips: ChipsToDivide, rule: ColumnSplit) -> Division:
    values = np.array(chips.splits)
    train, test = values == rule.train, values == rule.test
    for side, value in ((train, rule.train), (test, rule.test)):
        if not side.any():
            found = ", ".join(sorted(set(chips.splits))[:10])
            raise TargetError(
                f"no row with a chip has {value!r} in column {rule.column!r}; there are: {found}",
                where=chips.file,
                remedy="set the values that the column has in 'split: {train: ..., test: ...}'",
            )
    others = int((~train & ~test).sum())
    remarks = [f"{others} chips of other values in column {rule.column!r} are left out"]
    return _with_gap(chips, train, test, rule.gap_metres, remarks if others else [])


def _at_random(chips: ChipsToDivide, rule: RandomSplit) -> Division:
    """Draw the share of every class, at least one chip, and leave at least one."""
    random = np.random.default_rng(rule.seed)
    test = np.zeros(len(chips.labels), dtype=np.bool_)
    for label in range(len(chips.class_names)):
        members = random.permutation(np.flatnonzero(chips.labels == label))
        wanted = max(round(rule.test_fraction * len(members)), 1)
        test[members[: min(wanted, len(members) - 1)]] = True
    remark = "split at random: neighbours of test chips can be in train"
    return _with_gap(chips, ~test, test, rule.gap_metres, [remark])


def _with_gap(
    chips: ChipsToDivide,
    train: NDArray[np.bool_],
    test: NDArray[np.bool_],
    gap: float | None,
    remarks: Sequence[str],
) -> Division:
    """Take training chips out of the gap, or say how many test chips overlap training chips."""
    if gap is not None:
        lost = chips.ground.near(train, test, gap)
        return Division(train & ~lost, test, (*remarks, *_gap_remark(lost, gap)))
    overlapping = int(chips.ground.near(test, train, 0.0).sum())
    leak = f"LEAK: {overlapping} of {int(test.sum())} test chips overlap training chips"
    return Division(train, test, (*remarks, *([leak] if overlapping else [])))


def _gap_remark(lost: NDArray[np.bool_], gap: float) -> list[str]:
    count = int(lost.sum())
    how = f"lie nearer than {gap:g} m to" if gap > 0 else "overlap"
    return [f"{count} training chips that {how} test chips are left out"] if count else []
