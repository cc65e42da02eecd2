"""The sweep: failing cells, dying workers, interruptions, and what a second run does."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from rsbench import registry
from rsbench.errors import NotPreparedError, RecordError, ResultsFolderError, SettingsError
from rsbench.record import Record, read_record
from rsbench.store import RunFolder
from rsbench.sweep.devices import Resources, choose_resources
from rsbench.sweep.session import Session, open_session
from rsbench.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable

STUBS = Path(__file__).parent / "stubs"
MATRIX = """\
name: little
targets: [{name: things, kind: stub}]
backbones: [stub_vit]
methods: [linear, lora, lora+metapeft]
seeds: [0, 1]
"""
LINEAR_0 = "things / stub_vit / linear / seed 0"
LORA_1 = "things / stub_vit / lora / seed 1"


@dataclass
class World:
    """A matrix, its data and its run folder, with shortcuts for the tests."""

    folder: Path

    def __post_init__(self) -> None:
        self.matrix = self.folder / "little.yaml"
        self.matrix.write_text(MATRIX)
        self.data = self.folder / "data"
        self.data.mkdir()
        (self.data / "a").write_text("pixels")
        self.out = self.folder / "runs" / "little"
        self.printed = ""

    def session(self, **options: Any) -> Session:
        self.stream = io.StringIO()
        console = Console(file=self.stream, width=300, force_terminal=False)
        return open_session(
            str(self.matrix),
            **{"out": self.out, "data": self.data, "cache": self.folder / "cache"} | options,
            runner="sweep_stub:run_cell",
            console=console,
        )

    def run(self, workers: int = 0, **options: Any) -> int:
        devices = ("cpu",) * max(1, workers)
        resources = Resources(devices, threads=1, in_process=workers == 0)
        try:
            return self.session(**options).run(resources)
        finally:
            self.printed = self.stream.getvalue()

    def show(self, code: int = 0, **options: Any) -> str:
        assert self.session(**options).show() == code
        return self.stream.getvalue()

    def order(self, **orders: str) -> None:
        (self.data / "orders.json").write_text(json.dumps(orders))

    def started(self) -> list[str]:
        log = self.data / "log.txt"
        return log.read_text().splitlines() if log.exists() else []

    def records(self) -> dict[str, Record]:
        files = sorted(self.out.glob("cells/[!.]*/record.json"))
        return {record.cell.label: record for record in map(read_record, files)}

    def leftovers(self) -> list[Path]:
        return list(self.out.glob("cells/.tmp-*"))

    def table_without_times(self) -> list[str]:
        lines = (self.out / "tables" / "main.csv").read_text().splitlines()
        assert lines[0].endswith(",train_seconds")
        return [line.rpartition(",")[0] for line in lines]

    def start(self, workers: int) -> subprocess.Popen[str]:
        """The same run in a process of its own, in a process group of its own."""
        command = [sys.executable, str(STUBS / "sweep_stub.py"), str(self.matrix)]
        return subprocess.Popen(
            [*command, str(self.out), str(self.data), str(workers)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.syspath_prepend(STUBS)
    import sweep_stub

    monkeypatch.setattr(registry, "find", sweep_stub.find)
    return World(tmp_path)


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


class TestRun:
    def test_every_cell_is_trained_once_then_found(self, world: World) -> None:
        assert world.run() == 0
        assert len(world.started()) == 6
        assert "trained 6 cells, found 0 finished, 0 failed" in world.printed
        assert world.run() == 0
        assert len(world.started()) == 6
        assert "trained 0 cells, found 6 finished, 0 failed" in world.printed

    def test_layout_of_the_run_folder(self, world: World) -> None:
        world.run()
        index = json.loads((world.out / "run.json").read_text())
        assert index["matrix"] == "little"
        assert next(each["label"] for each in index["cells"]) == LINEAR_0
        assert (world.out / "matrix.yaml").read_text() == MATRIX
        for listed in index["cells"]:
            cell = world.out / "cells" / listed["id"]
            assert sorted(each.name for each in cell.iterdir()) == [
                "artefact.txt",
                "record.json",
            ]
        assert not world.leftovers()
        assert (world.out / "tables" / "main.md").exists()

    def test_workers_give_the_same_table_as_one_process(self, world: World) -> None:
        world.run(workers=0)
        alone = world.table_without_times()
        world.out = world.out.with_name("workers")
        assert world.run(workers=2) == 0
        assert world.table_without_times() == alone
        assert len(world.started()) == 12

    def test_a_line_for_each_cell_when_not_on_a_terminal(self, world: World) -> None:
        world.run()
        lines = [line for line in world.printed.splitlines() if line.startswith("[")]
        assert len(lines) == 6
        assert lines[0].startswith(f"[1/6] finished {LINEAR_0} in ")

    def test_only_runs_a_part_and_lists_all(self, world: World) -> None:
        assert world.run(only=["method=lora", "seed=1"]) == 0
        assert len(world.started()) == 2
        assert len(json.loads((world.out / "run.json").read_text())["cells"]) == 6
        assert "missing: 4 of 6 cells" in world.printed
        assert world.run() == 0
        assert "trained 4 cells, found 2 finished, 0 failed" in world.printed

    def test_changed_data_is_trained_again_and_the_old_cells_are_kept(self, world: World) -> None:
        world.run()
        (world.data / "a").write_text("other pixels")
        assert world.run() == 0
        assert "trained 6 cells, found 0 finished" in world.printed
        assert "left out: 6 cells in the folder that the matrix does not name" in world.printed

    def test_unselected_target_that_is_missing_does_not_matter(self, world: World) -> None:
        text = MATRIX.replace("}]", "}, {name: absent, kind: stub, data: b}]")
        world.matrix.write_text(text)
        assert world.run(only=["target=things"]) == 0
        cells = json.loads((world.out / "run.json").read_text())["cells"]
        assert [each["id"] is None for each in cells] == [False] * 6 + [True] * 6
        assert "missing: 6 of 12 cells" in world.printed

    def test_a_target_that_prepares_itself_is_prepared_once(self, world: World) -> None:
        world.matrix.write_text(MATRIX.replace("kind: stub", "kind: preparing, data: made"))
        assert world.run() == 0
        assert (world.data / "prepared.txt").read_text() == "once\n"


class TestDryRun:
    def test_lists_cells_with_their_state_and_touches_nothing(self, world: World) -> None:
        text = world.show()
        assert f"to run             {LINEAR_0}" in text
        assert "6 cells: 6 to run" in text
        assert not world.out.exists()
        assert not world.started()

    def test_states(self, world: World) -> None:
        world.order(**{LORA_1: "fail"})
        world.run(only=["method=lora", "metapeft=false"])
        text = world.show()
        assert f"failed before      {LORA_1}" in text
        assert "6 cells: 4 to run, 1 finished, 1 failed before" in text

    def test_data_that_is_not_ready(self, world: World) -> None:
        (world.data / "a").unlink()
        text = world.show(2)  # as the run itself would end
        assert "-" * 16 + "  not prepared       things / stub_vit: 6 cells" in text
        assert "not ready:" in text
        assert "things is not prepared" in text


@pytest.mark.parametrize("workers", [0, 1])
class TestFailingCell:
    def test_is_recorded_with_its_traceback_and_the_sweep_goes_on(
        self, world: World, workers: int
    ) -> None:
        world.order(**{LINEAR_0: "fail"})
        assert world.run(workers) == 1
        assert "trained 5 cells, found 0 finished, 1 failed" in world.printed
        assert f"FAILED {LINEAR_0}: ValueError: told to fail" in world.printed
        record = world.records()[LINEAR_0]
        assert record.status == "failed"
        assert record.failure.kind == "ValueError"
        assert "in obey" in record.failure.traceback
        cell = world.out / "cells" / record.id
        assert [each.name for each in cell.iterdir()] == ["record.json"]

    def test_is_tried_again_by_the_next_run(self, world: World, workers: int) -> None:
        world.order(**{LINEAR_0: "fail"})
        world.run(workers)
        world.order()
        assert world.run(workers) == 0
        assert "trained 1 cell, found 5 finished, 0 failed" in world.printed
        assert world.records()[LINEAR_0].status == "finished"
        assert not world.leftovers()


class TestDyingWorker:
    @pytest.mark.parametrize(
        ("order", "words"),
        [("kill", "the worker died, signal 9 (SIGKILL)"), ("exit", "the worker died, exit code 3")],
    )
    def test_its_cell_fails_and_another_worker_goes_on(
        self, world: World, order: str, words: str
    ) -> None:
        world.order(**{LINEAR_0: order})
        assert world.run(workers=1) == 1
        assert "trained 5 cells, found 0 finished, 1 failed" in world.printed
        failure = world.records()[LINEAR_0].failure
        assert failure.kind == "WorkerDied"
        assert words in failure.message
        assert not world.leftovers()


class TestInterruption:
    def begin(self, world: World, workers: int) -> subprocess.Popen[str]:
        """A run that finishes some cells and then hangs in ``lora / seed 1``."""
        world.order(**{LORA_1: "wait"})
        process = world.start(workers)
        wait_until(lambda: LORA_1 in world.started() or process.poll() is not None)
        assert process.poll() is None, process.stdout.read()
        return process

    def finish(self, world: World) -> None:
        """A second run trains the rest; its table is that of an uninterrupted run."""
        done = len(world.records())
        assert 0 < done < 6
        assert all(record.status == "finished" for record in world.records().values())
        world.order()
        before = len(world.started())
        assert world.run() == 0
        assert len(world.started()) - before == 6 - done
        trained = counted(6 - done, "cell")
        assert f"trained {trained}, found {done} finished, 0 failed" in world.printed
        assert not world.leftovers()
        resumed = world.table_without_times()
        world.out = world.out.with_name("uninterrupted")
        world.run()
        assert world.table_without_times() == resumed

    @pytest.mark.parametrize(("workers", "times"), [(0, 1), (2, 1), (2, 6)])
    def test_ctrl_c_stops_at_once_and_keeps_what_is_finished(
        self, world: World, workers: int, times: int
    ) -> None:
        process = self.begin(world, workers)
        for _ in range(times):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)  # a terminal signals the whole group
            time.sleep(0.01)
        text, _ = process.communicate(timeout=20)
        assert process.returncode == 130, text
        done = len(world.records())
        assert f"interrupted: {done} of 6 cells are finished" in text
        assert "Traceback" not in text
        assert not world.leftovers()
        self.finish(world)

    @pytest.mark.parametrize("workers", [0, 2])
    def test_sigkill_of_the_parent_leaves_no_worker_and_no_half_cell(
        self, world: World, workers: int
    ) -> None:
        process = self.begin(world, workers)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=20)
        process.stdout.close()
        wait_until(lambda: not group_is_alive(process.pid))
        assert world.leftovers()
        self.finish(world)


def group_is_alive(group: int) -> bool:
    """Whether a process of the group is left that is not a zombie."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        if int(fields[2]) == group and fields[0] != "Z":
            return True
    return False


class TestBadInput:
    def test_file_in_place_of_the_results_folder(self, world: World) -> None:
        world.out.parent.write_text("in the way")
        with pytest.raises(ResultsFolderError, match="cannot be written"):
            world.run()

    def test_damaged_record_is_an_error_before_any_work(self, world: World) -> None:
        world.run(only=["seed=0"])
        record = next(world.out.glob("cells/[!.]*/record.json"))
        record.write_text(record.read_text()[:100])
        before = world.started()
        with pytest.raises(RecordError, match="cannot be read") as caught:
            world.run()
        assert caught.value.where == str(record)
        assert "delete the folder" in caught.value.remedy
        assert world.started() == before

    def test_record_with_an_unknown_field_may_be_of_another_rsbench(self, world: World) -> None:
        world.run(only=["seed=0"])
        record = next(world.out.glob("cells/[!.]*/record.json"))
        record.write_text(json.dumps(json.loads(record.read_text()) | {"colour": "red"}))
        with pytest.raises(RecordError, match="field colour") as caught:
            world.run()
        assert caught.value.remedy.startswith("use the rsbench that wrote it, or delete")

    def test_damaged_file_of_a_finished_cell_costs_the_report_not_what_was_trained(
        self, world: World
    ) -> None:
        world.run(only=["seed=0"])
        cell = next(world.out.glob("cells/[!.]*"))
        (cell / "predictions.parquet").write_bytes(b"PAR1")
        assert world.run() == 1
        assert len(world.records()) == 6
        assert f"Error: {cell / 'predictions.parquet'}: " in world.printed
        assert "they are kept, but no report was made" in world.printed
        with pytest.raises(RecordError, match="not the file that was recorded"):
            world.run()

    def test_a_folder_whose_list_of_cells_was_deleted_goes_on(self, world: World) -> None:
        world.run()
        assert (world.out / "report.html").exists()
        (world.out / "run.json").unlink()
        assert world.run() == 0
        assert "trained 0 cells, found 6 finished" in world.printed

    @pytest.mark.parametrize("room", [0, 2])
    def test_a_disk_that_is_full_midway_keeps_what_was_trained(
        self, world: World, monkeypatch: pytest.MonkeyPatch, room: int
    ) -> None:
        commits = 0

        def commit(folder: RunFolder, out: Path, record: Record) -> None:
            nonlocal commits
            commits += 1
            if commits > room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            whole(folder, out, record)

        whole = RunFolder.commit
        with monkeypatch.context() as full:
            full.setattr(RunFolder, "commit", commit)
            if room:
                assert world.run() == 1
                assert "Error: " in world.printed
                assert "No space left" in world.printed
                assert f"trained {room} cells, 0 failed; they are kept" in world.printed
            else:  # nothing was trained: the user's own mistake ends with exit code 2
                with pytest.raises(ResultsFolderError, match="No space left"):
                    world.run()
        assert world.run() == 0
        assert f"trained {6 - room} cells, found {room} finished" in world.printed

    def test_a_published_copy_is_refused_wherever_it_lies(self, world: World) -> None:
        world.run()
        (world.out / "test_images").mkdir()
        with pytest.raises(ResultsFolderError, match="published"):
            world.run()

    def test_published_results_are_refused(self, world: World) -> None:
        world.out = world.folder / "results" / "published" / "little"
        with pytest.raises(ResultsFolderError, match="published"):
            world.run()
        with pytest.raises(ResultsFolderError, match="published"):
            world.show()
        assert not world.out.exists()

    def test_two_runs_at_once_in_one_folder(self, world: World) -> None:
        with (
            world.session().folder.locked("little"),
            pytest.raises(ResultsFolderError, match="another 'rsbench run'"),
        ):
            world.run()

    def test_all_inputs_that_cannot_be_opened_are_listed_together(self, world: World) -> None:
        text = MATRIX.replace("}]", ", data: b}, {name: absent, kind: stub, data: c}]")
        world.matrix.write_text(text)
        with pytest.raises(NotPreparedError, match="not on this machine") as caught:
            world.run()
        assert "things is not prepared" in str(caught.value)
        assert "absent is not prepared" in str(caught.value)
        assert not world.started()

    def test_what_is_available_runs_and_the_rest_is_named(self, world: World) -> None:
        text = MATRIX.replace("}]", "}, {name: absent, kind: stub, data: c}]")
        world.matrix.write_text(text)
        assert world.run(available=True) == 0
        assert "6 cells left out (--available)" in world.printed
        assert "absent is not prepared" in world.printed
        assert len(world.records()) == 6
        assert all(label.startswith("things") for label in world.records())

    def test_nothing_available_is_an_error(self, world: World) -> None:
        (world.data / "a").unlink()
        with pytest.raises(NotPreparedError, match="things is not prepared") as caught:
            world.run(available=True)
        assert "nothing of this matrix can be trained" in caught.value.what
        assert "--available" not in str(caught.value)  # which was given

    def test_runner_that_returns_no_record_fails_the_cell(self, world: World) -> None:
        session = world.session()
        object.__setattr__(session, "runner", "builtins:dict")
        assert session.run(Resources(("cpu",), 1, in_process=True)) == 1


class TestResources:
    @pytest.fixture(autouse=True)
    def cores(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("rsbench.sweep.devices.usable_cores", lambda: 16)
        monkeypatch.setattr("rsbench.sweep.devices.count_gpus", lambda: 0)

    @pytest.mark.parametrize(
        ("workers", "threads", "expected"),
        [
            (None, None, (8, 2, False)),
            (4, None, (4, 4, False)),
            (4, 1, (4, 1, False)),
            (32, None, (32, 1, False)),
            (0, None, (1, 2, True)),
        ],
    )
    def test_cpu(
        self, workers: int | None, threads: int | None, expected: tuple[int, int, bool]
    ) -> None:
        found = choose_resources(workers, threads, "auto")
        assert (len(found.devices), found.threads, found.in_process) == expected
        assert set(found.devices) == {"cpu"}

    def test_one_worker_for_each_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("rsbench.sweep.devices.count_gpus", lambda: 2)
        assert choose_resources(None, None, "auto") == Resources(("cuda:0", "cuda:1"), 8, False)
        assert choose_resources(3, None, "cuda").devices == ("cuda:0", "cuda:1", "cuda:0")
        assert choose_resources(None, None, "cpu").devices == ("cpu",) * 8

    @pytest.mark.parametrize(
        ("workers", "threads", "device"),
        [(-1, None, "cpu"), (1, 0, "cpu"), (1, 1, "gpu"), (1, 1, "cuda")],
    )
    def test_wrong_options(self, workers: int | None, threads: int | None, device: str) -> None:
        with pytest.raises(SettingsError):
            choose_resources(workers, threads, device)
