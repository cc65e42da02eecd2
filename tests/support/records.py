"""Runs made of invented records, with predictions and features where a test wants them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rsbench.backbone import BackboneInfo, Normalisation
from rsbench.cell import Cell, cell_id, identity
from rsbench.groups import by_thirds
from rsbench.metrics import compute_metrics
from rsbench.plan import CellRun, Plan, PlannedCell, settings_digest
from rsbench.record import (
    Environment,
    Failure,
    Metrics,
    ParameterCounts,
    Record,
    Timing,
    read_record,
)
from rsbench.recorded import describe_all
from rsbench.settings import PluginChoice, Recipe
from rsbench.store import RunFolder, RunIndex

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

INFO = BackboneInfo(
    image_size=7,
    normalisation=Normalisation(mean=(0.5,) * 3, std=(0.5,) * 3),
    weights_hash="0" * 64,
    architecture={},
)


def make_run(
    method: str = "lora",
    seed: int = 0,
    metapeft: bool = False,
    target: str = "things",
    backbone: str = "vit",
    options: Mapping[str, Any] | None = None,
    kinds: Mapping[str, str] | None = None,
    **recipe: Any,
) -> CellRun:
    """A cell with its id. ``kinds``: entry-point names of target, backbone or method."""
    kinds = {"target": "stub", "backbone": "stub_vit", "method": method, **(kinds or {})}
    cell = Cell(
        target=PluginChoice(name=target, kind=kinds["target"]),
        backbone=PluginChoice(name=backbone, kind=kinds["backbone"]),
        method=PluginChoice(name=method, kind=kinds["method"], options=dict(options or {})),
        metapeft=PluginChoice(name="metapeft", kind="metapeft") if metapeft else None,
        recipe=Recipe(**recipe),
        seed=seed,
    )
    fields = identity(cell, f"content of {target}", INFO)
    return CellRun(cell, cell_id(fields), fields)


def make_record(run: CellRun, mean: float = 0.5, precision: str = "32", **changes: Any) -> Record:
    """A finished record without files: head is 0.1 above the mean, tail below, no medium."""
    metrics = Metrics(
        overall=0.9,
        mean_class=mean,
        head=min(1.0, mean + 0.1),
        medium=None,
        tail=max(0.0, mean - 0.1),
        macro_f1=mean,
        worst_class=0.0,
        harmonic_mean=mean,
        geometric_mean=mean,
        per_class=(mean,),
    )
    fields: dict[str, Any] = {
        "id": run.id,
        "status": "finished",
        "cell": run.cell,
        "identity": run.identity,
        "metrics": metrics,
        "parameters": ParameterCounts(method=1000, head=200, modulators=30, frozen=9),
        "timing": Timing(train_seconds=10.0, total_seconds=12.0, train_images_per_second=1.0),
        "environment": make_environment(precision),
    }
    return Record(**{**fields, **changes})


def make_environment(precision: str = "32") -> Environment:
    """An invented machine."""
    return Environment(
        rsbench="0",
        python="3",
        packages={},
        platform="x",
        device="cpu",
        precision=precision,
        threads=1,
        started="2000-01-01T00:00:00+00:00",
    )


def failed(run: CellRun, kind: str = "ValueError") -> Record:
    """A failed record."""
    failure = Failure(kind=kind, message="no luck\nat all", traceback="...")
    return Record(id=run.id, status="failed", cell=run.cell, identity=run.identity, failure=failure)


def scored_record(
    run: CellRun,
    labels: NDArray[np.int64],
    predictions: NDArray[np.int64],
    train_counts: Sequence[int],
    **changes: Any,
) -> Record:
    """A finished record whose metrics follow from predictions; groups are rank thirds."""
    classes = len(train_counts)
    groups = by_thirds(train_counts)
    fields = {
        "class_names": tuple(f"class {number}" for number in range(classes)),
        "groups": {name: groups.of(name) for name in ("head", "medium", "tail")},
        "train_counts": tuple(train_counts),
        "test_counts": tuple(int((labels == c).sum()) for c in range(classes)),
        "metrics": compute_metrics(labels, predictions, groups, classes),
    }
    return make_record(run, **{**fields, **changes})


def write_run(
    folder: RunFolder,
    runs: Sequence[CellRun],
    records: Sequence[Record],
    disclaimer: str = "",
    name: str = "little",
    **index: Any,
) -> None:
    """A run folder: the cells of the matrix, and records. ``index``: further run.json fields."""
    planned = tuple(PlannedCell(r.cell, settings_digest(r.cell), True, r) for r in runs)
    fields: dict[str, Any] = {
        "matrix": name,
        "matrix_file": f"{name}.yaml",
        "disclaimer": disclaimer,
        "rsbench": "0",
        "created": "then",
        "updated": "now",
        "cells": Plan(planned, (), (), {}).listed(),
    }
    folder.path.parent.mkdir(parents=True, exist_ok=True)
    matrix_file = folder.path.parent / f"{name}.yaml"
    matrix_file.write_text(f"name: {name}\n")
    with folder.locked(name):
        folder.write_index(RunIndex(**(fields | index)), matrix_file)
        for record in records:
            with folder.scratch(record.id) as scratch:
                folder.commit(scratch, record)


def write_predictions(
    folder: RunFolder,
    record: Record,
    labels: NDArray[np.int64],
    predictions: NDArray[np.int64],
    confidences: NDArray[np.float32] | None = None,
) -> None:
    """``predictions.parquet`` of a finished cell."""
    number = len(labels)
    frame = pd.DataFrame(
        {
            "id": [f"image {each}" for each in range(number)],
            "label": labels.astype(np.int32),
            "prediction": predictions.astype(np.int32),
            "confidence": np.full(number, 0.5, np.float32) if confidences is None else confidences,
            "label_logit": np.zeros(number, np.float32),
        }
    )
    frame.to_parquet(folder.cell(record.id) / "predictions.parquet", index=False)


def write_features(
    folder: RunFolder,
    record: Record,
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    labels: NDArray[np.int64],
) -> None:
    """``features.npz`` of a finished cell, as training writes it."""
    from rsbench.training.artefacts import write_features as write
    from rsbench.training.evaluate import Outputs

    logits = np.zeros((len(labels), int(labels.max()) + 1), np.float32)
    outputs = Outputs(np.arange(len(labels)), labels, after, logits)
    write(folder.cell(record.id), outputs, before)


def record_again(cell: Path) -> None:
    """Make the record of a finished cell answer for its files as they are now."""
    record = read_record(cell / "record.json")
    changed = record.model_copy(update={"artefacts": describe_all(cell)})
    (cell / "record.json").write_text(changed.to_json())


def little_folder(path: Path) -> RunFolder:
    """The run folder ``results/little`` in ``path``."""
    return RunFolder(path / "results" / "little")
