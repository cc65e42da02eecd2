"""Printing ends nothing: letters that the terminal lacks, a full disk, a reader that is gone."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from rsbench.alarms import Floors
from rsbench.output import READABLE, Lasting
from rsbench.sweep.log import kept
from rsbench.sweep.progress import LiveDisplay

STUBS = Path(__file__).parent / "stubs"
MATRIX = """\
name: little
targets: [{name: things, kind: stub}]
backbones: [stub_vit]
methods: [linear, lora]
seeds: [0, 1]
"""
PROGRAM = """\
import sys
import sweep_stub
from rsbench import registry
from rsbench.cli import main
from rsbench.sweep.session import open_session
registry.find = sweep_stub.find
open_session.__kwdefaults__["runner"] = sweep_stub.RUNNER
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""
ARGUMENTS = "run --matrix little.yaml --out out --data-dir data --cache-dir cache --device cpu"
SUMMARY = "trained 4 cells, found 0 finished, 0 failed"


@pytest.fixture
def sweep(tmp_path: Path) -> str:
    """A shell command that runs four cells ; one prints, too."""
    (tmp_path / "little.yaml").write_text(MATRIX)
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_text("pixels")
    label = "things / stub_vit / lora / seed 1"
    (tmp_path / "data" / "orders.json").write_text(json.dumps({label: "say"}))
    return f"{sys.executable} program.py {ARGUMENTS}"


def shell(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    path = os.pathsep.join([str(STUBS), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path, **variables}
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, check=False
    )


def test_a_run_ends_well_where_letters_are_missing(sweep: str, tmp_path: Path) -> None:
    done = shell(f"{sweep} --workers 1", tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    printed = done.stdout.decode("ascii")
    assert " +/- " in printed
    assert SUMMARY in printed
    assert "60 ± 1" in (tmp_path / "out/logs/worker-0.log").read_text(encoding="utf-8")
    assert " ± " in (tmp_path / "out/logs/run.log").read_text(encoding="utf-8")


@pytest.mark.parametrize(("display", "code"), [("> /dev/full", 1), ("2>&1 | head -0", 0)])
def test_a_run_outlives_its_display(sweep: str, tmp_path: Path, display: str, code: int) -> None:
    done = shell(f"{sweep} --workers 0 {display}", tmp_path)
    assert done.returncode == code
    assert b"Traceback" not in done.stderr
    if code:
        assert done.stderr.count(b"standard output cannot be written any more") == 1
    log = (tmp_path / "out/logs/run.log").read_text(encoding="utf-8")
    assert log.count("finished things / stub_vit /") == 4
    assert "| stub_vit | things | lora |" in log
    assert SUMMARY in log
    assert (tmp_path / "out/tables/main.csv").is_file()


@pytest.mark.parametrize(("display", "code"), [("> /dev/full", 1), (">&-", 0)])
def test_a_command_whose_output_is_lost_says_so(tmp_path: Path, display: str, code: int) -> None:
    program = "from rsbench.cli import main; exit(main(['--version']))"
    done = shell(f'{sys.executable} -c "{program}" {display}', tmp_path)
    assert done.returncode == code
    said = done.stderr.decode()
    assert said.startswith("standard output cannot be written any more: ") if code else not said


def test_what_was_said_is_kept_without_the_live_lines(tmp_path: Path) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=40)
    file = tmp_path / "logs" / "run.log"
    with kept(console, file), LiveDisplay(console, 2, Floors()) as display:
        display.started(0, "[a] / lora / seed 0")
        display.tick()
        display.refresh()
        console.print("[a] " + "long " * 30, markup=False)
    assert "worker 0" in screen.getvalue()
    first, *said = file.read_text(encoding="utf-8").splitlines()
    assert first.startswith("--- 20")
    assert said == ["[a] " + "long " * 30]


def test_the_log_is_appended_to_and_has_why_a_run_ended(tmp_path: Path) -> None:
    console = Console(file=io.StringIO())
    for _ in range(2):
        with pytest.raises(ValueError, match="no luck"), kept(console, tmp_path / "run.log"):
            raise ValueError("no luck")
    assert (tmp_path / "run.log").read_text(encoding="utf-8").count("ValueError: no luck\n") == 2


def test_a_broken_stream_is_complained_of_once_and_not_used_again() -> None:
    complaints: list[Exception] = []
    closed = io.StringIO()
    closed.close()
    stream = Lasting(closed, complaints.append)
    assert stream.write("abc") == 3
    stream.flush()
    assert stream.broken
    assert len(complaints) == 1


def test_letters_have_readable_substitutes_and_everything_else_a_question_mark() -> None:
    text = "60 ± 1, 3 × 4, a → b, γ … 水 \udcff"  # noqa: RUF001 - meant
    assert text.encode("ascii", READABLE) == b"60 +/- 1, 3 x 4, a -> b, gamma ... ? ?"
    assert "±\udcff".encode("utf-8", READABLE) == "±?".encode()
