"""A YAML document that knows where its parts were written, in one file or in several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the root of a document, e.g. ``("methods", 1, "rank")``."""


@dataclass(frozen=True)
class Origin:
    """Where a part of a document was written.

    Attributes:
        file: the file.
        line: the line in it, from 1.
        path: the part's path in that file.
        inherited: whether the document takes it over from another one that it is laid on.
    """

    file: Path
    line: int
    path: KeyPath
    inherited: bool = False


@dataclass(frozen=True)
class LocatedYaml:
    """A YAML document and where its parts stand.

    Attributes:
        file: the file it was read from; of a merged document the one that was asked for.
        value: the document as plain Python values.
        origins: of every key and every list item by its path in ``value``.
    """

    file: Path
    value: Any
    origins: Mapping[KeyPath, Origin]

    def origin(self, path: KeyPath) -> Origin:
        """Where ``path`` or its nearest ancestor that was written stands."""
        return self.origins[self.known_part(path)]

    def line(self, path: KeyPath) -> int:
        """Line of ``path`` or of its nearest ancestor that was written."""
        return self.origin(path).line

    def where(self, path: KeyPath) -> str:
        """``file:line`` of ``path``."""
        origin = self.origin(path)
        return f"{origin.file}:{origin.line}"

    def dotted(self, path: KeyPath) -> str:
        """``path`` as text, as it is in the file that it was written in."""
        known = self.known_part(path)
        return dotted((*self.origins[known].path, *path[len(known) :]))

    def inherited(self, path: KeyPath) -> bool:
        """Whether ``path`` was taken over from a document that this one is laid on."""
        return self.origin(path).inherited

    def known_part(self, path: KeyPath) -> KeyPath:
        """The longest beginning of ``path`` that was written."""
        while path not in self.origins:
            path = path[:-1]
        return path


def dotted(path: KeyPath) -> str:
    """``path`` as text: ``methods[1].rank``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text
