"""Folders that cannot be used are told in one clear line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rsbench.cli import main
from rsbench.errors import SettingsError
from rsbench.folders import Folders


@pytest.mark.parametrize("path", ["a\0b.csv", Path("/there/\0")])
def test_a_name_that_no_file_can_have(path: str | Path) -> None:
    with pytest.raises(SettingsError, match="zero byte"):
        Folders().resolve(path)


@pytest.mark.skipif(sys.platform == "win32", reason="it keeps a folder that is in use")
@pytest.mark.parametrize("command", [["ls", "methods"], ["run"], ["doctor"]])
def test_a_current_folder_that_was_deleted_is_one_clear_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main(command) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert error.startswith("Error: the current folder cannot be used: ")
    assert "go to a folder that exists" in error
