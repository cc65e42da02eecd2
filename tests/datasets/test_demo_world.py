"""The demo world: genuine formats, exact counts, and the same bytes from any number of workers."""

import csv
import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rsbench.groups import GROUP_NAMES, by_thresholds
from rsbench_datasets.demo_world import (
    DEFAULT_SPEC,
    DOTA_CLASSES,
    FUSRS_CLASSES,
    WorldSpec,
)
from rsbench_datasets.demo_world.contact_sheet import COLUMNS, CROP_SIZE, write_contact_sheet
from rsbench_datasets.demo_world.layout import SCENE_SIZE
from rsbench_datasets.demo_world.photos import DRAWINGS, SIDES, render_photo
from rsbench_datasets.demo_world.plan import plan_scenes
from rsbench_datasets.demo_world.posed import Brush, Pose
from rsbench_datasets.demo_world.sar import render_chip
from rsbench_datasets.demo_world.species import SPECIES, SPECIES_NAMES
from rsbench_datasets.demo_world.streams import stream
from rsbench_datasets.demo_world.tasks import PhotoTask, plan_tasks
from rsbench_datasets.demo_world.world import render_world

TINY = WorldSpec(
    dota_train={"ship": 5, "harbor": 2, "plane": 3, "roundabout": 1},
    dota_val=dict.fromkeys(DOTA_CLASSES, 1),
    fusrs_train={"cargo": 6, "tanker": 2},
    fusrs_test=dict.fromkeys(FUSRS_CLASSES, 2),
    inat_train={SPECIES_NAMES[0]: 3, SPECIES_NAMES[20]: 2},
    inat_val=dict.fromkeys(SPECIES_NAMES, 1),
)

Box = tuple[np.ndarray, str, int]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny world, rendered by one process."""
    root = tmp_path_factory.mktemp("demo") / "world"
    render_world(root, seed=3, spec=TINY)
    return root


def fingerprint(root: Path) -> dict[str, str]:
    """Hash every file of a folder."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def read_boxes(root: Path, split: str) -> list[Box]:
    """Parse all annotation files of a split by the rules of DOTA-v1.0."""
    boxes = []
    for file in sorted((root / "dota" / split / "annotations" / "version1.0").glob("*.txt")):
        source, gsd, *lines = file.read_text(encoding="utf-8").splitlines()
        assert source.startswith("imagesource:")
        assert float(gsd.removeprefix("gsd:")) > 0
        for line in lines:
            *numbers, label, difficult = line.split(" ")
            boxes.append((np.array(numbers, dtype=float).reshape(4, 2), label, int(difficult)))
    return boxes


def test_each_split_holds_the_objects_of_the_spec(world: Path) -> None:
    for split, counts in (("train", TINY.dota_train), ("val", TINY.dota_val)):
        assert Counter(label for _, label, _ in read_boxes(world, split)) == Counter(counts)


def test_boxes_lie_inside_the_scene_and_enclose_an_area(world: Path) -> None:
    for corners, label, difficult in read_boxes(world, "train") + read_boxes(world, "val"):
        assert corners.min() >= 0
        assert corners.max() <= SCENE_SIZE - 1
        x, y = corners.T
        area = 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))
        assert area > 50, label
        assert 20 <= np.hypot(*(corners[0] - corners[2])) <= 150
        assert difficult in (0, 1)


def test_scenes_are_colour_pictures_full_of_detail(world: Path) -> None:
    for split in ("train", "val"):
        for file in (world / "dota" / split / "images").glob("*.png"):
            with Image.open(file) as image:
                assert image.mode == "RGB"
                assert image.size == (SCENE_SIZE, SCENE_SIZE)
                assert np.asarray(image).std() > 8


def test_torchgeo_reads_the_dota_folder(world: Path) -> None:
    from torchgeo.datasets import DOTA

    names = set()
    for split in ("train", "val"):
        dataset = DOTA(
            str(world / "dota"), split=split, version="1.0", download=False, checksum=False
        )
        assert len(dataset) >= 1
        for index in range(len(dataset)):
            sample = dataset[index]
            assert sample["image"].shape == (3, SCENE_SIZE, SCENE_SIZE)
            names |= {dataset.classes[label] for label in sample["labels"].tolist()}
    assert names == set(DOTA_CLASSES)


def test_samples_index_lists_every_scene_once(world: Path) -> None:
    with (world / "dota" / "samples.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["version"] for row in rows} == {"1.0"}
    listed = [row["image_path"] for row in rows] + [row["annotation_path"] for row in rows]
    found = [
        path.relative_to(world / "dota").as_posix()
        for path in (world / "dota").rglob("P*")
        if path.is_file()
    ]
    assert sorted(listed) == sorted(found)


def test_fusrs_index_names_existing_grey_chips(world: Path) -> None:
    folder = world / "fusrs" / "datasets" / "FUSRS"
    names = (folder / "classnames.txt").read_text(encoding="utf-8").split()
    assert names == list(FUSRS_CLASSES)
    seen = set()
    for split, counts in (("train", TINY.fusrs_train), ("test", TINY.fusrs_test)):
        lines = (folder / f"{split}.txt").read_text(encoding="utf-8").splitlines()
        labels = Counter(names[int(line.split(" ")[1])] for line in lines)
        assert labels == Counter(counts)
        for line in lines:
            path = line.split(" ")[0]
            assert path not in seen
            seen.add(path)
            with Image.open(world / "fusrs" / "data" / path) as chip:
                assert (chip.mode, chip.size) == ("L", (64, 64))


def test_worker_count_does_not_change_a_byte(world: Path, tmp_path: Path) -> None:
    render_world(tmp_path / "again", seed=3, workers=2, spec=TINY)
    assert fingerprint(tmp_path / "again") == fingerprint(world)


def test_another_seed_gives_another_world(world: Path, tmp_path: Path) -> None:
    render_world(tmp_path / "other", seed=4, spec=TINY)
    ours, theirs = fingerprint(world), fingerprint(tmp_path / "other")
    shared = {name for name in ours.keys() & theirs.keys() if name.endswith(".png")}
    assert shared
    assert all(ours[name] != theirs[name] for name in shared)


def test_world_file_describes_the_world(world: Path) -> None:
    facts = json.loads((world / "world.json").read_text(encoding="utf-8"))
    assert facts["seed"] == 3
    assert facts["dota_train"] == dict(TINY.dota_train)
    images = list((world / "dota" / "val" / "images").iterdir())
    assert facts["scenes"]["val"] == len(images)


def test_interrupted_rendering_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_world(tmp_path / "world", spec=TINY, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_every_picture(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    lily = {SPECIES_NAMES[3]: 1}
    spec = WorldSpec({"plane": 2}, {"plane": 1}, {"cargo": 3}, {"cargo": 2}, lily, lily)
    render_world(tmp_path / "world", spec=spec, progress=lambda *step: seen.append(step))
    assert seen[-1] == (9, 9)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_existing_folder_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(FileExistsError, match="not empty"):
        render_world(tmp_path, spec=TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(("seed", "workers"), [(-1, 1), (0, 0)])
def test_impossible_arguments_are_refused(tmp_path: Path, seed: int, workers: int) -> None:
    with pytest.raises(ValueError, match=r"is -1|is 0"):
        render_world(tmp_path / "world", seed=seed, workers=workers, spec=TINY)


def test_spec_refuses_unknown_classes_and_negative_counts() -> None:
    with pytest.raises(ValueError, match="unknown class 'aeroplane'"):
        WorldSpec(dota_train={"aeroplane": 1})
    with pytest.raises(ValueError, match="must not be negative"):
        WorldSpec(fusrs_test={"cargo": -1})


def test_default_world_is_long_tailed_and_tested_on_balanced_classes() -> None:
    train = DEFAULT_SPEC.dota_train
    assert (max(train.values()), min(train.values())) == (300, 6)
    assert set(train) == set(DOTA_CLASSES)
    assert set(DEFAULT_SPEC.dota_val.values()) == {100}
    assert set(DEFAULT_SPEC.fusrs_test.values()) == {200}


@pytest.mark.parametrize("seed", range(5))
def test_plans_add_up_and_put_ships_on_water(seed: int) -> None:
    for counts in (DEFAULT_SPEC.dota_train, DEFAULT_SPEC.dota_val):
        plans = plan_scenes(stream(seed, "plan"), counts, 22)
        total: Counter[str] = Counter()
        for plan in plans:
            total.update(plan.counts)
            assert plan.theme in ("coast", "river") or "ship" not in plan.counts
            assert plan.theme == "coast" or "harbor" not in plan.counts
            assert plan.theme not in ("coast", "inland") or "bridge" not in plan.counts
        assert total == Counter(counts)


def test_chips_have_the_statistics_of_radar() -> None:
    chips = [
        render_chip(stream(0, "test", label, index), label)
        for label in FUSRS_CLASSES
        for index in range(20)
    ]
    means = [float(chip.mean()) for chip in chips]
    assert 9 < np.mean(means) < 22
    assert np.mean([chip.max() for chip in chips]) > 180
    # Most of a chip is dark sea: the median lies far below the brightest scatterers.
    assert np.mean([np.median(chip) for chip in chips]) < 20


def test_contact_sheet_shows_all_classes(world: Path, tmp_path: Path) -> None:
    write_contact_sheet(world, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (COLUMNS * CROP_SIZE, 44 * CROP_SIZE)
        first_column = np.asarray(sheet)[:, :CROP_SIZE].reshape(44, -1)
    assert (first_column.std(axis=1) > 0).all()


def read_json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def test_inat_annotations_name_existing_photographs(world: Path) -> None:
    numbers: list[int] = []
    for split, counts in (("train", TINY.inat_train), ("val", TINY.inat_val)):
        content = read_json(world / "inat" / f"{split}2018.json")
        categories = {each["image_id"]: each["category_id"] for each in content["annotations"]}
        assert Counter(SPECIES_NAMES[each] for each in categories.values()) == Counter(counts)
        for entry in content["images"]:
            numbers.append(entry["id"])
            _, _, folder, name = entry["file_name"].split("/")
            assert folder == str(categories[entry["id"]])
            assert re.fullmatch(r"[0-9a-f]{32}\.jpg", name)
            with Image.open(world / "inat" / entry["file_name"]) as photo:
                assert (photo.format, photo.mode) == ("JPEG", "RGB")
                assert photo.size == (entry["width"], entry["height"])
        assert [each["name"] for each in content["categories"]] == [str(n) for n in range(24)]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    files = [path for path in (world / "inat" / "train_val2018").rglob("*") if path.is_file()]
    assert len(files) == len(numbers)


def test_categories_have_every_rank(world: Path) -> None:
    categories = read_json(world / "inat" / "categories.json")
    assert [each["id"] for each in categories] == list(range(24))
    assert [each["name"] for each in categories] == list(SPECIES_NAMES)
    families = {each["genus"]: each["family"] for each in categories}
    for each in categories:
        assert re.fullmatch(r"[A-Z][a-z]+ [a-z]+", each["name"])
        assert each["name"].split()[0] == each["genus"]
        assert families[each["genus"]] == each["family"]
        assert all(each[rank] for rank in ("order", "class", "phylum", "kingdom", "supercategory"))


def test_parts_do_not_depend_on_each_other() -> None:
    """A picture is made of the seed and its task alone, so equal tasks give equal bytes."""
    one = {SPECIES_NAMES[5]: 1}
    less = plan_tasks(3, replace(TINY, inat_train=one, inat_val=one))
    more = plan_tasks(3, TINY)
    assert [each for each in less if not isinstance(each, PhotoTask)] == [
        each for each in more if not isinstance(each, PhotoTask)
    ]


def test_every_species_makes_photographs_of_its_own() -> None:
    seen = set()
    for species in SPECIES:
        first = render_photo(stream(0, "test", 1), species)
        again = render_photo(stream(0, "test", 1), species)
        assert np.array_equal(first, again)
        assert first.dtype == np.uint8
        assert all(SIDES[0] <= side <= SIDES[1] for side in first.shape[:2])
        assert first.std() > 5
        seen.add(first.tobytes())
    assert len(seen) == len(SPECIES)


def test_things_keep_to_their_sheet_and_fill_it() -> None:
    """Most of a thing lies within the unit circle, whatever its pose."""
    for species in SPECIES:
        brush = Brush(Pose(20.0, 0.7, 0.8, 0.3))
        DRAWINGS[species.epithet](brush, stream(0, "test", 2))
        opacity = brush.stamp().opacity
        axis = np.arange(len(opacity)) - len(opacity) / 2
        within = np.hypot(axis[:, None], axis[None, :]) < 20 * 1.25
        assert opacity[within].sum() > 0.85 * opacity.sum()
        assert opacity.sum() > 150, species.name


def test_the_species_fill_all_three_groups_of_inaturalist() -> None:
    train = DEFAULT_SPEC.inat_train
    assert (max(train.values()), min(train.values())) == (150, 5)
    groups = by_thresholds(list(train.values()))
    assert [len(groups.of(name)) for name in GROUP_NAMES] == [4, 10, 10]
    assert set(DEFAULT_SPEC.inat_val) == set(SPECIES_NAMES)
    assert len(set(DEFAULT_SPEC.inat_val.values())) == 1
