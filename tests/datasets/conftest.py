from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rsbench.folders import Folders


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(data=tmp_path / "data", cache=tmp_path / "cache", base=tmp_path)


@pytest.fixture
def make_dota_source(make_image: Callable[..., Path]) -> Callable[..., Path]:
    def make(
        folder: Path,
        scenes: dict[str, list[str]],
        size: tuple[int, int] = (64, 48),
        labels: str = "labelTxt",
        header: tuple[str, ...] = ("imagesource:GoogleEarth", "gsd:0.25"),
    ) -> Path:
        """An original DOTA folder: annotation lines by scene name."""
        for seed, (name, lines) in enumerate(scenes.items()):
            make_image(folder / "images" / f"{name}.png", size, seed)
            text = folder / labels / f"{name}.txt"
            text.parent.mkdir(parents=True, exist_ok=True)
            text.write_text("\n".join([*header, *lines]) + "\n")
        return folder

    return make


@pytest.fixture
def open_chips(folders: Folders) -> Callable[..., Any]:
    from rsbench_datasets.map_chips.target import MapChips

    def opened(**options: Any) -> MapChips:
        """Chips from maps: ``scenes``, ``labels.gpkg`` and a split column, unless told else."""
        given = {
            "scenes": "scenes",
            "labels": "labels.gpkg",
            "label_column": "crop",
            "split": {"by": "column"},
        }
        settings = MapChips.Options.model_validate(given | options)
        return MapChips.open("maps", settings, folders)

    return opened


@pytest.fixture
def one_scene(tmp_path: Path) -> np.ndarray:
    """Writes ``scenes/a.tif`` and returns its pixels, (height, width, bands)."""
    from maps import north_up, scene_pixels, write_scene

    pixels = scene_pixels()
    write_scene(tmp_path / "scenes" / "a.tif", pixels, north_up())
    return pixels.transpose(1, 2, 0)
