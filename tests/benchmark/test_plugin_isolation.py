"""What a plugin does wrong ends at its own cells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from plugin_sources import broken
from world import matrix, write_world

from rsbench.cli import main
from rsbench.record import Record, read_record

#: Methods beside ``linear``: their cells are trained first, as they stand first in the matrix.
METHODS = '''\
"""Methods that misbehave."""
import random
import sys

import numpy as np
import torch
from rsbench_baselines.lora import Lora


class Exits(Lora):
    def attach(self, network, sites, context):
        super().attach(network, sites, context)  # what is half done is undone
        sys.exit(0)


class Raises(Lora):
    def attach(self, network, sites, context):
        super().attach(network, sites, context)
        return {}["nothing"]


class Pollutes(Lora):
    def attach(self, network, sites, context):
        found = super().attach(network, sites, context)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.use_deterministic_algorithms(True)
        torch.set_num_threads(3)
        np.seterr(all="raise")
        for stream in (random.seed, np.random.seed, torch.manual_seed):
            stream(5)
        return found
'''


@pytest.fixture(autouse=True)
def in_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RSBENCH_PLUGINS", "")
    monkeypatch.setenv("RSBENCH_FIGURES", "0")
    monkeypatch.chdir(tmp_path)


def run(folder: Path, name: str, *options: str, **fields: Any) -> tuple[int, dict[str, Record]]:
    """Exit code, and the records by target and method."""
    path = write_world(folder)
    content = matrix() | {"methods": ["linear"], "seeds": [0], "metapeft": {}} | fields
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    code = main(["run", "--matrix", str(path), "--workers", "0", "--out", name, *options])
    records = [read_record(each) for each in Path(name).glob("cells/*/record.json")]
    return code, {f"{each.cell.target.name} {each.cell.method.name}": each for each in records}


def test_methods_that_exit_raise_or_change_the_process_leave_the_others_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, alone = run(tmp_path, "alone")
    file = tmp_path / "bad.py"
    file.write_text(METHODS)
    methods = ["exits", "raises", "pollutes", "linear"]
    code, found = run(tmp_path, "all", "--plugin", str(file), methods=methods)
    assert code == 1
    assert "attaching exits on tiny_vit: it called sys.exit(0)" in caplog.text
    assert {name: each.status for name, each in found.items()} == {
        "plots exits": "failed",
        "plots raises": "failed",
        "plots pollutes": "failed",  # without gradients it cannot be trained
        "plots linear": "finished",
    }
    assert found["plots linear"].metrics == alone["plots linear"].metrics
    assert found["plots linear"].epochs == alone["plots linear"].epochs
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("wrong", ["sys.exit(0)", "raise KeyError('x')"])
def test_a_target_that_cannot_be_read_leaves_the_others_alone(
    tmp_path: Path, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "noise.py"
    head = "    def read(self, split, index):\n"
    file.write_text(broken((head, f"{head}        import sys; {wrong}\n")))
    plots = {"name": "plots", "kind": "labelled_list", "file": "split.csv"}
    targets = [{"name": "noise", "kind": "bright_noise"}, plots]
    code, found = run(tmp_path, "all", "--plugin", str(file), targets=targets)
    assert code == 1
    assert found["plots linear"].status == "finished"
    failure = found["noise linear"].failure
    assert failure is not None
    assert failure.kind == "PluginError"
    assert f"{file}:" in failure.message
    assert "the cells of noise will fail" in caplog.text


def test_a_plugin_file_that_exits_at_import_is_an_error_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "leaves.py"
    file.write_text("import sys\n\nsys.exit(0)\n")
    code, _ = run(tmp_path, "all", "--plugin", str(file))
    assert code == 2
    printed = capsys.readouterr().err
    assert f"{file}:3" in printed.replace("\n", "")
    assert "SystemExit: 0" in printed


def test_no_command_ends_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def leave(*_: object, **__: object) -> None:
        raise SystemExit(0)

    monkeypatch.setattr(json, "dumps", leave)
    monkeypatch.setattr("rsbench.finished.find.find_cell", leave)
    assert main(["predict", "run/cell", str(tmp_path)]) == 1
    assert "called sys.exit(0)" in capsys.readouterr().err
    assert main(["--help"]) == 0
