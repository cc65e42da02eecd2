"""Whole sweeps on checkpoints of other families: every method that the family takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import yaml
from families import ARCHITECTURES, SIZE, FamilyBackbone
from safetensors.torch import save_file
from typer.testing import CliRunner
from world import HALVES, matrix, write_world

from rsbench.cli import app
from rsbench.record import Record, read_record

HEAD = 3 * 16
MLP = ["mlp1", "mlp2"]
METHODS: dict[str, list[Any]] = {
    "dinov3": [
        "lora+metapeft",
        {"name": "bitfit", "kind": "bitfit", "positions": ["ln1", "out", "ln2", *MLP],
         "metapeft": True},
        "adapter+metapeft",
        "vpt_shallow",
        "vpt_deep",
    ],
    "swin": ["full", "lora+metapeft", "bitfit+metapeft", "adapter+metapeft", "adaptformer"],
    "convnext": [
        "full",
        {"name": "lora", "kind": "lora", "positions": MLP, "metapeft": True},
        {"name": "bitfit", "kind": "bitfit", "positions": ["ln2", *MLP], "metapeft": True},
        "adapter+metapeft",
        "adaptformer",
    ],
}  # fmt: skip
#: Modules per network: 2, 4 and 5 blocks.
MODULATORS = {
    "dinov3": {"lora": 12, "bitfit": 10, "adapter": 2},
    "swin": {"lora": 24, "bitfit": 24, "adapter": 4},
    "convnext": {"lora": 10, "bitfit": 15, "adapter": 5},
}


#: timm networks of families without a table of sites.
TINY_VIT = {"embed_dim": 16, "depth": 2, "num_heads": 2}
WITHOUT_SITES: dict[str, tuple[str, dict[str, Any]]] = {
    "swinv2": ("swinv2_tiny_window8_256",
               {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4}),
    "beit": ("beit_base_patch16_224", TINY_VIT),
    "eva02": ("eva02_tiny_patch14_224", TINY_VIT | {"patch_size": 16}),
}  # fmt: skip


def sweep(folder: Path, family: str, methods: list[Any]) -> tuple[str, list[Record]]:
    write_world(folder)
    if family in WITHOUT_SITES:
        name, arguments = WITHOUT_SITES[family]
        network = timm.create_model(name, num_classes=0, img_size=SIZE, **arguments)
    else:
        kind, arguments = ARCHITECTURES[family]
        name, network = kind.__name__, FamilyBackbone(family).build()
    save_file(network.state_dict(), folder / "weights.safetensors")
    backbone = {"name": family, "kind": "checkpoint", "architecture": name,
                "arguments": arguments, "weights": "weights.safetensors",
                "image_size": SIZE, "normalisation": HALVES}  # fmt: skip
    content = matrix() | {"backbones": [backbone], "methods": methods, "seeds": [0]}
    if family in WITHOUT_SITES:
        del content["metapeft"]
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


@pytest.mark.parametrize("family", list(WITHOUT_SITES))
def test_methods_that_insert_nothing_need_no_sites(tmp_path: Path, family: str) -> None:
    output, records = sweep(tmp_path, family, ["linear", "full"])
    assert [record.status for record in records] == ["finished"] * 2, output


def test_a_method_that_needs_sites_names_those_that_do_not(tmp_path: Path) -> None:
    output, records = sweep(tmp_path, "beit", ["linear", "lora"])
    printed = " ".join(output.split())
    assert "lora on beit: this backbone has no insertion sites" in printed
    assert "inserts nothing (full, linear" in printed
    assert not records
