"""Write files and folders so that another process sees them whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: A builder that died leaves its folder behind; after this many seconds it is rubbish.
_ABANDONED_AFTER = 24 * 3600.0
#: With more files, waiting for the disk once for all of them takes less time.
_SYNC_ONE_BY_ONE = 200


def write_file(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content`` in one step; missing folders are made.

    Raises:
        OSError: the folder cannot be written, or the disk is full; ``path`` is as before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        with temporary.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """A temporary folder beside ``final`` that becomes ``final`` when the block succeeds.

    Two processes may build the same folder: the first to finish wins and the other's copy is
    thrown away. When the block raises, nothing is left behind.

    Args:
        final: the folder to make; it need not exist, nor its parents.

    Yields:
        The temporary folder to fill.

    Raises:
        OSError: the parent folder cannot be written.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(final)
    temporary = _beside(final)
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


def _remove_abandoned(final: Path) -> None:
    for other in final.parent.glob(f".*{final.name}.*.part*"):
        try:
            abandoned = time.time() - other.stat().st_mtime > _ABANDONED_AFTER
        except FileNotFoundError:  # its owner has just finished
            continue
        if abandoned:
            shutil.rmtree(other, ignore_errors=True)
