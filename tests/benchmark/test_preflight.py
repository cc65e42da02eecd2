"""Misfits end a run before any cell is trained, with exit code 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from world import matrix, write_world

from rsbench.cli import main


def run(world: Path, changed: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    file = world / "changed.yaml"
    file.write_text(yaml.safe_dump(changed))
    out = world / "out"
    assert main(["run", "--matrix", str(file), "--out", str(out), "--workers", "0"]) == 2
    assert not list(out.glob("cells/[!.]*/record.json"))
    return capsys.readouterr().err


def test_weights_that_do_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_world(tmp_path)
    changed: dict[str, Any] = matrix()
    changed["backbones"][0]["arguments"] = changed["backbones"][0]["arguments"] | {"depth": 3}
    message = run(tmp_path, changed, capsys)
    assert "weights.safetensors" in message
    assert "blocks.2" in message
    assert "ignore_keys" in message


def test_a_block_that_the_backbone_does_not_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_world(tmp_path)
    changed: dict[str, Any] = matrix()
    changed["methods"] = [{"name": "deep", "kind": "lora", "blocks": "9-11"}]
    del changed["metapeft"]
    message = run(tmp_path, changed, capsys)
    assert "there is no block 9" in message
    assert "blocks 0 to 1" in message
    assert "deep on tiny_vit" in message


def test_a_strategy_that_cannot_train_the_method(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_world(tmp_path)
    changed: dict[str, Any] = matrix()
    changed["methods"] = ["lora_qv+metapeft", "bitfit+metapeft"]
    changed["metapeft"] = {"mode": "released"}
    message = run(tmp_path, changed, capsys)
    assert "bitfit (gamma: released) on tiny_vit" in message
    assert "released" in message


def test_a_dry_run_finds_misfits_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_world(tmp_path)
    changed: dict[str, Any] = matrix()
    changed["methods"] = [{"name": "gap", "kind": "lora", "blocks": [0, 7]}]
    del changed["metapeft"]
    file = tmp_path / "changed.yaml"
    file.write_text(yaml.safe_dump(changed))
    arguments = ["run", "--matrix", str(file), "--out", str(tmp_path / "out"), "--dry-run"]
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert "2 to run" in printed.out
    assert "blocks [0, 7]: there is no block 7" in printed.err


def test_a_recipe_that_the_strategy_cannot_train_by(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_world(tmp_path)
    changed: dict[str, Any] = matrix()
    changed["methods"] = ["lora", "lora+metapeft"]
    changed["metapeft"] = {"hypergradient": "unrolled"}
    changed["recipe"] |= {"optimizer": "adamw"}
    message = run(tmp_path, changed, capsys)
    assert "plots / tiny_vit / lora+metapeft / seed 0: hypergradient: unrolled" in message
    assert "optimizer: adamw" in message


@pytest.mark.parametrize("arguments", [["--dry-run"], ["--only", "seed=0", "--no-figures"]])
def test_a_remark_on_cells_is_printed_once_with_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """39 training images in batches of 8, D_val of 8: one outer step in each of two epochs."""
    write_world(tmp_path)
    changed: dict[str, Any] = matrix()
    changed["methods"] = ["lora", "lora+metapeft", "adapter+metapeft"]
    changed["metapeft"] = {"learning_rate": 0.2}
    file = tmp_path / "changed.yaml"
    file.write_text(yaml.safe_dump(changed))
    out = ["--out", str(tmp_path / "out"), "--workers", "0"]
    assert main(["run", "--matrix", str(file), *out, *arguments]) == 0
    printed = capsys.readouterr().out
    assert printed.count("note: gamma can move little: learning rate x outer steps = 0.4 < 1") == 1
    after = printed.partition("note: gamma")[2].splitlines()[1]
    number = 4 if "--dry-run" in arguments else 2
    assert after.startswith(f"  {number} cells: plots / tiny_vit / lora+metapeft / seed 0, ")
    assert "adapter+metapeft" in after
