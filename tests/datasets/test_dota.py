import csv
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from pyarrow import parquet
from pydantic import ValidationError

from rsbench import atomic
from rsbench.errors import ImageError, NotPreparedError, TargetError
from rsbench.folders import Folders
from rsbench.imagestore import open_store
from rsbench_datasets.dota import crops as dota_crops
from rsbench_datasets.dota.target import Dota
from rsbench_datasets.dota.versions import CLASSES


def line(x: int, y: int, name: str, difficult: int = 0, side: int = 4) -> str:
    x2, y2 = x + side, y + side
    return f"{x} {y} {x2} {y} {x2} {y2} {x} {y2} {name} {difficult}"


TRAIN = {
    "P0001": [line(4 * label, 2, name) for label, name in enumerate(CLASSES[:8])]
    + [line(10, 20, "ship", difficult=1), line(10, 20, "ship"), line(10, 20, "ship")],
    "P0000": [line(4 * label, 8, name) for label, name in enumerate(CLASSES[8:])],
    "P0002": [],
}
VAL = {"P0003": [line(4 * label, 6, name, side=6) for label, name in enumerate(CLASSES[:10])]}
HARD = line(60, 44, "ship", side=10)  # sticks out of the scene of 64 x 48 at two sides

Prepare = Callable[..., Path]


@pytest.fixture
def prepare(tmp_path: Path, folders: Folders, make_dota_source: Callable[..., Path]) -> Prepare:
    def prepared(train: Any = TRAIN, val: Any = VAL) -> Path:
        for split, scenes in (("train", train), ("val", val)):
            source = make_dota_source(tmp_path / "source" / split, scenes)
            root = Dota.prepare(Dota.Options(), folders, source=source, split=split)
        return root

    return prepared


def opened(folders: Folders, **options: object) -> Dota:
    return Dota.open("dota", Dota.Options.model_validate(options), folders)


class TestOpen:
    def test_ids_labels_and_groups(self, prepare: Prepare, folders: Folders) -> None:
        prepare()
        target = opened(folders)
        assert target.class_names == CLASSES
        assert target.train.ids[0] == "train/roundabout/P0000_0_8_4_12"
        assert target.train.ids[7] == "train/baseball-diamond/P0001_0_2_4_6"
        assert target.train.ids[-3:] == (
            "train/ship/P0001_10_20_14_24",
            "train/ship/P0001_10_20_14_24#2",
            "train/ship/P0001_10_20_14_24#3",
        )
        assert target.train.labels.tolist() == [*range(8, 15), *range(8), 9, 9, 9]
        assert target.test.ids[9] == "val/ship/P0003_36_6_42_12"
        assert target.groups.head == (6, 9, 10)
        assert target.groups.medium == (2, 4, 7, 12, 13, 14)
        assert target.groups.tail == (0, 1, 3, 5, 8, 11)
        assert target.disclaimer == ""
        assert target.remarks == ()

    def test_groups_that_a_subset_of_the_classes_leaves_empty_are_told(
        self, prepare: Prepare, folders: Folders
    ) -> None:
        prepare()
        target = opened(folders, classes=["ship", "harbor"])
        assert (target.groups.head, target.groups.medium, target.groups.tail) == ((1,), (0,), ())
        assert target.remarks == ("dota: no class of the tail group is among the chosen ones",)
        every = opened(folders, classes=["ship", "harbor", "roundabout"])
        assert every.remarks == ()

    def test_single_and_bulk_reading_agree_with_the_scene(
        self, prepare: Prepare, folders: Folders, tmp_path: Path
    ) -> None:
        prepare()
        target = opened(folders)
        scene = np.asarray(Image.open(tmp_path / "source" / "val" / "images" / "P0003.png"))
        images = list(target.read_many("test", range(len(target.test))))
        assert len(images) == len(target.test)
        assert np.array_equal(images[9], scene[6:12, 36:42])
        for index, image in enumerate(images):
            assert np.array_equal(target.read("test", index), image)

    def test_crops_go_through_the_image_store(self, prepare: Prepare, folders: Folders) -> None:
        prepare()
        target = opened(folders)
        store = open_store(target, "train", 64, folders)
        assert set(store.heights) == {4}
        assert np.array_equal(store.image(3), target.read("train", 3))

    def test_boxes_are_clipped_and_useless_ones_dropped(
        self, prepare: Prepare, folders: Folders, caplog: pytest.LogCaptureFixture
    ) -> None:
        useless = [line(70, 5, "ship"), line(-9, 5, "plane"), line(5, 5, "ship", side=0)]
        with caplog.at_level(logging.WARNING, logger="rsbench"):
            prepare(TRAIN, {"P0003": [*VAL["P0003"], HARD, *useless]})
        assert "2 objects of val lie outside their scene and 1 have no area" in caplog.text
        target = opened(folders)
        assert len(target.test) == 11
        assert target.test.ids[10] == "val/ship/P0003_60_44_64_48"
        assert target.read("test", 10).shape == (4, 4, 3)

    def test_difficult_objects_can_be_left_out(self, prepare: Prepare, folders: Folders) -> None:
        prepare()
        everything, easy = opened(folders), opened(folders, difficult="exclude")
        assert len(easy.train) == len(everything.train) - 1
        assert set(easy.train.ids) < set(everything.train.ids)
        assert easy.content_hash != everything.content_hash
        assert np.array_equal(
            easy.read("train", len(easy.train) - 1),
            everything.read("train", len(everything.train) - 1),
        )

    def test_a_class_without_training_object_is_refused(
        self, prepare: Prepare, folders: Folders
    ) -> None:
        prepare({"P0001": TRAIN["P0001"]})
        with pytest.raises(TargetError, match="without a training object: roundabout, small") as e:
            opened(folders)
        assert "set the option  classes: [baseball-diamond," in e.value.remedy

    def test_a_subset_is_relabelled_in_order(self, prepare: Prepare, folders: Folders) -> None:
        prepare({"P0001": TRAIN["P0001"]})
        target = opened(folders, classes=["ship", "plane", "bridge"])
        assert target.class_names == ("bridge", "plane", "ship")
        assert target.train.labels.tolist() == [0, 1, 2, 2, 2]
        assert target.groups.head == (2,)
        assert target.groups.medium == (0, 1)
        assert target.groups.tail == ()
        assert [each.split("/")[1] for each in target.train.ids[:2]] == ["bridge", "plane"]

    def test_classes_without_test_object_are_named(
        self, prepare: Prepare, folders: Folders, caplog: pytest.LogCaptureFixture
    ) -> None:
        prepare()
        with caplog.at_level(logging.WARNING, logger="rsbench"):
            opened(folders)
        assert "classes without a test object: small-vehicle, soccer" in caplog.text

    @pytest.mark.parametrize(
        ("classes", "message"),
        [(["car"], "no classes of DOTA"), (["ship", "ship"], "twice"), ([], "empty")],
    )
    def test_wrong_subsets(self, classes: list[str], message: str) -> None:
        with pytest.raises(ValidationError, match=message):
            Dota.Options.model_validate({"classes": classes})

    def test_not_prepared(self, folders: Folders, prepare: Prepare) -> None:
        with pytest.raises(NotPreparedError, match=r"the train split of DOTA-v1\.0 is") as error:
            opened(folders)
        assert error.value.command == "rsbench data prepare dota"
        assert "--from FOLDER" in error.value.remedy
        root = prepare()
        shutil.rmtree(root / "val")
        with pytest.raises(NotPreparedError, match=r"the val split of DOTA-v1\.0 is not"):
            opened(folders)

    def test_another_root(self, prepare: Prepare, folders: Folders, tmp_path: Path) -> None:
        root = prepare()
        before = opened(folders).content_hash
        root.rename(tmp_path / "elsewhere")
        assert opened(folders, root="elsewhere").content_hash == before


class TestManifest:
    def test_is_a_table_with_a_row_per_crop(self, prepare: Prepare) -> None:
        root = prepare()
        table = parquet.read_table(root / "crops-train.parquet").to_pylist()
        assert table[0] == {
            "id": "train/roundabout/P0000_0_8_4_12",
            "split": "train",
            "scene": "train/images/P0000.png",
            "x1": 0,
            "y1": 8,
            "x2": 4,
            "y2": 12,
            "label": 8,
            "difficult": False,
        }
        assert [row["difficult"] for row in table[-3:]] == [True, False, False]

    @pytest.fixture
    def made(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Splits whose manifest was made, in order."""
        splits: list[str] = []
        plain = dota_crops._make

        def make(root: Path, split: Any, *rest: Any) -> dota_crops.Crops:
            splits.append(split)
            return plain(root, split, *rest)

        monkeypatch.setattr(dota_crops, "_make", make)
        return splits

    def test_is_kept(self, prepare: Prepare, folders: Folders, made: list[str]) -> None:
        prepare()
        made.clear()
        opened(folders)
        assert made == []

    def test_is_made_at_first_opening(
        self, prepare: Prepare, folders: Folders, made: list[str]
    ) -> None:
        root = prepare()
        before = opened(folders).content_hash
        (root / "crops-train.parquet").unlink()
        made.clear()
        assert opened(folders).content_hash == before
        assert made == ["train"]
        assert (root / "crops-train.parquet").is_file()

    @pytest.mark.parametrize("kind", ["annotations", "image"])
    def test_is_made_anew_when_a_file_changes(
        self, kind: str, prepare: Prepare, folders: Folders, made: list[str], tmp_path: Path
    ) -> None:
        prepare()
        before = opened(folders)
        source = tmp_path / "source" / "val"
        made.clear()
        if kind == "annotations":
            with (source / "labelTxt" / "P0003.txt").open("a") as stream:
                stream.write(HARD + "\n")
        else:
            Image.new("RGB", (64, 48)).save(source / "images" / "P0003.png")
        after = opened(folders)
        assert made == ["val"]
        assert after.content_hash != before.content_hash
        assert len(after.test) == len(before.test) + (kind == "annotations")

    @pytest.mark.parametrize("damage", ["cut", "flipped", "noise", "other"])
    def test_is_made_anew_when_damaged(
        self,
        damage: str,
        prepare: Prepare,
        folders: Folders,
        made: list[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        manifest = prepare() / "crops-train.parquet"
        before = opened(folders).content_hash
        whole = bytearray(manifest.read_bytes())
        if damage == "cut":
            manifest.write_bytes(whole[:-100])
        elif damage == "flipped":
            whole[60] ^= 0xFF  # within the first page
            manifest.write_bytes(whole)
        elif damage == "noise":
            manifest.write_bytes(b"noise")
        else:
            parquet.write_table(parquet.read_table(manifest).select(["id"]), manifest)
        made.clear()
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="rsbench"):
            assert opened(folders).content_hash == before
        assert made == ["train"]
        assert "damaged" in caplog.text

    def test_lies_in_the_cache_when_the_data_folder_is_read_only(
        self,
        prepare: Prepare,
        folders: Folders,
        made: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        root = prepare()
        for split in ("train", "val"):
            (root / f"crops-{split}.parquet").unlink()
        plain = atomic.write_file

        def write_file(path: Path, content: bytes) -> None:
            if path.is_relative_to(root):
                raise PermissionError(13, "read-only")
            plain(path, content)

        monkeypatch.setattr(dota_crops, "write_file", write_file)
        opened(folders)
        made.clear()
        opened(folders)
        assert made == []
        assert not (root / "crops-train.parquet").exists()

    def test_a_missing_scene_is_named(
        self, prepare: Prepare, folders: Folders, tmp_path: Path
    ) -> None:
        root = prepare()
        (tmp_path / "source" / "train" / "images" / "P0001.png").unlink()
        with pytest.raises(ImageError, match=r"does not exist \(listed in samples.csv\)") as error:
            opened(folders)
        assert error.value.where == str(root / "train" / "images" / "P0001.png")

    def test_a_truncated_scene_is_named_on_reading(
        self, prepare: Prepare, folders: Folders, tmp_path: Path
    ) -> None:
        root = prepare()
        image = tmp_path / "source" / "val" / "images" / "P0003.png"
        image.write_bytes(image.read_bytes()[:-500])
        target = opened(folders)
        read = list(target.read_many("test", range(len(target.test))))
        errors = [each for each in read if isinstance(each, ImageError)]
        assert 0 < len(errors) == len(read)  # there is no other scene
        for error in errors:
            assert "does not decode" in error.what
            assert error.where == str(root / "val" / "images" / "P0003.png")

    def test_a_missing_annotation_file_is_named(
        self, prepare: Prepare, folders: Folders, tmp_path: Path
    ) -> None:
        prepare()
        (tmp_path / "source" / "train" / "labelTxt" / "P0001.txt").unlink()
        with pytest.raises(TargetError, match=r"P0001\.txt: the annotation file cannot be read"):
            opened(folders)

    def test_a_damaged_index_is_named(self, prepare: Prepare, folders: Folders) -> None:
        index = prepare() / "samples.csv"
        index.write_text("a,b\n1,2\n")
        with pytest.raises(TargetError, match=r"samples\.csv: the index is damaged"):
            opened(folders)
        index.write_text("image_path,annotation_path,split,version\na.png,a.txt,train,2.0\n")
        with pytest.raises(NotPreparedError, match=r"no scene of train, version 1\.0"):
            opened(folders)

    @pytest.mark.parametrize(
        "damage", [b"a,b\n1,2\n", b"", b"image_path\n\xff\xfe\n", b"a,b\n1,2,3,4,5\n", b'"\n\x00']
    )
    def test_preparing_again_mends_a_damaged_index(
        self, prepare: Prepare, folders: Folders, damage: bytes
    ) -> None:
        index = prepare() / "samples.csv"
        whole = index.read_bytes()
        index.write_bytes(damage)
        with pytest.raises(TargetError, match=r"samples\.csv: the index is damaged") as error:
            opened(folders)
        assert error.value.remedy == "prepare the data again"
        prepare()
        assert index.read_bytes() == whole
        opened(folders)


class TestPrepare:
    def test_torchgeo_opens_the_layout(self, prepare: Prepare) -> None:
        from torchgeo.datasets import DOTA

        root = prepare()
        data = DOTA(os.fspath(root), split="train", version="1.0", download=False)
        assert len(data) == 3
        assert len(data[1]["labels"]) == 11

    def test_links_and_does_not_copy(self, prepare: Prepare) -> None:
        root = prepare()
        assert (root / "train" / "images" / "P0001.png").is_symlink()
        assert (root / "train" / "annotations" / "version1.0" / "P0001.txt").is_symlink()

    def test_what_lies_beside_the_scenes_is_named(
        self, tmp_path: Path, prepare: Prepare, caplog: pytest.LogCaptureFixture
    ) -> None:
        images = tmp_path / "source" / "train" / "images"
        images.mkdir(parents=True)
        for name in ("part2.zip", ".P0000.png"):
            (images / name).touch()
        with caplog.at_level(logging.WARNING, logger="rsbench"):
            prepare()
        said = "left out: 1 hidden or system files and folders (.P0000.png); 1 .zip: no images"
        assert f"{images}: {said}" in caplog.text

    def test_copies_where_links_are_impossible(
        self,
        prepare: Prepare,
        folders: Folders,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def refuse(self: Path, target: Path) -> None:
            raise OSError("no links here")

        monkeypatch.setattr(Path, "symlink_to", refuse)
        with caplog.at_level(logging.WARNING, logger="rsbench"):
            root = prepare()
        assert "6 files were copied" in caplog.text
        assert not (root / "train" / "images" / "P0001.png").is_symlink()
        prepare()  # a second time meets its own copies
        assert len(opened(folders).test) == 10

    def test_may_be_repeated_and_extended(
        self,
        prepare: Prepare,
        folders: Folders,
        tmp_path: Path,
        make_dota_source: Callable[..., Path],
    ) -> None:
        prepare()
        more = make_dota_source(tmp_path / "more", {"P0009": [HARD]})
        root = Dota.prepare(Dota.Options(), folders, source=more, split="val")
        with (root / "samples.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert len(rows) == 5
        assert {row["version"] for row in rows} == {"1.0"}
        assert len(opened(folders).test) == 11

    def test_rows_of_other_versions_stay(self, prepare: Prepare, folders: Folders) -> None:
        root = folders.data / "dota"
        root.mkdir(parents=True)
        (root / "samples.csv").write_text(
            ",image_path,annotation_path,split,version\n0,a.png,a.txt,train,2.0\n"
        )
        prepare()
        with (root / "samples.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert len(rows) == 5
        assert rows[0][""] == "0"
        assert len(opened(folders).test) == 10

    def test_both_splits_of_one_folder(
        self, tmp_path: Path, folders: Folders, make_dota_source: Callable[..., Path]
    ) -> None:
        for split, scenes in (("train", TRAIN), ("val", VAL)):
            make_dota_source(tmp_path / "source" / split, scenes)
        calls: list[tuple[int, int]] = []
        Dota.prepare(
            Dota.Options(),
            folders,
            source=tmp_path / "source",
            progress=lambda done, total: calls.append((done, total)),
        )
        assert len(opened(folders).test) == 10
        assert calls[:4] == [(1, 4), (2, 4), (3, 4), (4, 4)]

    def test_missing_classes_are_named(
        self, prepare: Prepare, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING, logger="rsbench"):
            prepare()
        assert "no object in val of: small-vehicle, soccer-ball-field" in caplog.text
        assert "no object in train" not in caplog.text

    def test_a_part_of_train_is_told_the_option_that_makes_it_usable(
        self, prepare: Prepare, folders: Folders, caplog: pytest.LogCaptureFixture
    ) -> None:
        train = {"P0001": [line(0, 2, "ship"), line(9, 2, "harbor"), line(20, 2, "bridge", 1)]}
        with caplog.at_level(logging.WARNING, logger="rsbench"):
            prepare(train)
        (said,) = {each for each in caplog.messages if "no object in train of" in each}
        option = said.rpartition("  ")[2]
        assert option == "classes: [bridge, harbor, ship]"
        assert opened(folders, **yaml.safe_load(option)).class_names == ("bridge", "harbor", "ship")
        assert not any("classes: [" in each for each in caplog.messages if "in val of" in each)

    def test_the_warning_goes_by_the_objects_that_are_asked_for(
        self, prepare: Prepare, folders: Folders, caplog: pytest.LogCaptureFixture, tmp_path: Path
    ) -> None:
        prepare({"P0001": [line(0, 2, "ship"), line(20, 2, "bridge", difficult=1)]})
        source = tmp_path / "source" / "train"
        for options, expected in (
            ({"classes": ["ship", "bridge"]}, None),
            ({"classes": ["ship", "bridge"], "difficult": "exclude"}, "of: bridge; prepare the"),
            ({"classes": ["bridge"], "difficult": "exclude"}, "prepare the whole train split"),
        ):
            caplog.clear()
            chosen = Dota.Options.model_validate(options)
            with caplog.at_level(logging.WARNING, logger="rsbench"):
                Dota.prepare(chosen, folders, source=source, split="train")
            said = [each for each in caplog.messages if "no object in train of" in each]
            assert len(said) == (expected is not None)
            assert all(expected in each and "[]" not in each for each in said)

    @pytest.mark.parametrize(
        ("break_it", "message"),
        [
            (lambda folder: shutil.rmtree(folder / "labelTxt"), "this is no DOTA folder"),
            (lambda folder: shutil.rmtree(folder / "images"), "this is no DOTA folder"),
            (lambda folder: (folder / "images" / "P0001.png").unlink(), "not both: P0001"),
            (lambda folder: (folder / "labelTxt" / "P0002.txt").unlink(), "not both: P0002"),
        ],
    )
    def test_a_wrong_source(
        self,
        break_it: Callable[[Path], object],
        message: str,
        tmp_path: Path,
        folders: Folders,
        make_dota_source: Callable[..., Path],
    ) -> None:
        source = make_dota_source(tmp_path / "source", TRAIN)
        break_it(source)
        with pytest.raises(TargetError, match=message) as error:
            Dota.prepare(Dota.Options(), folders, source=source, split="train")
        assert error.value.where == str(source)

    def test_an_empty_source(self, tmp_path: Path, folders: Folders) -> None:
        for name in ("images", "labelTxt"):
            (tmp_path / "source" / name).mkdir(parents=True)
        with pytest.raises(TargetError, match="no DOTA folder"):
            Dota.prepare(Dota.Options(), folders, source=tmp_path / "source", split="val")

    def test_the_split_must_be_known(
        self, tmp_path: Path, folders: Folders, make_dota_source: Callable[..., Path]
    ) -> None:
        source = make_dota_source(tmp_path / "source", TRAIN)
        with pytest.raises(TargetError, match="which split is this") as error:
            Dota.prepare(Dota.Options(), folders, source=source)
        assert "--split" in error.value.remedy
        with pytest.raises(TargetError, match="no split 'test'"):
            Dota.prepare(Dota.Options(), folders, source=source, split="test")

    def test_other_files_in_the_way(
        self, prepare: Prepare, folders: Folders, tmp_path: Path
    ) -> None:
        there = folders.data / "dota" / "train" / "images" / "P0001.png"
        there.parent.mkdir(parents=True)
        there.write_bytes(b"other")
        with pytest.raises(TargetError, match="another file of this name is in the way") as error:
            prepare()
        assert error.value.where == str(there)
        assert there.read_bytes() == b"other"


def test_real_scenes(shared_data: Path, folders: Folders, caplog: pytest.LogCaptureFixture) -> None:
    """Two real scenes serve as both splits; 600 objects of four classes, six of them difficult."""
    source = shared_data / "dota_sample"
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        for split in ("train", "val"):
            Dota.prepare(Dota.Options(), folders, source=source, split=split)
    assert "no object in train of: baseball-diamond" in caplog.text
    with pytest.raises(TargetError, match="without a training object"):
        opened(folders)
    classes = ["ship", "harbor", "large-vehicle", "small-vehicle"]
    target = opened(folders, classes=classes)
    assert target.class_names == ("harbor", "large-vehicle", "ship", "small-vehicle")
    assert target.train.counts(4).tolist() == [5, 50, 531, 14]
    assert len(opened(folders, classes=classes, difficult="exclude").train) == 594
    scene = np.asarray(Image.open(source / "images" / "P1888.png").convert("RGB"))
    index = target.train.ids.index("train/small-vehicle/P1888_674_375_684_395")
    assert np.array_equal(target.read("train", index), scene[375:395, 674:684])
    assert sum(1 for _ in target.read_many("train", range(len(target.train)))) == 600
