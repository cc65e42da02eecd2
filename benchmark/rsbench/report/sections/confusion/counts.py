"""How often each class was predicted as each other one, and whose predictions are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.report.sections.statistics.contrasts import is_reference
from rsbench.report.tables.layout import in_paper_order, is_control

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rsbench.report.artefact_files import ArtefactFiles
    from rsbench.report.rows import Row


@dataclass(frozen=True, eq=False)
class Confusions:
    """Predictions of one row, over its seeds; only pairs of classes that occur are kept.

    Attributes:
        row: whose they are.
        seeds: how many cells have predictions.
        true: true class of each pair, shape (pairs,).
        predicted: predicted class of each pair.
        counts: images of each pair, summed over the seeds.
        images: test images of each class, shape (classes,), of one seed.
    """

    row: Row
    seeds: int
    true: NDArray[np.int64]
    predicted: NDArray[np.int64]
    counts: NDArray[np.int64]
    images: NDArray[np.int64]

    @property
    def shares(self) -> NDArray[np.float64]:
        """Percent of the true class's images, mean over the seeds, shape (pairs,)."""
        return 100.0 * self.counts / (self.seeds * self.images[self.true])

    def order(self) -> list[int]:
        """Classes, the most frequent in training first (by index where counts are not told)."""
        counts = self.row.first.train_counts or (0,) * len(self.images)
        return sorted(range(len(self.images)), key=lambda index: (-counts[index], index))

    def matrix(self) -> NDArray[np.float64]:
        """Shares by true and predicted class in ``order``; not-a-number: no test image."""
        import numpy as np

        shares = np.zeros((len(self.images), len(self.images)))
        shares[self.true, self.predicted] = self.shares
        shares[self.images == 0] = np.nan
        order = self.order()
        return shares[np.ix_(order, order)]

    def worst(self, most: int) -> list[int]:
        """Pairs of different classes, the largest share first; of equal ones the more images."""
        import numpy as np

        wrong = np.flatnonzero(self.true != self.predicted)
        keys = (self.predicted[wrong], self.true[wrong], -self.counts[wrong], -self.shares[wrong])
        return [int(pair) for pair in wrong[np.lexsort(keys)][:most]]


def shown_row(rows: Sequence[Row]) -> Row | None:
    """Whose confusions are shown: LoRA with MetaPEFT; else the first PEFT method; else the first.

    Rows without a place on further axes come first, then in the paper's order.
    """
    ordered = [row for row in in_paper_order(rows) if not is_control(row)] or list(rows)
    ordered.sort(key=lambda row: bool(row.axes))
    for row in ordered:
        if row.metapeft == "yes" and row.first.cell.method.kind == "lora":
            return row
    for row in ordered:
        if not is_reference(row, "linear") and not is_reference(row, "full"):
            return row
    return ordered[0] if ordered else None


def confusions_of(files: ArtefactFiles, row: Row) -> Confusions | None:
    """None where no cell has predictions, or the record does not name the classes."""
    import numpy as np

    classes = len(row.first.class_names)
    read = [files.predictions(identifier) for identifier in row.ids]
    known = [each for each in read if each is not None and len(each.labels)]
    if not classes or not known:
        return None
    codes = [each.labels.astype(np.int64) * classes + each.predictions for each in known]
    pairs, counts = np.unique(np.concatenate(codes), return_counts=True)
    return Confusions(
        row=row,
        seeds=len(known),
        true=pairs // classes,
        predicted=pairs % classes,
        counts=counts,
        images=np.bincount(known[0].labels, minlength=classes),
    )
