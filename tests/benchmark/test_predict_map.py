"""``rsbench predict --map``: a scene labelled window by window, as the cell's own chips were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from four_kinds import ACROSS, SIDE, Trained
from maps import PIXEL, UTM, at, box, north_up, write_scene
from world import CLASSES

from rsbench.cli import main
from rsbench.file_reader import Chip, SceneGrid
from rsbench.finished.map_files import write_map
from rsbench.finished.predict_map import LabelledMap


@pytest.fixture
def cell(trained: Callable[[str], Trained]) -> Trained:
    return trained("maps")


def label_scene(cell: Trained, out: Path, *options: str, scene: Path | None = None) -> int:
    path = str(scene or cell.base / "scene.tif")
    return main(["predict", cell.reference, path, "--map", str(out), *options])


def polygons(file: Path) -> dict[tuple[float, ...], tuple[str, float]]:
    """Class and confidence by the bounds of the polygon."""
    meta, _, shapes, (names, confidences) = pyogrio.raw.read(file)
    assert pyogrio.list_layers(file).tolist() == [["predictions", "Polygon"]]
    assert list(meta["fields"]) == ["class", "confidence"]
    assert meta["crs"] == UTM
    bounds = shapely.bounds(shapely.from_wkb(shapes))
    assert (
        shapely.area(shapely.from_wkb(shapes)) == np.prod(bounds[:, 2:] - bounds[:, :2], 1)
    ).all()
    rows = zip(bounds.tolist(), names, confidences.tolist(), strict=True)
    return {tuple(edges): (name, confidence) for edges, name, confidence in rows}


def test_windows_get_what_the_test_gave_the_chips_of_the_same_places(
    cell: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert label_scene(cell, tmp_path / "out.gpkg") == 0
    printed = capsys.readouterr()
    found = polygons(tmp_path / "out.gpkg")
    stored = cell.stored
    assert len(stored) == 18
    for row in stored.itertuples():
        window = [int(edge) for edge in row.id.rsplit("_", 4)[1:]]
        name, confidence = found[box(*window).bounds]
        assert name == CLASSES[row.prediction]
        assert confidence == pytest.approx(row.confidence, abs=1e-6)
    assert len({confidence for _, confidence in found.values()}) > 50
    assert f"{len(found)} windows of" in printed.out
    # of 57 images on 8 x 8 places the last ones are black, and black is nodata
    assert len(found) == 57
    assert "7 places of the grid have a chip with more than 20% without data" in printed.err


def test_a_geotiff_says_the_same_with_a_pixel_for_each_place(cell: Trained, tmp_path: Path) -> None:
    assert label_scene(cell, tmp_path / "out.gpkg") == 0
    assert label_scene(cell, tmp_path / "new" / "out.tif") == 0
    found = polygons(tmp_path / "out.gpkg")
    with rasterio.open(tmp_path / "new" / "out.tif") as raster:
        classes, confidences = raster.read()
        assert raster.crs == UTM
        assert raster.transform == north_up(pixel=PIXEL * SIDE)
        assert raster.descriptions == ("class", "confidence")
        assert raster.nodata == -1
        tags = raster.tags(1)
    assert [tags[f"class_{index}"] for index in range(len(CLASSES))] == list(CLASSES)
    assert classes.shape == (ACROSS, ACROSS)
    for row, column in np.ndindex(classes.shape):
        x, y = column * SIDE, row * SIDE
        window = box(x, y, x + SIDE, y + SIDE).bounds
        name, confidence = found.get(window, ("", -1.0))
        assert confidences[row, column] == pytest.approx(confidence, abs=1e-6)
        assert classes[row, column] == (CLASSES.index(name) if name else -1)


def test_pixels_of_the_raster_are_in_the_middles_of_their_windows(
    cell: Trained, tmp_path: Path
) -> None:
    arguments = ("--tile", "20", "--step", "10")
    for name in ("out.gpkg", "out.tif"):
        assert label_scene(cell, tmp_path / name, *arguments) == 0
    found = polygons(tmp_path / "out.gpkg")
    edge = max(x2 for _, _, x2, _ in found)
    assert edge == at(ACROSS * SIDE, 0)[0]
    with rasterio.open(tmp_path / "out.tif") as raster:
        assert raster.shape == (14, 14)
        middle = raster.xy(3, 5)
        confidence = raster.read(2)[3, 5]
    window = next(
        each for each in found if shapely.box(*each).centroid.equals(shapely.Point(middle))
    )
    assert found[window][1] == pytest.approx(confidence, abs=1e-6)
    assert window[2] - window[0] == 20 * PIXEL


def test_scenes_need_be_none_of_the_data_set(cell: Trained, tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).integers(1, 256, (3, 50, 40), dtype=np.uint8)
    scene = write_scene(tmp_path / "other.tif", pixels, north_up(pixel=3))
    assert label_scene(cell, tmp_path / "out.gpkg", scene=scene) == 0
    bounds = np.array(list(polygons(tmp_path / "out.gpkg")))
    assert len(bounds) == 3 * 3
    assert (bounds[:, 2] - bounds[:, 0] == SIDE * 3).all()


def test_what_cannot_be_labelled_is_refused(
    cell: Trained, trained: Callable[[str], Trained], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def said() -> str:
        return " ".join(capsys.readouterr().err.split())

    out, scene = tmp_path / "out.gpkg", cell.base / "scene.tif"
    assert label_scene(trained("pictures"), out, scene=scene) == 2
    assert "cuts no windows of scenes" in said()
    assert label_scene(cell, tmp_path / "out.shp") == 2
    assert "written to .gpkg or .tif or .tiff, not to .shp" in said()
    before = scene.read_bytes()
    assert label_scene(cell, scene) == 2
    assert "would replace the scene" in said()
    assert scene.read_bytes() == before
    assert label_scene(cell, out, str(scene)) == 2
    assert "one scene" in said()
    assert label_scene(cell, out, "--csv", "-") == 2
    assert "is no CSV" in said()
    assert label_scene(cell, out, scene=tmp_path) == 2
    assert "is a folder" in said()
    assert main(["predict", cell.reference, str(scene), "--tile", "18"]) == 2
    assert "--tile and --step go with --map" in said()
    black = write_scene(tmp_path / "black.tif", np.zeros((3, 40, 40), np.uint8), nodata=0)
    assert label_scene(cell, out, scene=black) == 2
    assert "no transform from pixels to the map" in said()
    black = write_scene(
        tmp_path / "black.tif", np.zeros((3, 40, 40), np.uint8), north_up(), nodata=0
    )
    assert label_scene(cell, out, scene=black) == 2
    assert "no window of the scene can be labelled: 9 have a chip with more than 20%" in said()
    assert not out.exists()
    (tmp_path / "file").touch()
    assert label_scene(cell, tmp_path / "file" / "out.gpkg") == 2
    assert "cannot be written" in said()


class OneChip(SceneGrid):
    """A grid of two places and of nothing else."""

    def chips(self) -> Iterator[Chip]:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("crs", "transform"),
    [("", (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)), (UTM, (8.0, 6.0, 5e5, 6.0, -8.0, 5.6e6))],
)
def test_polygons_follow_rotated_scenes_and_those_without_a_map(
    crs: str, transform: tuple[float, float, float, float, float, float], tmp_path: Path
) -> None:
    grid = OneChip(crs, transform, (2.0, 0.0), (4, 6), (1, 2))
    windows = np.array([[4, 0, 8, 6]])
    labelled = LabelledMap(
        grid, np.array([[0, 1]]), windows, np.array([1]), np.array([0.75]), Counter()
    )
    for name in ("out.gpkg", "out.tif"):
        write_map(labelled, ["\N{GREEK SMALL LETTER ALPHA}", "b"], tmp_path / name)
    meta, _, shapes, (names, confidences) = pyogrio.raw.read(tmp_path / "out.gpkg")
    assert (meta["crs"], names.tolist(), confidences.tolist()) == (crs or None, ["b"], [0.75])
    (polygon,) = shapely.from_wkb(shapes)
    a, b, c, d, e, f = transform
    middle = shapely.Point(a * 6 + b * 3 + c, d * 6 + e * 3 + f)
    assert polygon.centroid.distance(middle) < 1e-6
    assert polygon.area == pytest.approx(24 * abs(a * e - b * d))
    with rasterio.open(tmp_path / "out.tif") as raster:
        assert raster.read().tolist() == [[[-1.0, 1.0]], [[-1.0, 0.75]]]
        assert (raster.crs or "") == crs
        # the middle of the second place: 2 + 1.5 * 4 columns, 0.5 * 6 rows
        assert raster.xy(0, 1) == pytest.approx((a * 8 + b * 3 + c, d * 8 + e * 3 + f))
        assert raster.tags(1)["class_0"] == "\N{GREEK SMALL LETTER ALPHA}"
