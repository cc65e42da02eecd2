import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from rsbench.errors import ImageError, NotPreparedError, TargetError
from rsbench.folders import Folders
from rsbench_datasets.class_folders import ClassFolders, natural_order

COUNTS = {"train": {"2": 4, "10": 3, "1": 5}, "test": {"2": 2, "10": 1, "1": 2}}

OpenFolders = Callable[..., ClassFolders]


@pytest.fixture
def open_folders(tmp_path: Path, folders: Folders, make_image: Callable[..., Path]) -> OpenFolders:
    for split, counts in COUNTS.items():
        for class_name, count in counts.items():
            for index in range(count):
                make_image(tmp_path / split / class_name / f"{index}.png", (5 + index, 4), index)

    def opened(**options: object) -> ClassFolders:
        settings = ClassFolders.Options.model_validate({"train": "train"} | options)
        return ClassFolders.open("mine", settings, folders)

    return opened


def test_natural_order() -> None:
    names = ["b10", "b9", "A2", "a1", "10", "9", "007"]
    assert sorted(names, key=natural_order) == ["007", "9", "10", "a1", "A2", "b9", "b10"]


def test_two_trees(open_folders: OpenFolders) -> None:
    target = open_folders(test="test")
    assert target.class_names == ("1", "2", "10")
    assert target.train.counts(3).tolist() == [5, 4, 3]
    assert target.test.counts(3).tolist() == [2, 2, 1]
    assert target.train.ids[0] == "train/1/0.png"
    assert target.test.ids[-1] == "test/10/0.png"
    assert target.read("train", 4).shape == (4, 9, 3)


def test_given_order_subset_and_names(
    open_folders: OpenFolders, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = open_folders(test="test", classes=["10", "2", "1"], class_names={"10": "ten"})
    assert target.class_names == ("ten", "2", "1")
    assert target.train.labels[0] == 0
    for index in range(COUNTS["test"]["1"]):
        (tmp_path / "test" / "1" / f"{index}.png").unlink()
    (tmp_path / "test" / "1").rmdir()
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        assert open_folders(test="test", classes=["10", "2"]).number_of_classes == 2
    assert "left out, not in 'classes': 1" in caplog.text


def test_sub_folders_and_capital_suffixes_count(
    open_folders: OpenFolders, tmp_path: Path, make_image: Callable[..., Path]
) -> None:
    make_image(tmp_path / "train" / "1" / "more" / "x.PNG")
    assert "train/1/more/x.PNG" in open_folders(test="test").train.ids


def test_what_is_left_out_is_a_remark(
    open_folders: OpenFolders,
    tmp_path: Path,
    make_image: Callable[..., Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = open_folders(test="test").remarks
    (tmp_path / "train" / "1" / "notes.txt").touch()
    (tmp_path / "test" / "2" / "photo.heic").touch()
    make_image(tmp_path / "train" / "1" / ".ipynb_checkpoints" / "0-checkpoint.png")
    make_image(tmp_path / "train" / "@eaDir" / "0.png")
    make_image(tmp_path / "train" / "stray.png")
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        target = open_folders(test="test")
    assert target.train.counts(3).tolist() == [5, 4, 3]
    assert target.remarks[2:] == before
    assert target.remarks[:2] == (
        "mine: train: left out: 1 hidden or system files and folders (.ipynb_checkpoints); "
        "1 .txt, 1 images in no class folder: no images",
        "mine: test: left out: 1 .heic: images of a kind that is not read",
    )
    assert "1 .heic" in caplog.text


def test_a_pipe_among_listed_images_is_named(
    tmp_path: Path, folders: Folders, make_image: Callable[..., Path]
) -> None:
    from rsbench_datasets.labelled_list import LabelledList

    make_image(tmp_path / "x.png")
    os.mkfifo(tmp_path / "y.png")
    rows = ["split,path,label,class", "train,x.png,0,a", "test,y.png,0,a"]
    (tmp_path / "list.csv").write_text("\n".join(rows))
    with pytest.raises(ImageError, match=r"y\.png: the image cannot be opened: it is"):
        LabelledList.open("mine", LabelledList.Options(file="list.csv"), folders)


@pytest.mark.parametrize("place", [b"train/1/\xe4.png", b"train/\xe4/1.png", b"test/\xe4/1.png"])
def test_a_name_that_is_no_text_is_refused(
    open_folders: OpenFolders, tmp_path: Path, make_image: Callable[..., Path], place: bytes
) -> None:
    make_image(tmp_path / os.fsdecode(place), seed=99)
    with pytest.raises(TargetError) as error:
        open_folders(test="test")
    assert "\\udce4" in str(error.value)
    str(error.value).encode()


class TestOneTree:
    def test_is_divided_within_classes(self, open_folders: OpenFolders) -> None:
        target = open_folders(test_fraction=0.4)
        assert target.test.counts(3).tolist() == [2, 2, 1]
        assert target.train.counts(3).tolist() == [3, 2, 2]
        assert not set(target.train.ids) & set(target.test.ids)
        assert set(target.train.ids) | set(target.test.ids) == {
            f"{name}/{index}.png" for name, n in COUNTS["train"].items() for index in range(n)
        }

    def test_the_seed_decides(self, open_folders: OpenFolders) -> None:
        first = open_folders(test_fraction=0.4)
        assert open_folders(test_fraction=0.4).test.ids == first.test.ids
        others = [open_folders(test_fraction=0.4, seed=seed) for seed in range(1, 6)]
        assert any(other.test.ids != first.test.ids for other in others)
        assert len({other.content_hash for other in others}) > 1

    def test_every_class_has_both(self, open_folders: OpenFolders) -> None:
        assert open_folders(test_fraction=0.01).test.counts(3).tolist() == [1, 1, 1]
        assert open_folders(test_fraction=0.99).train.counts(3).tolist() == [1, 1, 1]

    def test_a_single_image_cannot_be_divided(
        self, open_folders: OpenFolders, tmp_path: Path, make_image: Callable[..., Path]
    ) -> None:
        make_image(tmp_path / "train" / "3" / "0.png")
        with pytest.raises(TargetError, match="class '3' has 1 image"):
            open_folders(test_fraction=0.5)


def test_test_source_is_required(open_folders: OpenFolders) -> None:
    with pytest.raises(ValidationError, match="either 'test'"):
        open_folders()
    with pytest.raises(ValidationError, match="either 'test'"):
        open_folders(test="test", test_fraction=0.5)


def test_missing_folders(open_folders: OpenFolders, tmp_path: Path) -> None:
    with pytest.raises(NotPreparedError, match=r"none: the folder does not exist"):
        open_folders(train="none", test="test")
    with pytest.raises(NotPreparedError, match=r"none: the folder does not exist"):
        open_folders(test="none")
    (tmp_path / "blank").mkdir()
    with pytest.raises(TargetError, match="holds no class folders"):
        open_folders(train="blank", test="test")


def test_trees_that_disagree(open_folders: OpenFolders, tmp_path: Path) -> None:
    (tmp_path / "test" / "2").rename(tmp_path / "test" / "two")
    with pytest.raises(TargetError, match="the test folder lacks the classes: 2"):
        open_folders(test="test")
    (tmp_path / "train" / "2").rename(tmp_path / "elsewhere")
    with pytest.raises(TargetError, match="classes that train does not use: two"):
        open_folders(test="test")


def test_unknown_class(open_folders: OpenFolders) -> None:
    with pytest.raises(TargetError, match="folders that do not exist: 3") as error:
        open_folders(test="test", classes=["1", "3"])
    assert "1, 2, 10" in error.value.remedy


def test_a_class_listed_twice(open_folders: OpenFolders) -> None:
    with pytest.raises(ValidationError, match="listed twice: 1"):
        open_folders(test="test", classes=["1", "1", "2"])


def test_a_class_without_images(open_folders: OpenFolders, tmp_path: Path) -> None:
    (tmp_path / "train" / "3").mkdir()
    (tmp_path / "test" / "3").mkdir()
    with pytest.raises(TargetError, match="classes without a training sample: 3"):
        open_folders(test="test")


def test_an_empty_image(open_folders: OpenFolders, tmp_path: Path) -> None:
    (tmp_path / "test" / "2" / "0.png").write_bytes(b"")
    with pytest.raises(ImageError, match="the image file is empty") as error:
        open_folders(test="test")
    assert error.value.where == str(tmp_path / "test" / "2" / "0.png")


def test_a_dead_link_is_a_missing_image(open_folders: OpenFolders, tmp_path: Path) -> None:
    (tmp_path / "train" / "2" / "link.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(ImageError, match="does not exist"):
        open_folders(test="test")
    assert "train/2/link.png" in open_folders(test="test", on_bad_image="skip").train.ids


def test_empty_images_are_kept_to_be_skipped(open_folders: OpenFolders, tmp_path: Path) -> None:
    (tmp_path / "train" / "2" / "0.png").write_bytes(b"")
    target = open_folders(test="test", on_bad_image="skip")
    index = target.train.ids.index("train/2/0.png")
    (error,) = target.read_many("train", [index])
    assert isinstance(error, ImageError)
    with pytest.raises(ImageError, match="the image file is empty"):
        open_folders(test="test")


def test_pixels_are_read_as_stated(open_folders: OpenFolders) -> None:
    plain = open_folders(test_fraction=0.4)
    swapped = {"bands": ["red", "green", "blue"], "use": ["blue", "red"]}
    target = open_folders(test_fraction=0.4, pixels=swapped)
    assert target.imagery.bands == ("blue", "red")
    assert np.array_equal(target.read("test", 0), plain.read("test", 0)[..., [2, 0]])
    assert target.content_hash != plain.content_hash


def test_content_hash_follows_names_not_places(open_folders: OpenFolders, tmp_path: Path) -> None:
    before = open_folders(test="test").content_hash
    (tmp_path / "train").rename(tmp_path / "moved")
    assert open_folders(train="moved", test="test").content_hash == before
    (tmp_path / "test" / "1" / "0.png").rename(tmp_path / "test" / "1" / "9.png")
    assert open_folders(train="moved", test="test").content_hash != before


def test_real_folders(shared_data: Path, folders: Folders) -> None:
    mstar = shared_data / "mstar"
    options = ClassFolders.Options(train=os.fspath(mstar / "train"), test=os.fspath(mstar / "val"))
    target = ClassFolders.open("mstar", options, folders)
    assert target.class_names == tuple("0123456789")
    assert (len(target.train), len(target.test)) == (649, 1950)
    assert np.ptp(target.read("test", 0), axis=2).max() == 0
