"""A scene cut on a grid: every window as the target cuts the chip of a point in its middle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from maps import (
    LEFT,
    PIXEL,
    SIDE,
    TOP,
    UTM,
    Opener,
    holed,
    label,
    north_up,
    point,
    scene_pixels,
    windows,
    write_scene,
)
from rasterio.transform import Affine

from rsbench.errors import BandError, ImageError, TargetError
from rsbench.file_reader import Chip, SceneGrid
from rsbench_datasets.map_chips.target import MapChips

GIVEN = {"scenes": "s", "labels": "l", "label_column": "c", "split": {"by": "random"}}
Cut = Callable[..., tuple[SceneGrid, list[Chip]]]


@pytest.fixture
def cut(tmp_path: Path) -> Cut:
    def make(
        tile: int | None = None, step: int | None = None, **options: Any
    ) -> tuple[SceneGrid, list[Chip]]:
        """The grid over ``scenes/a.tif``, and its chips."""
        checked = MapChips.Options.model_validate(GIVEN | options)
        grid = MapChips.file_reader(checked).grid(tmp_path / "scenes" / "a.tif", tile, step)
        return grid, list(grid.chips())

    return make


def images(chips: list[Chip]) -> list[np.ndarray]:
    found = [chip.image for chip in chips]
    assert not [each for each in found if isinstance(each, str)]
    return found  # type: ignore[return-value]


def reasons(chips: list[Chip]) -> list[str]:
    """Why chips have no image; "" for one that has."""
    return [chip.image if isinstance(chip.image, str) else "" for chip in chips]


def test_chips_are_those_of_points_in_the_middles(
    cut: Cut, open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    places = [(8 + 16 * column, 8 + 16 * row) for row in range(8) for column in range(8)]
    label(tmp_path, [point(*place) for place in places[:-1]], [point(*places[-1])])
    target = open_chips(chip_size=16)
    grid, chips = cut(chip_size=16)
    assert (grid.shape, grid.step, grid.origin) == ((8, 8), (16, 16), (0, 0))
    assert grid.transform == tuple(north_up())[:6]
    by_window = {chip.window: chip for chip in chips}
    assert len(by_window) == 64
    for index, window in enumerate(windows(target)):
        np.testing.assert_array_equal(by_window[tuple(window)].image, target.read("train", index))
    for chip, image in zip(chips, images(chips), strict=True):
        x1, y1, x2, y2 = chip.window
        assert (x1, y1) == (16 * chip.column, 16 * chip.row)
        np.testing.assert_array_equal(image, one_scene[y1:y2, x1:x2])


@pytest.mark.usefixtures("one_scene")
def test_the_last_window_is_moved_inside_padded_or_left_out(cut: Cut) -> None:
    """128 pixels are three windows of 48, the last of them a third outside."""
    grid, chips = cut(48, chip_size=16)
    assert grid.shape == (3, 3)
    assert chips[-1].window == (80, 80, 128, 128)
    _, chips = cut(48, edges="pad", nodata={"most": 1.0})
    assert chips[-1].window == (96, 96, 144, 144)
    assert not images(chips)[-1][32:].any()
    _, chips = cut(48, edges="skip")
    assert reasons(chips).count("have a chip that reaches over the edge of its scene") == 5


@pytest.mark.usefixtures("one_scene")
@pytest.mark.parametrize(
    ("tile", "step", "places", "origin"),
    [(32, 16, 7, 8), (32, 64, 2, -16), (128, 1, 1, 63.5), (200, 50, 1, 75), (1, 1, 128, 0)],
)
def test_the_step_is_free(cut: Cut, tile: int, step: int, places: int, origin: float) -> None:
    grid, chips = cut(tile, step, largest=128, nodata={"most": 1.0})
    assert grid.shape == (places, places)
    assert grid.origin == (origin, origin)
    assert [chip.window[0] for chip in chips if chip.row == 0][:2] == [0, step][:places]
    too_large = "would have a chip of more than 128 pixels a side"
    assert set(reasons(chips)) == {too_large if tile > 128 else ""}


def test_metres_are_those_at_each_place(cut: Cut, tmp_path: Path) -> None:
    """A degree of longitude is shorter in the north: the same metres are more columns."""
    transform = Affine(1e-3, 0, 3, 0, -1e-2, 60)
    write_scene(tmp_path / "scenes" / "a.tif", scene_pixels(0, 256), transform, "EPSG:4326")
    grid, chips = cut(chip_metres=3300)
    widths = {chip.row: chip.window[2] - chip.window[0] for chip in chips}
    assert widths[0] > widths[max(widths)]
    assert grid.step[0] == widths[len(widths) // 2]


@pytest.mark.parametrize("turned", [Affine(PIXEL, 0, LEFT, 0, PIXEL, TOP - PIXEL * SIDE)])
def test_north_is_up_whichever_way_rows_run(cut: Cut, tmp_path: Path, turned: Affine) -> None:
    pixels = scene_pixels()
    write_scene(tmp_path / "scenes" / "a.tif", pixels[:, ::-1], turned)
    grid, chips = cut(32)
    x1, y1, x2, _ = chips[0].window
    assert grid.transform == tuple(turned)[:6]
    assert (x1, y1, x2) == (0, 0, 32)  # of the file: the southernmost rows
    np.testing.assert_array_equal(images(chips)[0], pixels[:, -32:, :32].transpose(1, 2, 0))


@pytest.mark.parametrize("how", ["nodata", "mask", "alpha"])
def test_windows_without_data_are_left_out(cut: Cut, tmp_path: Path, how: str) -> None:
    holed(tmp_path / "scenes" / "a.tif", how)
    _, chips = cut(48)
    without = "have a chip with more than 20% without data"
    assert reasons(chips) == [without, without, ""] * 3


def test_one_window_whose_values_do_not_fit_costs_no_other(cut: Cut, tmp_path: Path) -> None:
    pixels = np.full((1, SIDE, SIDE), 900, dtype=np.uint16)
    pixels[:, :64, :64] = 5000
    write_scene(tmp_path / "scenes" / "a.tif", pixels, north_up())
    _, chips = cut(64, pixels={"bands": ["grey"], "stretch": [0, 1000]})
    assert "not what the option 'pixels'" in reasons(chips)[0]
    assert [image.max() for image in images(chips[1:])] == [230] * 3


@pytest.mark.usefixtures("one_scene")
def test_what_says_no_size_asks_for_one(cut: Cut) -> None:
    with pytest.raises(TargetError, match=r"bounds of labelled shapes[\s\S]*--tile"):
        cut()
    assert len(cut(64)[1]) == 4


def test_scenes_of_another_kind_are_refused(cut: Cut, tmp_path: Path) -> None:
    path = tmp_path / "scenes" / "a.tif"
    with pytest.raises(ImageError, match="does not exist"):
        cut(16)
    write_scene(path, scene_pixels()[:2], north_up())
    with pytest.raises(BandError, match="the scene has 2 bands"):
        cut(16)
    write_scene(path, scene_pixels(), north_up(), crs=None)
    with pytest.raises(TargetError, match="no coordinate system"):
        cut(16)
    grid, _ = cut(16, scenes_crs=UTM)
    assert grid.crs == UTM
    grid, _ = cut(16, coordinates="pixels")
    assert (grid.crs, grid.transform) == ("", (1, 0, 0, 0, 1, 0))


def test_a_damaged_part_stops_or_is_left_out(cut: Cut, tmp_path: Path) -> None:
    path = write_scene(tmp_path / "scenes" / "a.tif", scene_pixels(), north_up())
    with rasterio.open(path) as scene:
        assert scene.block_shapes[0] == (64, 64)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 64 * 64])  # the last block of the last band
    with pytest.raises(ImageError, match="do not decode"):
        cut(64)
    _, chips = cut(64, on_bad_image="skip")
    assert reasons(chips) == ["", "", "", "have a chip that does not decode"]


@pytest.mark.usefixtures("one_scene")
def test_no_more_than_a_window_is_read_at_a_time(cut: Cut, monkeypatch: pytest.MonkeyPatch) -> None:
    from rsbench_datasets.map_chips import reading

    shapes: set[tuple[int, ...]] = set()
    values = reading.raster_values

    def watched(*args: Any) -> Any:
        found = values(*args)
        shapes.add(found[0].shape)
        return found

    monkeypatch.setattr(reading, "raster_values", watched)
    cut(16)
    assert shapes == {(3, 16, 16)}
