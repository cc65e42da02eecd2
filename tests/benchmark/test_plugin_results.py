"""Results of a plugin file belong to the version of the file that made them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml
from plugin_sources import TARGET, broken
from world import matrix, write_world

from rsbench import registry
from rsbench.cli import main
from rsbench.folders import Folders
from rsbench.imagestore import open_store
from rsbench.plugin_files import module_name, use_files

METHOD = '''\
"""LoRA under another name."""
from rsbench_baselines.lora import Lora

class MyLora(Lora):
    """LoRA."""
'''


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RSBENCH_PLUGINS", "")


def edit(file: Path, old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change the file, and forget what this process loaded of it."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    monkeypatch.delitem(sys.modules, module_name(file), raising=False)


def test_decoded_images_are_not_those_of_an_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its content hash stays: nothing but the digest of the code tells the pixels apart."""
    file = tmp_path / "noise.py"
    file.write_text(TARGET)
    use_files([file])
    folders, brightness, hashes = Folders(), [], set()
    for edited in (False, True):
        if edited:
            edit(file, "50 + 40", "150 + 10", monkeypatch)
        kind = registry.target_class("bright_noise")
        target = kind.open("noise", kind.Options(), folders)
        hashes.add(target.content_hash)
        brightness.append(float(open_store(target, "train", 16, folders).image(0).mean()))
    assert len(hashes) == 1
    assert brightness[1] > brightness[0] + 80


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """The file of a method, and RUN/CELL of a cell that was trained with it."""
    monkeypatch.chdir(tmp_path)
    path = write_world(tmp_path)
    document = {**matrix(), "methods": ["my_lora"], "seeds": [0], "metapeft": {}}
    document["recipe"] = {"epochs": 1, "batch_size": 8}
    path.write_text(yaml.safe_dump(document))
    file = tmp_path / "my_lora.py"
    file.write_text(METHOD)
    assert main(["run", "--matrix", str(path), "--workers", "0", "--plugin", str(file)]) == 0
    (cell,) = (tmp_path / "results" / "tiny" / "cells").iterdir()
    return file, f"tiny/{cell.name}"


def test_a_cell_is_restored_with_the_file_that_trained_it_alone(
    trained: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, cell = trained
    predict = ["predict", cell, str(tmp_path / "test_0_0.png"), "--csv", "-"]
    assert main([*predict, "--plugin", str(file)]) == 0

    monkeypatch.setenv("RSBENCH_PLUGINS", "")
    capsys.readouterr()
    assert main(predict) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert "there is no method called 'my_lora'" in error
    assert "--plugin FILE" in error

    edit(file, '"""LoRA."""', '"""LoRA, edited."""', monkeypatch)
    assert main([*predict, "--plugin", str(file)]) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert "the plugin file of my_lora is another version than the cell was trained with" in error


def test_a_changed_file_trains_its_cells_anew(
    trained: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, _ = trained
    run = ["run", "--matrix", "matrix.yaml", "--workers", "0", "--plugin", str(file)]
    assert main([*run, "--dry-run"]) == 0
    assert "1 cell: 1 finished" in capsys.readouterr().out
    edit(file, '"""LoRA."""', '"""LoRA, edited."""', monkeypatch)
    assert main([*run, "--dry-run"]) == 0
    assert "1 cell: 1 to run" in capsys.readouterr().out


READER = """\
    @classmethod
    def file_reader(cls, options):
        \"\"\"Text files of one number.\"\"\"
        from rsbench.file_reader import FileReader

        def read(path):
            return np.full((12, 10, 3), int(path.read_text()), np.uint8)

        steps = ("the number in a text file",)
        return FileReader(read, steps=steps, options={"seed": options.seed})

    def read(self"""


def test_a_target_says_how_its_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_world(tmp_path)
    document = {**matrix(), "methods": ["linear"], "seeds": [0], "targets": ["bright_noise"]}
    del document["metapeft"]
    path.write_text(yaml.safe_dump(document))
    file, numbers = tmp_path / "noise.py", [tmp_path / "30.txt", tmp_path / "200.txt"]
    file.write_text(broken(("    def read(self", READER)))
    for each in numbers:
        each.write_text(each.stem)
    plugin = ["--plugin", str(file)]
    assert main(["run", "--matrix", str(path), "--workers", "0", *plugin]) == 0
    (cell,) = (tmp_path / "results" / "tiny" / "cells").iterdir()
    predict = ["predict", f"tiny/{cell.name}", *map(str, numbers), "--top", "1", "--csv", "-"]

    def said(code: int, command: list[str]) -> str:
        capsys.readouterr()
        monkeypatch.setenv("RSBENCH_PLUGINS", "")
        assert main(command) == code
        printed = capsys.readouterr()
        return " ".join((printed.out + printed.err).split())

    rows = said(0, [*predict, *plugin])
    assert "30.txt,1,rock" not in rows
    assert "200.txt,1,rock" in rows
    export = ["export", f"tiny/{cell.name}", "--to", "merged", "--out", "out"]
    said(0, [*export, *plugin])
    told = json.loads(Path("out/rsbench.json").read_text())
    assert told["input_steps"][0] == "the number in a text file"
    assert told["input"]["read_as"] == {"seed": 0}
    numbers[0].write_text("many")
    assert "noise.py:" in said(2, [*predict, *plugin])
    assert "'bright_noise', which alone says" in said(2, predict)
    edit(file, "np.full((12", "np.full((14", monkeypatch)
    assert "is another version than the cell was trained with" in said(2, [*predict, *plugin])
