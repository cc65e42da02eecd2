"""Several parts of one archive as a single stream, without joining them on disk."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import tarfile
from bisect import bisect_right
from itertools import accumulate
from typing import IO, TYPE_CHECKING, Literal, cast

from rsbench.errors import DownloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rsbench.target import Progress


class Parts(io.RawIOBase):
    """Read-only, seekable concatenation of files.

    Attributes:
        progress: called with (furthest byte read, all bytes).
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        """Measure the files, in their order; none is opened yet.

        Raises:
            OSError: a file is missing.
        """
        super().__init__()
        self._open: tuple[int, IO[bytes]] | None = None  # first: close() needs it in any case
        self._paths = tuple(paths)
        self._starts = (0, *accumulate(path.stat().st_size for path in self._paths))
        self._position = 0
        self._furthest = 0
        self.progress: Progress | None = None

    @property
    def length(self) -> int:
        """Bytes of all files together."""
        return self._starts[-1]

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Offset from the start of the first file, bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; ``whence`` as for files."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.length}[whence]
        if base + offset < 0:
            raise OSError(
                errno.EINVAL, "seek before the start"
            )  # as files do; zipfile relies on it
        self._position = base + offset
        return self._position

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Read up to the end of the file at hand; 0 at the very end."""
        if self._position >= self.length:
            return 0
        index = bisect_right(self._starts, self._position) - 1
        stream = self._part(index)
        stream.seek(self._position - self._starts[index])
        read = stream.readinto(buffer)  # type: ignore[attr-defined]
        self._position += read
        self._report()
        return int(read)

    def close(self) -> None:
        """Close the file at hand."""
        if self._open is not None:
            self._open[1].close()
            self._open = None
        super().close()

    def _part(self, index: int) -> IO[bytes]:
        if self._open is not None and self._open[0] == index:
            return self._open[1]
        if self._open is not None:
            self._open[1].close()
        self._open = (index, self._paths[index].open("rb", buffering=0))
        return self._open[1]

    def _report(self) -> None:
        if self.progress is not None and self._position > self._furthest:
            self._furthest = self._position
            self.progress(self._furthest, self.length)


def decompressed(stream: io.BufferedReader, where: Path) -> tuple[Literal["zip", "tar"], IO[bytes]]:
    """What kind of archive ``stream`` is, by its first bytes, and its bytes uncompressed.

    Args:
        stream: at its beginning.
        where: the file to name in messages.

    Returns:
        "zip" or "tar", and the stream to read it from. The decompressors check the checksum
        of their format and do not take a truncated stream for a whole one.

    Raises:
        DownloadError: it is nothing that can be unpacked.
        OSError, EOFError, zlib.error, lzma.LZMAError: its compression is damaged.
    """
    head = _head(stream)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return "zip", stream
    content: IO[bytes] = stream
    for mark, opener in _COMPRESSIONS.items():
        if head.startswith(mark):
            content = cast("IO[bytes]", opener(stream))
            head = _head(content)
    if not _is_tar(head):
        packed = (
            "what is compressed in it is no tar archive, or damaged"
            if content is not stream
            else ""
        )
        raise DownloadError(
            f"it cannot be unpacked: {packed or _what_else(head)}", where=where, remedy=_REMEDY
        )
    return "tar", content


_COMPRESSIONS: Mapping[bytes, Callable[[io.BufferedReader], object]] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream, mode="rb"),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_REMEDY = "look at the file; get it again, or unpack it with the tool made for it"


def _head(stream: IO[bytes]) -> bytes:
    head = stream.read(512)
    stream.seek(0)
    return head


def _is_tar(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return len(head) == 512 and not any(head)  # an archive of nothing
    return True


def _what_else(head: bytes) -> str:
    if not head:
        return "it is empty"
    if head.lstrip()[:1] == b"<":
        return "it is a web page, not an archive"
    if head.startswith(b"Rar!"):
        return "it is a RAR archive, which only the unrar or 7z program unpacks"
    if head.startswith(b"7z\xbc\xaf\x27\x1c"):
        return "it is a 7z archive, which only the 7z program unpacks"
    return "it is neither a tar archive (plain, gzip, bzip2 or xz) nor a zip archive"
