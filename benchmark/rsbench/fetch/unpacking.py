"""Unpack archives so that nothing leaves the folder and nothing half-done looks complete."""

from __future__ import annotations

import io
import lzma
import shutil
import tarfile
import zipfile
import zlib
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rsbench.atomic import new_folder, sync_folder
from rsbench.errors import DownloadError
from rsbench.fetch.members import Member, refused, tar_members, zip_members
from rsbench.fetch.merging import move_into
from rsbench.fetch.space import check_space
from rsbench.fetch.streams import Parts, decompressed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rsbench.target import Progress

_BUFFER = 1 << 20
_BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError,
    NotImplementedError, UnicodeDecodeError,
)  # fmt: skip


def unpack(archive: Path | Sequence[Path], folder: Path, progress: Progress | None = None) -> None:
    """Unpack a tar archive (plain, gzip, bzip2, xz) or a zip archive; its bytes tell which.

    Everything is unpacked beside ``folder`` and moved there when it is complete: by one rename,
    or file by file where ``folder`` holds something already (files of the same name are
    replaced). Files get the permissions of new files; owners, dates and execute bits are left.

    The whole archive is refused when a member has an absolute path, a path or link that leaves
    the folder, or is a device. Symbolic links are made last, so that no file is ever written
    through one.

    Args:
        archive: the archive, or the parts of one archive in order; they are read as one
            stream and not joined on disk.
        folder: where its members go; it is made, with its parents.
        progress: called with (bytes of the archive read, all its bytes).

    Raises:
        DownloadError: the archive is missing, damaged, truncated, of another kind, or holds
            something unsafe; or the disk is too small for it.
    """
    paths = (archive,) if isinstance(archive, Path) else tuple(archive)
    if not paths:
        raise DownloadError("no archive was given", where=folder)
    where = paths[0]
    try:
        with closing(Parts(paths)) as parts:
            check_space(folder, parts.length, f"unpacking {where.name}")
            with new_folder(folder.resolve()) as building:
                _unpack_parts(parts, building, where, progress)
                sync_folder(building)
                move_into(building, folder.resolve())
    except DownloadError as error:
        if error.where:
            raise
        raise _about(error, where) from error
    except _BROKEN as error:
        raise _damaged(where, error) from error
    except OSError as error:
        if error.errno is None:  # not the system's: gzip and bz2 mean damaged data
            raise _damaged(where, error) from error
        raise DownloadError(
            f"unpacking into {folder} failed: {error}",
            where=where,
            remedy="check that the archive is whole and the folder can be written",
        ) from error


def _damaged(where: Path, error: Exception) -> DownloadError:
    return DownloadError(
        f"the archive is damaged or truncated: {error}",
        where=where,
        remedy="delete it and fetch it again",
    )


def _about(error: DownloadError, where: Path) -> DownloadError:
    """The same error, with the file it is about."""
    return DownloadError(error.what, where=where, remedy=error.remedy, command=error.command)


def _unpack_parts(parts: Parts, folder: Path, where: Path, progress: Progress | None) -> None:
    kind, content = decompressed(io.BufferedReader(parts, _BUFFER), where)
    if kind == "tar":
        parts.progress = progress
        _write_all(tar_members(content), folder, where)
        if progress is not None:
            progress(parts.length, parts.length)  # a small one was read before it was known
        return
    with zipfile.ZipFile(content) as archive:
        total = sum(entry.file_size for entry in archive.infolist())
        check_space(folder, total, f"unpacking {where.name}")
        _write_all(zip_members(archive, progress), folder, where)


def _write_all(members: Iterable[Member], folder: Path, where: Path) -> None:
    links: dict[str, str] = {}
    for member in members:
        place = folder / member.name
        if member.kind == "folder":
            _make_folder(place, member.name)
            continue
        _make_folder(place.parent, member.name)
        links.pop(member.name, None)  # the later of two members of one name counts
        if member.kind == "symlink":
            links[member.name] = member.link
        elif member.kind == "hardlink":
            _copy(folder / member.link, place, member)
        else:
            check_space(folder, member.size, f"unpacking {member.name} of {where.name}")
            with member.open() as source:
                _write(source, place, member)
    _make_links(links, folder)


def _make_folder(place: Path, name: str) -> None:
    try:
        place.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise refused(name, "another member is a file where it needs a folder") from error


def _copy(original: Path, place: Path, member: Member) -> None:
    """A hard link as a file of its own: two names for one file are a trap for editors."""
    if not original.is_file():
        raise refused(member.name, f"it is a link to {member.link!r}, which is not before it")
    with original.open("rb") as source:
        _write(source, place, member)


def _write(source: IO[bytes], place: Path, member: Member) -> None:
    if place.is_dir():
        raise refused(member.name, "it is a file where another member is a folder")
    place.unlink(missing_ok=True)
    with place.open("xb") as target:
        shutil.copyfileobj(source, target, _BUFFER)
        written = target.tell()
    if member.kind == "file" and written != member.size:
        raise EOFError(f"{member.name} has {written} of {member.size} bytes")


def _make_links(links: dict[str, str], folder: Path) -> None:
    """Make the symbolic links, and refuse those that lead out of ``folder`` or nowhere."""
    for name, link in links.items():
        place = folder / name
        if place.exists():
            raise refused(name, "it is a link where another member is a file or folder")
        place.symlink_to(link)
    top = folder.resolve()
    for name in links:
        try:
            inside = (folder / name).resolve(strict=True).is_relative_to(top)
        except (OSError, RuntimeError) as error:
            raise refused(name, f"it is a link that leads nowhere ({links[name]})") from error
        if not inside:
            raise refused(name, f"it is a link out of the folder ({links[name]})")
