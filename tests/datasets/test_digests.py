import hashlib
import logging
import os
from pathlib import Path

import pytest

from rsbench.folders import Folders
from rsbench_datasets import digests
from rsbench_datasets.digests import FileDigests


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_text(path.name * 10)
    return paths


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read, in order."""
    seen: list[Path] = []
    plain = digests.hash_file

    def hash_file(path: Path) -> str:
        seen.append(path)
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
    assert hashed == files
    assert FileDigests(folders, tmp_path).of(files) == first
    assert hashed == files


def test_a_changed_file_is_read_again(
    files: list[Path], folders: Folders, tmp_path: Path, hashed: list[Path]
) -> None:
    first = FileDigests(folders, tmp_path).of(files)
    files[0].write_text("b" * 10)  # same size
    os.utime(files[0], ns=(1, 1))
    second = FileDigests(folders, tmp_path).of(files)
    assert second[0] != first[0]
    assert second[1] == first[1]
    assert hashed == [*files, files[0]]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": 1}', '{"version": 1, "files": {"a": [1]}}',
                '{"version": 1, "files": {"a": ["x", 2, "d"]}}', "\x00\xff"],
)  # fmt: skip
def test_a_damaged_cache_is_made_anew(
    files: list[Path],
    folders: Folders,
    tmp_path: Path,
    content: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = FileDigests(folders, tmp_path).of(files)
    cache_file(folders).write_text(content, encoding="latin-1")
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        assert FileDigests(folders, tmp_path).of(files) == first
    assert "damaged" in caplog.text
    caplog.clear()
    FileDigests(folders, tmp_path)
    assert caplog.text == ""


def test_an_unwritable_cache_only_warns(
    files: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "occupied").touch()
    folders = Folders(cache=tmp_path / "occupied")
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        assert len(FileDigests(folders, tmp_path).of(files)) == 2
    assert "cannot remember" in caplog.text
