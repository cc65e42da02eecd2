"""``plugin new`` writes packages that work: they install, pass their own test, and can be run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rsbench import registry
from rsbench.cli import main
from rsbench.plugin_kit.generate import write_plugin

KINDS = ("dataset", "method", "backbone")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package of each kind, and ``site`` with all of them installed."""
    folder = tmp_path_factory.mktemp("made")
    packages = [str(write_plugin(f"my_{kind}", kind, folder).folder) for kind in KINDS]
    flags = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation")
    command = [sys.executable, "-m", "pip", "install", *flags, "--target", str(folder / "site")]
    done = subprocess.run([*command, *packages], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def installed(made: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The same folder, with the packages visible in this process; the current one is empty."""
    monkeypatch.syspath_prepend(made / "site")
    monkeypatch.chdir(tmp_path)
    registry.installed.cache_clear()
    yield made
    registry.installed.cache_clear()


@pytest.mark.parametrize("kind", KINDS)
def test_its_own_test_passes(made: Path, kind: str) -> None:
    flags = ("-q", "-W", "error", "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", *flags],
        cwd=made / f"my_{kind}",
        env={**os.environ, "PYTHONPATH": str(made / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.parametrize(("kind", "checks"), [("method", 7), ("backbone", 7), ("dataset", 22)])
def test_it_passes_plugin_check(
    installed: Path, kind: str, checks: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugin", "check", f"my_{kind}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"my_{kind}" in lines[0]
    skipped = 1 if kind == "dataset" else 0  # it states no known counts
    expected = f"{checks} checks: {checks - skipped} pass" + (", 1 skipped" if skipped else "")
    assert lines[-1] == expected


def test_the_data_set_runs_in_its_matrix(
    installed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    matrix = str(installed / "my_dataset" / "matrix.yaml")
    assert main(["run", "--matrix", matrix, "--only", "method=linear", "--workers", "0"]) == 0
    assert "trained 1 cell, found 0 finished, 0 failed" in capsys.readouterr().out
    assert (tmp_path / "results" / "my_dataset" / "tables" / "main.csv").exists()


@pytest.mark.parametrize("kind", ["method", "backbone"])
def test_the_other_matrices_are_valid(
    installed: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    matrix = str(installed / f"my_{kind}" / "matrix.yaml")
    assert main(["run", "--matrix", matrix, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert f"my_{kind}" in out
    assert "not ready: demo_fusrs" in out


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "new", "plots", "--out", str(tmp_path)]) == 0
    *files, last = capsys.readouterr().out.splitlines()
    assert {Path(each) for each in files} == {
        each for each in (tmp_path / "plots").rglob("*") if each.is_file()
    }
    assert {Path(each).relative_to(tmp_path / "plots").as_posix() for each in files} == {
        "README.md",
        "matrix.yaml",
        "pyproject.toml",
        "rsbench_plots/__init__.py",
        "rsbench_plots/pictures.py",
        "rsbench_plots/target.py",
        "tests/test_plots.py",
    }
    assert str(tmp_path / "plots" / "README.md") in last
    assert not [each for each in files if "$" in Path(each).read_text()]


def test_an_existing_folder_stays_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plots").mkdir()
    assert main(["plugin", "new", "plots", "--out", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert not list((tmp_path / "plots").iterdir())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Plots", "is no name for a plugin"),
        ("my-plots", "is no name for a plugin"),
        ("my__plots", "is no name for a plugin"),
        ("1plot", "is no name for a plugin"),
        ("class", "is no name for a plugin"),
        ("../plots", "is no name for a plugin"),
        ("demo_dota", "there is a target called 'demo_dota' already"),
        ("datasets", "there is a Python package 'rsbench_datasets' already"),
    ],
)
def test_names_that_cannot_be(
    name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugin", "new", name, "--out", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["plugin", "new", "plots", "--out", str(tmp_path / "file")]) == 2
    assert "cannot be written" in capsys.readouterr().err
