"""Work that other processes do for a report of very many cells."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from distance_runs import DistanceRun
from records import write_predictions

from rsbench.errors import RecordError
from rsbench.report import helpers as helpers_module
from rsbench.report.helpers import MANY_CELLS, Helpers, helpers_for
from rsbench.report.results import load_results
from rsbench.report.write import write_report

if TYPE_CHECKING:
    from rsbench.store import RunFolder


def process_id() -> int:
    return os.getpid()


def refuse(path: str) -> None:
    raise RecordError("the file is damaged", where=path, remedy="delete it")


def die_elsewhere(parent: int, begun: Path) -> str:
    if os.getpid() != parent:
        begun.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done by the parent"


class TestHelpers:
    def test_without_processes_the_work_is_done_here_and_when_it_is_asked_for(
        self, tmp_path: Path
    ) -> None:
        with Helpers() as helpers:
            promise = helpers.submit((tmp_path / "made").mkdir)
            assert not (tmp_path / "made").exists()
            promise.result()
        assert (tmp_path / "made").exists()

    def test_what_a_helper_raises_arrives_whole(self) -> None:
        with Helpers(1) as helpers, pytest.raises(RecordError, match="damaged") as caught:
            helpers.submit(refuse, "cell/record.json").result()
        assert (caught.value.where, caught.value.remedy) == ("cell/record.json", "delete it")

    def test_a_helper_that_the_system_kills_takes_nothing_with_it(self, tmp_path: Path) -> None:
        begun = tmp_path / "begun"
        with Helpers(1) as helpers:
            fatal = helpers.submit(die_elsewhere, os.getpid(), begun)
            end = time.monotonic() + 60
            while not begun.exists() and time.monotonic() < end:
                time.sleep(0.02)
            assert begun.exists()
            assert fatal.result() == "done by the parent"
            assert helpers.submit(process_id).result() == os.getpid()

    def test_only_many_cells_on_several_cores_are_worth_a_process(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(helpers_module, "usable_cores", lambda: 2)
        assert helpers_for(MANY_CELLS - 1).processes == 0
        assert helpers_for(MANY_CELLS).processes == 1
        monkeypatch.setattr(helpers_module, "usable_cores", lambda: 1)
        assert helpers_for(MANY_CELLS).processes == 0


class TestReport:
    @pytest.fixture
    def run(self, tmp_path: Path) -> RunFolder:
        run = DistanceRun(tmp_path / "run")
        for seed in range(3):
            for method, tuned in (("linear", False), ("lora", False), ("lora", True)):
                share = [0.5 + 0.1 * seed, 1.0, 0.25, 1.0, 0.75, 0.5 + 0.25 * tuned]
                run.add(method, 0.5, seed, share, noise=0.05, metapeft=tuned)
        run.write()
        for record in run.records:
            labels = run.labels
            write_predictions(run.folder, record, labels, (labels + record.cell.seed) % 6)
        return run.folder

    def test_helpers_change_no_byte(
        self, run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_report(run, out=tmp_path / "alone")
        self.employ(monkeypatch)
        write_report(run, out=tmp_path / "helped")
        alone, helped = files(tmp_path / "alone"), files(tmp_path / "helped")
        assert sum(name.endswith(".png") for name in alone) > 5
        assert list(helped) == list(alone)
        assert [name for name in alone if helped[name] != alone[name]] == []

    def test_a_damaged_file_is_named(self, run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
        path = run.cell(load_results(run).rows[1].ids[0]) / "predictions.parquet"
        path.write_bytes(path.read_bytes()[:-20])
        self.employ(monkeypatch)
        with pytest.raises(RecordError, match="cannot be read") as caught:
            write_report(run, figures=False)
        assert caught.value.where == str(path)

    @staticmethod
    def employ(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(helpers_module, "MANY_CELLS", 1)
        monkeypatch.setattr(helpers_module, "usable_cores", lambda: 2)


def files(folder: Path) -> dict[str, bytes]:
    found = sorted(each for each in folder.rglob("*") if each.is_file())
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in found}
