"""Where converted weights lie, and the note beside them that tells where they are from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rsbench.errors import CheckpointError

if TYPE_CHECKING:
    from rsbench.folders import Folders

CONVERTER_VERSION = 1
"""Raise it when the same source gives other converted weights."""


def weights_folder(folders: Folders) -> Path:
    """Folder of all converted weights."""
    return folders.data / "weights"


@dataclass(frozen=True)
class Note:
    """What is known of a converted weights file.

    Attributes:
        source: repository, address, or name of the file that the weights are from.
        revision: commit or branch of the repository; "" where there is none.
        source_sha256: SHA-256 of the file before it was converted.
        published: whether that file is known to be the published one: downloaded from there, or
            with its checksum.
        sha256: SHA-256 of the converted file.
        parameters: numbers in the converted file.
        converter: ``CONVERTER_VERSION`` that wrote it.
    """

    source: str
    revision: str
    source_sha256: str
    published: bool
    sha256: str
    parameters: int
    converter: int = CONVERTER_VERSION


def note_path(weights: Path) -> Path:
    """Where the note of ``weights`` lies."""
    return weights.with_suffix(".json")


def write_note(weights: Path, note: Note) -> None:
    """Put ``note`` beside ``weights``.

    Raises:
        OSError: the folder cannot be written.
    """
    import json

    from rsbench.atomic import write_file

    write_file(note_path(weights), (json.dumps(asdict(note), indent=2) + "\n").encode())


def read_note(weights: Path) -> Note:
    """The note beside ``weights``.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    import json

    path = note_path(weights)
    try:
        fields = json.loads(path.read_bytes())
        return Note(**fields)
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"the note on where these weights are from cannot be read: {error}",
            where=path,
            remedy="fetch the weights again; a file you have goes through --from",
            command=f"rsbench weights fetch {weights.stem}",
        ) from error
