"""The command line: help is light, errors are short, and exit codes mean something."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import TYPE_CHECKING

import pytest

from rsbench import __version__, registry
from rsbench.cli import doctor, listing, main
from rsbench.cli.doctor import Finding, check_folder, check_requirement, examine
from rsbench.errors import MatrixError
from rsbench.matrix import MatrixWarning

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = [
    *("torch", "torchvision", "timm", "torchgeo", "lightning", "safetensors", "sklearn"),
    *("matplotlib", "pandas", "pyarrow", "rasterio", "PIL", "numpy", "pydantic", "yaml"),
]


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from rsbench.cli import main\n"
        "assert main(['--help']) == 0\n"
        f"print('imported:', [name for name in {HEAVY} if name in sys.modules])\n"
    )
    run = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert "imported: []" in run.stdout
    assert "run" in run.stdout


@pytest.mark.parametrize("command", ["run", "report", "data", "ls", "doctor"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert "Usage: rsbench " + command in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"rsbench {__version__}\n"


def test_console_script_returns_the_exit_code() -> None:
    code = "import sys; from rsbench.cli import main; sys.exit(main(['run', '--matrix', 'dmo']))"
    run = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert run.returncode == 2
    assert "there is no matrix called 'dmo'" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("arguments", [["nonsense"], ["ls", "nonsense"], ["run", "--nonsense"]])
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "nonsense" in capsys.readouterr().err


def break_listing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail() -> list[listing.Row]:
        raise error

    monkeypatch.setattr(listing, "matrix_rows", fail)


class TestErrors:
    ERROR = MatrixError("field [red]x[/red] is wrong", where="a.yaml:3", remedy="mend it")

    def test_no_traceback_by_default(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        break_listing(monkeypatch, self.ERROR)
        assert main(["ls", "matrices"]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err == (
            "Error: field [red]x[/red] is wrong\nWhere: a.yaml:3\nWhat to do: mend it\n"
        )

    @pytest.mark.parametrize(
        "arguments", [["--debug", "ls", "matrices"], ["ls", "matrices", "--debug"]]
    )
    def test_debug_shows_the_traceback(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        arguments: list[str],
    ) -> None:
        break_listing(monkeypatch, self.ERROR)
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert "Traceback" in error
        assert "matrix_rows" in error
        assert "What to do: mend it" in error

    def test_interrupt_is_130(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        break_listing(monkeypatch, KeyboardInterrupt())
        assert main(["ls", "matrices"]) == 130
        assert "Traceback" not in capsys.readouterr().err

    def test_a_bug_is_not_hidden(self, monkeypatch: pytest.MonkeyPatch) -> None:
        break_listing(monkeypatch, ZeroDivisionError("a bug"))
        with pytest.raises(ZeroDivisionError):
            main(["ls", "matrices"])

    @pytest.mark.filterwarnings("default")
    def test_our_warnings_are_plain_text(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def warn() -> list[listing.Row]:
            warnings.warn("a.yaml:3: no effect", MatrixWarning, stacklevel=1)
            return []

        monkeypatch.setattr(listing, "matrix_rows", warn)
        assert main(["ls", "matrices"]) == 0
        assert capsys.readouterr().err == "Warning: a.yaml:3: no effect\n"


class TestListing:
    def test_matrices(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["ls", "matrices"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert any(line.startswith("demo ") for line in lines)
        assert any(line.startswith("smoke ") for line in lines)

    @pytest.mark.parametrize(
        ("kind", "name"),
        [("datasets", "labelled_list"), ("backbones", "checkpoint"), ("methods", "lora")],
    )
    def test_plugins(self, kind: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["ls", kind]) == 0
        (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith(f"{name} ")]
        assert len(line.split()) > 2, "a description stands beside the name"

    def test_a_broken_plugin_does_not_hide_the_others(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        points = dict(registry.find("rsbench.methods"))
        points["broken"] = registry.EntryPoint("broken", "no_such_module:X", "rsbench.methods")
        monkeypatch.setattr(registry, "find", lambda group: points)
        assert main(["ls", "methods"]) == 0
        out = capsys.readouterr().out
        assert "cannot be" in out
        assert "no_such_module" in out
        assert "\nlinear " in out


class TestDoctor:
    def test_looks_at_everything(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RSBENCH_DATA", str(tmp_path / "data"))
        findings = {each.name: each for each in examine()}
        for name in ("rsbench", "python", "torch", "timm", "torchgeo", "rasterio", "pandas"):
            assert findings[name].value[0].isdigit()
            assert not findings[name].fatal
        assert int(findings["cores"].value) >= 1
        assert str(tmp_path / "data") in findings["data folder"].value
        assert findings["demo_dota"].value == "not prepared yet"
        assert "rsbench data prepare demo" in findings["demo_dota"].remedy
        assert findings["demo backbone"].value == "its weights are installed"

    @pytest.mark.parametrize(
        ("findings", "code", "text"),
        [
            ([Finding("a", "fine")], 0, "Ready."),
            ([Finding("a", "so so", "mend it when you like")], 0, "mend it when you like"),
            ([Finding("a", "gone", "get it", fatal=True)], 1, "Not usable yet: a"),
        ],
    )
    def test_exit_code_says_whether_it_is_usable(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        findings: list[Finding],
        code: int,
        text: str,
    ) -> None:
        monkeypatch.setattr(doctor, "examine", lambda: findings)
        assert main(["doctor"]) == code
        assert text in capsys.readouterr().out

    def test_requirements(self) -> None:
        assert check_requirement("typer>=0.1") == Finding(
            "typer", check_requirement("typer>=0").value
        )
        old = check_requirement("typer>=999.1")
        assert old.fatal
        assert "too old (needs 999.1)" in old.value
        missing = check_requirement("no-such-package-anywhere>=1.2")
        assert missing.fatal
        assert "not installed (needs 1.2 or later)" in missing.value
        assert missing.remedy

    def test_folders(self, tmp_path: Path) -> None:
        deep = tmp_path / "not" / "yet" / "there"
        assert not check_folder("data", deep, "").fatal
        assert not deep.exists()
        file = tmp_path / "file"
        file.write_text("in the way")
        blocked = check_folder("data", file / "folder", "choose another")
        assert blocked.fatal
        assert blocked.remedy == "choose another"
