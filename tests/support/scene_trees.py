"""Tiny trees in the layouts of torchgeo's scene data sets, with the genuine names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

EUROSAT = (
    *("AnnualCrop", "Forest", "HerbaceousVegetation", "Highway", "Industrial"),
    *("Pasture", "PermanentCrop", "Residential", "River", "SeaLake"),
)
UCMERCED = (
    *("agricultural", "airplane", "baseballdiamond", "beach", "buildings", "chaparral"),
    *("denseresidential", "forest", "freeway", "golfcourse", "harbor", "intersection"),
    *("mediumresidential", "mobilehomepark", "overpass", "parkinglot", "river", "runway"),
    *("sparseresidential", "storagetanks", "tenniscourt"),
)
RESISC45 = (
    *("airplane", "airport", "baseball_diamond", "basketball_court", "beach", "bridge"),
    *("chaparral", "church", "circular_farmland", "cloud", "commercial_area"),
    *("dense_residential", "desert", "forest", "freeway", "golf_course", "ground_track_field"),
    *("harbor", "industrial_area", "intersection", "island", "lake", "meadow"),
    *("medium_residential", "mobile_home_park", "mountain", "overpass", "palace", "parking_lot"),
    *("railway", "railway_station", "rectangular_farmland", "river", "roundabout", "runway"),
    *("sea_ice", "ship", "snowberg", "sparse_residential", "stadium", "storage_tank"),
    *("tennis_court", "terrace", "thermal_power_station", "wetland"),
)
PATTERNNET = (
    *("airplane", "baseball_field", "basketball_court", "beach", "bridge", "cemetery"),
    *("chaparral", "christmas_tree_farm", "closed_road", "coastal_mansion", "crosswalk"),
    *("dense_residential", "ferry_terminal", "football_field", "forest", "freeway"),
    *("golf_course", "harbor", "intersection", "mobile_home_park", "nursing_home"),
    *("oil_gas_field", "oil_well", "overpass", "parking_lot", "parking_space", "railway"),
    *("river", "runway", "runway_marking", "shipping_yard", "solar_panel"),
    *("sparse_residential", "storage_tank", "swimming_pool", "tennis_court"),
    *("transformer_station", "wastewater_treatment_plant"),
)
FIRE_RISK = ("High", "Low", "Moderate", "Non-burnable", "Very_High", "Very_Low", "Water")
ADVANCE = (
    *("airport", "beach", "bridge", "farmland", "forest", "grassland", "harbour", "lake"),
    *("orchard", "residential", "sparse shrub land", "sports land", "train station"),
)
SPLITS = ("train", "val", "test")
SIZE = 8


def picture(path: Path, seed: int) -> None:
    """A random picture of 8 x 8 pixels in the format of the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(seed, 3, np.uint8)).save(path)


def pixels(seed: int, bands: int, kind: Any, top: int = 256) -> NDArray[Any]:
    """Random values below ``top``, shape (8, 8, bands)."""
    return np.random.default_rng(seed).integers(0, top, (SIZE, SIZE, bands), dtype=kind)


def raster(path: Path, values: NDArray[Any]) -> None:
    """A GeoTIFF with ``values``, shape (height, width, bands)."""
    import rasterio

    path.parent.mkdir(parents=True, exist_ok=True)
    height, width, count = values.shape
    shape = {"height": height, "width": width, "count": count, "dtype": values.dtype.name}
    place = {"crs": "EPSG:32632", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)}
    with rasterio.open(path, "w", driver="GTiff", **shape, **place) as file:
        file.write(np.moveaxis(values, 2, 0))


def eurosat(root: Path, counts: dict[str, int], lists: str = "eurosat-{}.txt") -> Path:
    """EuroSAT: ``counts`` images of every class in each split; the lists name JPEG files."""
    folder = root / "ds/images/remote_sensing/otherDatasets/sentinel_2/tif"
    for label, name in enumerate(EUROSAT):
        for number in range(1, sum(counts.values()) + 1):
            values = pixels(100 * label + number, 13, np.uint16, 4000)
            raster(folder / name / f"{name}_{number}.tif", values)
    write_lists(root / lists, EUROSAT, counts, "{}_{}.jpg", first=1)
    return root


def ucmerced(root: Path, counts: dict[str, int]) -> Path:
    """UC Merced: TIFF pictures."""
    for label, name in enumerate(UCMERCED):
        for number in range(sum(counts.values())):
            file = root / "UCMerced_LandUse" / "Images" / name / f"{name}{number:02}.tif"
            picture(file, 100 * label + number)
    write_lists(root / "uc_merced-{}.txt", UCMERCED, counts, "{}{:02}.tif", first=0)
    return root


def resisc45(root: Path, counts: dict[str, int]) -> Path:
    """RESISC45: JPEG pictures."""
    for label, name in enumerate(RESISC45):
        for number in range(1, sum(counts.values()) + 1):
            picture(root / "NWPU-RESISC45" / name / f"{name}_{number:03}.jpg", 100 * label + number)
    write_lists(root / "resisc45-{}.txt", RESISC45, counts, "{}_{:03}.jpg", first=1)
    return root


def patternnet(root: Path, count: int) -> Path:
    """PatternNet: JPEG pictures, no splits."""
    for label, name in enumerate(PATTERNNET):
        for number in range(1, count + 1):
            file = root / "PatternNet" / "images" / name / f"{name.replace('_', '')}{number:03}.jpg"
            picture(file, 100 * label + number)
    return root


def fire_risk(root: Path, counts: dict[str, int]) -> Path:
    """FireRisk: PNG pictures, a folder for train and one for val."""
    for label, name in enumerate(FIRE_RISK):
        for split, count in counts.items():
            for number in range(count):
                file = root / "FireRisk" / split / name / f"27{label}{number}_-81.5.png"
                picture(file, 1000 * label + 10 * number + len(split))
    return root


def advance(root: Path, count: int) -> Path:
    """ADVANCE without its sounds: JPEG pictures, no splits."""
    for label, name in enumerate(ADVANCE):
        for number in range(count):
            picture(root / "vision" / name / f"{label:03}{number}_1.jpg", 100 * label + number)
    return root


def million_aid(root: Path, count: int) -> Path:
    """Million-AID: classes lie two or three folders deep."""
    classes = (
        "agriculture_land/grassland/meadow",
        "agriculture_land/arable_land/dry_field",
        "water_area/beach",
        "commercial_land/commercial_area",
        "unutilized_land/rock_land",
    )
    for label, name in enumerate(classes):
        for number in range(count):
            picture(root / "train" / name / f"P0{label}{number:05}.jpg", 100 * label + number)
    return root


def cowc_detection(root: Path, counts: dict[str, int]) -> Path:
    """COWC (detection): lists with paths and labels; torchgeo wants the archives to be there."""
    from torchgeo.datasets import COWCDetection

    for split in ("train", "test"):
        lines = []
        for number in range(counts[split]):
            name = f"Toronto_ISPRS/{split}/{number % 2}/03553.{number}.png"
            picture(root / name, 10 * number + len(split))
            lines.append(f"{name} {number % 2}\n")
        (root / f"COWC_{split}_list_detection.txt").write_text("".join(lines))
    for archive in COWCDetection.filenames:
        (root / archive).touch()
    return root


def copernicus_eurosat(root: Path, counts: dict[str, int], values: NDArray[Any]) -> Path:
    """Copernicus-Bench EuroSAT-S2: its class opens files by name and lists none."""
    folder = root / "eurosat_s2"
    for label, name in enumerate(EUROSAT):
        for number in range(1, sum(counts.values()) + 1):
            raster(folder / "all_imgs" / name / f"{name}_{number}.tif", values + label + number)
    write_lists(folder / "eurosat-{}.txt", EUROSAT, counts, "{}_{}.jpg", first=1)
    return root


def write_lists(
    path: Path, classes: tuple[str, ...], counts: dict[str, int], name: str, first: int
) -> None:
    """One list a split, its images taken one after the other."""
    for split in SPLITS:
        numbers = range(first, first + counts[split])
        first += counts[split]
        lines = [name.format(each, number) + "\n" for each in classes for number in numbers]
        path.with_name(path.name.format(split)).write_text("".join(lines))
