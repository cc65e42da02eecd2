"""``recipe.head_features`` from the matrix to the export, and the remark that names it."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from tiny import images
from typer.testing import CliRunner
from world import matrix, write_world

from rsbench.cli import app, main
from rsbench.finished.find import FinishedCell, find_cell
from rsbench.folders import Folders
from rsbench.imagestore import open_store
from rsbench.record import read_record
from rsbench.store import RunFolder
from rsbench.training.evaluate import evaluate
from rsbench.training.inputs import open_target
from rsbench.training.restore import RestoredModel, restore

STATISTICS = {"raw": set(), "centred": {"mean"}, "standardised": {"mean", "deviation"}}


def run(folder: Path, name: str, methods: list[str], **recipe: Any) -> tuple[Path, str]:
    """Train ``methods`` on the world in ``folder``; the run folder, and what was printed."""
    values = matrix() | {"name": name, "methods": methods, "seeds": [0, 1]}
    if not any("+metapeft" in method for method in methods):
        del values["metapeft"]
    values["recipe"] = {"epochs": 2, "batch_size": 8, "precision": "32", **recipe}
    file, out = folder / f"{name}.yaml", folder / "results" / name
    file.write_text(yaml.safe_dump(values))
    arguments = ["run", "--matrix", str(file), "--out", str(out), "--workers", "0"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return out, result.output


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny world whose frozen features are nearly parallel."""
    folder = tmp_path_factory.mktemp("parallel")
    write_world(folder)
    tensors = load_file(folder / "weights.safetensors")
    tensors["norm.bias"] += 10.0
    save_file(tensors, folder / "weights.safetensors")
    return folder


@pytest.fixture(scope="module")
def runs(world: Path) -> dict[str, tuple[Path, str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RSBENCH_CACHE", str(world / "cache"))
        methods = ["lora", "lora+metapeft", "probe"]
        return {kind: run(world, kind, methods, head_features=kind) for kind in STATISTICS}


def restored(cell: FinishedCell) -> RestoredModel:
    assert cell.base is not None
    return restore(cell.record, cell.folder, Folders(base=cell.base), torch.device("cpu"))


def cell_in(out: Path, method: str) -> FinishedCell:
    """Its cell with seed 0."""
    listed = [c for c in RunFolder(out).read_index().cells if f"/ {method} / seed 0" in c.label]
    return find_cell(f"{out}/{listed[0].id}")


@pytest.mark.parametrize("kind", STATISTICS)
@pytest.mark.parametrize("method", ["lora", "lora+metapeft"])
def test_the_statistics_are_kept_and_restored_bit_for_bit(
    runs: dict[str, tuple[Path, str]], kind: str, method: str
) -> None:
    cell = cell_in(runs[kind][0], method)
    saved = load_file(cell.folder / "adapter.safetensors")
    head = {name for name in saved if name.startswith("head.")}
    assert head == {"head.weight", *(f"head.{each}" for each in STATISTICS[kind])}
    assert cell.record.parameters is not None
    assert cell.record.parameters.head == 3 * 16, "statistics are not trained"
    model = restored(cell)
    assert cell.base is not None
    folders = Folders(base=cell.base)
    target = open_target(cell.record.cell.target, folders)
    store = open_store(target, "test", model.view.short_side, folders)
    reader = model.reader(store, target.test.labels)
    outputs = evaluate(model.both, reader, np.arange(len(store)), model.view.short_side)
    stored = pd.read_parquet(cell.folder / "predictions.parquet")
    rows = np.arange(len(stored))
    assert np.array_equal(outputs.logits[rows, stored.label], stored.label_logit.to_numpy())


def test_nearly_parallel_features_are_told_at_the_start_and_in_the_record(
    runs: dict[str, tuple[Path, str]],
) -> None:
    words = "the frozen features of plots on tiny_vit are nearly parallel (mean cosine 0.9"
    for kind, (out, printed) in runs.items():
        told = printed.split("[3/")[0].count(words)  # two probes go first
        assert told == (kind == "raw"), "once, before a trained cell ends"
        for path in out.glob("cells/*/record.json"):
            record = read_record(path)
            notes = [note for note in record.notes if words in note]
            assert len(notes) == (kind == "raw" and record.cell.method.name != "probe")
            assert all("recipe: {head_features: standardised}" in note for note in notes)


def test_features_that_differ_are_not_remarked_on(tmp_path: Path) -> None:
    write_world(tmp_path)
    tensors = load_file(tmp_path / "weights.safetensors")
    tensors["blocks.1.mlp.fc2.weight"] *= 100.0  # the images differ more than they are alike
    tensors["pos_embed"] *= 0.0
    tensors["patch_embed.proj.weight"] *= 30.0
    save_file(tensors, tmp_path / "weights.safetensors")
    out, printed = run(tmp_path, "apart", ["linear"])
    assert "nearly parallel" not in printed
    for path in out.glob("cells/*/record.json"):
        assert not any("nearly parallel" in note for note in read_record(path).notes)


@pytest.mark.parametrize(
    ("kind", "method"),
    [("raw", "lora"), ("centred", "lora"), ("standardised", "lora+metapeft"), ("raw", "probe")],
)
def test_an_export_loads_with_what_its_head_sees(
    runs: dict[str, tuple[Path, str]], kind: str, method: str, tmp_path: Path
) -> None:
    """Its ``load.py`` gives the logits of the cell."""
    cell = cell_in(runs[kind][0], method)
    out = tmp_path / "merged"
    assert main(["export", str(cell.folder), "--base", str(cell.base), "--to", "merged",
                 "--out", str(out)]) == 0  # fmt: skip
    with torch.no_grad():
        logits = runpy.run_path(str(out / "load.py"))["load"]()(images(8))
        expected = restored(cell).both(images(8))[1]
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
