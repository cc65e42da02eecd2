"""One process at a time fetches a file; the others wait for it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rsbench.errors import DownloadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_log = logging.getLogger("rsbench")


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Hold the lock of ``path`` (a hidden file beside it) while the block runs.

    The system frees the lock of a process that dies, so it is never stale. The empty lock file
    stays: deleting it would let two processes lock two files of the same name.

    Raises:
        DownloadError: the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            _log.warning("another process is fetching %s; waiting for it", path)
            lock.acquire()
    except OSError as error:
        raise DownloadError(f"the folder cannot be written: {error}", where=path.parent) from error
    try:
        yield
    finally:
        lock.release()
