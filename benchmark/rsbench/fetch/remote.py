"""What can be fetched: a file behind a URL, or a file of a Hugging Face repository."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from rsbench.errors import DownloadError

_MEND = "mend the declaration of this file"


@dataclass(frozen=True)
class RemoteFile:
    """A file behind a URL.

    Attributes:
        name: plain name to keep the file under.
        url: http or https address; redirects are followed.
        size: bytes, or None where it is not known.
        sha256: hexadecimal SHA-256, or "" where it is not known.
        md5: hexadecimal MD5, or "" where it is not known.
    """

    name: str
    url: str
    size: int | None = None
    sha256: str = ""
    md5: str = ""

    def __post_init__(self) -> None:
        """Check what was declared.

        Raises:
            DownloadError: the name is no plain file name, the URL is not http(s), or a
                checksum is not hexadecimal of its length.
        """
        if self.name in ("", ".", "..") or re.search(r"[/\\\0]", self.name):
            raise DownloadError(f"{self.name!r} is no plain file name", remedy=_MEND)
        if not re.match(r"https?://", self.url):
            raise DownloadError(f"{self.url!r} is no http or https address", remedy=_MEND)
        _check_sum(self.name, self.sha256, 64)
        _check_sum(self.name, self.md5, 32)


@dataclass(frozen=True)
class HubFile:
    """A file of a repository on the Hugging Face hub.

    Attributes:
        repository: "owner/name".
        name: path inside the repository, with forward slashes.
        revision: branch, tag or commit; a commit never changes its content.
        kind: "model" or "dataset".
        size: bytes, or None where it is not known.
        sha256: hexadecimal SHA-256, or "" where it is not known.
    """

    repository: str
    name: str
    revision: str = "main"
    kind: Literal["model", "dataset"] = "model"
    size: int | None = None
    sha256: str = ""

    def __post_init__(self) -> None:
        """Check what was declared.

        Raises:
            DownloadError: the repository is not like "owner/name", the name leaves it, or the
                checksum is not 64 hexadecimal digits.
        """
        if not re.fullmatch(r"[\w.\-]+/[\w.\-]+", self.repository):
            raise DownloadError(f"{self.repository!r} is not like owner/name", remedy=_MEND)
        path = PurePosixPath(self.name)
        if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in self.name:
            raise DownloadError(f"{self.name!r} is no path inside a repository", remedy=_MEND)
        _check_sum(self.name, self.sha256, 64)

    @property
    def url(self) -> str:
        """Where a browser finds the file (``HF_ENDPOINT`` is respected)."""
        return f"{self.page}/resolve/{self.revision}/{self.name}"

    @property
    def page(self) -> str:
        """Page of the repository."""
        endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
        kind = "datasets/" if self.kind == "dataset" else ""
        return f"{endpoint}/{kind}{self.repository}"


def _check_sum(name: str, digits: str, length: int) -> None:
    if digits and not re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", digits):
        raise DownloadError(
            f"the checksum {digits!r} of {name} is not {length} hexadecimal digits", remedy=_MEND
        )
