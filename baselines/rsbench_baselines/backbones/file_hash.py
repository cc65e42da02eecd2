"""Hash of a weights file; kept apart so that planning a sweep needs no torch."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rsbench.errors import CheckpointError


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        CheckpointError: the file does not exist or cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(
            f"the weights file cannot be opened: {error.strerror}",
            where=path,
            remedy="check the path; relative paths start from the matrix file's folder",
        ) from error
