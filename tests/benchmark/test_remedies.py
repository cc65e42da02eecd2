"""What a remedy says is done, word by word, and mends what it was printed about."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from world import matrix, write_world

from rsbench.cli import main


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world and its finished run of two cells in ``run``."""
    folder = tmp_path_factory.mktemp("finished")
    write_matrix(folder)
    assert main(["run", "--matrix", str(folder / "matrix.yaml"), "--workers", "0",
                 "--out", str(folder / "run"), "--no-figures"]) == 0  # fmt: skip
    return folder


def write_matrix(folder: Path, **target: Any) -> None:
    path = write_world(folder)
    plots = {"name": "plots", "kind": "labelled_list", "file": "split.csv", **target}
    content = {**matrix(), "targets": [plots], "methods": ["linear"]}
    del content["metapeft"]
    path.write_text(yaml.safe_dump(content, sort_keys=False))


@pytest.fixture
def world(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(finished, tmp_path / "world")
    monkeypatch.chdir(tmp_path / "world")
    return tmp_path / "world"


def call(capsys: pytest.CaptureFixture[str], *command: str) -> tuple[int, str]:
    """Exit code, and all that was printed, in one line."""
    capsys.readouterr()
    code = main(list(command))
    shown = capsys.readouterr()
    return code, " ".join((shown.out + shown.err).split())


RUN = ("run", "--matrix", "matrix.yaml", "--workers", "0", "--out", "run", "--no-figures")


@pytest.mark.parametrize("command", [RUN, ("report", "run", "--no-figures")])
@pytest.mark.parametrize(
    ("name", "content"),
    [("record.json", b"{"), ("record.json", b""), ("predictions.parquet", b"PAR1")],
)
def test_deleting_the_folder_of_a_damaged_cell_redoes_it_alone(
    world: Path,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    name: str,
    content: bytes,
) -> None:
    cell = sorted((world / "run" / "cells").iterdir())[0]
    (cell / name).write_bytes(content)
    code, printed = call(capsys, *command)
    assert code != 0
    (named,) = set(re.findall(r"delete the folder (\S+) and run the sweep again", printed))
    assert Path(named).resolve() == cell
    shutil.rmtree(named)
    code, printed = call(capsys, *RUN)
    assert code == 0
    assert "trained 1 cell, found 1 finished, 0 failed" in printed
    assert call(capsys, "report", "run", "--no-figures")[0] == 0


def test_a_record_that_may_not_be_read_is_not_to_be_deleted(
    world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_bytes(path: Path) -> bytes:
        if path.name == "record.json":
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path)

    whole = Path.read_bytes
    with monkeypatch.context() as locked:
        locked.setattr(Path, "read_bytes", read_bytes)
        for command in (RUN, ("report", "run", "--no-figures")):
            code, printed = call(capsys, *command)
            assert code == 2
            assert "check who may read the file" in printed
            assert "delete" not in printed
    code, printed = call(capsys, *RUN)
    assert (code, "found 2 finished" in printed) == (0, True)


def test_a_damaged_list_of_cells_is_made_anew(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (world / "run" / "run.json").write_text("[")
    code, printed = call(capsys, "report", "run", "--no-figures")
    assert code == 2
    assert "delete this file and run the sweep again: finished cells are kept" in printed
    (world / "run" / "run.json").unlink()
    code, printed = call(capsys, *RUN)
    assert (code, "trained 0 cells, found 2 finished" in printed) == (0, True)


def test_skipping_bad_images_trains_on_the_others(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (world / "train_0_0.png").write_bytes(b"\x89PNG")
    code, printed = call(capsys, *RUN)
    assert code == 2
    assert "with the option 'on_bad_image: skip'" in printed
    assert "train_0_0.png" in printed
    damaged = (world / "train_0_0.png").read_bytes()
    write_matrix(world, on_bad_image="skip")
    (world / "train_0_0.png").write_bytes(damaged)
    code, printed = call(capsys, *RUN)
    assert code == 0
    assert "1 of 39 train images cannot be used and were left out" in printed
