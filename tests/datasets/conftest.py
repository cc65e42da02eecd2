from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rsbench.folders import Folders


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(data=tmp_path / "data", cache=tmp_path / "cache", base=tmp_path)


@pytest.fixture
def make_image() -> Callable[..., Path]:
    def make(path: Path, size: tuple[int, int] = (8, 6), seed: int = 0) -> Path:
        """A random RGB picture of (width, height) ``size``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(seed)
        pixels = random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        return path

    return make


@pytest.fixture
def make_dota_source(make_image: Callable[..., Path]) -> Callable[..., Path]:
    def make(folder: Path, scenes: dict[str, list[str]], size: tuple[int, int] = (64, 48)) -> Path:
        """An original DOTA folder: annotation lines by scene name."""
        for seed, (name, lines) in enumerate(scenes.items()):
            make_image(folder / "images" / f"{name}.png", size, seed)
            text = folder / "labelTxt" / f"{name}.txt"
            text.parent.mkdir(parents=True, exist_ok=True)
            header = ["imagesource:GoogleEarth", "gsd:0.25"]
            text.write_text("\n".join([*header, *lines]) + "\n")
        return folder

    return make
