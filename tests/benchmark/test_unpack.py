import errno
import gzip
import io
import os
import random
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from rsbench.errors import DownloadError
from rsbench.fetch import space, unpack

random_bytes = random.Random(0).randbytes
CONTENT = {
    "top.txt": b"hello",
    "images/empty.png": b"",
    "images/block.png": random_bytes(512),  # whole blocks: tar adds no padding behind them
    "images/blocks.png": random_bytes(8192),
    "images/deep/er/large.tif": random_bytes(1 << 18),
    "images/odd.png": random_bytes(12_345),
}
PACKED = ["tar", "tar.gz", "tar.bz2", "tar.xz", "zip"]


def pack(path: Path, content: Mapping[str, bytes]) -> Path:
    """An archive of the kind that its name tells."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in content.items():
                archive.writestr(name, data)
        return path
    mode = {".tar": "w:", ".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}[path.suffix]
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in content.items():
            add(archive, name, data)
    return path


def add(archive: tarfile.TarFile, name: str, data: bytes = b"", **fields: object) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    for field, value in fields.items():
        setattr(entry, field, value)
    archive.addfile(entry, io.BytesIO(data))


def tree(folder: Path) -> dict[str, bytes]:
    """Content of all files below a folder, hidden ones as well."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "set"


def nothing_is_left(folder: Path) -> bool:
    return not folder.parent.exists() or list(folder.parent.iterdir()) == []


@pytest.mark.parametrize("kind", PACKED)
class TestEveryKind:
    def test_everything_arrives(self, kind: str, tmp_path: Path, folder: Path) -> None:
        archive = pack(tmp_path / f"a.{kind}", CONTENT)
        seen: list[tuple[int, int]] = []
        unpack(archive, folder, lambda *pair: seen.append(pair))
        assert tree(folder) == CONTENT
        assert [path.name for path in folder.parent.iterdir()] == ["set"]
        dones = [done for done, _ in seen]
        assert dones == sorted(dones)
        assert seen[-1][0] == seen[-1][1] > 0

    def test_the_name_does_not_matter(self, kind: str, tmp_path: Path, folder: Path) -> None:
        unpack(pack(tmp_path / f"a.{kind}", CONTENT).rename(tmp_path / "download"), folder)
        assert tree(folder) == CONTENT

    def test_parts_are_read_as_one(self, kind: str, tmp_path: Path, folder: Path) -> None:
        whole = pack(tmp_path / f"a.{kind}", CONTENT).read_bytes()
        step = len(whole) // 3 - 1
        parts = [tmp_path / f"part{index}" for index in range(4)]
        for index, part in enumerate(parts):
            part.write_bytes(whole[index * step : (index + 1) * step])
        unpack(parts, folder)
        assert tree(folder) == CONTENT

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
    def test_a_truncated_archive_is_an_error(
        self, kind: str, tmp_path: Path, folder: Path, share: float
    ) -> None:
        archive = pack(tmp_path / f"a.{kind}", CONTENT)
        os.truncate(archive, int(archive.stat().st_size * share))
        with pytest.raises(DownloadError, match="truncated") as caught:
            unpack(archive, folder)
        assert caught.value.where == str(archive)
        assert nothing_is_left(folder)

    def test_a_full_folder_is_added_to(self, kind: str, tmp_path: Path, folder: Path) -> None:
        (folder / "images").mkdir(parents=True)
        (folder / "images" / "mine.png").write_bytes(b"mine")
        (folder / "top.txt").write_bytes(b"old")
        unpack(pack(tmp_path / f"a.{kind}", CONTENT), folder)
        assert tree(folder) == {**CONTENT, "images/mine.png": b"mine"}
        assert [path.name for path in folder.parent.iterdir()] == ["set"]

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("../out.txt", "leaves the folder"),
            ("a/../../out.txt", "leaves the folder"),
            ("a\\..\\..\\out.txt", "leaves the folder"),
            ("/tmp/out.txt", "absolute"),
            ("\\out.txt", "absolute"),
            ("C:/out.txt", "absolute"),
            (f"{'d/' * 2000}out.txt", "100 folders deep"),
        ],
    )
    def test_a_path_out_of_the_folder_is_refused(
        self, kind: str, tmp_path: Path, folder: Path, name: str, words: str
    ) -> None:
        archive = pack(tmp_path / f"a.{kind}", {"good.txt": b"good", name: b"evil"})
        with pytest.raises(DownloadError, match=words) as caught:
            unpack(archive, folder)
        shown = (name.replace("\\", "/") if kind == "zip" else name)[:80]
        assert repr(shown) in caught.value.what
        assert caught.value.where == str(archive)
        assert nothing_is_left(folder)
        assert not list(tmp_path.rglob("out.txt"))


class TestMerging:
    @pytest.mark.parametrize("name", ["top.txt", "images"])
    def test_a_file_never_replaces_a_folder_nor_a_folder_a_file(
        self, tmp_path: Path, folder: Path, name: str
    ) -> None:
        folder.mkdir(parents=True)
        (folder / "top.txt").mkdir() if name == "top.txt" else (folder / name).write_bytes(b"")
        with pytest.raises(DownloadError, match="in the way"):
            unpack(pack(tmp_path / "a.zip", CONTENT), folder)
        assert [path.name for path in folder.iterdir()] == [name]  # no file has moved
        assert [path.name for path in folder.parent.iterdir()] == ["set"]

    def test_a_link_to_a_folder_elsewhere_is_followed(self, tmp_path: Path, folder: Path) -> None:
        elsewhere = tmp_path / "large disk"
        elsewhere.mkdir()
        folder.parent.mkdir()
        folder.symlink_to(elsewhere)
        unpack(pack(tmp_path / "a.tar", CONTENT), folder)
        assert folder.is_symlink()
        assert tree(elsewhere) == CONTENT

    def test_a_folder_on_another_disk(
        self, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (folder / "images").mkdir(parents=True)
        (folder / "images" / "odd.png").write_bytes(b"old")
        replace = Path.replace

        def from_another_disk(self: Path, target: Path) -> Path:
            if not self.is_relative_to(folder):
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            return replace(self, target)

        monkeypatch.setattr(Path, "replace", from_another_disk)
        unpack(pack(tmp_path / "a.tar", CONTENT), folder)
        assert tree(folder) == CONTENT

    def test_files_get_the_permissions_of_new_files(self, tmp_path: Path, folder: Path) -> None:
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            add(archive, "locked", type=tarfile.DIRTYPE, mode=0o000)
            add(archive, "locked/a", b"a", mode=0o6777)
        unpack(tmp_path / "a.tar", folder)
        (tmp_path / "new").write_bytes(b"")
        (tmp_path / "newer").mkdir()
        for path, like in (("locked/a", "new"), ("locked", "newer")):
            expected = stat.S_IMODE((tmp_path / like).stat().st_mode)
            assert stat.S_IMODE((folder / path).stat().st_mode) == expected


class TestLinks:
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[..., Path]:
        """A tar with a file "a/file", a link, and what comes behind it."""

        def make(name: str, target: str, kind: bytes, after: str = "") -> Path:
            path = tmp_path / "links.tar"
            with tarfile.open(path, "w") as archive:
                add(archive, "a/file", b"content")
                add(archive, name, type=kind, linkname=target)
                if after:
                    add(archive, after, b"evil")
            return path

        return make

    @pytest.mark.parametrize(
        ("name", "target", "kind"),
        [
            ("b", "a/file", tarfile.SYMTYPE),
            ("c/b", "../a/file", tarfile.SYMTYPE),
            ("b", "a/file", tarfile.LNKTYPE),
            ("c/b", "a/file", tarfile.LNKTYPE),
        ],
    )
    def test_links_inside_are_kept(
        self, make: Callable[..., Path], folder: Path, name: str, target: str, kind: bytes
    ) -> None:
        for _ in range(2):  # the second time into a folder that is there
            unpack(make(name, target, kind), folder)
            assert (folder / name).read_bytes() == b"content"
            assert (folder / name).is_symlink() == (kind == tarfile.SYMTYPE)

    def test_a_link_to_a_folder(self, make: Callable[..., Path], folder: Path) -> None:
        for _ in range(2):
            unpack(make("b", "a", tarfile.SYMTYPE), folder)
            assert (folder / "b" / "file").read_bytes() == b"content"

    @pytest.mark.parametrize(
        ("name", "target", "kind", "words"),
        [
            ("b", "/etc/passwd", tarfile.SYMTYPE, "absolute"),
            ("b", "..", tarfile.SYMTYPE, "out of the folder"),
            ("a/b", "../../x", tarfile.SYMTYPE, "out of the folder"),
            ("b", "a/../../x", tarfile.SYMTYPE, "out of the folder"),
            ("b", "nothing", tarfile.SYMTYPE, "leads nowhere"),
            ("b", "b", tarfile.SYMTYPE, "leads nowhere"),
            ("b", "", tarfile.SYMTYPE, "to nothing"),
            ("b", "/etc/passwd", tarfile.LNKTYPE, "absolute"),
            ("b", "../x", tarfile.LNKTYPE, "leaves the folder"),
            ("b", "nothing", tarfile.LNKTYPE, "not before it"),
            ("b", "", tarfile.FIFOTYPE, "device"),
            ("b", "", tarfile.CHRTYPE, "device"),
            ("a", "b", tarfile.SYMTYPE, "another member"),
        ],
    )
    def test_others_are_refused(
        self,
        make: Callable[..., Path],
        folder: Path,
        name: str,
        target: str,
        kind: bytes,
        words: str,
    ) -> None:
        with pytest.raises(DownloadError, match=words):
            unpack(make(name, target, kind), folder)
        assert nothing_is_left(folder)

    def test_no_file_is_written_through_a_link(
        self, make: Callable[..., Path], folder: Path
    ) -> None:
        with pytest.raises(DownloadError, match="another member"):
            unpack(make("b", "a", tarfile.SYMTYPE, after="b/file"), folder)
        assert nothing_is_left(folder)

    def test_two_harmless_looking_links_do_not_lead_out(self, tmp_path: Path, folder: Path) -> None:
        (tmp_path / "secret").write_bytes(b"secret")
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            add(archive, "deep/er/file")
            add(archive, "x", type=tarfile.SYMTYPE, linkname="deep/..")  # the top itself
            add(archive, "deep/er/y", type=tarfile.SYMTYPE, linkname="../../x/z/..")
            add(archive, "z", type=tarfile.SYMTYPE, linkname="x/..")  # out, through x
        with pytest.raises(DownloadError, match="out of the folder"):
            unpack(tmp_path / "a.tar", folder)
        assert nothing_is_left(folder)

    def test_the_later_of_two_members_counts(self, tmp_path: Path, folder: Path) -> None:
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            add(archive, "a", b"old")
            add(archive, "b", type=tarfile.LNKTYPE, linkname="a")
            add(archive, "c", type=tarfile.SYMTYPE, linkname="a")
            add(archive, "a", b"new")
            add(archive, "c", b"a file now")
        unpack(tmp_path / "a.tar", folder)
        assert tree(folder) == {"a": b"new", "b": b"old", "c": b"a file now"}
        assert not (folder / "c").is_symlink()

    def test_links_in_a_zip(self, tmp_path: Path, folder: Path) -> None:
        def zipped(target: str, mode: int = stat.S_IFLNK | 0o777) -> Path:
            with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
                archive.writestr("a/file", b"content")
                entry = zipfile.ZipInfo("b")
                entry.external_attr = mode << 16
                archive.writestr(entry, target)
            return tmp_path / "a.zip"

        unpack(zipped("a/file"), folder)
        assert (folder / "b").read_bytes() == b"content"
        shutil.rmtree(folder)
        for target, words in (
            ("../x", "out of the folder"),
            ("/x", "absolute"),
            ("a" * 5000, "endless"),
        ):
            with pytest.raises(DownloadError, match=words):
                unpack(zipped(target), folder)
        with pytest.raises(DownloadError, match="device"):
            unpack(zipped("", stat.S_IFIFO | 0o666), folder)
        assert nothing_is_left(folder)


class TestDamage:
    @pytest.mark.parametrize("kind", PACKED[1:])  # a plain tar has no checksum over its files
    def test_a_wrong_bit(self, kind: str, tmp_path: Path, folder: Path) -> None:
        archive = pack(tmp_path / f"a.{kind}", CONTENT)
        content = bytearray(archive.read_bytes())
        content[len(content) // 2] ^= 0xFF
        archive.write_bytes(content)
        with pytest.raises(DownloadError, match="damaged"):
            unpack(archive, folder)
        assert nothing_is_left(folder)

    @pytest.mark.parametrize("kind", PACKED[1:])  # a plain tar ends with much padding
    def test_the_last_byte_is_missing(self, kind: str, tmp_path: Path, folder: Path) -> None:
        archive = pack(tmp_path / f"a.{kind}", CONTENT)
        os.truncate(archive, archive.stat().st_size - 1)
        with pytest.raises(DownloadError, match="damaged or truncated"):
            unpack(archive, folder)
        assert nothing_is_left(folder)

    def test_a_damaged_header_in_the_middle(self, tmp_path: Path, folder: Path) -> None:
        archive = pack(tmp_path / "a.tar", {"a": b"a", "b": b"b"})
        content = bytearray(archive.read_bytes())
        content[1024 + 150] ^= 0xFF  # the checksum field of the second header
        archive.write_bytes(content)
        with pytest.raises(DownloadError, match="end mark is missing"):
            unpack(archive, folder)

    def test_an_end_between_two_files(self, tmp_path: Path, folder: Path) -> None:
        archive = pack(tmp_path / "a.tar", {"a": b"a", "b": b"b"})
        os.truncate(archive, 1024)  # the first file is whole
        with pytest.raises(DownloadError, match="end mark is missing"):
            unpack(archive, folder)

    def test_a_second_archive_behind_the_first(self, tmp_path: Path, folder: Path) -> None:
        both = tmp_path / "both.tar"
        both.write_bytes(
            pack(tmp_path / "a.tar", {"a": b"a"}).read_bytes()
            + pack(tmp_path / "b.tar", {"b": b"b"}).read_bytes()
        )
        with pytest.raises(DownloadError, match="more data behind the end"):
            unpack(both, folder)

    def test_an_empty_archive_is_an_empty_folder(self, tmp_path: Path, folder: Path) -> None:
        for kind in ("tar", "zip"):
            unpack(pack(tmp_path / f"a.{kind}", {}), folder)
            assert list(folder.iterdir()) == []

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "it is empty"),
            (b"  <!DOCTYPE html><html>", "web page"),
            (b"Rar!\x1a\x07\x01\x00", "RAR archive"),
            (b"7z\xbc\xaf\x27\x1c", "7z archive"),
            (b"a,b\n1,2\n", "neither a tar"),
            (gzip.compress(b"a,b\n1,2\n", mtime=0), "no tar archive"),
        ],
    )
    def test_something_else(self, tmp_path: Path, folder: Path, content: bytes, words: str) -> None:
        archive = tmp_path / "archive"
        archive.write_bytes(content)
        with pytest.raises(DownloadError, match=words) as caught:
            unpack(archive, folder)
        assert caught.value.where == str(archive)
        assert nothing_is_left(folder)

    def test_an_encrypted_zip(self, tmp_path: Path, folder: Path) -> None:
        archive = pack(tmp_path / "a.zip", {"a": b"content"})
        content = bytearray(archive.read_bytes())
        for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            content[content.index(mark) + flags] |= 1
        archive.write_bytes(content)
        with pytest.raises(DownloadError, match="encrypted"):
            unpack(archive, folder)

    def test_a_zip_that_tells_a_wrong_size(self, tmp_path: Path, folder: Path) -> None:
        archive = pack(tmp_path / "a.zip", {"a": b"content"})
        content = bytearray(archive.read_bytes())
        content[content.index(b"PK\x01\x02") + 24] += 1  # uncompressed size, central directory
        archive.write_bytes(content)
        with pytest.raises(DownloadError, match="7 of 8 bytes"):
            unpack(archive, folder)

    def test_a_missing_archive_or_part(self, tmp_path: Path, folder: Path) -> None:
        archive = pack(tmp_path / "a.tar", CONTENT)
        with pytest.raises(DownloadError, match=r"No such file.*b\.tar"):
            unpack([archive, tmp_path / "b.tar"], folder)
        with pytest.raises(DownloadError, match="no archive was given"):
            unpack([], folder)


class TestSpace:
    @pytest.mark.parametrize("kind", PACKED)
    def test_a_bomb_is_refused(
        self, kind: str, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        archive = pack(tmp_path / f"a.{kind}", {"small": b"", "bomb": bytes(5_000_000)})
        monkeypatch.setattr(space.shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
        with pytest.raises(DownloadError, match=r"needs 5\.0 MB, but only 1\.0 MB are free"):
            unpack(archive, folder)
        assert nothing_is_left(folder)

    def test_a_small_disk_is_seen_before_anything_is_read(
        self, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        archive = pack(tmp_path / "a.tar.gz", CONTENT)
        monkeypatch.setattr(space.shutil, "disk_usage", lambda _: SimpleNamespace(free=1))
        with pytest.raises(DownloadError, match=r"unpacking a\.tar\.gz needs 28.\.. kB"):
            unpack(archive, folder)
        assert not folder.parent.exists()
