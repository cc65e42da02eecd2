"""Hash of a weights file; kept apart so that planning a sweep needs no torch."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

from rsbench.atomic import write_file
from rsbench.errors import CheckpointError
from rsbench.file_state import file_state

_log = logging.getLogger("rsbench")


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        CheckpointError: the file does not exist or cannot be read.
    """
    try:
        file_state(path)  # a pipe would be read for ever
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error, "check the path") from error


def remembered_hash(path: Path, cache: Path) -> str:
    """:func:`file_hash`, remembered below ``cache`` as long as the state of the file stays.

    Weights may take gigabytes, and every worker of a sweep opens them.

    Args:
        path: the weights file.
        cache: folder that is safe to delete.

    Raises:
        CheckpointError: the file does not exist or cannot be read.
    """
    try:
        state = [str(path), *file_state(path)]
    except OSError as error:
        remedy = "check the path; relative paths start from the matrix file's folder"
        raise _unreadable(path, error, remedy) from error
    key = hashlib.sha256(str(path).encode()).hexdigest()[:24]
    memory = cache / "digests" / f"weights-{key}.json"
    known = _recall(memory)
    if known is not None and known[:-1] == state:
        return str(known[-1])
    digest = file_hash(path)
    try:
        write_file(memory, json.dumps([*state, digest]).encode())
    except OSError as error:  # the digest is right all the same, only slow next time
        _log.warning("cannot remember the digest of %s in %s: %s", path, memory, error)
    return digest


def _recall(memory: Path) -> list[object] | None:
    """Path, state and digest as remembered; None where there is nothing of use."""
    try:
        known = json.loads(memory.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        _log.warning("the digest cache %s is damaged and is made anew (%s)", memory, error)
        return None
    whole = isinstance(known, list) and len(known) > 1 and isinstance(known[-1], str)
    return known if whole else None


def _unreadable(path: Path, error: OSError, remedy: str) -> CheckpointError:
    return CheckpointError(
        f"the weights file cannot be opened: {error.strerror}", where=path, remedy=remedy
    )
