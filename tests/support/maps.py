"""Tiny maps: scenes on a grid of UTM, and labelled places in them."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import rasterio
import shapely
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine
from rasterio.warp import transform as change

from rsbench_datasets.map_chips.target import MapChips

UTM = "EPSG:32631"
LEFT, TOP, PIXEL = 500_000.0, 5_600_000.0, 10.0
"""North-west corner of the scenes in UTM 31N (at 3 degrees east), and their pixel in metres."""
SIDE = 128
Opener = Callable[..., MapChips]


def scene_pixels(seed: int = 0, side: int = SIDE) -> np.ndarray:
    """Random pixels without a zero, shape (3, side, side)."""
    return np.random.default_rng(seed).integers(1, 256, (3, side, side), dtype=np.uint8)


def north_up(left: float = LEFT, top: float = TOP, pixel: float = PIXEL) -> Affine:
    return Affine(pixel, 0, left, 0, -pixel, top)


def write_scene(
    path: Path,
    pixels: np.ndarray,
    transform: Affine | None = None,
    crs: str | None = UTM,
    **profile: Any,
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = pixels.shape
    given = {} if transform is None else {"transform": transform}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver="GTiff", width=width, height=height, count=count, crs=crs,
            dtype=pixels.dtype, tiled=True, blockxsize=64, blockysize=64, **given, **profile,
        ) as scene:  # fmt: skip
            scene.write(pixels)
    return path


def write_labels(
    path: Path,
    shapes: Sequence[Any],
    columns: dict[str, Sequence[Any]],
    crs: str | None = UTM,
    **options: Any,
) -> Path:
    wkb = np.array([None if s is None else shapely.to_wkb(s) for s in shapes], dtype=object)
    values = [
        np.array(v, dtype=object if any(isinstance(x, str) or x is None for x in v) else None)
        for v in columns.values()
    ]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided")
        pyogrio.raw.write(
            path, wkb, values, list(columns), geometry_type="Unknown", crs=crs, **options
        )
    return path


def at(column: float, row: float) -> tuple[float, float]:
    """Map coordinates of a place in pixels of a :func:`north_up` scene."""
    return LEFT + PIXEL * column, TOP - PIXEL * row


def point(column: float, row: float) -> shapely.Point:
    return shapely.Point(at(column, row))


def box(x1: float, y1: float, x2: float, y2: float) -> shapely.Polygon:
    """A box on the map, given in pixels of a :func:`north_up` scene."""
    return shapely.box(*at(x1, y2), *at(x2, y1))


def to_degrees(shape: Any) -> Any:
    def turn(points: np.ndarray) -> np.ndarray:
        return np.array(change(UTM, "EPSG:4326", *points.T)).T

    return shapely.transform(shape, turn)


def label(
    tmp_path: Path, train: Sequence[Any], test: Sequence[Any] = (), **columns: Sequence[Any]
) -> Path:
    """``labels.gpkg``: all "a", or by column; with a test point far from the others' pixels."""
    shapes = [*train, *(test or [box(110, 110, 120, 120)])]
    split = ["train"] * len(train) + ["test"] * (len(shapes) - len(train))
    given = {"crop": ["a"] * len(shapes), "split": split} | columns
    return write_labels(tmp_path / "labels.gpkg", shapes, given)


def windows(target: MapChips, split: str = "train") -> list[list[int]]:
    """x1, y1, x2, y2 of every chip, from its id."""
    samples = target.train if split == "train" else target.test
    return [[int(edge) for edge in name.rsplit("_", 4)[1:]] for name in samples.ids]


def holed(path: Path, how: str) -> None:
    """A scene whose left half has no data, said by nodata value, mask or alpha band."""
    pixels = scene_pixels()
    if how == "alpha":
        alpha = np.full((1, SIDE, SIDE), 255, np.uint8)
        alpha[:, :, :64] = 0
        profile = {"photometric": "RGB", "alpha": "yes"}
        write_scene(path, np.concatenate([pixels, alpha]), north_up(), **profile)
        return
    if how != "mask":
        pixels[:, :, :64] = 0
    write_scene(path, pixels, north_up(), **({"nodata": 0} if how == "nodata" else {}))
    if how == "mask":
        mask = np.full((SIDE, SIDE), 255, np.uint8)
        mask[:, :64] = 0
        with rasterio.open(path, "r+") as scene:
            scene.write_mask(mask)


def far_field(tmp_path: Path, places: int = 300, crs: str = UTM) -> None:
    """An 8 km scene, and random points of three classes, 70 %, 25 % and 5 % of them."""
    write_scene(tmp_path / "scenes" / "a.tif", scene_pixels(0, 512), north_up(pixel=16))
    random = np.random.default_rng(1)
    columns, rows = random.uniform(0, 512 * 1.6, (2, places))
    names = random.choice(["a", "b", "c"], places, p=[0.7, 0.25, 0.05])
    points = [point(x, y) for x, y in zip(columns, rows, strict=True)]
    shapes = points if crs == UTM else [to_degrees(each) for each in points]
    write_labels(tmp_path / "labels.gpkg", shapes, {"crop": names.tolist()}, crs)


def gaps(target: MapChips) -> np.ndarray:
    """Distance in pixels of each training window to the nearest test window; 0: overlap."""
    train, test = (np.array(windows(target, split)) for split in ("train", "test"))
    apart = np.maximum(
        train[:, None, :2] - test[None, :, 2:], test[None, :, :2] - train[:, None, 2:]
    )
    overlap = (apart < 0).all(axis=2).any(axis=1)
    distance = np.linalg.norm(np.clip(apart, 0, None), axis=2).min(axis=1)
    return np.where(overlap, -1.0, distance)
