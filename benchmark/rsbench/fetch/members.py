"""What an archive holds, in one form for tar and zip, with every name checked."""

from __future__ import annotations

import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Literal

from rsbench.errors import DownloadError

if TYPE_CHECKING:
    from rsbench.target import Progress

Kind = Literal["file", "folder", "symlink", "hardlink"]
_BLOCK = 512  # of a tar archive
_CHUNK = 1 << 20
_LONGEST_LINK = 4096
_DEEPEST = 100


@dataclass(frozen=True)
class Member:
    """One entry of an archive.

    Attributes:
        name: relative path with forward slashes, without "." and ".."; "" for the top.
        kind: what it is.
        size: bytes of a file.
        link: where a link points: for a hard link a name of this archive, for a symbolic link
            a path as seen from the link's folder.
        open: opens a file for reading.
    """

    name: str
    kind: Kind
    size: int
    link: str
    open: Callable[[], IO[bytes]]


def tar_members(stream: IO[bytes]) -> Iterator[Member]:
    """The entries of an uncompressed tar stream, one after the other; read each at once.

    tarfile takes a damaged header, a missing end, and data behind the end for a good end; they
    are errors here, because images would be missing without a word.

    Raises:
        DownloadError: an entry is refused, or the archive is damaged or truncated.
        OSError, tarfile.TarError, EOFError: the archive is damaged or truncated.
    """
    watched = _Watched(stream)
    with tarfile.open(fileobj=watched, mode="r:") as archive:  # type: ignore[call-overload]
        while (entry := archive.next()) is not None:
            yield _tar_member(archive, entry)
            archive.members.clear()  # they would take a gigabyte for a million images
    if watched.last != bytes(_BLOCK):
        raise DownloadError("it is truncated or damaged: its end mark is missing")
    while rest := stream.read(_CHUNK):
        if rest.count(0) != len(rest):
            raise DownloadError("there is more data behind the end of the archive")


def zip_members(archive: zipfile.ZipFile, progress: Progress | None = None) -> Iterator[Member]:
    """The entries of a zip archive.

    Args:
        archive: open for reading.
        progress: called with (compressed bytes of the members done, of all members).

    Raises:
        DownloadError: an entry is refused.
    """
    total, done = sum(entry.compress_size for entry in archive.infolist()), 0
    for entry in archive.infolist():
        name = entry.filename.replace("\\", "/")  # some tools on Windows write it
        kind = _zip_kind(entry, name)
        link = archive.read(entry).decode() if kind == "symlink" else ""
        yield _member(name, kind, entry.file_size, link, partial(archive.open, entry))
        done += entry.compress_size
        if progress is not None:
            progress(done, total)


def refused(name: str, why: str) -> DownloadError:
    """The error about a member that is not let onto this machine."""
    return DownloadError(
        f"the archive's member {name!r} is refused: {why}",
        remedy="do not trust this archive; get it from its publisher again",
    )


class _Watched:
    """A stream for tarfile that remembers what was read last, and only goes forward."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.last = b""
        self.tell = stream.tell

    def read(self, size: int = -1) -> bytes:
        self.last = self._stream.read(size)
        return self.last

    def seek(self, offset: int) -> int:
        if offset < self.tell():  # a decompressor would start all over again, for every file
            raise tarfile.ReadError("it cannot be read in one pass")
        return self._stream.seek(offset)


def _tar_member(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> Member:
    if entry.isdir():
        kind: Kind = "folder"
    elif entry.issym():
        kind = "symlink"
    elif entry.islnk():
        kind = "hardlink"
    elif entry.isfile():
        kind = "file"
    else:
        raise refused(entry.name, "it is a device or another special file")
    return _member(entry.name, kind, entry.size, entry.linkname, partial(_open, archive, entry))


def _open(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    stream = archive.extractfile(entry)
    if stream is None:
        raise refused(entry.name, "it has no content")
    return stream


def _zip_kind(entry: zipfile.ZipInfo, name: str) -> Kind:
    mode = entry.external_attr >> 16
    if entry.flag_bits & 0x1:
        raise refused(name, "it is encrypted")
    if stat.S_ISLNK(mode):
        if entry.file_size > _LONGEST_LINK:
            raise refused(name, "it is a link with an endless path")
        return "symlink"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise refused(name, "it is a device or another special file")
    return "folder" if name.endswith("/") or stat.S_ISDIR(mode) else "file"


def _member(name: str, kind: Kind, size: int, link: str, opener: Callable[[], IO[bytes]]) -> Member:
    inside = _inside(name, name)
    if kind == "hardlink":
        link = _inside(name, link)
    elif kind == "symlink":
        _check_symlink(name, inside, link)
    if kind != "folder" and not inside:
        raise refused(name, "it has no name")
    return Member(inside, kind, size, link, opener)


def _inside(name: str, path: str) -> str:
    """``path`` without "." parts.

    Raises:
        DownloadError: it leaves the folder.
    """
    if "\0" in path:
        raise refused(name, "its name holds a zero byte")
    if re.match(r"[/\\]|[A-Za-z]:", path):
        raise refused(name, "its path is absolute")
    if ".." in re.split(r"[/\\]", path):
        raise refused(name, "its path leaves the folder")
    if path.count("/") > _DEEPEST:
        raise refused(name[:80], f"it lies more than {_DEEPEST} folders deep")
    relative = str(PurePosixPath(path))
    return "" if relative == "." else relative


def _check_symlink(name: str, inside: str, link: str) -> None:
    """Refuse a link whose path as written climbs out of the folder."""
    if not link or "\0" in link or re.match(r"[/\\]|[A-Za-z]:", link):
        raise refused(name, "it is a link to an absolute path or to nothing")
    depth = len(PurePosixPath(inside).parts) - 1
    for step in re.split(r"[/\\]", link):
        depth += {"..": -1, ".": 0, "": 0}.get(step, 1)
        if depth < 0:
            raise refused(name, f"it is a link out of the folder ({link})")
