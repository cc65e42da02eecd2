"""SHA-256 of files, remembered between runs as long as the state of the file stays."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from rsbench.atomic import write_file
from rsbench.file_state import FileState, file_state
from rsbench.folders import Folders

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rsbench.target import Progress

    FileName = str | Path
    FileStates = NDArray[np.void]

MISSING = "missing"
"""In place of the digest of a file that is not there."""

_MAGIC = b"rsbench digests 3\n"
_FIELDS = ("size", "time", "changed", "inode")
_STATE = np.dtype([*((name, "<i8") for name in _FIELDS[:-1]), ("inode", "<u8")])
#: A hash of the path in place of the path keeps the table small: 72 bytes a file.
_ENTRY = np.dtype([("path", "<u8"), *_STATE.descr, ("digest", "u1", (32,))])
_CHUNK = 1024
_THREADS = 4  # hashing and reading let other threads run
_SAVE_AFTER = 30.0  # seconds of hashing that an interruption may lose
_NOTICE_AFTER = 10.0
_NOTICE = "%s: reading every file once for its digest, %d so far; an interruption loses little"
_log = logging.getLogger("rsbench")


def hash_file(path: FileName) -> str:
    """SHA-256 of the bytes of ``path``, hexadecimal, read in blocks.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb", buffering=0) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_states(paths: Iterable[FileName], *, strict: bool = False) -> FileStates:
    """:func:`rsbench.file_state.file_state` of every file, shape (paths,).

    A missing file has the size -1, unless ``strict``.

    Raises:
        OSError: a folder cannot be read, a path is no regular file, or, with ``strict``, a file is
            missing.
    """
    return np.fromiter((_state(path, strict) for path in paths), dtype=_STATE)


def _state(path: FileName, strict: bool) -> FileState:
    try:
        return file_state(path)
    except (FileNotFoundError, NotADirectoryError):
        if strict:
            raise
        return -1, 0, 0, 0


class FileDigests:
    """Digests of the files of one data set, cached under ``folders.cache / "digests"``.

    The cache is safe to delete; a damaged one is dropped with a warning and made anew.
    """

    def __init__(self, folders: Folders, owner: Path) -> None:
        """Load what is remembered for the data set at ``owner`` (its list or folder)."""
        key = hashlib.sha256(str(owner).encode()).hexdigest()[:24]
        self._file = folders.cache / "digests" / f"{key}.bin"
        self._owner = owner
        self._known = _load(self._file)
        self._new: list[NDArray[np.void]] = []
        self._saved = time.monotonic()

    def of(
        self,
        paths: Iterable[FileName],
        states: FileStates | None = None,
        *,
        progress: Progress | None = None,
        total: int = 0,
    ) -> list[str]:
        """Digest of every path, in order; new ones are computed and remembered.

        What is computed is saved now and then, so that an interrupted hashing goes on where
        it was.

        Args:
            paths: files; a generator is taken in bit by bit.
            states: what :func:`file_states` says of them, where the caller has asked already;
                a missing file then gets :data:`MISSING` in place of a digest.
            progress: called with (done, ``total``).
            total: how many paths there are, for ``progress``.

        Returns:
            64 hexadecimal digits for each path.

        Raises:
            OSError: a file cannot be read.
        """
        remaining, digests = iter(paths), list[str]()
        notice = time.monotonic() + _NOTICE_AFTER if progress is None else float("inf")
        with ThreadPoolExecutor(_THREADS) as pool:
            try:
                while chunk := [os.fspath(path) for path in islice(remaining, _CHUNK)]:
                    part = slice(len(digests), len(digests) + len(chunk))
                    here = file_states(chunk, strict=True) if states is None else states[part]
                    digests.extend(self._chunk(chunk, here, pool))
                    if progress is not None:
                        progress(len(digests), total)
                    if time.monotonic() > notice:
                        notice = float("inf")
                        _log.warning(_NOTICE, self._owner, len(digests))
                    if time.monotonic() - self._saved > _SAVE_AFTER:
                        self._save()
            finally:
                self._save()
        return digests

    def _chunk(
        self, paths: Sequence[str], states: FileStates, pool: ThreadPoolExecutor
    ) -> Iterator[str]:
        entries = np.zeros(len(paths), dtype=_ENTRY)
        entries["path"] = [_key(path) for path in paths]
        for field in _FIELDS:
            entries[field] = states[field]
        there = states["size"] >= 0
        wanted = there & ~self._recall(entries)
        unknown: list[int] = np.flatnonzero(wanted).tolist()
        found = pool.map(hash_file, [paths[index] for index in unknown])
        for index, digest in zip(unknown, found, strict=True):
            entries["digest"][index] = np.frombuffer(bytes.fromhex(digest), dtype=np.uint8)
        if unknown:
            self._new.append(entries[unknown])
        for digest, exists in zip(entries["digest"], there, strict=True):
            yield digest.tobytes().hex() if exists else MISSING

    def _recall(self, entries: NDArray[np.void]) -> NDArray[np.bool_]:
        """Fill in the digests that are remembered; return which are."""
        if not len(self._known):
            return np.zeros(len(entries), dtype=np.bool_)
        places = np.searchsorted(self._known["path"], entries["path"])
        found = self._known[np.minimum(places, len(self._known) - 1)]
        same = np.ones(len(entries), dtype=np.bool_)
        for field in ("path", *_FIELDS):
            same &= found[field] == entries[field]
        entries["digest"][same] = found["digest"][same]
        return same

    def _save(self) -> None:
        self._saved = time.monotonic()
        if not self._new:
            return
        newest_first = np.concatenate([*reversed(self._new), self._known])
        _, first = np.unique(newest_first["path"], return_index=True)
        self._known = newest_first[first]
        self._new = []
        table = self._known.tobytes()
        try:
            write_file(self._file, _MAGIC + hashlib.sha256(table).digest() + table)
        except OSError as error:  # the digests are right all the same, only slow next time
            _log.warning("cannot remember file digests in %s: %s", self._file, error)


def _key(path: str) -> int:
    return int.from_bytes(hashlib.blake2b(os.fsencode(path), digest_size=8).digest(), "little")


def _load(file: Path) -> NDArray[np.void]:
    """Remembered entries in ascending order of their path's hash."""
    nothing = np.empty(0, dtype=_ENTRY)
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return nothing
    except OSError as error:
        _log.warning("the digest cache %s cannot be read (%s)", file, error)
        return nothing
    start = len(_MAGIC) + 32
    table = memoryview(content)[start:]
    if content[:start] != _MAGIC + hashlib.sha256(table).digest():
        _log.warning("the digest cache %s is damaged and is made anew", file)
        return nothing
    return np.frombuffer(table, dtype=_ENTRY)
