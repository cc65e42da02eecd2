"""What the machine refuses is reported as that; nothing is deleted, no file is blamed for it."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from numpy.typing import NDArray
from pictures import Pictures, picture
from records import little_folder, make_record, make_run, write_run

from rsbench.errors import ImageError, RecordError, RsbenchError
from rsbench.folders import Folders
from rsbench.imagestore import ImageStore, open_store, opening
from rsbench.report.artefact_files import ArtefactFiles
from rsbench.system import of_the_system, remedy_for
from rsbench.target import SplitName

REFUSALS = [
    OSError(number, os.strerror(number))
    for number in (
        errno.EMFILE,
        errno.ENFILE,
        errno.EIO,
        errno.ESTALE,
        errno.EACCES,
        errno.ENOMEM,
    )
]
NAMES = [str(each.errno) for each in REFUSALS]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(data=tmp_path / "data", cache=tmp_path / "cache", base=tmp_path)


def raising(error: BaseException) -> Callable[..., Any]:
    def refuse(*_: object, **__: object) -> None:
        raise error

    return refuse


def content(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


@pytest.mark.parametrize("error", [*REFUSALS, MemoryError()], ids=[*NAMES, "memory"])
@pytest.mark.parametrize("step", ["read_meta", "load", "value_range"])
def test_a_whole_store_outlives_what_the_machine_refuses(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, error: BaseException, step: str
) -> None:
    target = Pictures([picture(5, 7), picture(9, 4)])
    folder = open_store(target, "train", 64, folders).folder
    before = content(folder)
    with monkeypatch.context() as patch:
        patch.setattr(opening, step, raising(error))
        with pytest.raises(RsbenchError, match="decoded images cannot be read") as caught:
            open_store(target, "train", 64, folders)
    assert caught.value.where == str(folder)
    assert caught.value.remedy
    assert content(folder) == before
    open_store(target, "train", 64, folders)
    assert target.reads == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count open files")
def test_a_real_lack_of_files_to_open(folders: Folders) -> None:
    import resource

    target = Pictures([picture(5, 7), picture(9, 4)])
    folder = open_store(target, "train", 64, folders).folder
    before = content(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 200), hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        with pytest.raises(RsbenchError, match=os.strerror(errno.EMFILE)) as caught:
            open_store(target, "train", 64, folders)
    finally:
        for each in taken:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "ulimit -n" in caught.value.remedy
    assert content(folder) == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count open files")
def test_an_open_store_holds_no_file_open(folders: Folders) -> None:
    target = Pictures([picture(4, 4, seed) for seed in range(100)])
    open_store(target, "train", 64, folders)
    before = psutil.Process().num_fds()
    store = open_store(target, "train", 64, folders)
    assert isinstance(store, ImageStore)
    assert len(store.shards) > 5
    assert psutil.Process().num_fds() == before
    assert (store.image(99) == target.pictures[99]).all()


@pytest.mark.parametrize("error", [REFUSALS[0], REFUSALS[5], MemoryError()])
def test_no_image_is_skipped_for_what_the_machine_refuses(
    folders: Folders, error: BaseException
) -> None:
    class Refused(Pictures):
        def read(self, split: SplitName, index: int) -> NDArray[Any]:
            if index == 0:
                raise ImageError(f"the image does not decode: {error}") from error
            return super().read(split, index)

    target = Refused([picture(5, 7), picture(9, 4)], on_bad_image="skip")
    with pytest.raises(RsbenchError, match="images cannot be read") as caught:
        open_store(target, "train", 64, folders)
    assert not isinstance(caught.value, ImageError)
    assert list((folders.cache / "images").iterdir()) == []


@pytest.mark.parametrize("error", REFUSALS, ids=NAMES)
def test_nobody_is_told_to_delete_results_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    folder, run = little_folder(tmp_path), make_run()
    write_run(folder, [run], [make_record(run)])
    (folder.cell(run.id) / "predictions.parquet").write_bytes(b"...")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", raising(error))
        for read in (folder.record, ArtefactFiles(folder).predictions):
            with pytest.raises(RecordError) as caught:
                read(run.id)
            assert os.strerror(error.errno or 0) in caught.value.what
            assert "delete" not in caught.value.remedy
            assert caught.value.remedy


def test_what_is_wrong_with_a_file_is_damage() -> None:
    missing = OSError(errno.ENOENT, "gone")
    for error in (missing, OSError("broken data stream"), ValueError(), EOFError()):
        assert not of_the_system(error)
        assert remedy_for(error, "delete it") == "delete it"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count open files")
def test_the_command_line_may_open_as_many_files_as_the_system_allows() -> None:
    program = (
        "import resource as r\n"
        "hard = min(r.getrlimit(r.RLIMIT_NOFILE)[1], 1000)\n"
        "r.setrlimit(r.RLIMIT_NOFILE, (256, hard))\n"
        "from rsbench.cli import main\n"
        "main(['--version'])\n"
        "print(*r.getrlimit(r.RLIMIT_NOFILE))\n"
    )
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert found[-2] == found[-1]
