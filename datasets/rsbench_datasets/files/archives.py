"""Fetch an archive, unpack it, and give its space back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.fetch import HubFile, RemoteFile, fetch, unpack

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.target import Progress


def fetch_and_unpack(
    file: RemoteFile | HubFile, folder: Path, progress: Progress | None = None
) -> None:
    """Download ``file`` into ``folder / "downloads"``, unpack it into ``folder``, delete it.

    An archive that lies in ``downloads`` already is not downloaded; one that comes from
    another program's cache is not deleted.

    Args:
        file: an archive.
        folder: where its members go.
        progress: called with (bytes done, all bytes), first of the download and then of the
            archive.

    Raises:
        DownloadError: as :func:`rsbench.fetch.fetch` and :func:`rsbench.fetch.unpack`; what
            has been downloaded stays.
    """
    downloads = folder / "downloads"
    archive = fetch(file, downloads, progress)
    unpack(archive, folder, progress)
    if archive.is_relative_to(downloads):
        archive.unlink()
