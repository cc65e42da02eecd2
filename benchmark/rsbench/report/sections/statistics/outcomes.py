"""Outcomes of rows as the tests want them, and the seeds of everything random."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from rsbench.errors import NotComparableError
from rsbench.report.rows import METRICS

if TYPE_CHECKING:
    from rsbench.report.artefact_files import ArtefactFiles
    from rsbench.report.rows import Row
    from rsbench.statistics import ClassSet, Outcomes, Resamples

#: Rows or pairs that are computed together.
AT_ONCE = 256
#: Resampled test sets that are kept at a time, bytes.
_KEPT_BYTES = 400_000_000


def outcomes_of(files: ArtefactFiles, row: Row) -> Outcomes:
    """Right or wrong of a row, by seed and test image, in the order of the files.

    Raises:
        NotComparableError: a cell has no predictions, or the seeds were tested on other images.
    """
    from rsbench.statistics import Outcomes

    digests = {files.test_images(identifier) for identifier in row.ids}
    if None in digests:
        lacking = [each for each in row.ids if files.test_images(each) is None]
        raise NotComparableError(
            f"{len(lacking)} of {len(row.ids)} cells of {row.full_method} have no predictions"
        )
    if len(digests) > 1:
        return sorted_outcomes(files, row)
    read = files.outcomes(row)
    if read is None:
        raise NotComparableError("the seeds were tested on different images")
    labels, correct = read
    (digest,) = digests
    return Outcomes(str(digest), labels.astype(np.int64), row.seeds, correct.astype(np.uint8))


def sorted_outcomes(files: ArtefactFiles, row: Row) -> Outcomes:
    """The same with the images ordered by their ids, for rows whose files are ordered otherwise.

    Raises:
        NotComparableError: a cell has no predictions, or the seeds were tested on other images.
    """
    from rsbench.statistics import Predictions, gather

    cells = {}
    for seed, identifier in zip(row.seeds, row.ids, strict=True):
        read = files.predictions(identifier)
        if read is None:
            raise NotComparableError(f"a cell of {row.full_method} has no predictions")
        cells[seed] = Predictions(read.images, read.labels, read.predictions)
    return gather(cells)


def class_sets(row: Row) -> dict[str, ClassSet]:
    """Classes behind each of ``METRICS``; None stands for all."""
    groups = row.groups
    return {name: None if name == "mean" else groups.of(name) for name in METRICS}


def generator_of(*labels: str) -> np.random.Generator:
    """A generator that depends on these labels alone, on every machine and in every order."""
    digest = hashlib.blake2b("\n".join(labels).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


class TestSets:
    """Resampled test sets, drawn once for all rows that were tested on the same images."""

    __test__ = False  # no class of tests

    def __init__(self, draws: int) -> None:
        self.draws = draws
        self._kept: OrderedDict[str, Resamples] = OrderedDict()

    def resamples(self, outcomes: Outcomes) -> Resamples:
        """The resampled test sets of a row; they depend on its test images alone."""
        from rsbench.statistics import Resamples

        if outcomes.images not in self._kept:
            while self._kept and self._bytes() + outcomes.labels.size * self.draws > _KEPT_BYTES:
                self._kept.popitem(last=False)
            generator = generator_of("test images", outcomes.images)
            self._kept[outcomes.images] = Resamples.draw(outcomes.labels, generator, self.draws)
        self._kept.move_to_end(outcomes.images)
        return self._kept[outcomes.images]

    def _bytes(self) -> int:
        return sum(each.counts.nbytes for each in self._kept.values())
