"""Which cells the report draws image by image: a published run keeps their features."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rsbench.report.results import RunResults


def drawn_cells(results: RunResults) -> frozenset[str]:
    """Ids of the cells whose test features enter a figure one by one.

    Raises:
        RecordError: a ``features.npz`` is damaged.
    """
    from rsbench.report.sections import distances

    return distances.drawn_cells(results)
