"""Sweeps over images that stream, that are skipped, and that have more than 8 bits and 3 bands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner
from world import ARGUMENTS, TEST, TRAIN, matrix, write_world

from rsbench.cli import app
from rsbench.record import Record, read_record


@pytest.fixture
def world(tmp_path: Path) -> Path:
    (tmp_path / "world").mkdir()
    return write_world(tmp_path / "world")


def write_matrix(file: Path, **target: Any) -> Path:
    """The world's matrix with one cell and other options of its target."""
    values = matrix()
    targets: Any = values["targets"]
    targets[0] |= target
    values |= {"methods": ["lora+metapeft"], "seeds": [0]}
    file.write_text(yaml.safe_dump(values))
    return file


def sweep(matrix_file: Path, out: Path) -> tuple[int, str]:
    arguments = ["run", "--matrix", str(matrix_file), "--out", str(out), "--workers", "0"]
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output + str(result.exception or "")


def the_cell(out: Path) -> tuple[Record, Path]:
    (path,) = (out / "cells").glob("*/record.json")
    return read_record(path), path.parent


def test_streamed_images_give_the_numbers_of_stored_ones(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_matrix(world)
    assert sweep(world, tmp_path / "stored")[0] == 0
    monkeypatch.setenv("RSBENCH_STREAM", "1")
    monkeypatch.setenv("RSBENCH_CACHE", str(tmp_path / "other-cache"))
    assert sweep(world, tmp_path / "streamed")[0] == 0
    assert not list((tmp_path / "other-cache" / "images").rglob("*.bin"))
    (stored, one), (streamed, other) = (
        the_cell(tmp_path / "stored"),
        the_cell(tmp_path / "streamed"),
    )
    assert stored.id == streamed.id
    assert stored.metrics == streamed.metrics
    tables = [pd.read_parquet(folder / "predictions.parquet") for folder in (one, other)]
    pd.testing.assert_frame_equal(*tables)


class TestBadImages:
    @pytest.fixture
    def damaged(self, world: Path) -> Path:
        """Two training images and a test image of no use, in three ways."""
        folder = world.parent
        os.truncate(folder / "train_0_3.png", 60)
        (folder / "train_1_0.png").unlink()
        (folder / "test_2_1.png").write_bytes(b"")
        return world

    def test_stop_the_run_before_anything_is_trained(self, damaged: Path, tmp_path: Path) -> None:
        code, said = sweep(write_matrix(damaged), tmp_path / "run")
        assert code != 0
        assert "train_1_0.png" in said
        assert "test_2_1.png" in said
        assert not list((tmp_path / "run").glob("cells/*/record.json"))

    def test_are_left_out_counted_and_recorded(self, damaged: Path, tmp_path: Path) -> None:
        assert sweep(write_matrix(damaged, on_bad_image="skip"), tmp_path / "run")[0] == 0
        record, folder = the_cell(tmp_path / "run")
        assert record.skipped == {"train": 2, "test": 1}
        assert record.train_counts == (TRAIN[0] - 1, TRAIN[1] - 1, TRAIN[2])
        assert record.test_counts == (TEST[0], TEST[1], TEST[2] - 1)
        predicted = pd.read_parquet(folder / "predictions.parquet")
        assert len(predicted) == sum(TEST) - 1
        assert "test_2_1.png" not in set(predicted.id)
        table = (tmp_path / "run" / "tables" / "main.md").read_text()
        assert "2 of 39 train images cannot be used and were left out" in table
        assert "1 of 18 test images cannot be used and were left out" in table

    def test_the_other_images_keep_their_numbers(self, damaged: Path, tmp_path: Path) -> None:
        """A lost test image moves nothing else: same cell without it in the list."""
        folder = damaged.parent
        listed = (folder / "split.csv").read_text().splitlines()
        for name in ("train_0_3.png", "train_1_0.png"):
            listed = [line for line in listed if name not in line]
        (folder / "split.csv").write_text("\n".join(listed) + "\n")
        write_matrix(damaged, on_bad_image="skip")
        assert sweep(damaged, tmp_path / "skipped")[0] == 0
        listed = [line for line in listed if "test_2_1.png" not in line]
        (folder / "split.csv").write_text("\n".join(listed) + "\n")
        code, said = sweep(damaged, tmp_path / "absent")
        assert code == 0, said
        (one, _), (other, _) = the_cell(tmp_path / "skipped"), the_cell(tmp_path / "absent")
        assert one.id != other.id
        assert one.metrics == other.metrics


class TestBands:
    BANDS = ("B02", "B03", "B04", "B08")

    @pytest.fixture
    def bands(self, world: Path) -> Path:
        """The world's images as GeoTIFFs of four 16-bit bands, and a network for them."""
        import rasterio
        from timm.models.vision_transformer import VisionTransformer

        folder = world.parent
        for file in folder.glob("t*.png"):
            grey = np.asarray(Image.open(file))[..., 0].astype(np.uint16) * 20
            profile = {"width": 18, "height": 20, "count": 4, "dtype": "uint16"}
            path = file.with_suffix(".tif")
            transform = rasterio.Affine(10, 0, 0, 0, -10, 200)
            with rasterio.open(path, "w", transform=transform, crs=32631, **profile) as raster:
                for band in range(4):
                    raster.write(grey + 100 * band, band + 1)
        text = (folder / "split.csv").read_text().replace(".png", ".tif")
        (folder / "split.csv").write_text(text)
        torch.manual_seed(0)
        network = VisionTransformer(img_size=16, num_classes=0, in_chans=3, **ARGUMENTS)
        save_file(network.state_dict(), folder / "weights.safetensors")
        return world

    def write(
        self, file: Path, wanted: list[str], quantity: str = "reflectance", **pixels: Any
    ) -> Path:
        values = matrix()
        backbones: Any = values["backbones"]
        statistics = {"mean": [0.2] * 3, "std": [0.1] * 3}
        backbones[0] |= {"bands": wanted, "quantity": quantity, "normalisation": statistics}
        targets: Any = values["targets"]
        options = {"bands": list(self.BANDS), "quantity": "reflectance", "full_scale": 10000}
        targets[0]["pixels"] = options | pixels
        values |= {"methods": ["linear"], "seeds": [0]}
        del values["metapeft"]
        file.write_text(yaml.safe_dump(values))
        return file

    def test_the_weights_get_the_bands_they_ask_for(self, bands: Path, tmp_path: Path) -> None:
        code, said = sweep(self.write(bands, ["B08", "B03", "B02"]), tmp_path / "run")
        assert code == 0, said
        record, _ = the_cell(tmp_path / "run")
        assert record.view is not None
        assert record.view.bands == self.BANDS
        assert record.view.channels == (3, 1, 0)
        assert record.view.full_scale == 10000
        assert record.metrics is not None
        assert record.metrics.mean_class > 0.5  # the classes differ in brightness

    @pytest.mark.parametrize(
        ("wanted", "quantity", "pixels", "message"),
        [
            (["B08", "B11", "B02"], "reflectance", {}, "lacks B11"),
            (["B08", "B03", "B02"], "display", {}, "was trained on display values"),
            (["B08", "B03", "B02"], "reflectance", {"full_scale": 4}, "full_scale"),
            (["B08", "B03", "B02"], "reflectance", {"full_scale": 600}, "reflectance of"),
            (["B08", "B03", "B02"], "reflectance", {"full_scale": None}, "full_scale"),
            (["B08", "B03", "B02"], "reflectance", {"bands": ["B02", "B03", "B08"]}, "bands"),
        ],
    )
    def test_what_does_not_fit_is_an_error_and_no_bad_score(
        self,
        bands: Path,
        tmp_path: Path,
        wanted: list[str],
        quantity: str,
        pixels: dict[str, Any],
        message: str,
    ) -> None:
        code, said = sweep(self.write(bands, wanted, quantity, **pixels), tmp_path / "run")
        assert code != 0
        assert message in said
        assert not list((tmp_path / "run").glob("cells/*/record.json"))
