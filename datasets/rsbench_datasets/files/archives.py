"""Fetch an archive, unpack it, and give its space back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.errors import DownloadError
from rsbench.fetch import HubFile, RemoteFile, fetch, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rsbench.target import Progress


def naming_all(
    error: DownloadError, lacking: Sequence[tuple[RemoteFile | HubFile, Path]]
) -> DownloadError:
    """``error`` on one of several files, with the others that are missing, too, in its remedy.

    Who fetches files by hand wants to hear of all of them at once.

    Args:
        error: why the first of them cannot be fetched.
        lacking: all files that are not here, each with the path it is looked for under.
    """
    others = [f"{file.url} as {path}" for file, path in lacking if str(path) != error.where]
    if not others:
        return error
    return DownloadError(
        error.what,
        where=error.where,
        remedy=f"{error.remedy}. By hand, these are needed, too: {'; '.join(others)}",
        command=error.command,
    )


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
