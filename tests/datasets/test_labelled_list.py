import os
import pickle
import tracemalloc
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import rasterio
from PIL import Image
from pydantic import ValidationError
from rasterio.errors import NotGeoreferencedWarning

from rsbench.errors import BandError, ImageError, NotPreparedError, TargetError
from rsbench.folders import Folders
from rsbench.imagery import Imagery
from rsbench_datasets.files import digests
from rsbench_datasets.labelled_list import LabelledList

HEADER = "split,path,label,class"
ROWS = [
    "train,a/1.png,0,ant",
    "train,a/2.png,0,ant",
    "train,b/1.png,1,bee",
    "train,c/1.png,2,cow",
    "val,b/2.png,1,bee",
    "test,a/3.png,0,ant",
    "test,c/2.png,2,cow",
]

OpenList = Callable[..., LabelledList]


def write_raster(path: Path, values: np.ndarray) -> None:
    bands, height, width = values.shape
    with (
        pytest.warns(NotGeoreferencedWarning),
        rasterio.open(
            path, "w", driver="GTiff", count=bands, height=height, width=width, dtype=values.dtype
        ) as raster,
    ):
        raster.write(values)


@pytest.fixture
def open_list(tmp_path: Path, folders: Folders, make_image: Callable[..., Path]) -> OpenList:
    for seed, row in enumerate(ROWS):
        make_image(tmp_path / "images" / row.split(",")[1], (8 + seed, 6), seed)

    def opened(rows: Sequence[str] = ROWS, header: str = HEADER, **options: object) -> LabelledList:
        (tmp_path / "list.csv").write_text("\n".join([header, *rows]) + "\n")
        settings = {"file": "list.csv", "root": "images"} | options
        return LabelledList.open("mine", LabelledList.Options.model_validate(settings), folders)

    return opened


def test_splits_labels_and_classes(open_list: OpenList) -> None:
    target = open_list()
    assert target.name == "mine"
    assert target.class_names == ("ant", "bee", "cow")
    assert target.train.ids == ("a/1.png", "a/2.png", "b/1.png", "c/1.png")
    assert target.train.labels.tolist() == [0, 0, 1, 2]
    assert target.test.ids == ("a/3.png", "c/2.png")
    assert target.test.labels.tolist() == [0, 2]
    assert target.groups.head == (0,)
    assert target.groups.tail == (2,)


def test_reads_the_right_pixels(open_list: OpenList, tmp_path: Path) -> None:
    target = open_list()
    expected = np.asarray(Image.open(tmp_path / "images" / "c" / "2.png"))
    assert np.array_equal(target.read("test", 1), expected)
    assert [image.shape for image in target.read_many("train", range(len(target.train)))] == [
        (6, 8, 3), (6, 9, 3), (6, 10, 3), (6, 11, 3),
    ]  # fmt: skip


def test_paths_start_at_the_list_without_root(open_list: OpenList) -> None:
    rows = [row.replace(",", ",images/", 1) for row in ROWS]
    target = open_list(rows, root=None)
    assert target.read("train", 0).shape == (6, 8, 3)


def test_val_as_test(open_list: OpenList) -> None:
    target = open_list(test_split="val")
    assert target.test.ids == ("b/2.png",)


def test_other_columns_and_a_byte_order_mark_do_no_harm(open_list: OpenList) -> None:
    rows = [f"{row},x" for row in ROWS]
    target = open_list(rows, header=f"\ufeff{HEADER},note")
    assert len(target.train) == 4


def test_classes_are_renamed(open_list: OpenList) -> None:
    assert open_list(class_names={"bee": "hornet"}).class_names == ("ant", "hornet", "cow")
    assert open_list(class_names=["x", "y", "z"]).class_names == ("x", "y", "z")


def test_groups_may_be_listed_by_new_names(open_list: OpenList) -> None:
    groups = {"rule": "lists", "head": ["x"], "tail": ["y", "z"]}
    target = open_list(class_names=["x", "y", "z"], groups=groups)
    assert target.groups.tail == (1, 2)


def test_disclaimer(open_list: OpenList) -> None:
    assert open_list(disclaimer="tiny").disclaimer == "tiny"


@pytest.mark.parametrize(
    ("line", "row", "message"),
    [
        (2, "training,a/1.png,0,ant", "unknown split 'training'"),
        (3, "train,a/2.png,x,ant", "'x' is no whole number"),
        (3, "train,a/2.png,-1,ant", "'-1' is no whole number"),
        (3, "train,a/2.png,99999999999999999999,ant", "no whole number of nine digits at most"),
        (3, "train,a/2.png,999999999,ant", "label 999999999 here and 0 in line 2"),
        (3, "train,,0,ant", "no value for: path"),
        (3, "train,a/2.png", "no value for: label, class"),
        (3, "train,a/2.png,0,bug", "label 0 is 'bug' here and 'ant' in line 2"),
        (4, "train,b/1.png,3,ant", "class 'ant' has label 3 here and 0 in line 2"),
        (5, "train,a/2.png,2,cow", "'a/2.png' is listed already in line 3"),
        (7, "test,a/1.png,0,ant", r"'a/1.png' is listed already in line 2 \(as train\)"),
        (7, "test,a/3.png,5,dog", "labels run to 5, but these are missing: 3, 4"),
        (7, "test,a/3.png,999999999,dog", r"9, 10, 11, 12, \.\.\. \(999999996 in all\)"),
    ],
)
def test_a_wrong_row_is_named(open_list: OpenList, line: int, row: str, message: str) -> None:
    rows = list(ROWS)
    rows[line - 2] = row
    with pytest.raises(TargetError, match=message) as error:
        open_list(rows)
    assert error.value.where is not None
    assert error.value.where.endswith(f"list.csv:{line}")
    assert error.value.remedy


def test_missing_columns(open_list: OpenList) -> None:
    with pytest.raises(TargetError, match="lacks the columns: class") as error:
        open_list(header="split,path,label,name")
    assert "split,path,label,class" in error.value.remedy


def test_an_empty_list(open_list: OpenList) -> None:
    with pytest.raises(TargetError, match="the train split is empty"):
        open_list([])
    with pytest.raises(TargetError, match="lacks the columns"):
        open_list([], header="")


def test_a_class_without_training_sample(open_list: OpenList) -> None:
    rows = [row for row in ROWS if not row.startswith("train,b")]
    with pytest.raises(TargetError, match="classes without a training sample: bee"):
        open_list(rows)


def test_no_test_rows(open_list: OpenList) -> None:
    with pytest.raises(TargetError, match="the test split is empty"):
        open_list([row for row in ROWS if not row.startswith("test")])


def test_wrong_renaming(open_list: OpenList) -> None:
    with pytest.raises(TargetError, match="renames classes that do not exist: dog"):
        open_list(class_names={"dog": "wolf"})
    with pytest.raises(TargetError, match="lists 2 names for 3 classes"):
        open_list(class_names=["x", "y"])
    with pytest.raises(TargetError, match="class names occur twice: x"):
        open_list(class_names=["x", "x", "y"])


def test_the_list_is_missing(folders: Folders) -> None:
    with pytest.raises(NotPreparedError, match=r"none\.csv: the list does not exist"):
        LabelledList.open("mine", LabelledList.Options(file="none.csv"), folders)


def test_the_list_is_no_text(open_list: OpenList, tmp_path: Path, folders: Folders) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "list.png")
    with pytest.raises(TargetError, match="no UTF-8 CSV file"):
        LabelledList.open("mine", LabelledList.Options(file="list.png"), folders)


def test_options_are_checked() -> None:
    with pytest.raises(ValidationError, match="Field required"):
        LabelledList.Options.model_validate({})
    with pytest.raises(ValidationError, match="test_split"):
        LabelledList.Options.model_validate({"file": "a", "test_split": "train"})


def test_a_missing_image_is_named_with_its_line(open_list: OpenList, tmp_path: Path) -> None:
    (tmp_path / "images" / "b" / "1.png").unlink()
    with pytest.raises(ImageError, match=r"does not exist \(listed in list.csv:4\)") as error:
        open_list()
    assert error.value.where == str(tmp_path / "images" / "b" / "1.png")


def test_an_empty_image_is_named_with_its_line(open_list: OpenList, tmp_path: Path) -> None:
    (tmp_path / "images" / "b" / "1.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"file is empty \(listed in list.csv:4\)"):
        open_list()


def spoil(tmp_path: Path, missing: Sequence[str] = (), empty: Sequence[str] = ()) -> None:
    for name in missing:
        (tmp_path / "images" / name).unlink()
    for name in empty:
        (tmp_path / "images" / name).write_bytes(b"")


def test_all_absent_images_are_reported_together(open_list: OpenList, tmp_path: Path) -> None:
    spoil(tmp_path, missing=["a/1.png", "c/2.png"], empty=["a/2.png"])
    with pytest.raises(ImageError) as error:
        open_list()
    assert error.value.what.startswith("of 6 image files 2 do not exist and 1 are empty:")
    for name, line in (("a/1.png", 2), ("a/2.png", 3), ("c/2.png", 8)):
        assert f"{tmp_path / 'images' / name} (list.csv:{line})" in error.value.what
    assert error.value.where == str(tmp_path / "list.csv")
    assert "on_bad_image: skip" in error.value.remedy


def test_five_absent_images_are_named(open_list: OpenList, tmp_path: Path) -> None:
    spoil(tmp_path, missing=[row.split(",")[1] for row in ROWS])
    with pytest.raises(ImageError) as error:
        open_list()
    assert error.value.what.startswith("of 6 image files 6 do not exist:")
    assert error.value.what.count("list.csv:") == 5
    assert error.value.what.endswith("...")


class TestSkip:
    def test_keeps_absent_images_in_the_index(self, open_list: OpenList, tmp_path: Path) -> None:
        whole = open_list()
        spoil(tmp_path, missing=["a/1.png"], empty=["c/2.png"])
        target = open_list(on_bad_image="skip")
        assert target.on_bad_image == "skip"
        assert target.train.ids == whole.train.ids
        assert target.content_hash != whole.content_hash
        first, *others = target.read_many("train", range(4))
        assert isinstance(first, ImageError)
        assert first.where == str(tmp_path / "images" / "a" / "1.png")
        assert [image.shape for image in others] == [(6, 9, 3), (6, 10, 3), (6, 11, 3)]
        with pytest.raises(ImageError, match="is empty"):
            target.read("test", 1)

    def test_alone_changes_nothing(self, open_list: OpenList) -> None:
        assert open_list(on_bad_image="skip").content_hash == open_list().content_hash

    def test_missing_and_empty_are_told_apart(self, open_list: OpenList, tmp_path: Path) -> None:
        spoil(tmp_path, empty=["a/1.png"])
        empty = open_list(on_bad_image="skip").content_hash
        spoil(tmp_path, missing=["a/1.png"])
        assert open_list(on_bad_image="skip").content_hash != empty

    def test_needs_an_image_of_every_class(self, open_list: OpenList, tmp_path: Path) -> None:
        spoil(tmp_path, missing=["b/1.png"], empty=["c/1.png"])
        with pytest.raises(TargetError, match="classes is missing or empty: bee, cow"):
            open_list(on_bad_image="skip")

    def test_absent_images_are_no_leak(self, open_list: OpenList, tmp_path: Path) -> None:
        remarks = open_list().remarks
        spoil(tmp_path, missing=["a/1.png", "a/3.png"])
        assert open_list(on_bad_image="skip").remarks == remarks
        spoil(tmp_path, empty=["a/1.png", "a/3.png"])
        assert open_list(on_bad_image="skip").remarks == remarks


class TestPixels:
    SETTINGS: ClassVar = {"bands": ["blue", "green", "red", "nir"], "full_scale": 10000}

    @pytest.fixture(autouse=True)
    def rasters(self, open_list: OpenList, tmp_path: Path) -> None:
        random = np.random.default_rng(0)
        for row in ROWS:
            path = tmp_path / "images" / row.split(",")[1]
            write_raster(path.with_suffix(".tif"), random.integers(1, 9000, (4, 6, 8), np.uint16))

    def open(self, open_list: OpenList, **pixels: object) -> LabelledList:
        rows = [row.replace(".png", ".tif") for row in ROWS]
        return open_list(rows, pixels=self.SETTINGS | pixels)

    def test_are_read_as_stated(self, open_list: OpenList) -> None:
        target = self.open(open_list, use=["red", "nir"])
        assert target.imagery == Imagery(("red", "nir"), "display", "uint16", 10000.0)
        image = target.read("test", 1)
        assert (image.dtype, image.shape) == (np.uint16, (6, 8, 2))
        assert np.array_equal(pickle.loads(pickle.dumps(target)).read("test", 1), image)

    def test_are_part_of_the_content_hash(self, open_list: OpenList) -> None:
        settings: list[dict[str, object]] = [
            {}, {"use": ["red"]}, {"full_scale": 9000}, {"full_scale": None, "stretch": [0, 3000]},
            {"full_scale": None, "stretch": [0, 4000]},
        ]  # fmt: skip
        hashes = [self.open(open_list, **each).content_hash for each in settings]
        assert len(set(hashes)) == len(settings)
        assert self.open(open_list).content_hash == hashes[0]

    def test_that_are_another_kind_stop_a_run(self, open_list: OpenList) -> None:
        target = self.open(open_list, bands=["vv", "vh"])
        with pytest.raises(BandError, match="has 4 bands, and 'bands' names 2"):
            list(target.read_many("train", [0]))

    def test_without_a_word_are_refused(self, open_list: OpenList) -> None:
        target = open_list([row.replace(".png", ".tif") for row in ROWS])
        with pytest.raises(ImageError, match="has 4 bands") as error:
            target.read("train", 0)
        assert "option 'pixels'" in error.value.remedy


def test_stated_defaults_hash_as_before(open_list: OpenList) -> None:
    assert open_list(pixels={}).content_hash == open_list().content_hash


class TestPaths:
    """However the path of an image is written, it is the same image."""

    @pytest.mark.parametrize(
        "write",
        [
            lambda path, folder: str(folder / path),
            lambda path, folder: path.replace("/", "\\"),
            lambda path, folder: f"./{path}",
            lambda path, folder: path.replace("/", "//"),
            lambda path, folder: str(folder.parent / "link" / path),
        ],
        ids=["absolute", "windows", "dot", "double", "through a link"],
    )
    def test_does_not_change_the_content(
        self, open_list: OpenList, tmp_path: Path, write: Callable[[str, Path], str]
    ) -> None:
        (tmp_path / "link").symlink_to(tmp_path / "images")
        before = open_list()
        rows = [row.split(",") for row in ROWS]
        for row in rows:
            row[1] = write(row[1], tmp_path / "images")
        after = open_list([",".join(row) for row in rows])
        assert after.train.ids == before.train.ids
        assert after.content_hash == before.content_hash
        assert np.array_equal(after.read("test", 1), before.read("test", 1))

    def test_outside_the_root_starts_from_their_folder(
        self, open_list: OpenList, tmp_path: Path, make_image: Callable[..., Path]
    ) -> None:
        """No folder of the machine is in an id."""
        seen = []
        for place in ("here", "there"):
            rows = [row.split(",") for row in ROWS]
            for seed, row in enumerate(rows):
                path = make_image(tmp_path / place / "data" / row[1], (8 + seed, 6), seed)
                row[1] = str(path)
            target = open_list([",".join(row) for row in rows])
            assert target.train.ids == ("a/1.png", "a/2.png", "b/1.png", "c/1.png")
            assert target.read("train", 1).shape == (6, 9, 3)
            seen.append(target.content_hash)
        assert seen[0] == seen[1]

    def test_one_image_in_both_splits_is_found(self, open_list: OpenList, tmp_path: Path) -> None:
        again = f"test,{tmp_path / 'images' / 'a' / '1.png'},0,ant"
        with pytest.raises(TargetError, match=r"'a/1\.png' is listed already in line 2"):
            open_list([*ROWS, again])


def test_a_sample_takes_little_memory(
    tmp_path: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a million samples must stay well below one gigabyte, also while they are opened."""
    count = 6_000
    names = [f"images/of/class/{n // 50:04}/{n:032x}.jpg" for n in range(count)]
    lines = [f"{'test' if n % 9 == 0 else 'train'},{name},{n // 50},class {n // 50}"
             for n, name in enumerate(names)]  # fmt: skip
    (tmp_path / "list.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    del names, lines
    monkeypatch.setattr(digests, "_state", lambda path, strict: (1000, 1, 1, 1))
    monkeypatch.setattr(digests, "hash_file", lambda path: sha256(path.encode()).hexdigest())
    options = LabelledList.Options(file="list.csv")
    tracemalloc.start()
    target = LabelledList.open("large", options, folders)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(target.train) + len(target.test) == count
    print(kept / count, peak / count)
    assert kept < 250 * count
    assert peak < 900 * count


def test_a_file_that_may_not_be_read_is_named(
    open_list: OpenList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> str:
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr(digests, "hash_file", refuse)
    with pytest.raises(ImageError, match="cannot be read: Permission denied") as error:
        open_list(on_bad_image="skip")
    assert error.value.where == str(tmp_path / "images" / "a" / "1.png")


def test_a_truncated_image_is_found_on_reading(open_list: OpenList, tmp_path: Path) -> None:
    path = tmp_path / "images" / "b" / "1.png"
    path.write_bytes(path.read_bytes()[:-40])
    target = open_list()
    with pytest.raises(ImageError, match="does not decode") as error:
        target.read("train", 2)
    assert error.value.where == str(path)


class TestContentHash:
    def test_is_stable_and_ignores_the_label_in_tables(self, open_list: OpenList) -> None:
        assert open_list().content_hash == open_list(disclaimer="x").content_hash

    def test_does_not_depend_on_the_folder(
        self, open_list: OpenList, tmp_path: Path, folders: Folders
    ) -> None:
        before = open_list().content_hash
        (tmp_path / "images").rename(tmp_path / "moved")
        assert open_list(root="moved").content_hash == before

    @pytest.mark.parametrize(
        "options",
        [{"class_names": {"ant": "x"}}, {"groups": {"rule": "thresholds"}}, {"test_split": "val"}],
    )
    def test_depends_on_names_groups_and_splits(
        self, open_list: OpenList, options: dict[str, object]
    ) -> None:
        assert open_list(**options).content_hash != open_list().content_hash

    def test_depends_on_the_image_bytes(self, open_list: OpenList, tmp_path: Path) -> None:
        before = open_list().content_hash
        with (tmp_path / "images" / "a" / "1.png").open("ab") as stream:
            stream.write(b"x")
        assert open_list().content_hash != before

    def test_depends_on_labels(self, open_list: OpenList) -> None:
        rows = list(ROWS)
        rows[1] = "train,a/2.png,1,bee"
        assert open_list(rows).content_hash != open_list().content_hash


def test_opens_in_another_process(open_list: OpenList) -> None:
    target = open_list()
    other = pickle.loads(pickle.dumps(target))
    assert other.content_hash == target.content_hash
    assert np.array_equal(other.read("train", 0), target.read("train", 0))


@pytest.mark.parametrize(
    ("name", "train", "test", "classes"), [("aid", 1401, 1200, 30), ("mstar", 649, 1950, 10)]
)
def test_real_lists(
    shared_data: Path, tmp_path: Path, name: str, train: int, test: int, classes: int
) -> None:
    folders = Folders(data=tmp_path, cache=tmp_path / "cache")
    options = LabelledList.Options(
        file=os.fspath(shared_data / "splits" / f"{name}_if50.csv"), root=os.fspath(shared_data)
    )
    first = LabelledList.open(name, options, folders)
    again = LabelledList.open(name, options, folders)
    assert again.content_hash == first.content_hash
    assert (len(again.train), len(again.test)) == (train, test)
    assert again.number_of_classes == classes
    counts = again.train.counts(classes)
    assert min(counts[list(again.groups.head)]) >= max(counts[list(again.groups.medium)])
    assert min(counts[list(again.groups.medium)]) >= max(counts[list(again.groups.tail)])
    image = again.read("test", 0)
    assert image.ndim == 3
    assert (image[..., 0] == image[..., 1]).all() == (name == "mstar")  # SAR is grey
