"""What tells a file from a changed one without reading it."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FileState = tuple[int, int, int, int]
"""Size in bytes, time of change of the content and of the file itself in nanoseconds, and inode.

Whoever swaps two files of one size, or restores the time after a change, leaves the first two as
they were; the system alone sets the others."""


def file_state(path: str | Path) -> FileState:
    """The state of a regular file.

    Raises:
        FileNotFoundError: it does not exist.
        OSError: it cannot be asked, or is a folder, a pipe or a device, which nobody should try
            to read to its end.
    """
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is a folder, a pipe or a device", os.fspath(path))
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
