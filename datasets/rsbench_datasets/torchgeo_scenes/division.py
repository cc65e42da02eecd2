"""Divide a set of a single split into train and test, class by class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rsbench.errors import TargetError
from rsbench.streams import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def divide(
    labels: NDArray[np.int64], class_names: Sequence[str], test_fraction: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw ``test_fraction`` of every class for the test, at least one and never all.

    Args:
        labels: class index per sample, -1 for samples to leave out, int64, shape (samples,).
        class_names: names in label order.
        test_fraction: share of the test, between 0 and 1.
        seed: seed of the draw.

    Returns:
        Indices of the training and of the test samples, each ascending.

    Raises:
        TargetError: a class has fewer than two samples.
    """
    chosen = [
        _draw(np.flatnonzero(labels == label), name, label, test_fraction, seed)
        for label, name in enumerate(class_names)
    ]
    is_test = np.zeros(len(labels), dtype=np.bool_)
    is_test[np.concatenate(chosen)] = True
    is_train = ~is_test & (labels >= 0)
    return np.flatnonzero(is_train).astype(np.int64), np.flatnonzero(is_test).astype(np.int64)


def share(samples: int, test_fraction: float) -> int:
    """How many of a class's ``samples`` (two at least) are drawn for the test."""
    return min(max(round(test_fraction * samples), 1), samples - 1)


def _draw(
    members: NDArray[np.intp], name: str, label: int, test_fraction: float, seed: int
) -> NDArray[np.intp]:
    if len(members) < 2:
        raise TargetError(
            f"class {name!r} has {len(members)} image(s); dividing it into train and test needs "
            "two",
            remedy="restore the missing images, or leave the class out with the option 'classes'",
        )
    count = share(len(members), test_fraction)
    return stream(seed, "test_fraction", label).permutation(members)[:count]
