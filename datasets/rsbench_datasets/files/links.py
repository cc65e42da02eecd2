"""Lay out files that a reader has already, by symbolic links where the system allows them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from rsbench.errors import TargetError

if TYPE_CHECKING:
    from pathlib import Path

_IN_THE_WAY = "remove it, or prepare into another folder with --data-dir"


def link_file(file: Path, link: Path) -> bool:
    """Make ``link`` stand for ``file``; whether it had to be copied.

    Args:
        file: absolute path of what is there.
        link: where it shall be found; an earlier link is replaced.

    Raises:
        TargetError: another file is in the way.
    """
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink():
        link.unlink()
    elif link.exists():
        if link.stat().st_size == file.stat().st_size and link.read_bytes() == file.read_bytes():
            return False
        raise TargetError(
            f"another file of this name is in the way of {file}", where=link, remedy=_IN_THE_WAY
        )
    try:
        link.symlink_to(file)
    except (OSError, NotImplementedError):
        shutil.copy2(file, link)
        return True
    return False


def link_folder(folder: Path, link: Path) -> None:
    """Make ``link`` stand for ``folder``; folders are never copied.

    Args:
        folder: absolute path of what is there.
        link: where it shall be found; an earlier link is replaced, and nothing is done where
            the folder lies there already.

    Raises:
        TargetError: another folder is in the way, or the system has no links.
    """
    if link.exists() and link.resolve() == folder.resolve():
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink():
        link.unlink()
    elif link.exists():
        raise TargetError(f"a folder is in the way of {folder}", where=link, remedy=_IN_THE_WAY)
    try:
        link.symlink_to(folder, target_is_directory=True)
    except (OSError, NotImplementedError) as error:
        raise TargetError(
            f"the folder {folder} cannot be linked: {error}",
            where=link,
            remedy="move the folder there by hand",
        ) from error
