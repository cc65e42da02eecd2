"""Which test image was classified correctly with which seed: what every test here starts from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rsbench.errors import NotComparableError

#: A set of classes; None stands for all that occur in the test set.
ClassSet = Sequence[int] | None


@dataclass(frozen=True, eq=False)
class Predictions:
    """What one cell said about its test images.

    Attributes:
        images: ids of the test images, strings, shape (n,), each once.
        labels: true classes, shape (n,).
        predictions: predicted classes, shape (n,).
    """

    images: Sequence[str] | NDArray[np.str_] | NDArray[np.object_]
    labels: NDArray[np.integer]
    predictions: NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Right or wrong, of one row: cells that differ in nothing but the seed.

    Attributes:
        images: digest of the test images' ids in the order of the columns; two rows were tested
            on the same images if and only if it is equal.
        labels: true class of each image, shape (n,), n >= 1.
        seeds: one per row of ``correct``, ascending.
        correct: 1 where the prediction was right, shape (seeds, n).
    """

    images: str
    labels: NDArray[np.int64]
    seeds: tuple[int, ...]
    correct: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.labels.size == 0 or self.correct.shape != (len(self.seeds), self.labels.size):
            raise NotComparableError(
                f"outcomes of {len(self.seeds)} seeds on {self.labels.size} images cannot have the "
                f"shape {self.correct.shape}",
                remedy="pass one row per seed and one column per image, and at least one of each",
            )

    def only(self, seeds: Sequence[int]) -> Outcomes:
        """The same with these seeds alone, which must all be there."""
        rows = [self.seeds.index(seed) for seed in seeds]
        return Outcomes(self.images, self.labels, tuple(seeds), self.correct[rows])


def gather(cells: Mapping[int, Predictions]) -> Outcomes:
    """Outcomes of the cells of one row, images brought into one order (that of their ids).

    Args:
        cells: by seed, at least one.

    Raises:
        NotComparableError: the seeds were tested on different images or labels, or an image
            occurs twice.
    """
    if not cells:
        raise NotComparableError("there are no predictions", remedy="pass at least one seed")
    seeds = tuple(sorted(cells))
    images, labels, first = _in_order(cells[seeds[0]], seeds[0])
    rows = [first]
    for seed in seeds[1:]:
        others, their_labels, correct = _in_order(cells[seed], seed)
        if not (np.array_equal(images, others) and np.array_equal(labels, their_labels)):
            raise NotComparableError(
                f"seeds {seeds[0]} and {seed} were tested on different images or labels",
                remedy="compare runs of the same version of the target",
            )
        rows.append(correct)
    return Outcomes(_digest(images, labels), labels, seeds, np.stack(rows))


def classes_that_occur(labels: NDArray[np.int64], classes: ClassSet) -> NDArray[np.int64]:
    """Those of ``classes`` that have a test image, ascending; may be empty.

    A class without a test image has no accuracy and enters no mean, as in ``rsbench.metrics``.
    """
    present = np.unique(labels)
    return present[inside(present, classes)]


def inside(present: NDArray[np.int64], classes: ClassSet) -> NDArray[np.bool_]:
    """Which of ``present`` (ascending class indices) belong to the set.

    A table look-up: several times faster than ``np.isin``, whose overhead would dominate a report
    over thousands of rows.
    """
    if classes is None:
        return np.ones(present.size, dtype=np.bool_)
    table = np.zeros(int(present[-1]) + 1 if present.size else 0, dtype=np.bool_)
    chosen = np.asarray(classes, dtype=int)
    table[chosen[chosen < table.size]] = True
    return table[present]


def _in_order(
    cell: Predictions, seed: int
) -> tuple[NDArray[np.str_], NDArray[np.int64], NDArray[np.uint8]]:
    images = np.asarray(cell.images, dtype=np.str_)
    order = np.argsort(images, kind="stable")
    images = images[order]
    if (images[1:] == images[:-1]).any():
        twice = images[1:][images[1:] == images[:-1]][0]
        raise NotComparableError(
            f"the predictions of seed {seed} hold the image {twice} more than once",
            remedy="give every test image an id of its own",
        )
    labels = np.asarray(cell.labels, dtype=np.int64)[order]
    correct = (np.asarray(cell.predictions)[order] == labels).astype(np.uint8)
    return images, labels, correct


def _digest(images: NDArray[np.str_], labels: NDArray[np.int64]) -> str:
    text = "\n".join(images.tolist()).encode()
    return hashlib.blake2b(text + labels.tobytes(), digest_size=16).hexdigest()
