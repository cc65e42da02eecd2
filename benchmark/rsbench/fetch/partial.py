"""A file that is partly there, and what the server said about it when it began."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.atomic import write_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Part:
    """``<name>.part`` and, beside it, ``<name>.part.json`` with its origin.

    Attributes:
        path: the file that grows.
        url: where its bytes come from.
        checked: whether a checksum is going to find bytes of another version.
    """

    path: Path
    url: str
    checked: bool

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def validator(self) -> str:
        """The server's mark of the version that the bytes are from, or "".

        A mark that was made for another URL, or cannot be read, is none.
        """
        try:
            origin = json.loads(self._origin.read_bytes())
            same = origin["url"] == self.url
            return str(origin["validator"]) if same else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def headers(self) -> dict[str, str]:
        """Request headers that ask for the rest, or for the whole where that is not safe.

        ``If-Range`` has the server send the whole file when it is not the same any more.
        """
        mark = self.validator
        if self.size == 0 or not (mark or self.checked):
            return {}
        headers = {"Range": f"bytes={self.size}-"}
        return {**headers, "If-Range": mark} if mark else headers

    def begin(self, validator: str) -> None:
        """Start anew with bytes of the version ``validator``.

        Raises:
            OSError: the folder cannot be written.
        """
        self.discard()
        write_file(self._origin, json.dumps({"url": self.url, "validator": validator}).encode())
        self.path.touch()

    def discard(self) -> None:
        """Delete what is there.

        Raises:
            OSError: the folder cannot be written.
        """
        self.path.unlink(missing_ok=True)
        self._origin.unlink(missing_ok=True)

    def finish(self, final: Path) -> None:
        """Become ``final`` in one step.

        Raises:
            OSError: the folder cannot be written.
        """
        self.path.replace(final)
        self._origin.unlink(missing_ok=True)

    @property
    def _origin(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")


def validator_of(headers: Mapping[str, str]) -> str:
    """A strong ETag, or else the modification date, or "" (RFC 9110, sections 8.8 and 13.1.5)."""
    tag = headers.get("ETag", "")
    return headers.get("Last-Modified", "") if not tag or tag.startswith("W/") else tag
