"""Satellite images of other bands feed a backbone for red, green and blue, or are told how to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import yaml
from PIL import Image
from typer.testing import CliRunner
from world import matrix, write_world

from rsbench.cli import app, main
from rsbench.errors import BandError
from rsbench.folders import Folders
from rsbench.imagery import PICTURE, RGB, BandInput, Imagery, choose_bands
from rsbench.record import Record, read_record
from rsbench_datasets.labelled_list import LabelledList

OPTICAL = {"bands": ["B02", "B03", "B04", "B08"]}
RADAR = {"bands": ["vv", "vh"], "decibel": "intensity", "stretch": {"vv": [-22, 0], "vh": [-25, 0]}}


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """The world's images as GeoTIFFs too: Sentinel-2 numbers and linear radar backscatter."""
    (tmp_path / "world").mkdir()
    matrix_file = write_world(tmp_path / "world")
    folder = matrix_file.parent
    for file in sorted(folder.glob("t*.png")):
        grey = np.asarray(Image.open(file))[..., 0].astype(np.float32)
        optical = np.stack([grey * 20 + 100 * band for band in range(4)])
        write_raster(folder / "optical" / file.name, optical.astype(np.uint16))
        decibel = np.stack([grey / 255 * 20 - 22, grey / 255 * 15 - 24])
        write_raster(folder / "radar" / file.name, (10 ** (decibel / 10)).astype(np.float32))
    for kind in ("optical", "radar"):
        listed = (folder / "split.csv").read_text().replace(".png", ".tif")
        (folder / f"{kind}.csv").write_text(listed)
    return matrix_file


def write_raster(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    bands, height, width = values.shape
    with rasterio.open(
        path.with_suffix(".tif"), "w", driver="GTiff", count=bands, height=height, width=width,
        dtype=values.dtype, crs=32631, transform=rasterio.Affine(10, 0, 0, 0, -10, 200),
    ) as raster:  # fmt: skip
        raster.write(values)


def target(kind: str, pixels: dict[str, Any]) -> dict[str, Any]:
    """Options of the world's images as ``optical`` or ``radar``."""
    return {"file": f"{kind}.csv", "root": kind, "pixels": pixels}


def sweep(world: Path, kind: str, pixels: dict[str, Any]) -> tuple[int, str]:
    values = matrix() | {"methods": ["linear"], "seeds": [0], "backbones": ["demo_vit"]}
    del values["metapeft"]
    values["targets"] = [{"name": "plots", "kind": "labelled_list"} | target(kind, pixels)]
    world.write_text(yaml.safe_dump(values))
    out = ["--out", str(world.parent / "run"), "--workers", "0"]
    result = CliRunner().invoke(app, ["run", "--matrix", str(world), *out])
    said = result.output + str(result.exception or "")
    return result.exit_code, " ".join(said.split())


def the_record(world: Path) -> Record:
    (path,) = (world.parent / "run" / "cells").glob("*/record.json")
    return read_record(path)


@pytest.mark.parametrize(
    ("kind", "pixels", "bands", "channels"),
    [
        ("optical", OPTICAL | {"stretch": [0, 5400]}, ("B02", "B03", "B04", "B08"), (2, 1, 0)),
        ("radar", RADAR | {"use": {"red": "vv", "green": "vh", "blue": "vv"}}, RGB, (0, 1, 2)),
        ("radar", RADAR | {"use": ["vh"], "stretch": [-25, 0]}, ("vh",), (0, 0, 0)),
    ],
)
def test_other_bands_feed_a_picture_network(
    world: Path,
    kind: str,
    pixels: dict[str, Any],
    bands: tuple[str, ...],
    channels: tuple[int, ...],
) -> None:
    code, said = sweep(world, kind, pixels)
    assert code == 0, said
    record = the_record(world)
    assert record.view is not None
    assert record.view.bands == bands
    assert record.view.channels == channels
    assert record.metrics is not None
    assert record.metrics.mean_class > 0.5  # the classes differ in brightness


@pytest.mark.parametrize(
    ("kind", "pixels", "what", "remedy"),
    [
        (
            "optical",
            OPTICAL | {"quantity": "reflectance", "full_scale": 10000},
            "was trained on display values",
            "'stretch' makes pictures of them: pixels: {..., stretch: [low, high]}",
        ),
        (
            "radar",
            RADAR,
            "lacks red, green, blue (it has vv, vh)",
            "'use' repeats one band (use: [vv]) or renames bands (use: {red: vv, green: vh, "
            "blue: vv})",
        ),
    ],
)
def test_what_does_not_fit_is_told_the_option(
    world: Path, kind: str, pixels: dict[str, Any], what: str, remedy: str
) -> None:
    code, said = sweep(world, kind, pixels)
    assert code != 0
    assert what in said
    assert remedy in said
    assert not list((world.parent / "run").glob("cells/*/record.json"))


def test_channels_of_a_picture_are_not_taken_for_bands_in_another_order(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = {"stretch": [0, 5400], "use": ["B02", "B03", "B04"]}
    code, said = sweep(world, "optical", OPTICAL | stored)
    assert code == 0, said
    record = the_record(world)
    assert record.view is not None
    assert record.view.channels == (2, 1, 0)
    cell = world.parent / "run" / record.id
    assert main(["predict", str(cell), str(world.parent / "test_0_0.png")]) != 0
    assert "'bands' names 4 (B02, B03, B04, B08)" in " ".join(capsys.readouterr().err.split())


def test_new_names_are_part_of_the_content(world: Path, tmp_path: Path) -> None:
    folders = Folders(data=tmp_path, cache=tmp_path / "cache", base=world.parent)
    uses = (
        {"red": "vv", "green": "vh", "blue": "vv"},
        {"red": "vh", "green": "vv", "blue": "vh"},
        ["vv", "vh"],
    )
    hashes = set()
    for use in uses:
        options = LabelledList.Options.model_validate(target("radar", RADAR | {"use": use}))
        hashes.add(LabelledList.open("plots", options, folders).content_hash)
    assert len(hashes) == len(uses)


class TestNaturalColour:
    STORED = Imagery(("B02", "B03", "B04", "B08"))

    def test_sentinel2_pictures_serve_as_red_green_and_blue(self) -> None:
        assert choose_bands("plots", self.STORED, "net", PICTURE) == [2, 1, 0]
        assert choose_bands("plots", self.STORED, "net", BandInput(RGB[::-1])) == [0, 1, 2]

    def test_bands_of_that_name_come_first(self) -> None:
        stored = Imagery(("B04", "B03", "B02", *RGB))
        assert choose_bands("plots", stored, "net", PICTURE) == [3, 4, 5]

    def test_without_all_three_there_is_no_picture(self) -> None:
        with pytest.raises(BandError, match=r"lacks green \(it has B02, B04\)"):
            choose_bands("plots", Imagery(("B02", "B04")), "net", PICTURE)

    def test_reflectance_is_not_renamed(self) -> None:
        stored = Imagery(self.STORED.bands, "reflectance", "uint16", 10000.0)
        with pytest.raises(BandError, match="lacks red, green, blue") as error:
            choose_bands("plots", stored, "net", BandInput(RGB, "reflectance"))
        assert "use:" not in error.value.remedy
