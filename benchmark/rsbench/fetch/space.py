"""Free space on disk, asked for before it is used."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from rsbench.errors import DownloadError

if TYPE_CHECKING:
    from pathlib import Path

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


OTHER_DISK = "choose a folder on a larger disk (RSBENCH_DATA for data sets and weights)"


def check_space(folder: Path, needed: int, what: str, *, elsewhere: str = OTHER_DISK) -> None:
    """Check that ``needed`` bytes are free where ``folder`` lies or is going to lie.

    Args:
        folder: it need not exist, nor its parents.
        needed: bytes.
        what: what needs them, for the message ("the download of train.zip").
        elsewhere: what a reader can do who cannot free space there.

    Raises:
        DownloadError: less is free, or the disk cannot be asked.
    """
    existing = folder.absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        free = shutil.disk_usage(existing).free
    except OSError as error:
        raise DownloadError(f"the free space is not known: {error}", where=existing) from error
    if free < needed:
        raise DownloadError(
            f"{what} needs {readable(needed)}, but only {readable(free)} are free there",
            where=folder,
            remedy=f"free space there, or {elsewhere}",
        )


def readable(size: int) -> str:
    """``size`` bytes for readers, in powers of 1000: "35.2 GB"."""
    amount, unit = float(size), 0
    while amount >= 999.95 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{size} bytes" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"
