"""Is a file here already, and may the network be asked for it?"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rsbench.errors import DownloadError
from rsbench.fetch.checksums import check_file, remember
from rsbench.fetch.network import VARIABLES, by_hand, offline

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.fetch.remote import HubFile, RemoteFile

_log = logging.getLogger("rsbench")


def is_there(path: Path, *, size: int | None, sha256: str, md5: str = "") -> bool:
    """Whether ``path`` is there and right; a wrong one is none, with a warning.

    A file without a known checksum is remembered as it is.

    Raises:
        DownloadError: it is wrong, and there is no network to get a better one.
    """
    if not path.exists():
        return False
    try:
        check_file(path, size=size, sha256=sha256, md5=md5)
    except DownloadError as error:
        if offline():
            raise
        _log.warning("%s: %s; it is fetched again", path, error.what)
        return False
    if not (sha256 or md5):
        remember(path)
    return True


def check_online(file: RemoteFile | HubFile, path: Path) -> None:
    """Raise where the user forbids the network.

    Raises:
        DownloadError: the network is off; the remedy tells how to get the file by hand.
    """
    if offline():
        raise DownloadError(
            f"{file.url} is needed and not here, and the network is off",
            where=path,
            remedy=f"unset {' and '.join(VARIABLES)}, or {by_hand(file.url, path)}",
        )
