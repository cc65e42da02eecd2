"""A record holds what can be: what was edited or went wrong is refused when it is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from records import make_run, scored_record

from rsbench.errors import RecordError
from rsbench.record import EpochLog, read_record


def written(folder: Path) -> dict[str, Any]:
    """The fields of a record that is fine."""
    import numpy as np

    labels = np.repeat(np.arange(3), 4)
    log = EpochLog(epoch=0, loss=0.5, learning_rate=0.1, validation_mean_class=0.5)
    record = scored_record(make_run(), labels, labels, [9, 6, 3], epochs=(log,))
    fields: dict[str, Any] = json.loads(record.to_json())
    (folder / "record.json").write_text(json.dumps(fields))
    assert read_record(folder / "record.json") == record
    return fields


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("metrics.mean_class", 17.5),
        ("metrics.overall", -0.1),
        ("metrics.head", 1.01),
        ("metrics.macro_f1", float("nan")),
        ("metrics.per_class.1", 2),
        ("train_counts.0", -1),
        ("test_counts.2", -4),
        ("groups.head.0", -1),
        ("parameters.method", -1),
        ("parameters.head", 0.5),
        ("timing.train_seconds", -1.0),
        ("timing.train_images_per_second", float("inf")),
        ("epochs.0.loss", float("nan")),
        ("epochs.0.validation_mean_class", 50.0),
        ("strategy.travel", [1.0, float("inf")]),
        ("skipped.train", -2),
        ("artefacts.features", {"size": -1, "sha256": "0" * 64}),
        ("artefacts.features", {"size": 1, "sha256": "short"}),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, place: str, value: object) -> None:
    fields = written(tmp_path)
    *way, last = (int(each) if each.isdigit() else each for each in place.split("."))
    inside: Any = fields
    for each in way:
        inside = inside[each]
    inside[last] = value
    (tmp_path / "record.json").write_text(json.dumps(fields))
    with pytest.raises(RecordError, match="the record is damaged: field " + way[0]):
        read_record(tmp_path / "record.json")
