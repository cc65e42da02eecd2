"""A finished run with a cell of every method, plain and with MetaPEFT, for tests on cells."""

from __future__ import annotations

from pathlib import Path

import yaml
from typer.testing import CliRunner
from world import matrix, write_world

from rsbench import registry
from rsbench.cli import app
from rsbench.finished.find import FinishedCell, find_cell
from rsbench.store import RunFolder


def every_method() -> list[str]:
    """Every registered method, and again with MetaPEFT where there is something to scale."""
    found = []
    for name in registry.names("rsbench.methods"):
        modulates = registry.method_class(name).modulates
        found += [name, f"{name}+metapeft"] if modulates else [name]
    return found


def train(
    folder: Path, methods: list[object], *extra: str, name: str = "cells", precision: str = "32"
) -> Path:
    """Train one seed of ``methods`` on the tiny world in ``folder``; return the run folder.

    Where a method states MetaPEFT's options itself, the world's own are left out.
    """
    document = matrix() | {"name": name, "methods": methods, "seeds": [0]}
    if not any(str(method).endswith("+metapeft") for method in methods):
        del document["metapeft"]
    recipe = {"epochs": 2, "batch_size": 8, "learning_rate": 0.05, "precision": precision}
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(document | {"recipe": recipe}))
    out = folder / "results" / name
    arguments = ["run", "--matrix", str(file), "--out", str(out), "--workers", "0", *extra]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return out


def train_everything(folder: Path) -> Path:
    """The tiny world in ``folder``, and a run of every method with weights kept."""
    write_world(folder)
    return train(folder, [*every_method()], "--keep-weights")


def cell_of(run: Path, method: str) -> FinishedCell:
    """The finished cell of ``method`` (``lora`` or ``lora+metapeft``)."""
    folder = RunFolder(run)
    wanted = f"/ {method} /"
    (listed,) = (each for each in folder.read_index().cells if wanted in each.label)
    return find_cell(f"{run}/{listed.id}")
