"""Whole sweeps on Swin and ConvNeXt checkpoints: every method that the family takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from families import ARCHITECTURES, SIZE, FamilyBackbone
from safetensors.torch import save_file
from typer.testing import CliRunner
from world import matrix, write_world

from rsbench.cli import app
from rsbench.record import Record, read_record

HEAD = 3 * 16
MLP = ["mlp1", "mlp2"]
METHODS: dict[str, list[Any]] = {
    "swin": ["full", "lora+metapeft", "bitfit+metapeft", "adapter+metapeft", "adaptformer"],
    "convnext": [
        "full",
        {"name": "lora", "kind": "lora", "positions": MLP, "metapeft": True},
        {"name": "bitfit", "kind": "bitfit", "positions": ["ln2", *MLP], "metapeft": True},
        "adapter+metapeft",
        "adaptformer",
    ],
}
#: Modules per network: 4 and 5 blocks.
MODULATORS = {
    "swin": {"lora": 24, "bitfit": 24, "adapter": 4},
    "convnext": {"lora": 10, "bitfit": 15, "adapter": 5},
}


def sweep(folder: Path, family: str, methods: list[Any]) -> tuple[str, list[Record]]:
    write_world(folder)
    kind, arguments = ARCHITECTURES[family]
    save_file(FamilyBackbone(family).build().state_dict(), folder / "weights.safetensors")
    backbone = {"name": family, "kind": "checkpoint", "architecture": kind.__name__,
                "arguments": arguments, "weights": "weights.safetensors",
                "image_size": SIZE}  # fmt: skip
    content = matrix() | {"backbones": [backbone], "methods": methods, "seeds": [0]}
    file = folder / "matrix.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    out = folder / "results"
    result = CliRunner().invoke(
        app, ["run", "--matrix", str(file), "--out", str(out), "--workers", "0"]
    )
    paths = sorted((out / "cells").glob("*/record.json"))
    return f"{result.output} {result.exception}", [read_record(path) for path in paths]


@pytest.mark.parametrize("family", list(METHODS))
def test_every_method_that_the_family_takes_is_trained_and_counted(
    tmp_path: Path, family: str
) -> None:
    output, records = sweep(tmp_path, family, METHODS[family])
    assert [record.status for record in records] == ["finished"] * 5, output
    network = FamilyBackbone(family).build()
    size = sum(parameter.numel() for parameter in network.parameters())
    for record in records:
        assert record.parameters is not None
        counts, method = record.parameters, record.cell.method.name
        assert counts.head == HEAD
        if method == "full":
            assert (counts.method, counts.frozen) == (size, 0)
        else:
            assert counts.method > 0
            assert counts.frozen == size
        expected = MODULATORS[family].get(method, 0)
        assert counts.modulators == expected


@pytest.mark.parametrize(
    ("method", "message"),
    [("lora", "no position q, k, v, out"), ("vpt_deep", "every attention of the block sees whole")],
)
def test_a_method_that_a_convnext_cannot_take_stops_the_sweep_before_it_starts(
    tmp_path: Path, method: str, message: str
) -> None:
    output, records = sweep(tmp_path, "convnext", [f"{method}+metapeft"])
    assert message in " ".join(output.split())
    assert not records
