"""Published copies of runs: they hold no weights, and nothing is ever trained in them."""

from __future__ import annotations

import itertools
from pathlib import Path

#: Folder of a copy with what its cells share, once for each target.
TEST_IMAGES = "test_images"
#: What to do about a damaged file of a copy.
RESTORE = (
    "this is a published copy: restore the file (from version control, say), or publish the run "
    "again"
)


def is_published(path: Path) -> bool:
    """Whether ``path`` lies below a folder ``results/published``."""
    parts = path.resolve().parts
    return ("results", "published") in itertools.pairwise(parts)


def is_copy(run: Path) -> bool:
    """Whether a run folder, wherever it lies, is a published copy."""
    return is_published(run) or (run / TEST_IMAGES).is_dir()


def how_to_mend(cell: Path) -> str:
    """What to do about a damaged file of a finished cell.

    Args:
        cell: the folder of the cell.
    """
    if is_copy(cell.parent.parent):
        return RESTORE
    return f"delete the folder {cell} and run the sweep again: only this cell is redone"
