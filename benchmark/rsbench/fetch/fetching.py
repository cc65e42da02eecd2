"""Fetch one file, whatever it is behind."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rsbench.errors import DownloadError
from rsbench.fetch.checksums import check_content, remember, side_file
from rsbench.fetch.lock import one_at_a_time
from rsbench.fetch.partial import Part
from rsbench.fetch.presence import check_online, is_there
from rsbench.fetch.remote import HubFile, RemoteFile

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.target import Progress

_log = logging.getLogger("rsbench")


def fetch(file: RemoteFile | HubFile, folder: Path, progress: Progress | None = None) -> Path:
    """Have ``file`` on this machine, downloading what is missing of it.

    A file that is there already and has the right size and checksum is kept, also one that was
    put there by hand; it needs no network. A wrong one is replaced when the right one has
    arrived, not before. Processes that fetch the same file at once wait for each other.

    Where no checksum is known, the SHA-256 that was seen is kept in ``<name>.sha256``, and a
    file that differs from it later is an error.

    Args:
        file: what to fetch.
        folder: where a :class:`RemoteFile` and a data set's :class:`HubFile` go (the latter
            under its path in the repository). A model's goes into the hub's own cache, which
            other programs share, unless it lies in ``folder`` already.
        progress: called with (bytes there, all bytes); the latter is 0 where nobody tells.

    Returns:
        Where the file lies.

    Raises:
        DownloadError: the file cannot be had, is not the right one, or does not fit the disk.
    """
    if isinstance(file, RemoteFile):
        return _fetch_remote(file, folder, progress)
    from rsbench.fetch.hub import fetch_from_hub

    return fetch_from_hub(file, folder, progress)


def _fetch_remote(file: RemoteFile, folder: Path, progress: Progress | None) -> Path:
    from rsbench.fetch.transfer import transfer

    path = folder / file.name
    if is_there(path, size=file.size, sha256=file.sha256, md5=file.md5):
        return path
    check_online(file, path)
    with one_at_a_time(path):
        if is_there(path, size=file.size, sha256=file.sha256, md5=file.md5):
            return path  # another process has just fetched it
        checked = bool(file.sha256 or file.md5)
        part = Part(path.with_name(f"{path.name}.part"), file.url, checked)
        transfer(file, part, progress)
        _accept(file, part, path)
        if not checked:
            remember(path)
    return path


def _accept(file: RemoteFile, part: Part, path: Path) -> None:
    """Let ``part`` become ``path`` when it is the right file, else delete it.

    Raises:
        DownloadError: it is not, or the folder cannot be written.
    """
    try:
        try:
            check_content(
                part.path, size=file.size, sha256=file.sha256, md5=file.md5, known_as=path
            )
        except DownloadError as error:
            part.discard()
            raise DownloadError(
                f"the download of {file.url} was thrown away: {error.what}",
                where=path,
                remedy=_if_it_stays(file, path),
            ) from error
        part.finish(path)
    except OSError as error:
        raise DownloadError(f"the folder cannot be written: {error}", where=path) from error


def _if_it_stays(file: RemoteFile, path: Path) -> str:
    if file.sha256 or file.md5:
        return "run this again; if it stays so, the file behind the address has changed: report it"
    return (
        "if the file behind the address has changed and you want the new one, "
        f"delete {side_file(path)} and run this again"
    )
