"""Cells trained on each kind of input: pictures, radar, many bands, and chips from a map."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from maps import UTM, north_up, point, write_labels, write_scene
from PIL import Image
from rasters import write_raster
from typer.testing import CliRunner
from world import CLASSES, matrix, write_world

from rsbench import registry
from rsbench.cli import app
from rsbench.file_reader import FileReader
from rsbench.finished.find import FinishedCell, find_cell
from rsbench.folders import Folders
from rsbench.sources import checked_options
from rsbench.target import Target

KINDS = ("pictures", "radar", "bands", "maps")
BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
PIXELS: dict[str, dict[str, Any]] = {
    "radar": {
        "bands": ["vv", "vh"],
        "decibel": "intensity",
        "stretch": {"vv": [-22, 0], "vh": [-25, 0]},
        "use": {"red": "vv", "green": "vh", "blue": "vv"},
    },
    "bands": {
        "bands": list(BANDS),
        "quantity": "reflectance",
        "full_scale": 10000,
        "offset": -1000,
    },
}
SIDE = 18
"""Of a chip, in pixels: the short side of the test's view, so that nothing is resized."""
ACROSS = 8
"""Chips in a row of the scene."""


@dataclass(frozen=True)
class Trained:
    """A finished cell, and what it was trained on."""

    cell: FinishedCell
    base: Path

    @property
    def reference(self) -> str:
        return str(self.cell.folder)

    @property
    def stored(self) -> pd.DataFrame:
        return pd.read_parquet(self.cell.folder / "predictions.parquet")

    @property
    def view(self) -> Any:
        return self.cell.record.view

    def target(self, **options: Any) -> Target:
        """The target of the cell, opened with some options of its own."""
        choice = self._choice(options)
        kind = registry.target_class(choice.kind)
        return kind.open(
            choice.name, checked_options(kind.Options, choice), Folders(base=self.base)
        )

    def reader(self, **options: Any) -> FileReader:
        """How its files are read."""
        choice = self._choice(options)
        kind = registry.target_class(choice.kind)
        return kind.file_reader(checked_options(kind.Options, choice))

    def _choice(self, options: dict[str, Any]) -> Any:
        choice = self.cell.record.cell.target
        return choice.model_copy(update={"options": choice.options | options})


def train_kind(kind: str, folder: Path) -> Trained:
    """Train one cell of ``linear`` on the tiny world in ``folder``, as ``kind``."""
    write_world(folder)
    values = matrix() | {"methods": ["linear"], "seeds": [0]}
    values["recipe"] = {"epochs": 2, "batch_size": 8, "learning_rate": 0.05, "precision": "32"}
    del values["metapeft"]
    if kind == "maps":
        values["targets"] = [_map(folder)]
    elif kind != "pictures":
        values["targets"] = [_rasters(kind, folder)]
    if kind == "bands":
        backbones: Any = values["backbones"]
        statistics = {"mean": [0.2] * 3, "std": [0.1] * 3}
        wanted = ["B08", "B03", "B02"]
        backbones[0] |= {
            "bands": wanted, "quantity": "reflectance", "normalisation": statistics
        }  # fmt: skip
    file = folder / "kind.yaml"
    file.write_text(yaml.safe_dump(values))
    arguments = ["run", "--matrix", str(file), "--out", str(folder / "run"), "--workers", "0"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    (record,) = (folder / "run" / "cells").glob("*/record.json")
    return Trained(find_cell(f"{folder / 'run'}/{record.parent.name}"), folder)


def _greys(folder: Path) -> dict[str, np.ndarray]:
    files = sorted(folder.glob("t*.png"))
    return {file.stem: np.asarray(Image.open(file))[..., 0].astype(np.float32) for file in files}


def _rasters(kind: str, folder: Path) -> dict[str, Any]:
    """The world's images as linear backscatter, or as digital numbers of Sentinel-2."""
    for name, grey in _greys(folder).items():
        if kind == "radar":
            decibel = np.stack([grey / 255 * 20 - 22, grey / 255 * 15 - 24])
            values = (10 ** (decibel / 10)).astype(np.float32)
        else:
            bands = [grey * 20 + 100 * band + 1000 for band in range(len(BANDS))]
            values = np.stack(bands).astype(np.uint16)
        write_raster(folder / f"{name}.tif", values, crs=UTM, transform=north_up())
    listed = (folder / "split.csv").read_text().replace(".png", ".tif")
    (folder / "split.csv").write_text(listed)
    return {"name": "plots", "kind": "labelled_list", "file": "split.csv", "pixels": PIXELS[kind]}


def _map(folder: Path) -> dict[str, Any]:
    """The world's images side by side in a scene, and a point in the middle of each."""
    with (folder / "split.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    scene = np.zeros((3, ACROSS * SIDE, ACROSS * SIDE), dtype=np.uint8)
    points = []
    for number, row in enumerate(rows):
        y, x = (SIDE * each for each in divmod(number, ACROSS))
        pixels = np.asarray(Image.open(folder / row["path"]))[:SIDE, :SIDE]
        scene[:, y : y + SIDE, x : x + SIDE] = np.maximum(pixels, 1).transpose(2, 0, 1)
        points.append(point(x + SIDE / 2, y + SIDE / 2))
    write_scene(folder / "scene.tif", scene, north_up(), nodata=0)
    columns = {"crop": [row["class"] for row in rows], "split": [row["split"] for row in rows]}
    write_labels(folder / "labels.gpkg", points, columns)
    return {"name": "fields", "kind": "map_chips", "scenes": "scene.tif", "labels": "labels.gpkg",
            "label_column": "crop", "chip_size": SIDE, "classes": list(CLASSES),
            "split": {"by": "column"}}  # fmt: skip
