"""Arrays of ``.npz`` files are the same as numpy reads them; damage is told."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rsbench.report.arrays import read_arrays

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_as_numpy_reads_them(tmp_path: Path, save: object) -> None:
    path = tmp_path / "some.npz"
    arrays = {
        "plain": np.arange(6, dtype=np.int64).reshape(2, 3),
        "columns_first": np.asfortranarray(np.arange(6, dtype=np.float16).reshape(2, 3)),
        "empty": np.zeros((0, 4), np.float32),
        "number": np.float64(2.5),
    }
    save(path, **arrays)  # type: ignore[operator]
    found = read_arrays(path, list(arrays))
    assert found is not None
    with np.load(path) as expected:
        for name in arrays:
            assert np.array_equal(found[name], expected[name])
            assert found[name].dtype == expected[name].dtype


def test_none_where_an_array_is_missing(tmp_path: Path) -> None:
    np.savez(tmp_path / "some.npz", one=np.ones(2))
    assert read_arrays(tmp_path / "some.npz", ["one", "two"]) is None


def test_no_python_objects(tmp_path: Path) -> None:
    np.savez(tmp_path / "some.npz", one=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="objects"):
        read_arrays(tmp_path / "some.npz", ["one"])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damage_is_an_error(tmp_path: Path, save: object) -> None:
    path = tmp_path / "some.npz"
    save(path, one=np.random.default_rng(0).random(500))  # type: ignore[operator]
    data = bytearray(path.read_bytes())
    data[1000:1100] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(zipfile.BadZipFile):
        read_arrays(path, ["one"])
    path.write_bytes(data[:600])
    with pytest.raises(zipfile.BadZipFile):
        read_arrays(path, ["one"])
