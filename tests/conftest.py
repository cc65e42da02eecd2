"""Shared tiny worlds: a two-block ViT, generated images, a target, a training context."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TIMM_FUSED_ATTN", "0")
# drawing takes longer than the tiny sweeps of most tests; those of the report ask for it
os.environ.setdefault("RSBENCH_FIGURES", "0")

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's data and caches."""
    monkeypatch.setenv("RSBENCH_DATA", str(tmp_path / "rsbench-data"))
    monkeypatch.setenv("RSBENCH_CACHE", str(tmp_path / "rsbench-cache"))


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


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the real images and weights; skips where it is absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("RSBENCH_SHARED_DATA", beside))
    if not (folder / "splits").is_dir():
        pytest.skip(f"no real data at {folder} (set RSBENCH_SHARED_DATA)")
    return folder
