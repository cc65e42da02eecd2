"""``rsbench data ls | verify | describe | speed``, on a small list of generated images."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rsbench.cli import main
from rsbench.file_state import FileState
from rsbench.folders import Folders
from rsbench.target import KnownCounts
from rsbench_datasets.files import digests
from rsbench_datasets.labelled_list import LabelledList

COUNTS = {"fields": 6, "forest": 3, "water": 2}
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list of images of three classes, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RSBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("RSBENCH_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    with (tmp_path / "list.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("split", "path", "label", "class"))
        for label, (name, count) in enumerate(COUNTS.items()):
            for split, number in (("train", count), ("test", 2)):
                for n in range(number):
                    path = f"{split}_{name}_{n}.png"
                    pixels = rng.integers(0, 256, (12, 10 + n, 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(tmp_path / path)
                    writer.writerow((split, path, label, name))
    return tmp_path


def data(command: str, *more: str) -> int:
    return main(["data", command, "labelled_list", "--set", "file=list.csv", *more])


class TestVerify:
    def test_says_what_was_checked(self, listed: Path, capsys: Capture) -> None:
        assert data("verify") == 0
        shown = capsys.readouterr().out
        assert "3 classes, 11 train and 6 test samples" in shown
        assert "all 11 decode" in shown
        assert "labelled_list is as it should be" in shown

    def test_finds_an_image_that_does_not_decode(self, listed: Path, capsys: Capture) -> None:
        for name in ("train_fields_0.png", "test_water_1.png"):
            os.truncate(listed / name, 60)
        assert data("verify") == 1
        shown = capsys.readouterr().out
        assert "DIFFERENT  train images: train: " in shown
        assert "train_fields_0.png" in shown
        assert "test_water_1.png" in shown
        assert "2 differences" in shown

    def test_finds_missing_empty_and_damaged_images_all_at_once(
        self, listed: Path, capsys: Capture
    ) -> None:
        (listed / "train_fields_0.png").unlink()
        (listed / "train_water_0.png").write_bytes(b"")
        os.truncate(listed / "train_fields_3.png", 60)
        assert data("verify") == 1
        shown = capsys.readouterr().out
        for name in ("train_fields_0.png", "train_water_0.png", "train_fields_3.png"):
            assert name in shown

    def test_finds_an_image_of_another_kind(self, listed: Path, capsys: Capture) -> None:
        deep = np.zeros((4, 4), dtype=np.uint16)
        Image.fromarray(deep).save(listed / "train_fields_0.png")
        assert data("verify") == 1
        shown = capsys.readouterr().out
        assert "train_fields_0.png" in shown
        assert "'pixels'" in shown

    def test_prints_every_difference_from_the_known_counts(
        self, listed: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known = KnownCounts(
            "a paper", train={"fields": 6, "forest": 5, "sand": 1}, totals={"test": 9}
        )
        monkeypatch.setattr(LabelledList, "known_counts", classmethod(lambda cls, options: known))
        assert data("verify") == 1
        shown = capsys.readouterr().out
        for text in (
            "train: 11 samples in place of 12 (-1)",
            "train forest: 3 in place of 5 (-2)",
            "train water: 2 in place of 0 (+2)",
            "train sand: 0 in place of 1 (-1)",
            "test: 6 samples in place of 9 (-3)",
        ):
            assert text in shown
        assert "train fields" not in shown
        assert "5 differences" in shown

    def test_finds_black_images(self, listed: Path, capsys: Capture) -> None:
        for n, file in enumerate(sorted(listed.glob("*.png"))):
            Image.new("RGB", (12 + n, 10)).save(file)
        assert data("verify") == 1
        shown = capsys.readouterr().out
        assert "DIFFERENT  train images: labelled_list: its brightest value is 0" in shown

    def test_known_counts_that_agree(
        self, listed: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known = KnownCounts("a paper", train=COUNTS, test=dict.fromkeys(COUNTS, 2))
        monkeypatch.setattr(LabelledList, "known_counts", classmethod(lambda cls, options: known))
        assert data("verify") == 0
        assert "11 train samples, classes as known (a paper)" in capsys.readouterr().out

    def test_finds_a_file_that_changed_behind_its_state_and_tells_the_next_run(
        self, listed: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def coarse(path: Path) -> FileState:  # as on a file server that keeps no more
            return os.stat(path).st_size, os.stat(path).st_mtime_ns, 0, 0

        def content_hash() -> str:
            options = LabelledList.Options(file="list.csv")
            return LabelledList.open("mine", options, Folders(base=listed)).content_hash

        monkeypatch.setattr(digests, "file_state", coarse)
        assert data("verify") == 0
        before = content_hash()
        file = listed / "train_fields_0.png"
        stat = file.stat()
        pixels = np.array(Image.open(file))
        for value in range(256):  # find a picture of the same number of bytes
            pixels[0, 0, 0] = value
            Image.fromarray(pixels).save(file)
            if file.stat().st_size == stat.st_size:
                break
        assert file.stat().st_size == stat.st_size
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert content_hash() == before
        assert data("verify") == 1
        assert "the files are not those that were hashed before" in capsys.readouterr().out
        assert content_hash() != before
        assert data("verify") == 0

    def test_remarks_that_only_inform_are_no_differences(
        self, listed: Path, capsys: Capture
    ) -> None:
        with (listed / "list.csv").open("a") as stream:
            stream.write("val,elsewhere.png,0,fields\n")
        assert data("verify") == 0
        assert "1 rows of split 'val' are not used" in " ".join(capsys.readouterr().out.split())

    def test_finds_an_image_in_both_splits(self, listed: Path, capsys: Capture) -> None:
        (listed / "test_water_0.png").write_bytes((listed / "train_water_0.png").read_bytes())
        assert data("verify") == 1
        assert "1 of 6 test images are also in train" in capsys.readouterr().out


class TestDescribe:
    def test_prints_and_writes_what_there_is(self, listed: Path, capsys: Capture) -> None:
        assert data("describe", "--out", "here") == 0
        shown = capsys.readouterr().out
        rows = [line.split() for line in shown.splitlines()[1:4]]
        assert rows == [
            ["fields", "head", "6", "2"],
            ["forest", "medium", "3", "2"],
            ["water", "tail", "2", "2"],
        ]
        assert "3 classes, imbalance 3.0 to 1; head 1, medium 1, tail 1" in shown
        assert "train: 11 images, heights 12, widths 10 to 15" in shown
        taken = sum(np.array(Image.open(file)).size for file in listed.glob("*.png"))
        assert f"decoded they take {taken / 1e3:.1f} kB; a sweep keeps them" in shown
        folder = listed / "here"
        facts = json.loads((folder / "description.json").read_text())
        pixels = [np.array(Image.open(file)).reshape(-1, 3) for file in listed.glob("train_*.png")]
        everything = np.concatenate(pixels) / 255
        assert facts["images"]["train"]["mean"] == pytest.approx(everything.mean(axis=0).tolist())
        assert facts["images"]["train"]["std"] == pytest.approx(everything.std(axis=0).tolist())
        with (folder / "manifest.csv").open(newline="") as stream:
            samples = list(csv.DictReader(stream))
        assert len(samples) == 17
        assert samples[0]["class"] == "fields"
        for name in ("classes.png", "samples.png"):
            with Image.open(folder / name) as image:
                assert min(image.size) > 200

    def test_the_sheet_shows_the_training_images(self, listed: Path) -> None:
        assert data("describe", "--out", "here") == 0
        sheet = np.array(Image.open(listed / "here" / "samples.png").convert("RGB"))
        first = np.array(Image.open(listed / "train_fields_0.png"))
        assert np.array_equal(sheet[4:16, 190:200], first)

    def test_unreadable_images_are_named(self, listed: Path, capsys: Capture) -> None:
        os.truncate(listed / "train_fields_0.png", 60)
        assert data("describe", "--out", "here") == 0
        assert "train UNREADABLE: " in capsys.readouterr().out

    def test_of_many_classes_both_ends_are_shown(
        self, listed: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("rsbench.cli.data_checks._ENDS", 1)
        assert data("describe", "--out", "here") == 0
        shown = capsys.readouterr().out
        assert "(1 more in the middle: see description.json)" in shown
        assert "forest" not in shown


def test_speed_says_images_per_second(listed: Path, capsys: Capture) -> None:
    assert data("speed", "--image-size", "8", "--seconds", "0.1", "--threads", "1") == 0
    shown = capsys.readouterr().out
    assert "from decoded images" in shown
    assert "without augmentation:" in shown
    assert "a frozen ViT-B/16 at 16 pixels, forward and backward:" in shown


def test_ls_tells_what_is_here(listed: Path, capsys: Capture) -> None:
    assert main(["data", "ls"]) == 0
    shown = capsys.readouterr().out
    states = {line.split()[0]: line.split()[1:3] for line in shown.splitlines() if line.strip()}
    assert states["labelled_list"][0] == "yours"
    assert states["demo_dota"] == ["not", "here"]


def test_options_that_are_needed_are_named(listed: Path, capsys: Capture) -> None:
    assert main(["data", "verify", "labelled_list"]) == 2
    shown = capsys.readouterr().err
    assert "option 'file'" in shown
    assert "--set KEY=VALUE" in shown


def test_a_label_of_a_matrix_brings_its_options(listed: Path, capsys: Capture) -> None:
    (listed / "mine.yaml").write_text(
        "name: mine\ntargets: [{name: plots, kind: labelled_list, file: list.csv}]\n"
        "backbones: [demo_vit]\nmethods: [linear]\nseeds: [0]\n"
    )
    assert main(["data", "verify", "plots", "--matrix", "mine.yaml"]) == 0
    assert "plots is as it should be" in capsys.readouterr().out
    assert main(["data", "verify", "plot", "--matrix", "mine.yaml"]) == 2
    assert "plots" in capsys.readouterr().err


def test_a_matrix_of_targets_alone_is_enough_to_look_at_data(listed: Path, capsys: Capture) -> None:
    (listed / "sub").mkdir()
    matrix = listed / "sub" / "m.yaml"
    matrix.write_text("base: ..\ntargets: [{name: mine, kind: labelled_list, file: list.csv}]\n")
    assert main(["data", "describe", "mine", "--matrix", str(matrix)]) == 0
    assert "fields  head        6     2" in capsys.readouterr().out
    assert main(["data", "describe", "other", "--matrix", str(matrix)]) == 2
    assert "there are: mine" in capsys.readouterr().err
    matrix.write_text("targets: [{name: mine, kind: labelled_list, fiel: list.csv}]\n")
    assert main(["data", "describe", "mine", "--matrix", str(matrix)]) == 2
    assert "m.yaml:1" in capsys.readouterr().err
