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
        try:
            temporary.rename(final)
        except OSError:
            if not final.is_dir():  # otherwise another process was first, and that is fine
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
