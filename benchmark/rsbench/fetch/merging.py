"""Move a finished folder to its place, also where something is there already."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from rsbench.atomic import new_file
from rsbench.errors import DownloadError


def move_into(finished: Path, final: Path) -> None:
    """Move everything in ``finished`` into ``final``.

    Where ``final`` does not exist, that is one rename. Otherwise it is done file by file, each
    in one step; whether all of them can go is checked before the first one moves.

    Args:
        finished: a folder on the same disk; what is left of it is the caller's to delete.
        final: the folder to move into.

    Raises:
        DownloadError: a file would have to replace a folder, or a folder a file.
        OSError: the folder cannot be written.
    """
    try:
        finished.rename(final)
    except OSError:
        if not final.is_dir():
            raise
        files = sorted(_files(finished))
        folders = sorted(_folders(finished))
        _check(files, folders, final)
        for folder in folders:
            (final / folder).mkdir(exist_ok=True)
        for file in files:
            _put(finished / file, final / file)


def _put(file: Path, place: Path) -> None:
    try:
        file.replace(place)
    except OSError as error:
        if error.errno != errno.EXDEV:  # the folder is where another disk is mounted
            raise
        with new_file(place) as beside:
            shutil.copy2(file, beside, follow_symlinks=False)


def _files(folder: Path) -> list[Path]:
    """Files and symbolic links below ``folder``, relative to it."""
    found = []
    for top, folders, files in os.walk(folder):
        here = Path(top).relative_to(folder)
        links = [name for name in folders if (Path(top) / name).is_symlink()]
        found += [here / name for name in (*files, *links)]
    return found


def _folders(folder: Path) -> list[Path]:
    """Folders below ``folder``, relative to it, parents first when sorted."""
    found = []
    for top, folders, _ in os.walk(folder):
        here = Path(top).relative_to(folder)
        found += [here / name for name in folders if not (Path(top) / name).is_symlink()]
    return found


def _check(files: list[Path], folders: list[Path], final: Path) -> None:
    in_the_way = [
        file for file in files if (final / file).is_dir() and not (final / file).is_symlink()
    ]
    in_the_way += [folder for folder in folders if (final / folder).is_file()]
    if in_the_way:
        raise DownloadError(
            "a folder is in the way of a file, or a file in the way of a folder",
            where=final / in_the_way[0],
            remedy="move it away, or unpack into another folder",
        )
