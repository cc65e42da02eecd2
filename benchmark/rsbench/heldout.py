"""The slice of train that is held out for early stopping or for choosing settings (9.8)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rsbench.errors import SettingsError
from rsbench.settings import Recipe
from rsbench.streams import stream

if TYPE_CHECKING:
    from rsbench.target import Target

#: Classes with fewer training images than this keep them all.
SMALLEST_CLASS = 10
#: ``auto`` stops early only with at least this many held-out images.
SMALLEST_SLICE = 1000


@dataclass(frozen=True)
class TrainSplit:
    """Train divided into what is trained on and what is held out.

    Attributes:
        train: indices into the target's train split, ascending.
        heldout: indices of the held-out slice, ascending; empty where there is none.
        early_stopping: whether training stops when accuracy on the slice stalls.
        note: why, for the record.
    """

    train: NDArray[np.int64]
    heldout: NDArray[np.int64]
    early_stopping: bool
    note: str


def split_train(labels: NDArray[np.int64], recipe: Recipe) -> TrainSplit:
    """Hold out a slice where the recipe asks for one; the same for all cells of a target.

    Args:
        labels: labels of the target's train split.
        recipe: reads early_stopping, heldout_fraction and evaluate_on.
    """
    everything = np.arange(len(labels), dtype=np.int64)
    none = np.empty(0, dtype=np.int64)
    if recipe.evaluate_on == "validation":
        heldout = stratified_slice(labels, recipe.heldout_fraction)
        note = f"scored on {len(heldout)} images held out of train, not on the test set"
        return _without(everything, heldout, False, note + "; early stopping off")
    if recipe.early_stopping == "off":
        return TrainSplit(everything, none, False, "early stopping off (as asked)")
    heldout = stratified_slice(labels, recipe.heldout_fraction)
    if recipe.early_stopping == "auto" and len(heldout) < SMALLEST_SLICE:
        note = (
            f"early stopping off (auto): a held-out slice would have {len(heldout)} images, "
            f"fewer than {SMALLEST_SLICE}"
        )
        return TrainSplit(everything, none, False, note)
    note = f"early stopping on: {len(heldout)} images held out of train"
    return _without(everything, heldout, True, note)


def usable(split: TrainSplit, bad: Collection[int]) -> TrainSplit:
    """``split`` without the images that cannot be read.

    They go after the slice is drawn, so that one lost image moves no other.
    """
    if not bad:
        return split
    left_out = np.array(sorted(bad), dtype=np.int64)
    return replace(
        split,
        train=np.setdiff1d(split.train, left_out),
        heldout=np.setdiff1d(split.heldout, left_out),
    )


def check_split(split: TrainSplit, target: Target, recipe: Recipe) -> None:
    """Refuse a slice that leaves nothing to test on, or a class nothing to train on.

    Raises:
        SettingsError: it does; the target and the setting are named.
    """
    asked = f"recipe.heldout_fraction is {recipe.heldout_fraction:g}"
    scored = recipe.evaluate_on == "validation"
    if (scored or split.early_stopping) and not len(split.heldout):
        setting = "evaluate_on: validation" if scored else "early_stopping: on"
        raise SettingsError(
            f"{target.name}: 'recipe: {{{setting}}}' holds out no image of train: no class of "
            f"{SMALLEST_CLASS} images or more has one to give ({asked})",
            remedy="raise recipe.heldout_fraction, or leave that setting out",
        )
    left = np.bincount(target.train.labels[split.train], minlength=target.number_of_classes)
    empty = [target.class_names[label] for label in np.flatnonzero(left == 0)]
    if empty:
        raise SettingsError(
            f"{target.name}: no training image is left of {', '.join(empty)} beside the slice "
            f"that is held out ({asked})",
            remedy="lower recipe.heldout_fraction",
        )


def stratified_slice(labels: NDArray[np.int64], fraction: float) -> NDArray[np.int64]:
    """``round(fraction * n)`` random images of each class with at least 10; ascending indices.

    The draw has a stream of its own with a fixed seed, so that every cell of a target leaves
    out the same images.
    """
    chosen: list[NDArray[np.int64]] = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) >= SMALLEST_CLASS:
            order = stream(0, "heldout", int(label)).permutation(members)
            chosen.append(order[: round(fraction * len(members))])
    return np.sort(np.concatenate(chosen)) if chosen else np.empty(0, dtype=np.int64)


def _without(
    everything: NDArray[np.int64], heldout: NDArray[np.int64], stop: bool, note: str
) -> TrainSplit:
    return TrainSplit(np.setdiff1d(everything, heldout), heldout, stop, note)
