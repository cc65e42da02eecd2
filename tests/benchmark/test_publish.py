"""``rsbench publish``: a small copy of a run that gives the same report."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from records import (
    failed,
    little_folder,
    make_run,
    scored_record,
    write_features,
    write_predictions,
    write_run,
)
from typer.testing import CliRunner

from rsbench.cli import app
from rsbench.errors import RecordError, ResultsFolderError, SettingsError
from rsbench.finished.publish import publish, without_paths
from rsbench.report.artefact_files import ArtefactFiles
from rsbench.report.prediction_files import PredictionReader
from rsbench.report.write import write_report
from rsbench.store import RunFolder

LABELS = np.repeat(np.arange(3), 4)
PREDICTIONS = np.array([0, 0, 0, 1, 1, 1, 0, 1, 2, 2, 1, 0])


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Two seeds with files, a failed cell, and a cell that the matrix does not name."""
    folder = little_folder(tmp_path)
    runs = [make_run(seed=seed) for seed in range(3)]
    records = [scored_record(r, LABELS, PREDICTIONS, [30, 20, 10]) for r in runs[:2]]
    foreign = scored_record(make_run("other"), LABELS, PREDICTIONS, [30, 20, 10])
    write_run(folder, runs, [*records, failed(runs[2]), foreign])
    features = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
    for record in records:
        write_predictions(folder, record, LABELS, PREDICTIONS)
        write_features(folder, record, features, features + 1, LABELS)
        (folder.cell(record.id) / "adapter.safetensors").write_bytes(b"weights")
        (folder.cell(record.id) / "gamma.csv").write_text("inner_step,gamma\n0,1\n")
    return folder


def test_what_a_report_needs_is_kept_and_weights_are_not(run: RunFolder, tmp_path: Path) -> None:
    done = publish(run, tmp_path / "published" / "little")
    index = run.read_index()
    assert done.cells == 3
    assert done.folder.present() == sorted(str(each.id) for each in index.cells)
    first = str(index.cells[0].id)
    assert sorted(each.name for each in done.folder.cell(first).iterdir()) == [
        "features.npz",
        "gamma.csv",
        "predictions.parquet",
        "record.json",
    ]
    before, after = ArtefactFiles(run), ArtefactFiles(done.folder)
    for identifier in (str(each.id) for each in index.cells[:2]):
        copied, original = done.folder.record(identifier), run.record(identifier)
        assert copied is not None
        assert original == copied.model_copy(update={"artefacts": {}})
        old, new = before.predictions(identifier), after.predictions(identifier)
        assert old is not None
        assert new is not None
        np.testing.assert_array_equal(old.predictions, new.predictions)
        np.testing.assert_array_equal(old.confidences, new.confidences)
        assert old.images == new.images
    shared = sorted(each.suffix for each in (done.folder.path / "test_images").iterdir())
    assert shared == [".npz", ".parquet"]
    old_features, new_features = before.class_features(first), after.class_features(first)
    assert old_features is not None
    assert new_features is not None
    for name in vars(old_features):
        np.testing.assert_array_equal(getattr(old_features, name), getattr(new_features, name))


def test_a_published_run_can_be_published_again_and_compared(
    run: RunFolder, tmp_path: Path
) -> None:
    done = publish(run, tmp_path / "published" / "little")
    result = CliRunner().invoke(app, ["compare", str(run.path), "--with", str(done.folder.path)])
    assert result.exit_code == 0, result.output
    with (run.path / "tables" / "compare-run-little-cells.csv").open() as lines:
        cells = list(csv.DictReader(lines))
    assert [each["same_id"] for each in cells] == ["true", "true"]
    digest_of = [PredictionReader(), PredictionReader()]
    first = str(run.read_index().cells[0].id)
    before, after = (
        reader.digest(folder.cell(first) / "predictions.parquet").images
        for reader, folder in zip(digest_of, (run, done.folder), strict=True)
    )
    assert before == after


@pytest.mark.parametrize("features", ["drawn", "classes", "none"])
def test_features(run: RunFolder, tmp_path: Path, features: str) -> None:
    first, second = (str(each.id) for each in run.read_index().cells[:2])
    done = publish(run, tmp_path / "little", features, drawn=[first])  # type: ignore[arg-type]
    files = ArtefactFiles(done.folder)
    assert (files.class_features(first) is None) == (features == "none")
    assert (files.image_features(first) is None) == (features != "drawn")
    assert files.image_features(second) is None


def test_an_existing_folder_is_left_alone(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "little").mkdir()
    with pytest.raises(ResultsFolderError, match="exists already"):
        publish(run, tmp_path / "little")
    assert list((tmp_path / "little").iterdir()) == []


def test_a_part_that_no_report_has_is_refused_before_anything_is_copied(
    run: RunFolder, tmp_path: Path
) -> None:
    arguments = ["publish", str(run.path), "--out", str(tmp_path / "published"), "--only", "mian"]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, SettingsError)
    assert not (tmp_path / "published").exists()


def test_folders_of_this_machine_do_not_show(tmp_path: Path) -> None:
    folder = little_folder(tmp_path)
    cell_run = make_run(kinds={"target": "labelled_list"})
    cell = cell_run.cell
    target = cell.target.model_copy(update={"options": {"root": "/home/me/data/aid"}})
    record = failed(cell_run).model_copy(
        update={"cell": cell.model_copy(update={"target": target})}
    )
    write_run(folder, [cell_run], [record])
    done = publish(folder, tmp_path / "copy")
    text = (done.folder.cell(cell_run.id) / "record.json").read_text()
    assert "/home/me" not in text
    assert json.loads(text)["cell"]["target"]["options"]["root"] == ".../aid"
    assert done.hidden == 1
    assert done.folder.record(cell_run.id) is not None


@pytest.mark.parametrize(
    ("text", "shortened"),
    [
        ('File "/home/me/x.py", line 3', 'File ".../x.py", line 3'),
        ("C:\\Users\\me\\x.py", ".../x.py"),
        ("~/data/aid", ".../aid"),
        ("../../shared/data", "../../shared/data"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("8/7 of the input", "8/7 of the input"),
        ("a / b / lora", "a / b / lora"),
    ],
)
def test_only_absolute_paths_are_shortened(text: str, shortened: str) -> None:
    assert without_paths({"x": [text]})[0] == {"x": [shortened]}


def test_gammas_of_every_step_are_left_out_when_asked(run: RunFolder, tmp_path: Path) -> None:
    arguments = ["publish", str(run.path), "--out", str(tmp_path / "published"), "--as", "mine"]
    result = CliRunner().invoke(app, [*arguments, "--no-gamma-paths"])
    assert result.exit_code == 0, result.output
    assert not list((tmp_path / "published" / "mine").rglob("gamma.csv"))


def test_without_confidences_calibration_alone_is_missing(run: RunFolder, tmp_path: Path) -> None:
    lean = tmp_path / "published" / "lean"
    arguments = ["publish", str(run.path), "--out", str(lean.parent), "--as", "lean"]
    result = CliRunner().invoke(app, [*arguments, "--no-confidences"])
    assert result.exit_code == 0, result.output
    identifier = str(run.read_index().cells[0].id)
    before, after = ArtefactFiles(run), ArtefactFiles(RunFolder(lean))
    assert before.calibration(identifier) is not None
    assert after.calibration(identifier) is None
    old, new = before.predictions(identifier), after.predictions(identifier)
    assert old is not None
    assert new is not None
    np.testing.assert_array_equal(old.predictions, new.predictions)
    assert new.confidences is None
    again = publish(RunFolder(lean), tmp_path / "again")
    assert ArtefactFiles(again.folder).test_images(identifier) == before.test_images(identifier)


def test_records_do_not_say_where_their_data_lay(tmp_path: Path) -> None:
    folder = little_folder(tmp_path)
    cell_run = make_run(kinds={"target": "labelled_list"})
    target = cell_run.cell.target.model_copy(update={"options": {"file": "../../data/split.csv"}})
    cell = cell_run.cell.model_copy(update={"target": target})
    write_run(folder, [cell_run], [failed(cell_run).model_copy(update={"cell": cell})])
    record = publish(folder, tmp_path / "copy").folder.record(cell_run.id)
    assert record is not None
    assert record.cell.target.options == {"file": ".../split.csv"}


def test_the_way_to_rebuild_it_names_the_folder_as_seen_from_here(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["publish", str(run.path), "--out", "published/family", "--as", "mine"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    about = (tmp_path / "published" / "family" / "mine" / "README.md").read_text()
    assert "`rsbench report published/family/mine`" in about


def test_the_report_of_the_copy_is_rebuilt_byte_by_byte(run: RunFolder, tmp_path: Path) -> None:
    arguments = ["publish", str(run.path), "--out", str(tmp_path / "published"), "--as", "mine"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    copy = tmp_path / "published" / "mine"
    about = (copy / "README.md").read_text()
    assert "2 finished, 1 failed, 0 missing" in about
    assert "from the folder that holds this one: `rsbench report mine`" in about
    before = {p: p.read_bytes() for p in sorted(copy.rglob("*")) if p.is_file()}
    assert copy / "report.html" in before
    again = CliRunner().invoke(app, ["report", str(copy), "--figures"])
    assert again.exit_code == 0, again.output
    assert {p: p.read_bytes() for p in sorted(copy.rglob("*")) if p.is_file()} == before


@pytest.mark.parametrize("name", ["a/b", "..", ""])
def test_its_name_is_no_path(run: RunFolder, tmp_path: Path, name: str) -> None:
    arguments = ["publish", str(run.path), "--out", str(tmp_path / "published"), "--as", name]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, SettingsError)
    assert not (tmp_path / "published").exists()


@pytest.mark.parametrize("pattern", ["test_images/*.parquet", "test_images/*.npz", "cells/*/*.npz"])
def test_a_damaged_file_of_a_copy_is_restored_not_trained_again(
    run: RunFolder, tmp_path: Path, pattern: str
) -> None:
    done = publish(run, tmp_path / "copy")
    file = min(done.folder.path.glob(pattern))
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(RecordError, match="not the file that was recorded") as caught:
        write_report(done.folder)
    assert caught.value.where == str(file)
    assert "restore the file" in caught.value.remedy
    assert "delete" not in caught.value.remedy


def test_its_readme_says_what_was_left_out(run: RunFolder, tmp_path: Path) -> None:
    arguments = ["publish", str(run.path), "--out", str(tmp_path), "--only", "main"]
    left_out = ["--features", "none", "--no-gamma-paths", "--no-confidences"]
    for name, options in (("all", []), ("little", left_out)):
        result = CliRunner().invoke(app, [*arguments, "--as", name, *options])
        assert result.exit_code == 0, result.output
    everything, little = ((tmp_path / n / "README.md").read_text() for n in ("all", "little"))
    assert "Left out: weights.\n" in everything
    assert "class means of the frozen features" in everything
    for word in ("weights", "features", "gammas before the last step", "confidences"):
        assert word in little.split("Left out: ")[1].split("\n")[0]
    assert "frozen" not in little
