"""SHA-256 of files, remembered between runs as long as size and time of the file stay."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING

from rsbench.atomic import write_file
from rsbench.folders import Folders

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_VERSION = 1
_BLOCK = 1 << 20
_log = logging.getLogger("rsbench")

Entry = tuple[int, int, str]
"""Size in bytes, modification time in nanoseconds, SHA-256."""


def hash_file(path: Path) -> str:
    """SHA-256 of the bytes of ``path``, hexadecimal, read in blocks.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


class FileDigests:
    """Digests of the files of one data set, cached under ``folders.cache / "digests"``.

    The cache is safe to delete; a damaged one is dropped with a warning and made anew.
    """

    def __init__(self, folders: Folders, owner: Path) -> None:
        """Load what is remembered for the data set at ``owner`` (its list or folder)."""
        key = hashlib.sha256(str(owner).encode()).hexdigest()[:24]
        self._file = folders.cache / "digests" / f"{key}.json"
        self._known = _load(self._file)

    def of(self, paths: Iterable[Path]) -> list[str]:
        """Digest of every path, in order; new ones are computed and remembered.

        Raises:
            OSError: a file cannot be read.
        """
        changed = False
        digests = []
        for path in paths:
            stat = path.stat()
            known = self._known.get(str(path))
            if known is None or known[:2] != (stat.st_size, stat.st_mtime_ns):
                known = (stat.st_size, stat.st_mtime_ns, hash_file(path))
                self._known[str(path)] = known
                changed = True
            digests.append(known[2])
        if changed:
            self._save()
        return digests

    def _save(self) -> None:
        content = json.dumps({"version": _VERSION, "files": self._known})
        try:
            write_file(self._file, content.encode())
        except OSError as error:  # the digests are right all the same, only slow next time
            _log.warning("cannot remember file digests in %s: %s", self._file, error)


def _load(file: Path) -> dict[str, Entry]:
    try:
        content = json.loads(file.read_bytes())
        if content["version"] != _VERSION:
            return {}
        return {path: _entry(value) for path, value in content["files"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _log.warning("the digest cache %s is damaged and is made anew (%s)", file, error)
        return {}


def _entry(value: list[object]) -> Entry:
    size, time, digest = value
    if not (isinstance(size, int) and isinstance(time, int) and isinstance(digest, str)):
        raise ValueError(f"not a digest entry: {value!r}")
    return size, time, digest
