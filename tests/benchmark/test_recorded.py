"""What a finished cell left behind is what its record says, or no reader takes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from finished import train
from typer.testing import CliRunner
from world import write_world

from rsbench import recorded
from rsbench.cli import app
from rsbench.errors import RecordError
from rsbench.recorded import check_recorded, describe
from rsbench.store import RunFolder

#: Commands, by the file that each of them must not take as it is; {run}, {cell} and {out} filled.
READERS = [
    ("predictions.parquet", "report {run}"),
    ("features.npz", "report {run} --only distances"),
    ("gamma.csv", "report {run} --only gammas"),
    ("predictions.parquet", "compare {other} --with {run}"),
    ("predictions.parquet", "publish {run} --out {out}"),
    ("features.npz", "publish {run} --out {out}"),
    ("gamma.csv", "publish {run} --out {out}"),
    ("gamma_final.csv", "publish {run} --out {out} --no-gamma-paths"),
    ("adapter.safetensors", "export {cell} --to merged --out {out}"),
    ("adapter.safetensors", "predict {cell} {image}"),
    ("adapter.safetensors", "gammas {cell}"),
    ("adapter.safetensors", "gammas {cell} --prune"),
    ("adapter.safetensors", "run --matrix {matrix} --gamma-from {cell} --dry-run"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world with a run of two MetaPEFT cells."""
    folder = tmp_path_factory.mktemp("world")
    write_world(folder)
    train(folder, ["lora+metapeft", "adapter+metapeft"])
    return folder


@pytest.fixture
def run(world: Path) -> RunFolder:
    """A copy of the run that a test may damage."""
    place = world / "results" / "copy"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(world / "results" / "cells", place)
    return RunFolder(place)


def flip(file: Path) -> None:
    """Another bit in the middle."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def cells(run: RunFolder) -> tuple[str, str]:
    """Ids of the two cells, LoRA's first."""
    first, second = (str(each.id) for each in run.read_index().cells)
    return first, second


@pytest.mark.parametrize("damage", ["flipped bit", "file of another cell"])
@pytest.mark.parametrize(("name", "command"), READERS)
def test_no_reader_takes_a_file_that_was_not_recorded(
    world: Path, run: RunFolder, tmp_path: Path, name: str, command: str, damage: str
) -> None:
    first, second = cells(run)
    file = run.cell(first) / name
    if damage == "flipped bit":
        flip(file)
    else:
        shutil.copyfile(run.cell(second) / name, file)
    words = command.format(
        run=run.path,
        other=world / "results" / "cells",
        cell=f"{run.path}/{first}",
        out=tmp_path / "out",
        image=world / "test_0_0.png",
        matrix=world / "cells.yaml",
    )
    result = CliRunner().invoke(app, words.split())
    assert isinstance(result.exception, RecordError), result.output
    assert result.exception.where == str(file)
    assert f"recorded with the cell {first} (plots / tiny_vit / lora" in result.exception.what
    assert "put the original file back, or delete the folder" in result.exception.remedy


def test_what_a_copy_rewrites_is_recorded_in_it(run: RunFolder, tmp_path: Path) -> None:
    lean = "--features classes --no-gamma-paths --no-confidences"
    published = RunFolder(tmp_path / "copy")
    words = f"publish {run.path} --out {tmp_path} --as copy {lean}"
    assert CliRunner().invoke(app, words.split()).exit_code == 0
    first, _ = cells(run)
    record = published.record(first)
    assert record is not None
    places = {name: published.cell(first) / name for name in record.artefacts}
    shared = {n: published.path / n for n in record.artefacts if n.startswith("test_images/")}
    assert {name: describe(file) for name, file in (places | shared).items()} == record.artefacts
    assert len(shared) == 2
    assert CliRunner().invoke(app, ["report", str(published.path)]).exit_code == 0
    for file in (*shared.values(), published.cell(first) / "features.npz"):
        whole = file.read_bytes()
        flip(file)
        result = CliRunner().invoke(app, ["report", str(published.path)])
        assert isinstance(result.exception, RecordError)
        assert result.exception.where == str(file)
        assert "restore the file" in result.exception.remedy
        file.write_bytes(whole)


def test_a_file_that_the_record_does_not_know_is_refused(run: RunFolder) -> None:
    first, _ = cells(run)
    (run.cell(first) / "more.csv").write_text("a\n")
    with pytest.raises(RecordError, match="the record does not know it"):
        check_recorded(run.cell(first), "more.csv")


def test_a_deleted_file_is_no_damage(run: RunFolder) -> None:
    first, _ = cells(run)
    (run.cell(first) / "features.npz").unlink()
    result = CliRunner().invoke(app, ["report", str(run.path)])
    assert result.exit_code == 0, result.output


def test_a_file_is_hashed_once(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = cells(run)
    hashed: list[Path] = []

    def counting(path: Path) -> object:
        hashed.append(path)
        return describe(path)

    monkeypatch.setattr(recorded, "_seen", set())
    monkeypatch.setattr(recorded, "describe", counting)
    for _ in range(3):
        check_recorded(run.cell(first), "features.npz")
    assert hashed == [run.cell(first) / "features.npz"]
