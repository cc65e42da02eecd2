from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rsbench.cli import main
from rsbench_datasets.demo_world import (
    DOTA_CLASSES,
    FUSRS_CLASSES,
    WorldSpec,
    world,
)
from rsbench_datasets.demo_world.species import SPECIES_NAMES

ONE = dict.fromkeys(DOTA_CLASSES, 1)
SHIPS = dict.fromkeys(FUSRS_CLASSES, 1)
PLANTS = dict.fromkeys(SPECIES_NAMES, 1)
SMALL = WorldSpec(ONE, ONE, SHIPS, SHIPS, PLANTS, PLANTS)
LINES = [f"{4 * n} 2 {4 * n + 3} 2 {4 * n + 3} 6 {4 * n} 6 ship 0" for n in range(3)]


@pytest.fixture
def seeds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seeds of the worlds that were rendered; they are small ones."""
    plain: Callable[..., None] = world.render_world
    seeds: list[int] = []

    def render_world(root: Path, *, seed: int, workers: int, progress: Any) -> None:
        seeds.append(seed)
        plain(root, seed=seed, spec=SMALL, progress=progress)

    monkeypatch.setattr(world, "render_world", render_world)
    return seeds


def test_demo_prepares_its_targets(
    seeds: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["data", "prepare", "demo", "--data-dir", str(tmp_path / "here"), "--seed", "5"]
    assert main(command) == 0
    assert seeds == [5]
    shown = capsys.readouterr()
    (folder,) = (tmp_path / "here" / "demo").iterdir()
    assert folder.name.startswith("seed5-")
    assert f"demo_dota is ready: {folder / 'dota'}" in shown.out
    assert f"demo_fusrs is ready: {folder / 'fusrs'}" in shown.out
    assert f"demo_inat is ready: {folder / 'inat'}" in shown.out
    assert "Preparing" not in shown.out
    assert "Preparing demo_dota" in shown.err
    assert main(command) == 0
    assert seeds == [5]


def test_dota_from_a_folder(
    tmp_path: Path,
    make_dota_source: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_dota_source(tmp_path / "mine", {"P0001": LINES})
    monkeypatch.setenv("RSBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    assert main(["data", "prepare", "dota", "--from", "mine", "--split", "train"]) == 0
    assert (tmp_path / "data" / "dota" / "train" / "images" / "P0001.png").is_symlink()
    shown = capsys.readouterr().out
    assert f"dota: the files are in place: {tmp_path / 'data' / 'dota'}" in shown
    assert "not usable yet: the val split" in shown
    assert "ready" not in shown
    assert main(["data", "prepare", "dota", "--from", "mine", "--split", "val"]) == 0
    assert "classes: [ship]" in capsys.readouterr().out  # what makes a part of DOTA usable
    command = ["data", "prepare", "dota", "--set", "classes=[ship]", "--from", "mine"]
    assert main([*command, "--split", "val"]) == 0
    assert f"dota is ready: {tmp_path / 'data' / 'dota'}" in capsys.readouterr().out


def test_missing_classes_are_named_on_the_screen(
    tmp_path: Path, make_dota_source: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    source = make_dota_source(tmp_path / "mine", {"P0001": LINES})
    assert main(["data", "prepare", "dota", "--from", str(source), "--split", "val"]) == 0
    assert "no object in val of: baseball-diamond" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (["dotta"], ["no target called 'dotta'", "did you mean 'dota'"]),
        (["labelled_list"], ["labelled_list reads files of your own", "in a matrix"]),
        (["class_folders"], ["class_folders reads files", "nothing to prepare"]),
        (["demo", "--from", "."], ["rendered, not made from files"]),
        (["dota", "--seed", "1"], ["dota takes no seed", "leave --seed out"]),
        (["dota", "--from", "nowhere", "--split", "val"], ["there is nothing at", "nowhere"]),
        (["inat2018", "--from", "nowhere"], ["there is nothing at", "nowhere"]),
        (["resisc45", "--from", "nowhere"], ["there is nothing at", "nowhere"]),
        (["dota", "--from", ".", "--split", "val"], ["this is no DOTA folder"]),
    ],
)
def test_mistakes_are_explained(
    arguments: list[str], messages: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "prepare", *arguments]) == 2
    shown = capsys.readouterr().err
    for message in messages:
        assert message in shown


@pytest.mark.parametrize("arguments", [["demo", "--seed", "-1"], ["dota", "--split", "test"]])
def test_wrong_values_are_refused(arguments: list[str]) -> None:
    assert main(["data", "prepare", *arguments]) == 2


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "prepare", "--help"]) == 0
    shown = capsys.readouterr().out
    for option in ("--from", "--split", "--data-dir", "--seed"):
        assert option in shown
