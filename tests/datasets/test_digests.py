import hashlib
import logging
import os
from pathlib import Path

import pytest

from rsbench.folders import Folders
from rsbench_datasets.files import digests
from rsbench_datasets.files.digests import MISSING, FileDigests, file_states


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_text(path.name * 10)
    return paths


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read."""
    seen: list[Path] = []
    plain = digests.hash_file

    def hash_file(path: str) -> str:
        seen.append(Path(path))
        return plain(path)

    monkeypatch.setattr(digests, "hash_file", hash_file)
    return seen


def cache_file(folders: Folders) -> Path:
    (file,) = (folders.cache / "digests").iterdir()
    return file


def test_digest_is_sha256_of_the_bytes(files: list[Path], folders: Folders, tmp_path: Path) -> None:
    expected = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    assert FileDigests(folders, tmp_path).of(files) == expected


def test_known_files_are_not_read_again(
    files: list[Path], folders: Folders, tmp_path: Path, hashed: list[Path]
) -> None:
    first = FileDigests(folders, tmp_path).of(files)
    assert sorted(hashed) == files
    assert FileDigests(folders, tmp_path).of(files) == first
    assert sorted(hashed) == files


def test_a_changed_file_is_read_again(
    files: list[Path], folders: Folders, tmp_path: Path, hashed: list[Path]
) -> None:
    first = FileDigests(folders, tmp_path).of(files)
    files[0].write_text("b" * 10)  # same size
    os.utime(files[0], ns=(1, 1))
    second = FileDigests(folders, tmp_path).of(files)
    assert second[0] != first[0]
    assert second[1] == first[1]
    assert sorted(hashed[:2]) == files
    assert hashed[2:] == [files[0]]


def test_files_that_are_swapped_are_read_again(
    files: list[Path], folders: Folders, tmp_path: Path
) -> None:
    """They keep their size and the time of their content."""
    for path in files:
        os.utime(path, ns=(1, 1))
    first = FileDigests(folders, tmp_path).of(files)
    files[0].rename(tmp_path / "c")
    files[1].rename(files[0])
    (tmp_path / "c").rename(files[1])
    assert FileDigests(folders, tmp_path).of(files) == first[::-1]


def test_a_change_under_the_old_time_is_noticed(
    files: list[Path], folders: Folders, tmp_path: Path
) -> None:
    first = FileDigests(folders, tmp_path).of(files)
    stat = files[0].stat()
    files[0].write_text("c" * 10)
    os.utime(files[0], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    second = FileDigests(folders, tmp_path).of(files)
    assert (second[0] != first[0], second[1] == first[1]) == (True, True)


def test_a_pipe_is_not_read(folders: Folders, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="a pipe or a device"):
        FileDigests(folders, tmp_path).of([tmp_path / "pipe"])


@pytest.mark.parametrize("keep", [0, 5, 30, 60, -1])
@pytest.mark.parametrize("tail", [b"", b"x"])
def test_a_damaged_cache_is_made_anew(
    files: list[Path],
    folders: Folders,
    tmp_path: Path,
    keep: int,
    tail: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = FileDigests(folders, tmp_path).of(files)
    cache = cache_file(folders)
    cache.write_bytes(cache.read_bytes()[:keep] + tail)
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        assert FileDigests(folders, tmp_path).of(files) == first
    assert "damaged" in caplog.text
    caplog.clear()
    FileDigests(folders, tmp_path)
    assert caplog.text == ""


def test_a_changed_digest_in_the_cache_is_noticed(
    files: list[Path], folders: Folders, tmp_path: Path, hashed: list[Path]
) -> None:
    first = FileDigests(folders, tmp_path).of(files)
    cache = cache_file(folders)
    content = bytearray(cache.read_bytes())
    content[-1] ^= 1
    cache.write_bytes(content)
    assert FileDigests(folders, tmp_path).of(files) == first
    assert len(hashed) == 4


def test_many_files_in_any_order(tmp_path: Path, folders: Folders, hashed: list[Path]) -> None:
    paths = [tmp_path / f"{n}" for n in range(1500)]
    for path in paths:
        path.write_text(path.name)
    expected = [hashlib.sha256(path.name.encode()).hexdigest() for path in paths]
    seen: list[tuple[int, int]] = []
    found = FileDigests(folders, tmp_path).of(
        iter(paths), progress=lambda done, total: seen.append((done, total)), total=1500
    )
    assert found == expected
    assert seen == [(1024, 1500), (1500, 1500)]
    assert FileDigests(folders, tmp_path).of(reversed(paths)) == expected[::-1]
    assert len(hashed) == 1500


def test_an_interrupted_hashing_goes_on(
    tmp_path: Path, folders: Folders, hashed: list[Path]
) -> None:
    paths = [tmp_path / f"{n}" for n in range(1500)]
    for path in paths:
        path.write_text(path.name)

    def interrupt(done: int, _total: int) -> None:
        if done < 1500:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FileDigests(folders, tmp_path).of(paths, progress=interrupt)
    assert len(hashed) == 1024
    FileDigests(folders, tmp_path).of(paths)
    assert len(hashed) == 1500


def test_long_hashing_is_saved_on_the_way_and_said_once(
    tmp_path: Path,
    folders: Folders,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    paths = [tmp_path / f"{n}" for n in range(2100)]
    for path in paths:
        path.write_text(path.name)
    monkeypatch.setattr(digests, "_SAVE_AFTER", -1.0)
    monkeypatch.setattr(digests, "_NOTICE_AFTER", -1.0)
    sizes: list[int] = []

    def note(done: int, _total: int) -> None:
        folder = folders.cache / "digests"
        sizes.append(cache_file(folders).stat().st_size if folder.exists() else 0)

    with caplog.at_level(logging.WARNING, logger="rsbench"):
        FileDigests(folders, tmp_path).of(paths, progress=note)
        assert caplog.text == ""  # whoever shows progress needs no notice
        FileDigests(folders, tmp_path).of(paths)
    assert sizes[0] == 0
    assert 0 < sizes[1] < sizes[2]
    assert caplog.text.count("reading every file once") == 1


def test_states_tell_what_is_missing(files: list[Path], folders: Folders, tmp_path: Path) -> None:
    paths = [*files, tmp_path / "gone", files[0] / "below a file"]
    states = file_states(paths)
    assert states["size"].tolist() == [10, 10, -1, -1]
    assert states["time"][0] == files[0].stat().st_mtime_ns
    digests = FileDigests(folders, tmp_path)
    assert digests.of(paths, states)[1:] == [*digests.of(files[1:]), MISSING, MISSING]
    with pytest.raises(FileNotFoundError):
        digests.of(paths)


def test_an_unwritable_cache_only_warns(
    files: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "occupied").touch()
    folders = Folders(cache=tmp_path / "occupied")
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        assert len(FileDigests(folders, tmp_path).of(files)) == 2
    assert "cannot remember" in caplog.text
