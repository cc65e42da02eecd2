"""What torchgeo's data sets may be: a made-up class of ``torchgeo.datasets`` for each rule."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torchgeo.datasets
from torchgeo.datasets import DatasetNotFoundError, DependencyNotFoundError, NonGeoDataset

from rsbench.errors import NotPreparedError, TargetError
from rsbench.folders import Folders
from rsbench.target import Target
from rsbench_datasets.torchgeo_scenes.any_scenes import AnyScenes
from rsbench_datasets.torchgeo_scenes.opening import dataset_class

IMAGE = torch.arange(48, dtype=torch.float32).reshape(3, 4, 4)


class Undivided(NonGeoDataset):
    """Images that differ in their first value, with ``labels``."""

    labels: tuple[Any, ...] = (0, 0, 1, 1)

    def __init__(self, root: str) -> None:
        self.root = root

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        image = IMAGE.clone()
        image[0, 0, 0] = 100 + index
        return {"image": image, "label": self.labels[index]}


class Divided(Undivided):
    def __init__(self, root: str, split: str = "train", bands: str = "all") -> None:
        super().__init__(root)
        assert split in ("train", "validation")


Make = Callable[..., Target]


@pytest.fixture
def opened(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> Make:
    def opened(kind: type, options: dict[str, Any] | None = None, **attributes: Any) -> Target:
        """Opens a class with ``attributes`` that torchgeo is made to have."""
        made = type("Tiny", (kind,), attributes)
        monkeypatch.setattr(torchgeo.datasets, "Tiny", made, raising=False)
        (folders.data / "torchgeo" / "Tiny").mkdir(parents=True, exist_ok=True)
        given = {"dataset": "Tiny"} | (options or {"test_fraction": 0.5})
        return AnyScenes.open("tiny", AnyScenes.Options.model_validate(given), folders)

    return opened


class TestLabels:
    @pytest.mark.parametrize(
        "kind",
        [int, float, np.int64, torch.tensor, lambda label: torch.tensor([float(label)])],
        ids=["int", "float", "numpy", "tensor", "tensor of one"],
    )
    def test_of_any_type(self, opened: Make, kind: Callable[[int], Any]) -> None:
        target = opened(Undivided, labels=tuple(map(kind, (0, 0, 1, 1))), classes=("sea", "land"))
        assert target.class_names == ("sea", "land")
        assert target.train.labels.tolist() == [0, 1]
        for split in ("train", "test"):
            for number, sample in enumerate(target.samples(split).ids):
                assert target.read(split, number)[0, 0, 0] == 100 + int(sample.split("/")[1])

    def test_images_as_arrays(self, opened: Make) -> None:
        def array(self: Any, index: int) -> dict[str, Any]:
            return {"image": IMAGE.numpy() + index, "label": self.labels[index]}

        assert opened(Undivided, __getitem__=array).read("train", 0).shape == (4, 4, 3)

    @pytest.mark.parametrize("kind", [list, np.array, tuple])
    def test_names_in_any_sequence(self, opened: Make, kind: Callable[[Any], Any]) -> None:
        assert opened(Undivided, classes=kind(["sea", "land"])).class_names == ("sea", "land")

    def test_numbers_with_gaps_are_classes(self, opened: Make) -> None:
        target = opened(Undivided, labels=(7, 2, 7, 2, 5, 5))
        assert target.class_names == ("2", "5", "7")
        assert sorted(target.train.labels) == [0, 1, 2]
        labels = dict(zip(target.test.ids, target.test.labels, strict=True))
        labels |= dict(zip(target.train.ids, target.train.labels, strict=True))
        assert [labels[f"item/{number}"] for number in range(6)] == [2, 0, 2, 0, 1, 1]

    def test_numbers_of_both_splits(self, opened: Make) -> None:
        def init(self: Any, root: str, split: str) -> None:
            self.labels = (3, 9, 4) if split == "a" else (9, 4)

        splits = {"train_split": "a", "test_split": "b"}
        target = opened(Undivided, splits, __init__=init)
        assert target.class_names == ("3", "4", "9")
        assert target.train.labels.tolist() == [0, 2, 1]
        assert target.test.labels.tolist() == [2, 1]

    @pytest.mark.parametrize(
        ("item", "why"),
        [
            ({"image": IMAGE, "mask": IMAGE}, r"has no label \(it has: image, mask\)"),
            ({"image_s1": IMAGE, "label": 1}, r"has no image \(it has: image_s1, label\)"),
            ({"image": IMAGE, "label": torch.tensor([0, 1, 1])}, "has 3 labels, not one"),
            ({"image_s1": IMAGE, "label": torch.tensor([0, 1, 1])}, "has 3 labels, not one"),
            ({"image": IMAGE, "label": torch.tensor([1]), "bbox_xyxy": IMAGE}, "labels of objects"),
            ({"image": IMAGE, "label": torch.tensor([])}, "has 0 labels, not one"),
            ({"image": IMAGE, "label": torch.tensor(13.5)}, "label 13.5, which is no class"),
            ({"image": IMAGE, "label": float("nan")}, "label nan, which is no class"),
            ({"image": IMAGE, "label": "sea"}, "label 'sea', which is no class"),
            ({"image": torch.zeros(2, 3, 4, 4), "label": 1}, r"of shape \(2, 3, 4, 4\)"),
            ((IMAGE, 1), "is a tuple"),
        ],
    )
    def test_what_is_no_scene_with_one_class(self, opened: Make, item: Any, why: str) -> None:
        with pytest.raises(TargetError, match=f"image 0 of torchgeo's Tiny .*{why}") as error:
            opened(Undivided, __getitem__=lambda self, index: item)
        assert "scene classification set" in error.value.remedy

    @pytest.mark.parametrize(("first", "found"), [(0, "0 to 2"), (-1, "-1 to 2")])
    def test_a_label_beyond_the_names(self, opened: Make, first: int, found: str) -> None:
        with pytest.raises(TargetError, match=f"labels from {found} and 2 names"):
            opened(Undivided, labels=(first, 2), classes=("sea", "land"))


class TestChosenClasses:
    NAMES = ("sea", "land", "ice", "fog")

    def test_of_a_division(self, opened: Make) -> None:
        options = {"test_fraction": 0.5, "classes": ["ice", "sea"]}
        target = opened(Undivided, options, labels=(0, 1, 2, 0, 1, 2), classes=self.NAMES)
        assert target.class_names == ("ice", "sea")
        for split in ("train", "test"):
            assert sorted(target.samples(split).labels) == [0, 1]
            for number, sample in enumerate(target.samples(split).ids):
                position = int(sample.split("/")[1])
                assert target.samples(split).labels[number] == {2: 0, 0: 1}[position % 3]
                assert target.read(split, number)[0, 0, 0] == 100 + position

    def test_of_splits(self, opened: Make) -> None:
        splits = {"train_split": "train", "test_split": "validation"}
        with pytest.raises(TargetError, match="without a training sample: ice, fog") as error:
            opened(Divided, splits, classes=self.NAMES)
        assert "option 'classes'" in error.value.remedy
        target = opened(Divided, splits | {"classes": ["land"]}, classes=self.NAMES)
        assert target.test.ids == ("validation/2", "validation/3")

    def test_that_the_set_does_not_have(self, opened: Make) -> None:
        options = {"test_fraction": 0.5, "classes": ["ice", "snow"]}
        with pytest.raises(TargetError, match="does not have: snow") as error:
            opened(Undivided, options, classes=self.NAMES)
        assert error.value.remedy == "it has: sea, land, ice, fog"


class TestSplits:
    def test_a_set_without_splits(self, opened: Make) -> None:
        with pytest.raises(TargetError, match="Tiny has no splits") as error:
            opened(Undivided, {"train_split": "train", "test_split": "test"})
        assert "test_fraction" in error.value.remedy

    def test_a_set_with_splits_is_not_divided_unasked(self, opened: Make) -> None:
        with pytest.raises(TargetError, match="has splits, and none is chosen") as error:
            opened(Divided)
        assert "'train_split'" in error.value.remedy
        assert len(opened(Divided, {"train_split": "train", "test_fraction": 0.5}).train) == 2

    def test_another_name(self, opened: Make) -> None:
        with pytest.raises(TargetError, match=r"AssertionError: assert .*'train', 'validation'"):
            opened(Divided, {"train_split": "train", "test_split": "val"})
        target = opened(Divided, {"train_split": "train", "test_split": "validation"})
        assert target.test.ids == tuple(f"validation/{number}" for number in range(4))

    def test_what_can_be_given(self, opened: Make) -> None:
        options = {"train_split": "train", "test_fraction": 0.5, "arguments": {"band": "x"}}
        with pytest.raises(TargetError, match="takes no argument band") as error:
            opened(Divided, options)
        assert error.value.remedy == "it takes: bands"


class TestAbsent:
    @pytest.fixture(params=[False, True], ids=["no folder", "a folder"])
    def folder(self, request: pytest.FixtureRequest, folders: Folders) -> Callable[[str], None]:
        def folder(dataset: str) -> None:
            if request.param:
                (folders.data / "torchgeo" / dataset).mkdir(parents=True)

        return folder

    def test_a_name_that_torchgeo_lacks(
        self, folder: Callable[[str], None], folders: Folders
    ) -> None:
        folder("PaternNet")
        options = AnyScenes.Options(dataset="PaternNet", test_fraction=0.5)
        lacks = rf"torchgeo {torchgeo.__version__} has no data set 'PaternNet'"
        with pytest.raises(TargetError, match=lacks) as error:
            AnyScenes.open("any", options, folders)
        assert error.value.remedy.startswith("did you mean 'PatternNet'")

    def test_no_folder_is_made_for_it(self, folders: Folders) -> None:
        options = AnyScenes.Options(dataset="PaternNet", test_fraction=0.5)
        with pytest.raises(TargetError, match="has no data set 'PaternNet'"):
            AnyScenes.prepare(options, folders)
        assert not folders.data.exists()

    def test_maps_are_no_scenes(self, folder: Callable[[str], None], folders: Folders) -> None:
        folder("NAIP")
        with pytest.raises(TargetError, match=r"NAIP of torchgeo .* is no data set of single"):
            AnyScenes.open("any", AnyScenes.Options(dataset="NAIP", test_fraction=0.5), folders)

    def test_what_torchgeo_does_not_download(
        self, folder: Callable[[str], None], folders: Folders
    ) -> None:
        folder("MillionAID")
        options = AnyScenes.Options(dataset="MillionAID", train_split="train", test_fraction=0.5)
        with pytest.raises(NotPreparedError) as opening:
            AnyScenes.open("any", options, folders)
        with pytest.raises(NotPreparedError) as preparing:
            AnyScenes.prepare(options, folders)
        for error in (opening.value, preparing.value):
            assert not error.command
            assert "by hand" in error.remedy

    def test_files_that_are_not_there_name_the_split(self, opened: Make, folders: Folders) -> None:
        def init(self: Any, root: str, split: str, download: bool = False) -> None:
            self.root = root
            if split == "val":
                raise DatasetNotFoundError(self)

        splits = {"train_split": "train", "test_split": "val"}
        with pytest.raises(NotPreparedError, match="files of Tiny, split 'val'") as error:
            opened(Undivided, splits, __init__=init)
        assert error.value.command.startswith("rsbench data prepare torchgeo_scenes")

    def test_a_package_that_is_not_there(self, opened: Make) -> None:
        def init(self: Any, root: str) -> None:
            raise DependencyNotFoundError("h5py is not installed and is required.\n\nRun ...")

        with pytest.raises(TargetError, match="needs the package h5py, which") as error:
            opened(Undivided, __init__=init)
        assert error.value.remedy == "pip install h5py"


def test_names_near_the_wrong_one_are_of_scene_sets() -> None:
    with pytest.raises(TargetError, match="no data set 'xyz'") as error:
        dataset_class("xyz")
    assert "PatternNet" in error.value.remedy
    assert "NAIP" not in error.value.remedy
