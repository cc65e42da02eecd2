"""``rsbench run`` and ``rsbench report`` as commands: options, exit codes, messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from rsbench import registry
from rsbench.cli import main
from rsbench.cli.run import parse_seeds
from rsbench.errors import SettingsError

STUBS = Path(__file__).parent / "stubs"
MATRIX = """\
name: little
targets: [{name: things, kind: stub}]
backbones: [stub_vit]
methods: [linear, lora]
seeds: [0]
"""


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """``run`` with the stub matrix, folders below ``tmp_path``, and no worker processes."""
    monkeypatch.syspath_prepend(STUBS)
    import sweep_stub

    monkeypatch.setattr(registry, "find", sweep_stub.find)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "little.yaml").write_text(MATRIX)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_text("pixels")
    folders = ["--data-dir", "data", "--cache-dir", "cache"]
    return ["run", "--matrix", "little.yaml", *folders, "--workers", "0", "--device", "cpu"]


def test_dry_run_lists_the_seeds_that_were_asked_for(
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # the stub backbone cannot build a network, which a dry run would find
    monkeypatch.setattr("rsbench.sweep.session.check_fit", lambda *_: None)
    assert main([*arguments, "--dry-run", "--seeds", "3,4", "--only", "method=lora"]) == 0
    printed = capsys.readouterr().out
    assert "2 cells: 2 to run" in printed
    assert "things / stub_vit / lora / seed 4" in printed
    assert not (tmp_path / "results").exists()


def test_failed_cells_make_exit_code_1_and_the_report_counts_them(
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The real training runs here, and the stub backbone cannot build a network: that would be
    # found before the sweep starts, but here the cells themselves are to fail.
    monkeypatch.setattr("rsbench.sweep.session.check_fit", lambda *_: None)
    assert main(arguments) == 1
    assert "trained 0 cells, found 0 finished, 2 failed" in capsys.readouterr().out
    assert main(["report", "little"]) == 0
    printed = capsys.readouterr().out
    assert "failed: 2 of 2 cells" in printed
    assert "NotImplementedError" in printed
    assert (tmp_path / "results" / "little" / "tables" / "main.csv").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--out", "results/published/little"], "published results are never"),
        (["--out", "little.yaml"], "cannot be written"),
        (["--out", "data"], "not that of a run"),
        (["--only", "method=lor"], "did you mean 'lora'"),
        (["--seeds", "one"], "--seeds one"),
        (["--device", "tpu"], "--device tpu"),
    ],
)
def test_mistakes_make_exit_code_2(
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    words: str,
) -> None:
    assert main([*arguments, *options]) == 2
    captured = capsys.readouterr()
    assert words in " ".join(captured.err.split())
    assert "Traceback" not in captured.err


def test_missing_data_is_an_error_that_names_the_file(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "data" / "a").unlink()
    assert main(arguments) == 2
    assert "things is not prepared" in capsys.readouterr().err


def test_report_of_something_else(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", "nothing"]) == 2
    assert "it has no run.json" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "seeds"), [("0", (0,)), ("0, 2,1", (0, 2, 1))])
def test_seeds(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", ",", "a", "-1", "1.5", "1,1"])
def test_wrong_seeds(text: str) -> None:
    with pytest.raises(SettingsError, match="--seeds"):
        parse_seeds(text)
