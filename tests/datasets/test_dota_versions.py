from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rsbench.errors import NotPreparedError, TargetError
from rsbench.folders import Folders
from rsbench.target import KnownCounts
from rsbench_datasets.dota.target import Dota, Dota15, Dota20
from rsbench_datasets.dota.versions import CLASSES, HEAD, MEDIUM, TAIL, V1_0, V1_5, V2_0

HEADER = ("imagesource:GoogleEarth", "gsd:0.25")
MakeSource = Callable[..., Path]


def objects(counts: dict[str, int]) -> list[str]:
    """One line per object, side by side."""
    names = [name for name, count in counts.items() for _ in range(count)]
    places = [(4 * (i % 15), 4 * (i // 15)) for i in range(len(names))]
    return [
        f"{x} {y} {x + 3} {y} {x + 3} {y + 3} {x} {y + 3} {name} 0"
        for (x, y), name in zip(places, names, strict=True)
    ]


@pytest.fixture
def source15(tmp_path: Path, make_dota_source: MakeSource) -> Path:
    """DOTA-v1.5 as its archives unpack: annotations in a folder per split, with a header."""
    counts = {name: 2 + (name == "ship") for name in CLASSES} | {"container-crane": 1}
    for split in ("train", "val"):
        folder = tmp_path / "dota-v1.5" / split
        labels = f"labelTxt-v1.5/DOTA-v1.5_{split}"
        make_dota_source(folder, {f"P1-{split}": objects(counts)}, labels=labels)
        horizontal = folder / "labelTxt-v1.5" / f"DOTA-v1.5_{split}_hbb"
        horizontal.mkdir()
        (horizontal / "P1.txt").write_text("the horizontal boxes are not used")
    return tmp_path / "dota-v1.5"


@pytest.fixture
def source20(tmp_path: Path, make_dota_source: MakeSource) -> Path:
    """DOTA-v2.0 as its archives unpack: no header, scenes in a folder per archive."""
    counts = dict.fromkeys(V2_0.classes, 1) | {"airport": 3, "helipad": 2}
    for split in ("train", "val"):
        folder = tmp_path / "dota-v2.0" / split
        scenes: dict[str, list[str]] = {f"P1-{split}": objects(counts), f"P2-{split}": []}
        make_dota_source(folder, scenes, labels=f"labelTxt-v2.0/DOTA-v2.0_{split}", header=())
        for part, name in (("images", "P1"), ("part4", "P2")):
            (folder / "images" / part).mkdir()
            file = folder / "images" / f"{name}-{split}.png"
            file.rename(folder / "images" / part / file.name)
    return tmp_path / "dota-v2.0"


@pytest.fixture
def torchgeo_layout(tmp_path: Path, make_dota_source: MakeSource) -> Path:
    """As torchgeo unpacks versions 1.0 and 2.0 into one folder, without its samples.csv."""
    for split in ("train", "val"):
        for version, classes in ((V1_0, CLASSES), (V2_0, V2_0.classes)):
            scenes = {f"P1-{split}": objects(dict.fromkeys(classes, 2))}
            if version is V2_0:
                scenes |= {f"P2-{split}": objects({"airport": 3}), f"P3-{split}": []}
            labels = f"annotations/version{version.number}"
            make_dota_source(tmp_path / "torchgeo" / split, scenes, labels=labels)
    return tmp_path / "torchgeo"


def opened(kind: type[Dota], folders: Folders, **options: Any) -> Dota:
    return kind.open(kind.__name__, kind.Options.model_validate(options), folders)


def test_dota15(source15: Path, folders: Folders) -> None:
    Dota15.prepare(Dota15.Options(), folders, source=source15)
    target = opened(Dota15, folders)
    assert target.class_names == (*CLASSES, "container-crane")
    assert target.train.counts(16).tolist() == [2] * 9 + [3] + [2] * 5 + [1]
    assert target.test.ids[-1] == "val/container-crane/P1-val_4_8_7_11"
    assert target.read("train", 0).shape == (3, 3, 3)
    groups = target.groups
    assert [len(groups.head), len(groups.medium), len(groups.tail)] == [5, 6, 5]
    assert 9 in groups.head
    assert 15 in groups.tail


def test_dota20(source20: Path, folders: Folders) -> None:
    Dota20.prepare(Dota20.Options(), folders, source=source20)
    target = opened(Dota20, folders)
    assert target.class_names == (*CLASSES, "container-crane", "airport", "helipad")
    assert target.train.counts(18).tolist() == [1] * 16 + [3, 2]
    groups = target.groups
    assert [len(groups.head), len(groups.medium), len(groups.tail)] == [6, 6, 6]
    assert {16, 17} <= set(groups.head)


def test_torchgeos_layout(
    torchgeo_layout: Path, folders: Folders, caplog: pytest.LogCaptureFixture
) -> None:
    Dota.prepare(Dota.Options(), folders, source=torchgeo_layout)
    assert "2 scenes of other versions alone are left out" in caplog.text
    target = opened(Dota, folders)
    assert target.train.counts(15).tolist() == [2] * 15
    assert {sample.split("/")[-1].split("_")[0] for sample in target.test.ids} == {"P1-val"}
    Dota20.prepare(Dota20.Options(), folders, source=torchgeo_layout)
    assert opened(Dota20, folders).train.counts(18).tolist() == [2] * 16 + [5, 2]
    assert opened(Dota, folders).content_hash == target.content_hash


def test_one_split_of_torchgeos_layout(torchgeo_layout: Path, folders: Folders) -> None:
    for split in ("train", "val"):
        Dota20.prepare(Dota20.Options(), folders, source=torchgeo_layout / split, split=split)
    assert len(opened(Dota20, folders).test) == 39
    (torchgeo_layout / "val" / "annotations" / "version2.0" / "P3-val.txt").unlink()
    with pytest.raises(TargetError, match="1 scenes have an image or annotations but not both"):
        Dota20.prepare(Dota20.Options(), folders, source=torchgeo_layout)


def test_torchgeos_folder_as_it_is(torchgeo_layout: Path, folders: Folders) -> None:
    lines = [",image_path,annotation_path,split,version"]
    for number, split in enumerate(("train", "val")):
        name = f"P1-{split}"
        place = f"{split}/annotations/version1.0/{name}.txt"
        lines.append(f"{number},{split}/images/{name}.png,{place},{split},1.0")
    (torchgeo_layout / "samples.csv").write_text("\n".join(lines) + "\n")
    target = opened(Dota, folders, root=str(torchgeo_layout))
    assert target.train.counts(15).tolist() == [2] * 15


def test_groups_do_not_depend_on_the_subset(source15: Path, folders: Folders) -> None:
    Dota15.prepare(Dota15.Options(), folders, source=source15)
    target = opened(Dota15, folders, classes=["container-crane", "ship"])
    assert target.class_names == ("ship", "container-crane")
    assert (target.groups.head, target.groups.medium, target.groups.tail) == ((0,), (), (1,))


def test_versions_keep_apart_in_one_folder(
    source15: Path, folders: Folders, make_dota_source: MakeSource, tmp_path: Path
) -> None:
    plain = objects(dict.fromkeys(CLASSES, 1))
    for split in ("train", "val"):
        folder = make_dota_source(tmp_path / "dota-v1.0" / split, {f"P1-{split}": plain})
        Dota.prepare(Dota.Options(), folders, source=folder, split=split)
    before = opened(Dota, folders).content_hash
    with pytest.raises(NotPreparedError, match=r"train split of DOTA-v1\.5 is not there") as error:
        opened(Dota15, folders)
    assert error.value.command == "rsbench data prepare dota15"
    Dota15.prepare(Dota15.Options(), folders, source=source15)
    assert opened(Dota, folders).content_hash == before
    assert len(opened(Dota15, folders).train) == 32


def test_the_class_map_belongs_to_the_version(
    source15: Path, folders: Folders, make_dota_source: MakeSource, tmp_path: Path
) -> None:
    folder = make_dota_source(tmp_path / "new", {"P1": objects({"container-crane": 1})})
    with pytest.raises(TargetError, match=r"'container-crane' is not one of DOTA-v1\.0") as error:
        Dota.prepare(Dota.Options(), folders, source=folder, split="train")
    assert "annotations of version 1.0" in error.value.remedy
    Dota15.prepare(Dota15.Options(), folders, source=folder, split="train")
    with pytest.raises(ValidationError, match=r"no classes of DOTA-v1\.5: airport"):
        Dota15.Options.model_validate({"classes": ["airport"]})
    Dota20.Options.model_validate({"classes": ["airport"]})


def test_two_scenes_of_one_name_are_refused(source20: Path, folders: Folders) -> None:
    images = source20 / "train" / "images"
    (images / "part4" / "P1-train.png").write_bytes(b"another")
    with pytest.raises(TargetError, match="two files are called P1-train"):
        Dota20.prepare(Dota20.Options(), folders, source=source20)


class TestKnownCounts:
    def test_version_1_0(self) -> None:
        known = Dota.known_counts(Dota.Options())
        assert known is not None
        assert known.train is not None
        assert known.test is not None
        assert known.totals == {"train": 98_990, "test": 28_853}
        assert sum(known.train.values()) == 98_990
        assert sum(known.test.values()) == 28_853
        assert (known.train["ship"], known.test["small-vehicle"]) == (28_068, 5_438)

    def test_the_groups_are_ranked_by_them(self) -> None:
        assert V1_0.known is not None
        assert V1_0.known.train is not None
        ranked = sorted(CLASSES, key=V1_0.known.train.__getitem__, reverse=True)
        assert sorted(ranked[:3]) == list(HEAD)
        assert sorted(ranked[3:9]) == list(MEDIUM)
        assert sorted(ranked[9:]) == list(TAIL)

    def test_a_subset(self) -> None:
        known = Dota.known_counts(Dota.Options(classes=("ship", "plane")))
        assert known is not None
        assert known.train == {"plane": 8_055, "ship": 28_068}
        assert known.test == {"plane": 2_531, "ship": 8_960}
        assert known.totals is None

    def test_without_difficult_objects_nothing_is_known(self) -> None:
        assert Dota.known_counts(Dota.Options(difficult="exclude")) is None

    def test_later_versions(self) -> None:
        known = Dota15.known_counts(Dota15.Options())
        assert isinstance(known, KnownCounts)
        assert known.totals == {"train": 210_631, "test": 69_565}
        assert known.train is None
        assert Dota15.known_counts(Dota15.Options(classes=("ship",))) is None
        assert Dota20.known_counts(Dota20.Options()) is None


def test_real_scenes_as_version_1_5(shared_data: Path, folders: Folders) -> None:
    """The two scenes are annotated for version 1.0, whose lines are lines of 1.5 as well."""
    for split in ("train", "val"):
        Dota15.prepare(Dota15.Options(), folders, source=shared_data / "dota_sample", split=split)
    classes = ["ship", "harbor", "large-vehicle", "small-vehicle"]
    target = opened(Dota15, folders, classes=classes)
    assert target.train.counts(4).tolist() == [5, 50, 531, 14]
    assert {V1_5.classes.index(name) for name in target.class_names} == {4, 6, 9, 10}
