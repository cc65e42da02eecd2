"""Sizes and checksums of files, and the side file that remembers a checksum seen once."""

from __future__ import annotations

import hashlib
import logging
import re
from typing import TYPE_CHECKING

from rsbench.atomic import write_file
from rsbench.errors import DownloadError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_BLOCK = 1 << 20
_DAMAGED = "delete it and fetch it again"
_log = logging.getLogger("rsbench")


def check_file(path: Path, *, size: int | None = None, sha256: str = "", md5: str = "") -> None:
    """Check that ``path`` is the file it should be.

    Where neither checksum is given, the one that :func:`remember` wrote beside the file is
    used, if there is one.

    Args:
        path: the file.
        size: bytes it should have, or None.
        sha256: hexadecimal SHA-256 it should have, or "".
        md5: hexadecimal MD5 it should have, or "".

    Raises:
        DownloadError: the file is missing, cannot be read, or differs; the message tells what
            was expected and what was found.
    """
    check_content(path, size=size, sha256=sha256, md5=md5, known_as=path)


def check_content(path: Path, *, size: int | None, sha256: str, md5: str, known_as: Path) -> None:
    """As :func:`check_file`, for a file at ``path`` that is going to be called ``known_as``.

    Raises:
        DownloadError: as :func:`check_file`.
    """
    try:
        found = path.stat().st_size
    except OSError as error:
        raise DownloadError(f"the file cannot be read: {error}", where=known_as) from error
    if size is not None and found != size:
        raise DownloadError(
            f"the file has {found} bytes; {size} were expected", where=known_as, remedy=_DAMAGED
        )
    expected = {"SHA-256": sha256.lower(), "MD5": md5.lower()}
    remedy = _DAMAGED
    if not (sha256 or md5):
        expected["SHA-256"] = remembered(known_as)
        remedy = (
            f"{_DAMAGED}; where the file was changed on purpose, delete {side_file(known_as)} "
            "to accept it"
        )
    expected = {kind: digest for kind, digest in expected.items() if digest}
    for kind, digest in digests(path, expected).items():
        if digest != expected[kind]:
            raise DownloadError(
                f"the file has {kind} {digest}; {expected[kind]} was expected",
                where=known_as,
                remedy=remedy,
            )


def digests(path: Path, kinds: Iterable[str]) -> dict[str, str]:
    """Hexadecimal digests ("SHA-256", "MD5") of the bytes of ``path``, read once.

    Raises:
        DownloadError: the file cannot be read.
    """
    makers = {"SHA-256": hashlib.sha256, "MD5": _md5}
    running = {kind: makers[kind]() for kind in kinds}
    if not running:
        return {}
    try:
        with path.open("rb", buffering=0) as stream:
            while block := stream.read(_BLOCK):
                for digest in running.values():
                    digest.update(block)
    except OSError as error:
        raise DownloadError(f"the file cannot be read: {error}", where=path) from error
    return {kind: digest.hexdigest() for kind, digest in running.items()}


def side_file(path: Path) -> Path:
    """Where the SHA-256 of ``path`` is remembered, in the format of ``sha256sum``."""
    return path.with_name(f"{path.name}.sha256")


def remember(path: Path) -> None:
    """Write the SHA-256 of ``path`` into its side file, unless one is there.

    A folder that cannot be written is no error: the file is good all the same.

    Raises:
        DownloadError: ``path`` cannot be read.
    """
    if side_file(path).exists():
        return
    line = f"{digests(path, ['SHA-256'])['SHA-256']}  {path.name}\n"
    try:
        write_file(side_file(path), line.encode())
    except OSError as error:
        _log.warning("cannot remember the checksum of %s: %s", path, error)


def remembered(path: Path) -> str:
    """The SHA-256 in the side file of ``path``, or "" where there is none.

    Raises:
        DownloadError: the side file cannot be read, or holds no SHA-256.
    """
    side = side_file(path)
    try:
        text = side.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise DownloadError(f"it cannot be read: {error}", where=side) from error
    match = re.match(r"([0-9a-fA-F]{64})\b", text)
    if match is None:
        raise DownloadError("it holds no SHA-256", where=side, remedy="delete it")
    return match[1].lower()


def _md5() -> hashlib._Hash:
    # Publishers of data sets give MD5; it guards against damage here, not against malice.
    return hashlib.md5(usedforsecurity=False)
