"""The one way in which rsbench gets files from the network, checks them and unpacks them.

    from rsbench.fetch import RemoteFile, check_space, fetch, unpack

    archive = fetch(RemoteFile("train.zip", url, size=..., sha256=...), folder, progress)
    unpack(archive, folder / "train", progress)

Everything raises :class:`rsbench.errors.DownloadError`. Nothing here touches the network while
``RSBENCH_OFFLINE=1`` or ``HF_HUB_OFFLINE=1``.
"""

from __future__ import annotations

from rsbench.fetch.checksums import check_file
from rsbench.fetch.fetching import fetch
from rsbench.fetch.network import offline
from rsbench.fetch.remote import HubFile, RemoteFile
from rsbench.fetch.space import check_space
from rsbench.fetch.unpacking import unpack

__all__ = [
    "HubFile",
    "RemoteFile",
    "check_file",
    "check_space",
    "fetch",
    "offline",
    "unpack",
]
