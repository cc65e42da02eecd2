import functools
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rsbench import registry
from rsbench.errors import NotPreparedError, TargetError
from rsbench.folders import Folders
from rsbench.imagestore import fit, open_store
from rsbench_datasets import demo
from rsbench_datasets.demo import (
    DISCLAIMER,
    WORLD_SEED,
    DemoDota,
    DemoFusrs,
    DemoInat,
    world_folder,
)
from rsbench_datasets.demo_world import (
    DOTA_CLASSES,
    FUSRS_CLASSES,
    WorldSpec,
    world,
)
from rsbench_datasets.demo_world.species import SPECIES_NAMES

TINY = WorldSpec(
    dota_train=dict.fromkeys(DOTA_CLASSES, 2),
    dota_val=dict.fromkeys(DOTA_CLASSES, 1),
    fusrs_train=dict.fromkeys(FUSRS_CLASSES, 2),
    fusrs_test=dict.fromkeys(FUSRS_CLASSES, 1),
    inat_train=dict.fromkeys(SPECIES_NAMES, 2),
    inat_val=dict.fromkeys(SPECIES_NAMES, 1),
)


LILY = {SPECIES_NAMES[3]: 1}
SMALLEST = WorldSpec({"ship": 1}, {"ship": 1}, {"cargo": 1}, {"cargo": 1}, LILY, LILY)
PLAIN_RENDER = world.render_world


@pytest.fixture(scope="module")
def tiny_world(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """The tiny world of a seed; each is rendered once."""
    folder = tmp_path_factory.mktemp("worlds")

    def rendered(seed: int) -> Path:
        root = folder / str(seed)
        if not root.is_dir():
            PLAIN_RENDER(root, seed=seed, spec=TINY)
        return root

    return rendered


@pytest.fixture
def renders(monkeypatch: pytest.MonkeyPatch, tiny_world: Callable[[int], Path]) -> list[int]:
    """Seeds of the worlds that were rendered; they are tiny ones."""
    seeds: list[int] = []

    def render_world(root: Path, *, seed: int, workers: int, progress: Any) -> None:
        assert workers >= 1
        seeds.append(seed)
        shutil.copytree(tiny_world(seed), root, dirs_exist_ok=True)
        if progress is not None:
            progress(20, 20)

    monkeypatch.setattr(world, "render_world", render_world)
    return seeds


def test_kinds_are_registered() -> None:
    assert registry.target_class("demo_dota") is DemoDota
    assert registry.target_class("demo_fusrs") is DemoFusrs
    assert registry.target_class("demo_inat") is DemoInat


@pytest.mark.parametrize("kind", [DemoDota, DemoFusrs, DemoInat])
def test_not_prepared(kind: Any, folders: Folders) -> None:
    assert kind.prepares_itself
    with pytest.raises(NotPreparedError) as error:
        kind.open("demo", kind.Options(), folders)
    assert "rsbench data prepare demo" in error.value.remedy


def test_a_prepared_world_opens_and_reads(renders: list[int], folders: Folders) -> None:
    calls: list[tuple[int, int]] = []
    root = DemoDota.prepare(
        DemoDota.Options(), folders, progress=lambda done, total: calls.append((done, total))
    )
    assert calls[0] == (20, 20)
    assert root == world_folder(WORLD_SEED, folders) / "dota"
    DemoFusrs.prepare(DemoFusrs.Options(), folders)
    assert renders == [WORLD_SEED]
    aerial = DemoDota.open("aerial", DemoDota.Options(), folders)
    sar = DemoFusrs.open("sar", DemoFusrs.Options(), folders)
    living = DemoInat.open("living", DemoInat.Options(), folders)
    assert aerial.disclaimer == sar.disclaimer == living.disclaimer == DISCLAIMER
    assert aerial.train.counts(15).tolist() == [2] * 15
    assert aerial.test.counts(15).tolist() == [1] * 15
    assert sar.train.counts(5).tolist() == [2] * 5
    assert sar.groups.medium == ()
    assert living.class_names == tuple(sorted(SPECIES_NAMES))
    assert living.train.counts(24).tolist() == [2] * 24
    assert living.test.counts(24).tolist() == [1] * 24
    assert living.remarks == ()
    store = open_store(aerial, "test", 64, folders)
    for index in range(15):
        assert np.array_equal(store.image(index), fit(aerial.read("test", index), 64))


def test_other_seeds_are_other_worlds(renders: list[int], folders: Folders) -> None:
    hashes = set()
    for seed in (WORLD_SEED, 11):
        options = DemoFusrs.Options.model_validate({"world_seed": seed})
        DemoFusrs.prepare(options, folders)
        hashes.add(DemoFusrs.open("sar", options, folders).content_hash)
    assert renders == [WORLD_SEED, 11]
    assert len(hashes) == 2


def test_ranks_of_the_taxonomy_hold_for_the_demo(renders: list[int], folders: Folders) -> None:
    DemoInat.prepare(DemoInat.Options(), folders)
    options = DemoInat.Options.model_validate({"level": "supercategory"})
    target = DemoInat.open("demo", options, folders)
    assert target.class_names == ("Actinopterygii", "Fungi", "Insecta", "Plantae")
    assert target.train.counts(4).tolist() == [8, 6, 16, 18]
    assert not target.streams


@pytest.mark.parametrize("kind", [DemoDota, DemoFusrs, DemoInat])
def test_what_holds_for_the_real_data_is_not_said_of_rendered_ones(kind: Any) -> None:
    assert kind.known_counts(kind.Options()) is None
    assert (kind.licence, kind.homepage, kind.download_size) == ("", "", "")


def test_options_of_dota_hold_for_the_demo(renders: list[int], folders: Folders) -> None:
    DemoDota.prepare(DemoDota.Options(), folders)
    options = DemoDota.Options.model_validate({"classes": ["ship", "plane"]})
    assert DemoDota.open("demo", options, folders).class_names == ("plane", "ship")


def test_an_interrupted_rendering_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, folders: Folders
) -> None:
    def interrupted(root: Path, **options: Any) -> None:
        (root / "half").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(world, "render_world", interrupted)
    with pytest.raises(KeyboardInterrupt):
        DemoFusrs.prepare(DemoFusrs.Options(), folders)
    assert list((folders.data / "demo").iterdir()) == []


def test_a_world_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "occupied").touch()
    folders = Folders(data=tmp_path / "occupied", cache=tmp_path / "cache")
    with pytest.raises(TargetError, match="cannot be written") as error:
        DemoFusrs.prepare(DemoFusrs.Options(), folders)
    assert "--data-dir" in error.value.remedy


@pytest.mark.parametrize("kind", [DemoDota, DemoFusrs, DemoInat])
def test_no_source_is_taken(kind: Any, folders: Folders, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="rendered, not made from files"):
        kind.prepare(kind.Options(), folders, source=tmp_path)
    with pytest.raises(TargetError, match="rendered, not made from files"):
        kind.prepare(kind.Options(), folders, split="train")


def test_nothing_is_logged_when_all_is_well(
    renders: list[int], folders: Folders, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        DemoDota.prepare(DemoDota.Options(), folders)
        DemoFusrs.prepare(DemoFusrs.Options(), folders)
    assert caplog.text == ""


def test_the_real_renderer_fits(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendering into the temporary folder that takes the world's place in the end."""
    monkeypatch.setattr(world, "render_world", functools.partial(PLAIN_RENDER, spec=SMALLEST))
    monkeypatch.setattr(demo, "usable_cores", lambda: 1)
    root = demo.render(3, folders)
    assert list((folders.data / "demo").iterdir()) == [root]
    assert (root / "dota" / "samples.csv").is_file()
    assert (root / "fusrs" / "datasets" / "FUSRS" / "train.txt").is_file()
    assert (root / "inat" / "train2018.json").is_file()


@pytest.mark.parametrize("damage", ["cut", "gone", "index", "sums"])
def test_preparing_again_mends_a_damaged_world(
    renders: list[int], folders: Folders, damage: str
) -> None:
    root = DemoFusrs.prepare(DemoFusrs.Options(), folders)
    DemoFusrs.prepare(DemoFusrs.Options(), folders)
    assert len(renders) == 1
    whole = DemoFusrs.open("ships", DemoFusrs.Options(), folders).content_hash
    picture = next(root.rglob("*.png"))
    if damage == "cut":
        picture.write_bytes(picture.read_bytes()[:-20])
    if damage == "gone":
        picture.unlink()
    if damage == "index":
        next(root.rglob("train.txt")).write_text("?")
    if damage == "sums":
        (root.parent / demo.CHECKSUMS).write_bytes(b"\xff")
    DemoFusrs.prepare(DemoFusrs.Options(), folders)
    assert len(renders) == 2
    assert DemoFusrs.open("ships", DemoFusrs.Options(), folders).content_hash == whole


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_world_that_may_not_be_read_is_not_rendered_over(
    renders: list[int], folders: Folders
) -> None:
    root = DemoFusrs.prepare(DemoFusrs.Options(), folders)
    picture = next(root.rglob("*.png"))
    picture.chmod(0)
    with pytest.raises(TargetError) as error:
        DemoFusrs.prepare(DemoFusrs.Options(), folders)
    assert "who may read" in error.value.remedy
    assert picture.exists()
