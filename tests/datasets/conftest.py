import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rsbench.folders import Folders

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(data=tmp_path / "data", cache=tmp_path / "cache", base=tmp_path)


@pytest.fixture
def shared_data() -> Path:
    default = REPOSITORY.parent / "shared" / "data"
    folder = Path(os.environ.get("RSBENCH_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip("real data is absent (set RSBENCH_SHARED_DATA)")
    return folder


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
