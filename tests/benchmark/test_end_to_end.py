"""A whole sweep on a tiny world: what a finished cell keeps, and that numbers repeat."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.numpy import load_file
from typer.testing import CliRunner
from world import CLASSES, TEST, TRAIN, matrix, write_world

from rsbench.cli import app
from rsbench.metrics import compute_metrics
from rsbench.record import Record, read_record


def sweep(matrix_file: Path, out: Path, *extra: str) -> str:
    arguments = ["run", "--matrix", str(matrix_file), "--out", str(out), "--workers", "0"]
    result = CliRunner().invoke(app, [*arguments, *extra])
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


def records(out: Path) -> dict[tuple[str, bool, int], tuple[Record, Path]]:
    found = {}
    for path in sorted((out / "cells").glob("*/record.json")):
        record = read_record(path)
        key = (record.cell.method.name, record.cell.metapeft is not None, record.cell.seed)
        found[key] = (record, path.parent)
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def finished(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results") / "tiny"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RSBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        sweep(world, out)
    return out


def test_every_cell_leaves_a_record_and_its_artefacts(finished: Path) -> None:
    found = records(finished)
    assert len(found) == 6
    for (_, metapeft, _), (record, folder) in found.items():
        assert record.status == "finished"
        assert record.class_names == CLASSES
        assert record.train_counts == TRAIN
        assert record.test_counts == TEST
        assert len(record.epochs) == 2
        expected = {"record.json", "predictions.parquet", "features.npz", "adapter.safetensors"}
        assert {path.name for path in folder.iterdir()} == expected | (
            {"gamma.csv", "gamma_final.csv"} if metapeft else set()
        )
        # a colleague may read what the user's own umask allows, weights too
        assert len({path.stat().st_mode for path in folder.iterdir()}) == 1


def test_metrics_follow_from_the_stored_predictions(finished: Path) -> None:
    for record, folder in records(finished).values():
        table = pd.read_parquet(folder / "predictions.parquet")
        assert list(table.columns) == ["id", "label", "prediction", "confidence", "label_logit"]
        assert len(table) == sum(TEST)
        assert table.id.is_unique
        from rsbench.groups import ClassGroups

        groups = ClassGroups(**record.groups)
        labels, predictions = (table[c].to_numpy(np.int64) for c in ("label", "prediction"))
        assert record.metrics == compute_metrics(labels, predictions, groups, 3)
        assert table.confidence.between(1 / 3 - 1e-6, 1).all()


def test_parameters_are_counted_and_saved(finished: Path) -> None:
    found = records(finished)
    per_block = 18 * 16 * 8  # 18 d r, rank 8 by default
    for (method, metapeft, _), (record, folder) in found.items():
        assert record.parameters is not None
        assert record.parameters.head == 3 * 16
        assert record.parameters.method == (2 * per_block if method == "lora" else 0)
        assert record.parameters.modulators == (12 if metapeft else 0)
        saved = load_file(folder / "adapter.safetensors")
        assert sum(tensor.size for tensor in saved.values()) == record.parameters.trainable


def test_features_hold_centroids_before_and_after(finished: Path) -> None:
    found = records(finished)
    frozen = set()
    for (method, _, _), (_, folder) in found.items():
        with np.load(folder / "features.npz") as archive:
            assert archive["centroids_after"].shape == (3, 16)
            assert archive["features_after"].shape == (sum(TEST), 16)
            assert archive["features_after"].dtype == np.float16
            frozen.add(archive["centroids_before"].tobytes())
            same = np.allclose(archive["centroids_before"], archive["centroids_after"], atol=1e-3)
            assert same == (method == "linear")
    assert len(frozen) == 1, "the frozen features depend on the cell"


def test_metapeft_cells_differ_from_their_plain_pair_only_by_the_modulators(
    finished: Path,
) -> None:
    found = records(finished)
    for seed in (0, 1):
        plain, meta = found["lora", False, seed][0], found["lora", True, seed][0]
        assert plain.identity | {"metapeft": None} == meta.identity | {"metapeft": None}
        assert meta.strategy["outer_steps"] == 2
        assert plain.strategy == {}


def test_a_second_run_trains_nothing_and_says_so(finished: Path, world: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.glob("cells/[!.]*/*")}
    output = sweep(world, finished)
    assert "trained 0 cells" in output
    assert "found 6 finished" in output
    assert before == {path: path.stat().st_mtime_ns for path in finished.glob("cells/[!.]*/*")}


def test_the_same_seed_gives_the_same_numbers_twice(
    finished: Path, world: Path, tmp_path: Path
) -> None:
    sweep(world, tmp_path / "again", "--only", "method=lora", "--only", "seed=1")
    again = records(tmp_path / "again")
    assert len(again) == 2
    for key, (record, folder) in again.items():
        first, first_folder = records(finished)[key]
        assert record.id == first.id
        assert record.metrics == first.metrics
        assert record.epochs == first.epochs
        for name in ("predictions.parquet", "adapter.safetensors"):
            digests = {
                hashlib.sha256((f / name).read_bytes()).digest() for f in (folder, first_folder)
            }
            assert len(digests) == 1, name


def test_seeds_give_different_numbers(finished: Path) -> None:
    found = records(finished)
    assert found["lora", False, 0][0].epochs != found["lora", False, 1][0].epochs


def test_a_changed_setting_or_image_is_a_new_cell(world: Path, tmp_path: Path) -> None:
    from rsbench.folders import Folders
    from rsbench.matrix.expand import expand
    from rsbench.matrix.load import load_matrix
    from rsbench.plan import plan_cells

    def ids(file: Path) -> list[str]:
        loaded = load_matrix(str(file))
        cells = expand(loaded)
        plan = plan_cells(cells, Folders(cache=tmp_path / "cache", base=file.parent))
        return [run.id for run in plan.runs()]

    copy = tmp_path / "copy"
    copy.mkdir()
    for path in world.parent.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    assert ids(copy / "matrix.yaml") == ids(world), "paths are part of the identity"
    changed = matrix()
    changed["recipe"] = {"epochs": 2, "batch_size": 8, "learning_rate": 0.06}
    (copy / "other.yaml").write_text(yaml.safe_dump(changed))
    assert not set(ids(copy / "other.yaml")) & set(ids(world))
    image = copy / "train_0_0.png"
    image.write_bytes((copy / "train_0_1.png").read_bytes())
    assert not set(ids(copy / "matrix.yaml")) & set(ids(world))


def test_data_that_changes_under_a_sweep_is_not_recorded_under_the_old_id(
    world: Path, tmp_path: Path
) -> None:
    from dataclasses import replace

    from rsbench.errors import TargetError
    from rsbench.folders import Folders
    from rsbench.matrix.expand import expand
    from rsbench.matrix.load import load_matrix
    from rsbench.plan import plan_cells
    from rsbench.training.run import run_cell

    folders = Folders(cache=tmp_path / "cache", base=world.parent)
    run = plan_cells(expand(load_matrix(str(world))), folders).runs()[0]
    target = run.identity["target"] | {"content": "of yesterday"}
    stale = replace(run, identity=run.identity | {"target": target})
    with pytest.raises(TargetError, match="changed while the sweep was running"):
        run_cell(stale, folders, tmp_path, device="cpu", threads=1, report=lambda message: None)


def test_a_scheduler_that_ends_the_job_gets_a_tidy_exit_and_the_rest_runs_later(
    world: Path, tmp_path: Path
) -> None:
    """SIGTERM counts as Ctrl-C: exit code 130, no half cell, finished ones kept."""
    slow = matrix() | {"recipe": {"epochs": 60, "batch_size": 8, "learning_rate": 0.05}}
    file = world.parent / "slow.yaml"
    file.write_text(yaml.safe_dump(slow))
    out = tmp_path / "out"
    code = "import sys; from rsbench.cli import main; sys.exit(main(sys.argv[1:]))"
    options = ["run", "--matrix", str(file), "--out", str(out), "--workers", "1"]
    process = subprocess.Popen([sys.executable, "-P", "-c", code, *options], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    while not list(out.glob("cells/[!.]*/record.json")):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command trains the rest" in printed
    assert not list(out.glob("cells/.tmp-*"))
    assert 0 < len(records(out)) < 6
