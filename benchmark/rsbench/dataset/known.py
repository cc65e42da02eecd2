"""What a data set holds beside what it is known to hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rsbench.target import SplitName, Target


def count_differences(
    target: Target, split: SplitName, known: Mapping[str, int] | None, total: int | None
) -> Iterator[str]:
    """Every difference of a split from what it is known to hold, the total first.

    Args:
        target: the target.
        split: "train" or "test".
        known: samples per class name, or None where only the total is known.
        total: samples in all; None: the sum of ``known``.
    """
    samples = target.samples(split)
    if total is None and known is not None:
        total = sum(known.values())
    if total is not None and len(samples) != total:
        yield f"{split}: {len(samples):,} samples in place of {total:,} ({len(samples) - total:+,})"
    if known is None:
        return
    counts = samples.counts(target.number_of_classes)
    found = dict(zip(target.class_names, counts.tolist(), strict=True))
    for name in [*found, *(name for name in known if name not in found)]:
        here, there = found.get(name, 0), known.get(name, 0)
        if here != there:
            yield f"{split} {name}: {here:,} in place of {there:,} ({here - there:+,})"
