"""Features of frozen backbones are kept where that is possible, and computed where it is not."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rsbench.training.frozen import FrozenKey, cached_features

KEY = FrozenKey("t", "train", "w", "{}", 16, 16, 16, "32", "cpu")
FEATURES = np.arange(6, dtype=np.float32).reshape(3, 2)


def test_what_was_computed_is_read_the_next_time(tmp_path: Path) -> None:
    calls: list[int] = []

    def compute() -> NDArray[np.float32]:
        calls.append(1)
        return FEATURES

    for _ in range(2):
        assert (cached_features(tmp_path / "f", KEY, compute, 3) == FEATURES).all()
    assert len(calls) == 1
    (file,) = (tmp_path / "f").iterdir()
    file.write_bytes(file.read_bytes()[:-30])
    assert (cached_features(tmp_path / "f", KEY, compute, 3) == FEATURES).all()
    assert len(calls) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full here")
def test_a_full_disk_costs_one_remark_and_no_cell(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def beside(path: Path) -> Path:
        temporary = path.with_suffix(".part")
        temporary.symlink_to("/dev/full")
        return temporary

    monkeypatch.setattr("rsbench.atomic._beside", beside)
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        for split in ("train", "test"):
            key = replace(KEY, split=split)
            assert (cached_features(tmp_path, key, lambda: FEATURES, 3) == FEATURES).all()
    assert [each.message for each in caplog.records] == [
        f"features of the frozen backbone cannot be kept in {tmp_path}: "
        "[Errno 28] No space left on device"
    ]
    assert list(tmp_path.iterdir()) == []
