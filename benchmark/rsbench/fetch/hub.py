"""Files of the Hugging Face hub, through its own library (1.1 or newer)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rsbench.errors import DownloadError
from rsbench.fetch.checksums import check_file, remember
from rsbench.fetch.network import by_hand
from rsbench.fetch.presence import check_online, is_there
from rsbench.fetch.reaching import briefly, check_reachable
from rsbench.fetch.space import OTHER_DISK, check_space

if TYPE_CHECKING:
    from rsbench.fetch.remote import HubFile
    from rsbench.target import Progress

_log = logging.getLogger("rsbench")


def fetch_from_hub(file: HubFile, folder: Path, progress: Progress | None) -> Path:
    """As :func:`rsbench.fetch.fetch`; the library resumes, retries, and locks by itself.

    It respects ``HF_HOME``, ``HF_ENDPOINT``, and the login of ``hf auth login``.

    Raises:
        DownloadError: the file cannot be had, is not the right one, or does not fit the disk.
    """
    own = folder / file.name
    if is_there(own, size=file.size, sha256=file.sha256):
        return own
    cached = _cached(file)
    if cached is not None and _is_right(file, cached):
        return cached
    check_online(file, own)
    check_reachable(file.url, own)
    # A wrong file has to be replaced by force: the library trusts what it has.
    force = own.exists() or cached is not None
    path = _download(file, folder, force, progress)
    try:
        check_file(path, size=file.size, sha256=file.sha256)
    except DownloadError as error:
        raise DownloadError(
            f"{file.url} is not the file it should be: {error.what}",
            where=path,
            remedy="fetch it again; if that changes nothing, the file on the hub has changed: "
            "report it",
        ) from error
    if file.kind == "dataset" and not file.sha256:
        remember(path)
    return path


def _cached(file: HubFile) -> Path | None:
    """The file in the hub's own cache, wherever another program left it."""
    import huggingface_hub

    found = huggingface_hub.try_to_load_from_cache(
        file.repository, file.name, revision=file.revision, repo_type=file.kind
    )
    return Path(found) if isinstance(found, str) else None


def _is_right(file: HubFile, cached: Path) -> bool:
    try:
        check_file(cached, size=file.size, sha256=file.sha256)
    except DownloadError as error:
        _log.warning("%s: %s; it is not used", cached, error.what)
        return False
    return True


def _download(file: HubFile, folder: Path, force: bool, progress: Progress | None) -> Path:
    import huggingface_hub
    from huggingface_hub import constants

    asked: dict[str, Any] = {
        "repo_id": file.repository,
        "filename": file.name,
        "repo_type": file.kind,
        "revision": file.revision,
        "local_dir": folder if file.kind == "dataset" else None,
        "force_download": force,
    }
    place, elsewhere = folder, OTHER_DISK
    if file.kind == "model":
        place = Path(constants.HF_HUB_CACHE)
        elsewhere = "move the hub's cache to a larger disk (HF_HOME)"
    try:
        size = huggingface_hub.hf_hub_download(**asked, dry_run=True).file_size
        check_space(place, size, f"the download of {file.name}", elsewhere=elsewhere)
        return Path(huggingface_hub.hf_hub_download(**asked, tqdm_class=_reporter(progress)))
    except DownloadError:
        raise
    except Exception as error:  # the library lets those of its HTTP client through, too
        raise _explained(file, folder / file.name, error) from error


def _reporter(progress: Progress | None) -> type[Any]:
    """A class that looks like a progress bar to the library and calls ``progress``."""
    from tqdm import tqdm  # type: ignore[import-untyped]  # a dependency of huggingface_hub

    class Reporter(tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            options.pop("name", None)  # some versions of the library pass it, and some do not
            super().__init__(*arguments, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            if progress is not None:
                progress(int(self.n), int(self.total or 0))

    return Reporter


def _explained(file: HubFile, path: Path, error: Exception) -> DownloadError:
    """What an error of the library means to a reader."""
    from huggingface_hub import errors

    remedy, command = by_hand(file.url, path), ""
    if isinstance(error, errors.GatedRepoError):
        why = "its owner gives it only to those who accept the terms"
        remedy = f"accept them on {file.page} and log in, or {remedy}"
        command = "hf auth login"
    elif isinstance(error, errors.RepositoryNotFoundError):
        why = f"there is no such repository ({file.kind}), or it is private"
        remedy = f"look at {file.page}; log in where it is private, or {remedy}"
        command = "hf auth login"
    elif isinstance(error, errors.RevisionNotFoundError):
        why = f"the repository has no revision {file.revision!r}"
    elif isinstance(error, errors.RemoteEntryNotFoundError):
        why = "there is no such file in the repository any more"
    elif isinstance(error, errors.LocalEntryNotFoundError):
        why = f"the hub cannot be reached: {briefly(error)}"
        remedy = f"check the network and run this again, or {remedy}"
    else:
        why = f"{type(error).__name__}: {error}"
        remedy = f"run this again, or {remedy}"
    return DownloadError(
        f"{file.url} cannot be downloaded: {why}", where=path, remedy=remedy, command=command
    )
