"""The same pixels in train and in test are said out loud; so are rows that nobody reads."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from plugin_sources import broken
from world import matrix, write_world

from rsbench.cli import main
from rsbench.dataset.survey import survey
from rsbench.folders import Folders
from rsbench.leaks import leak_remarks
from rsbench.record import read_record
from rsbench.target import SPLITS, Target
from rsbench_datasets.class_folders import ClassFolders
from rsbench_datasets.dota.target import Dota
from rsbench_datasets.labelled_list import LabelledList


def write_images(folder: Path, numbers: range) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number in numbers:
        pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        names.append(f"{number}.png")
    return names


def write_list(folder: Path, rows: list[str]) -> LabelledList:
    (folder / "list.csv").write_text("split,path,label,class\n" + "\n".join(rows) + "\n")
    folders = Folders(data=folder, cache=folder / "cache", base=folder)
    return LabelledList.open("mine", LabelledList.Options(file="list.csv"), folders)


def leaks(target: Target) -> list[str]:
    return list(leak_remarks(target.name, *(survey(target, split).digests for split in SPLITS)))


def test_no_remark_without_a_leak(tmp_path: Path) -> None:
    write_images(tmp_path, range(4))
    rows = [
        f"{split},{n}.png,{n % 2},c{n % 2}" for n, split in enumerate(["train"] * 2 + ["test"] * 2)
    ]
    assert leaks(write_list(tmp_path, rows)) == []


def test_a_copy_of_a_test_image_in_train_is_counted(tmp_path: Path) -> None:
    write_images(tmp_path, range(4))
    shutil.copy(tmp_path / "3.png", tmp_path / "copy.png")
    rows = ["train,0.png,0,a", "train,1.png,1,b", "train,copy.png,1,b", "test,2.png,0,a",
            "test,3.png,1,b"]  # fmt: skip
    (remark,) = leaks(write_list(tmp_path, rows))
    assert remark.startswith("LEAK in mine: 1 of 2 test images are also in train")


def test_rows_of_a_third_split_are_counted(tmp_path: Path) -> None:
    write_images(tmp_path, range(3))
    rows = ["train,0.png,0,a", "val,1.png,0,a", "test,2.png,0,a"]
    assert write_list(tmp_path, rows).remarks == ("list.csv: 1 rows of split 'val' are not used",)


def test_class_folders_that_are_train_and_test_at_once(tmp_path: Path) -> None:
    write_images(tmp_path / "chips" / "a", range(3))
    write_images(tmp_path / "chips" / "b", range(3, 6))
    folders = Folders(data=tmp_path, cache=tmp_path / "cache", base=tmp_path)
    options = ClassFolders.Options.model_validate({"train": "chips", "test": "chips"})
    (remark,) = leaks(ClassFolders.open("chips", options, folders))
    assert remark.startswith("LEAK in chips: 6 of 6 test images")


def test_dota_scenes_in_both_splits(shared_data: Path, tmp_path: Path) -> None:
    folders = Folders(data=tmp_path, cache=tmp_path / "cache")
    for split in ("train", "val"):
        Dota.prepare(Dota.Options(), folders, source=shared_data / "dota_sample", split=split)
    names = ["ship", "harbor", "large-vehicle", "small-vehicle"]
    options = Dota.Options.model_validate({"classes": names})
    (remark,) = leaks(Dota.open("dota", options, folders))
    assert remark.startswith("LEAK in dota: 600 of 600 test images")


@pytest.mark.parametrize(("test", "shared"), [([9], 0), ([1, 1, 2, 9], 3), ([0, 0], 0)])
def test_every_leaked_test_image_counts(test: list[int], shared: int) -> None:
    train = np.array([0, 1, 2, 3], dtype=np.uint64)  # 0 stands for what does not decode
    remarks = leak_remarks("t", train, np.array(test, dtype=np.uint64))
    assert [f"{shared} of {len(test)}" in remark for remark in remarks] == [True] * bool(shared)


def test_the_same_picture_in_another_file_format_counts(tmp_path: Path) -> None:
    write_images(tmp_path, range(3))
    with Image.open(tmp_path / "2.png") as picture:
        picture.save(tmp_path / "copy.bmp")
    rows = ["train,0.png,0,a", "train,copy.bmp,1,b", "test,1.png,0,a", "test,2.png,1,b"]
    assert len(leaks(write_list(tmp_path, rows))) == 1


@pytest.mark.parametrize("stream", ["0", "1"])
def test_a_plugin_that_tests_on_its_training_images_is_told_of_by_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    monkeypatch.setenv("RSBENCH_PLUGINS", "")
    monkeypatch.setenv("RSBENCH_FIGURES", "0")
    monkeypatch.setenv("RSBENCH_STREAM", stream)
    monkeypatch.chdir(tmp_path)
    changes = ('[self.seed, split == "train", index]', "[self.seed, label, index % 3]")
    Path("noise.py").write_text(broken(changes))
    path = write_world(tmp_path)
    targets = [{"name": "noise", "kind": "bright_noise"}]
    content = matrix() | {"targets": targets, "methods": ["linear"], "seeds": [0], "metapeft": {}}
    path.write_text(yaml.safe_dump(content))
    command = ["run", "--matrix", str(path), "--workers", "0", "--out", "out"]
    assert main([*command, "--plugin", "noise.py"]) == 0
    (record,) = map(read_record, Path("out").glob("cells/*/record.json"))
    assert any(each.startswith("LEAK in noise: ") for each in record.disclaimers)
    assert "LEAK in noise: " in Path("out/tables/main.md").read_text()
