"""Predictions of finished cells: read whole, or digested for thousands of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from rsbench.errors import RecordError
from rsbench.report.prediction_files import PredictionReader, read_predictions

if TYPE_CHECKING:
    from pathlib import Path

LABELS = np.array([0, 1, 1, 2], np.int32)
PREDICTIONS = np.array([0, 1, 2, 2], np.int32)
CONFIDENCES = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
IDS = ("a", "b", "ü", "d")


def write(path: Path, ids: tuple[str, ...] = IDS, rest: Any = (), **how: Any) -> Path:
    columns: dict[str, Any] = {
        "id": list(ids),
        "label": LABELS,
        "prediction": PREDICTIONS,
        "confidence": CONFIDENCES,
        **dict(rest),
    }
    pd.DataFrame(columns).to_parquet(path, index=False, **how)
    return path


def test_everything_is_read(tmp_path: Path) -> None:
    read = read_predictions(write(tmp_path / "a"))
    assert read.images == IDS
    np.testing.assert_array_equal(read.labels, LABELS)
    np.testing.assert_array_equal(read.confidences, CONFIDENCES)
    assert read.correct.tolist() == [True, True, False, True]


def test_a_digest_keeps_what_is_right_and_the_calibration(tmp_path: Path) -> None:
    kept = PredictionReader().digest(write(tmp_path / "a"))
    assert kept.correct.tolist() == [True, True, False, True]
    assert kept.calibration.excess == pytest.approx(0.75 - 0.75, abs=1e-6)
    assert kept.calibration.error == pytest.approx((0.1 + 0.2 + 0.7 + 0.4) / 4, abs=1e-6)


def test_the_same_images_have_the_same_digest_however_they_are_stored(tmp_path: Path) -> None:
    ways: list[dict[str, Any]] = [
        {},
        {"compression": "gzip"},
        {"compression": None, "use_dictionary": False},
        {"row_group_size": 2},
    ]
    paths = [write(tmp_path / str(n), **how) for n, how in enumerate(ways)]
    together = PredictionReader()
    shared = [together.digest(path).images for path in paths]
    assert len(set(shared)) == 1
    assert [PredictionReader().digest(path).images for path in paths] == shared


def test_other_ids_order_or_labels_have_another_digest(tmp_path: Path) -> None:
    reader = PredictionReader()
    paths = [
        write(tmp_path / "same"),
        write(tmp_path / "ids", ("a", "b", "c", "d")),
        write(tmp_path / "order", ("b", "a", "ü", "d")),
        write(tmp_path / "labels", rest={"label": LABELS[::-1].copy()}),
    ]
    assert len({reader.digest(path).images for path in paths}) == 4


def test_cells_of_a_target_share_their_labels(tmp_path: Path) -> None:
    reader = PredictionReader()
    first, second = (
        reader.digest(write(tmp_path / name, rest={"prediction": PREDICTIONS[::-1].copy()}))
        for name in "ab"
    )
    assert first.labels is second.labels


@pytest.mark.parametrize("damage", ["cut", "column", "confidence"])
def test_damage_is_named_with_its_file(tmp_path: Path, damage: str) -> None:
    path = write(tmp_path / "a")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "column":
        pd.read_parquet(path).drop(columns="label").to_parquet(path)
    else:
        write(path, rest={"confidence": CONFIDENCES + 1})
    with pytest.raises(RecordError, match="cannot be read") as caught:
        PredictionReader().digest(path)
    assert str(path) in str(caught.value.where)
