"""A training that diverges in its last step is a failure, not a score."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner
from world import matrix, write_world

from rsbench.cli import app
from rsbench.store import RunFolder


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("lora", "a logit is not finite after step 1"),
        ("lora+metapeft", "the gamma of block0_q is not finite after step 1"),
    ],
)
def test_in_the_last_step(tmp_path: Path, method: str, said: str) -> None:
    write_world(tmp_path)
    recipe = {"epochs": 1, "batch_size": 20, "learning_rate": 1e5, "precision": "32"}
    document = matrix() | {"methods": [method], "seeds": [0], "recipe": recipe}
    if "+" not in method:
        del document["metapeft"]
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(document))
    words = f"run --matrix {tmp_path / 'm.yaml'} --out {tmp_path / 'run'} --workers 0".split()
    assert CliRunner().invoke(app, words).exit_code == 1
    folder = RunFolder(tmp_path / "run")
    (identifier,) = folder.present()
    record = folder.record(identifier)
    assert record is not None
    assert record.failure is not None
    assert record.failure.kind == "DivergedError"
    assert said in record.failure.message
