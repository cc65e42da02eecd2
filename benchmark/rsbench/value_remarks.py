"""What the stored values of a split tell a reader of its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rsbench.imagery import Imagery

_MOST = 0.5  # share of a band at one end of the scale that is worth a remark


def value_remarks(
    target: str, split: str, imagery: Imagery, histogram: NDArray[np.int64]
) -> tuple[str, ...]:
    """Bands of one value, bands that lie at an end of the scale, and zeros that were made.

    Args:
        target: its label.
        split: "train" or "test".
        imagery: what the target says.
        histogram: how often each stored value occurs, shape (bands, levels).
    """
    found: dict[str, list[str]] = {}
    for band, counts in zip(imagery.bands, histogram, strict=True):
        for what, much in _of_band(counts, imagery):
            found.setdefault(what, []).append(f"{band}{much}")
    return tuple(f"{target}: {split}: {what}: {', '.join(bands)}" for what, bands in found.items())


def _of_band(counts: NDArray[np.int64], imagery: Imagery) -> Iterator[tuple[str, str]]:
    total = counts.sum()
    if not total:  # no image could be read
        return
    if np.count_nonzero(counts) == 1:
        yield "bands with one value everywhere", f" ({counts.argmax()})"
        return
    black, white = counts[0] / total, counts[-1] / total
    if imagery.clips_at_zero and counts[0]:
        what = "values that are 0, without data or below 0 after the offset"
        yield what, f" {counts[0]:,} ({black:.2%})"
    elif black >= _MOST:
        yield "bands that are mostly 0, without data or cut off at the low end", f" ({black:.0%})"
    if white >= _MOST:
        yield "bands that are mostly the highest value there is, cut off there", f" ({white:.0%})"
