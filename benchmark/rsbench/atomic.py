"""Write files and folders so that another process sees them whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: A file takes seconds to write: what is older than this many was left by a process that died.
_ABANDONED_AFTER = 24 * 3600.0
_TEMPORARY = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.part")
#: With more files, waiting for the disk once for all of them takes less time.
_SYNC_ONE_BY_ONE = 200


def write_file(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content`` in one step; missing folders are made.

    Raises:
        OSError: the folder cannot be written, or the disk is full; ``path`` is as before.
    """
    with new_file(path) as temporary, temporary.open("xb") as stream:
        stream.write(content)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """The name of a file beside ``path`` that becomes ``path`` when the block succeeds.

    Args:
        path: the file to make or to replace; missing folders are made.

    Yields:
        The temporary file to write, which is not there yet.

    Raises:
        OSError: the folder cannot be written, or the disk is full; ``path`` is as before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        yield temporary
        if not temporary.is_symlink():
            sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """A temporary folder beside ``final`` that becomes ``final`` when the block succeeds.

    Two processes may build the same folder: the first to finish wins and the other's copy is
    thrown away. When the block raises, nothing is left behind; what a process that died left in
    the parent folder, the next build there removes.

    Args:
        final: the folder to make; it need not exist, nor its parents.

    Yields:
        The temporary folder to fill.

    Raises:
        OSError: the parent folder cannot be written.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(final.parent)
    temporary = _beside(final)
    with _owned(temporary):
        temporary.mkdir()
        try:
            yield temporary
            if temporary.exists():  # the block may have moved it where it belongs
                sync_folder(temporary)
            try:
                temporary.rename(final)
            except OSError:
                if not final.is_dir():  # otherwise another process was first, and that is fine
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Have the disk keep every file below ``folder``, before something says that they are whole.

    Raises:
        OSError: the disk cannot.
    """
    entries = [folder, *(each for each in folder.rglob("*") if not each.is_symlink())]
    if len(entries) > _SYNC_ONE_BY_ONE and hasattr(os, "sync"):
        os.sync()
        return
    for each in reversed(entries):
        sync(each)


def sync(path: Path) -> None:
    """Have the disk keep a file, or which files a folder holds.

    Raises:
        OSError: the disk cannot.
    """
    if os.name == "nt" and path.is_dir():  # Windows has no such call for folders
        return
    # Windows refuses it for a file that is open for reading alone
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_folder(folder: Path) -> None:
    """Take ``folder`` away in one step, then delete it; a missing one is no error.

    Raises:
        OSError: the folder cannot be moved.
    """
    away = _beside(folder)
    try:
        folder.rename(away)
    except FileNotFoundError:
        return
    shutil.rmtree(away, ignore_errors=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")


@contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Hold the lock of a temporary folder, which the system frees when this process dies."""
    from filelock import FileLock

    lock = _lock_of(folder)
    try:
        with FileLock(lock):  # before the folder is there: whoever sees it sees it locked
            yield
    finally:
        lock.unlink(missing_ok=True)


def _lock_of(folder: Path) -> Path:
    return folder.with_suffix(".lock")


def _remove_abandoned(parent: Path) -> None:
    """Remove temporary folders whose owners died, and temporary files that are a day old."""
    from filelock import FileLock, Timeout

    for left in parent.glob(".*.part"):
        if _TEMPORARY.fullmatch(left.name) is None:
            continue
        if left.is_dir():
            with suppress(Timeout, OSError):
                with FileLock(_lock_of(left), timeout=0):
                    shutil.rmtree(left, ignore_errors=True)
                _lock_of(left).unlink(missing_ok=True)
        else:
            with suppress(OSError):  # its owner has just finished
                if time.time() - left.stat().st_mtime > _ABANDONED_AFTER:
                    left.unlink()
