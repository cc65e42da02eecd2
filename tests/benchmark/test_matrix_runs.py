"""Runs of matrices with further axes and on stages: what is trained, listed and counted."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rsbench import registry
from rsbench.matrix.expand import expand
from rsbench.matrix.load import load_matrix
from rsbench.record import read_record
from rsbench.store import ListedCell, RunFolder, RunIndex
from rsbench.sweep.devices import Resources
from rsbench.sweep.session import open_session

STUBS = Path(__file__).parent / "stubs"
MATRIX = """\
name: little
targets: [{name: things, kind: stub}]
backbones: [stub_vit]
methods: [lora]
seeds: [0, 1]
axes:
  rank: {set: method.rank, to: [1, 2]}
  reading: {alone: {}, up_to: {}}
overrides:
  - {when: {rank: 2, reading: up_to}, method: {rank: 3}}
include:
  - {methods: [linear], axes: {}}
"""
STAGE = "targets: [{name: others, kind: stub}]\nrecipe: {epochs: 2}\n"


class World:
    """A matrix with axes, its data and its run folder."""

    def __init__(self, folder: Path) -> None:
        self.data, self.out = folder / "data", folder / "runs" / "little"
        self.data.mkdir()
        (self.data / "a").write_text("pixels")
        self.matrix = folder / "little.yaml"
        self.matrix.write_text(MATRIX)

    def call(self, dry: bool = False, **options: Any) -> str:
        """What a run, or only its list, prints."""
        stream = io.StringIO()
        session = open_session(
            str(self.matrix),
            **{"out": self.out, "data": self.data, "cache": self.data / "cache"} | options,
            runner="sweep_stub:run_cell",
            console=Console(file=stream, width=300, force_terminal=False),
            figures=False,
        )
        resources = Resources(("cpu",), threads=1, in_process=True)
        assert (session.show() if dry else session.run(resources)) == 0
        return stream.getvalue()

    def started(self) -> list[str]:
        log = self.data / "log.txt"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.syspath_prepend(STUBS)
    import sweep_stub

    monkeypatch.setattr(registry, "find", sweep_stub.find)
    return World(tmp_path)


class TestSharedCells:
    """At rank 1 both readings are the same cell."""

    def test_are_trained_once_and_listed_under_each_label(self, world: World) -> None:
        printed = world.call()
        assert len(world.started()) == 8  # (rank 1, rank 2, rank 3, linear) x 2 seeds
        assert "trained 8 cells, found 0 finished" in printed
        index = RunFolder(world.out).read_index()
        assert len(index.cells) == 10
        shared = [c for c in index.cells if c.axes.get("rank") == "1" and c.seed == 0]
        assert [cell.axes["reading"] for cell in shared] == ["alone", "up_to"]
        assert len({cell.id for cell in shared}) == len({cell.settings for cell in shared}) == 1
        assert len({cell.row for cell in index.cells}) == 5, "a row of its own under each label"
        assert "trained 0 cells, found 8 finished" in world.call()

    def test_are_counted_once(self, world: World) -> None:
        printed = world.call(dry=True)
        assert "8 cells: 8 to run (2 lines above: the same under another label)" in printed
        assert printed.count("rank=1 / reading=") == 4
        world.call(only=["reading=alone"])
        assert "8 cells: 4 to run, 4 finished (2 lines" in world.call(dry=True)

    def test_either_label_selects_them(self, world: World) -> None:
        printed = world.call(dry=True, only=["reading=up_to", "rank=1"])
        assert "2 cells: 2 to run\n" in printed
        assert "reading=alone" not in printed
        world.call(only=["reading=up_to", "rank=1", "seed=0"])
        assert world.started() == ["things / stub_vit / lora / rank=1 / reading=up_to / seed 0"]

    def test_the_table_has_a_line_for_each_label(self, world: World) -> None:
        world.call()
        lines = (world.out / "tables" / "main.csv").read_text().splitlines()
        assert len(lines) == 1 + 5
        for reading in ("alone", "up_to"):
            assert sum(f",1,{reading}," in line for line in lines) == 1


class TestIndex:
    def test_lists_axes_and_labels(self, world: World) -> None:
        world.call()
        index = RunFolder(world.out).read_index()
        assert index.axes == {"rank": ("1", "2"), "reading": ("alone", "up_to")}
        assert index.axis_numbers == {"rank": (1.0, 2.0)}
        for cell in index.cells:
            assert (cell.target, cell.backbone, cell.metapeft) == ("things", "stub_vit", False)
            assert cell.axes == {} if cell.method == "linear" else set(cell.axes) == set(index.axes)

    def test_axes_are_labels_and_no_part_of_a_cells_identity(self, world: World) -> None:
        world.call()
        before = {cell.id for cell in RunFolder(world.out).read_index().cells}
        plain = "".join(MATRIX.partition("axes:")[:1]).replace("[lora]", "[lora, linear]")
        world.matrix.write_text(plain)
        assert "trained 0 cells, found 4 finished" in world.call()
        assert {cell.id for cell in RunFolder(world.out).read_index().cells} <= before

    def test_a_run_from_before_there_were_axes_is_read(self, tmp_path: Path) -> None:
        cell = {"id": "0", "label": "a / b / c / seed 0", "row": 0, "settings": "1"}
        old = {"matrix": "m", "matrix_file": "m.yaml", "rsbench": "0.2", "cells": [cell]}
        folder = RunFolder(tmp_path)
        folder.index_file.write_text(json.dumps(old | {"created": "then", "updated": "now"}))
        index = folder.read_index()
        assert isinstance(index, RunIndex)
        assert index.cells == (ListedCell.model_validate(cell),)
        assert (index.axes, index.axis_numbers, index.cells[0].axes) == ({}, {}, {})

    def test_the_record_knows_where_the_cell_was_trained(self, world: World) -> None:
        world.call(only=["rank=2", "reading=alone", "seed=0"])
        (file,) = world.out.glob("cells/*/record.json")
        assert read_record(file).cell.axes == {"rank": "2", "reading": "alone"}


class TestStage:
    def test_goes_to_a_folder_of_its_own(
        self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "small.yaml").write_text(STAGE)
        world.call(on="small.yaml", out=None)
        index = RunFolder(tmp_path / "results" / "little-small").read_index()
        assert index.matrix == "little-small"
        assert {cell.target for cell in index.cells} == {"others"}

    def test_the_copy_of_the_matrix_stands_alone(self, world: World, tmp_path: Path) -> None:
        stage = tmp_path / "small.yaml"
        stage.write_text(STAGE)
        world.call(on=str(stage))
        again = load_matrix(world.out / "matrix.yaml")
        assert expand(again) == expand(load_matrix(world.matrix, str(stage)))
        assert again.base == load_matrix(world.matrix).base
        assert (world.out / "matrix.yaml").read_text().startswith("# Made by rsbench from little")
        world.matrix = world.out / "matrix.yaml"
        assert "trained 0 cells, found 8 finished" in world.call()
