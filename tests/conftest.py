"""Shared tiny worlds: a two-block ViT, generated images, a target, a training context."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TIMM_FUSED_ATTN", "0")

import pytest


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's data and caches."""
    monkeypatch.setenv("RSBENCH_DATA", str(tmp_path / "rsbench-data"))
    monkeypatch.setenv("RSBENCH_CACHE", str(tmp_path / "rsbench-cache"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the real images and weights; skips where it is absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("RSBENCH_SHARED_DATA", beside))
    if not (folder / "splits").is_dir():
        pytest.skip(f"no real data at {folder} (set RSBENCH_SHARED_DATA)")
    return folder
