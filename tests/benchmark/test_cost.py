"""``rsbench cost``: what is measured, on a tiny world; nothing here depends on how long it took."""

from __future__ import annotations

import csv
import io
import json
import os
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner
from world import TRAIN, write_world

from rsbench.cli import app
from rsbench.cost.measuring import Measuring
from rsbench.cost.memory import peak_of
from rsbench.cost.process import ChildProcess, ThisProcess
from rsbench.cost.results import Effort, Job, PeakMemory, Training
from rsbench.cost.session import run_cost
from rsbench.cost.summary import ALLOWANCE, Measured, quartiles, summarise
from rsbench.cost.variants import Variant, choose_variants, expected_cost, round_order
from rsbench.errors import ResultsFolderError, SettingsError
from rsbench.folders import Folders
from rsbench.heldout import TrainSplit
from rsbench.matrix.expand import expand
from rsbench.matrix.load import load_matrix
from rsbench.record import Failure
from rsbench.sweep.devices import Resources
from rsbench.sweep.session import Session, open_session

STUBS = Path(__file__).parent / "stubs"
CPU = Resources(("cpu",), threads=1, in_process=True)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def folders(world: Path, tmp_path: Path) -> Folders:
    return Folders(data=tmp_path / "data", cache=tmp_path / "cache", base=world.parent)


@pytest.fixture
def variants(world: Path) -> tuple[Variant, ...]:
    return choose_variants(expand(load_matrix(str(world))))


def session_of(world: Path, folder: Path) -> Session:
    console = Console(file=io.StringIO(), force_terminal=False)
    return open_session(str(world), cache=folder / "cache", console=console)


def training(seconds: float = 1.0, steps: int = 5) -> Training:
    return Training(
        seconds=seconds,
        steps=steps,
        images=40,
        outer_steps=None,
        trainable=7,
        modulators=0,
        precision="32-true",
        image_size=16,
    )


# --- which variants ---------------------------------------------------------------------------


def test_every_variant_is_measured_once_at_the_lowest_seed(variants: tuple[Variant, ...]) -> None:
    assert [each.name for each in variants] == ["linear", "lora", "lora+metapeft"]
    assert {each.cell.seed for each in variants} == {0}
    assert [each.plain for each in variants] == [None, None, 1]


def test_partners_are_neighbours_whatever_the_order_of_the_matrix(
    variants: tuple[Variant, ...],
) -> None:
    linear, lora, meta = (each.cell for each in variants)
    again = choose_variants([meta, linear, lora])
    assert [each.name for each in again] == ["lora", "lora+metapeft", "linear"]
    assert again[1].plain == 0


def test_a_seed_that_comes_later_but_is_lower_is_taken(variants: tuple[Variant, ...]) -> None:
    cell = variants[1].cell
    cells = [cell.model_copy(update={"seed": seed}) for seed in (4, 2, 3)]
    assert [each.cell.seed for each in choose_variants(cells)] == [2]


def test_a_partner_with_other_work_per_step_is_no_partner(variants: tuple[Variant, ...]) -> None:
    _, lora, meta = (each.cell for each in variants)

    def with_recipe(**changes: Any) -> Any:
        return meta.model_copy(update={"recipe": meta.recipe.model_copy(update=changes)})

    assert choose_variants([lora, with_recipe(batch_size=16)])[1].plain is None
    assert choose_variants([lora, with_recipe(learning_rate=0.5, epochs=3)])[1].plain == 0


def test_variants_of_the_same_labels_say_how_they_differ(variants: tuple[Variant, ...]) -> None:
    meta = variants[2].cell
    assert meta.metapeft is not None
    options = meta.metapeft.options | {"gamma": "fixed"}
    control = meta.model_copy(
        update={"metapeft": meta.metapeft.model_copy(update={"options": options})}
    )
    found = choose_variants([variants[1].cell, meta, control])
    assert [each.plain for each in found] == [None, 0, 0]
    assert "gamma=learned" in found[1].detail
    assert "gamma=fixed" in found[2].detail
    assert found[2].label.endswith(f"lora+metapeft ({found[2].detail})")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 1.2),
        ({"ratio": 0.5}, 1.5),
        ({"overlap": False}, 1.0),
        ({"gamma": "fixed"}, None),
        ({"gamma": "joint"}, None),
        ({"hypergradient": "unrolled"}, None),
        ({"outer_batches": 3}, None),
        ({"outer_loop": 2}, None),
        ({"mode": "released"}, None),
    ],
)
def test_only_first_order_learned_gamma_has_a_bound(
    variants: tuple[Variant, ...], options: dict[str, Any], expected: float | None
) -> None:
    meta = variants[2].cell
    assert meta.metapeft is not None
    chosen = meta.metapeft.model_copy(update={"options": options})
    assert expected_cost(meta.model_copy(update={"metapeft": chosen})) == expected
    assert expected_cost(variants[1].cell) is None


def test_the_order_changes_from_round_to_round() -> None:
    orders = [round_order(5, number) for number in range(10)]
    assert all(sorted(order) == [0, 1, 2, 3, 4] for order in orders)
    assert len({tuple(order) for order in orders}) == 10
    first = [order.index(1) < order.index(2) for order in orders]
    assert first.count(True) == 5
    assert round_order(1, 3) == [0]


# --- what follows from the seconds ------------------------------------------------------------


def measured_pair(variants: tuple[Variant, ...]) -> list[Measured]:
    plain = Measured(variants[1], [training(s) for s in (1.0, 2.0, 4.0)])
    meta = Measured(Variant(variants[2].cell, plain=0, expected=1.2))
    meta.trainings = [training(s) for s in (1.5, 2.2, 4.8)]
    return [plain, meta]


def test_ratios_are_medians_of_ratios_within_rounds(variants: tuple[Variant, ...]) -> None:
    plain, meta = summarise(measured_pair(variants))
    assert meta.ratio is not None
    assert meta.ratio.median == pytest.approx(1.2)
    assert (meta.ratio.low, meta.ratio.high) == pytest.approx((1.15, 1.35))
    assert meta.bound == pytest.approx(1.2 * ALLOWANCE)
    assert meta.within_bound is True
    assert plain.ratio is plain.bound is plain.within_bound is None
    assert plain.milliseconds is not None
    assert plain.milliseconds.median == pytest.approx(400.0)
    assert plain.images_per_second == pytest.approx(20.0)


def test_a_ratio_above_the_bound_is_reported(variants: tuple[Variant, ...]) -> None:
    plain, meta = measured_pair(variants)
    meta.trainings = [training(10.0)] * 3
    assert summarise([plain, meta])[1].within_bound is False


def test_without_a_usable_partner_there_is_no_ratio(variants: tuple[Variant, ...]) -> None:
    plain, meta = measured_pair(variants)
    plain.failure = Failure(kind="DivergedError", message="the loss became nan", traceback="")
    row = summarise([plain, meta])[1]
    assert row.ratio is None
    assert row.within_bound is None
    assert row.milliseconds is not None


def test_quartiles() -> None:
    assert quartiles([3.0]).median == 3.0
    found = quartiles([5.0, 1.0, 2.0, 4.0, 3.0])
    assert (found.low, found.median, found.high) == (2.0, 3.0, 4.0)


# --- the rounds -------------------------------------------------------------------------------


def test_all_variants_train_the_same_inner_steps_in_every_round(
    variants: tuple[Variant, ...], folders: Folders
) -> None:
    counted: list[tuple[int, int]] = []
    effort = Effort(rounds=2, epochs=2, memory=False)
    with ThisProcess() as place:
        measuring = Measuring(
            variants, effort, folders, CPU, place, lambda done, total: counted.append((done, total))
        )
        measured = measuring.run()
    assert all(each.failure is None for each in measured), measured
    assert [len(each.trainings) for each in measured] == [2, 2, 2]
    steps = -(-sum(TRAIN) // 8)
    everything = [one for each in measured for one in each.trainings]
    assert {one.steps for one in everything} == {2 * steps}
    assert {one.images for one in everything} == {2 * sum(TRAIN)}
    assert all(one.seconds > 0 for one in everything)
    assert [one.outer_steps for one in measured[2].trainings] == [2, 2]
    assert [each.trainings[0].modulators for each in measured] == [0, 0, 12]
    assert [each.trainings[0].trainable for each in measured] == [
        48,
        48 + 8 * 576,
        48 + 8 * 576 + 12,
    ]
    assert counted[-1] == (9, 9)


def test_a_variant_that_fails_is_left_out_and_the_others_go_on(
    variants: tuple[Variant, ...], folders: Folders
) -> None:
    lora = variants[1].cell
    method = lora.method.model_copy(update={"options": {"positions": ["nowhere"]}})
    broken = Variant(lora.model_copy(update={"method": method}))
    with ThisProcess() as place:
        effort = Effort(rounds=1, memory=False)
        measuring = Measuring(
            [broken, variants[0]], effort, folders, CPU, place, lambda done, total: None
        )
        failed, fine = measuring.run()
    assert failed.failure is not None
    assert failed.trainings == []
    assert len(fine.trainings) == 1
    assert summarise([failed, fine])[0].milliseconds is None


def test_fewer_images_make_a_shorter_epoch(variants: tuple[Variant, ...], folders: Folders) -> None:
    from rsbench.cost.measure import measure_training

    short = measure_training(Job(variants[2].cell, folders, "cpu", 1, epochs=1, images=17))
    assert (short.images, short.steps) == (17, 3)


def test_the_shortened_split_is_always_the_same_and_does_not_validate() -> None:
    from rsbench.cost.measure import shortened

    split = TrainSplit(np.arange(10), np.arange(10, 12), early_stopping=True, note="")
    first, second = shortened(split, 4), shortened(split, 4)
    assert first.train.tolist() == second.train.tolist() == sorted(set(first.train.tolist()))
    assert len(first.train) == 4
    assert not first.early_stopping
    assert shortened(split, None).train.tolist() == list(range(10))
    assert split.train.tolist() == list(range(10))


# --- memory -----------------------------------------------------------------------------------


def can_reset_the_peak() -> bool:
    return os.access("/proc/self/clear_refs", os.W_OK)


def test_peak_memory_sees_what_was_taken_and_given_back() -> None:
    import torch

    if not can_reset_the_peak():
        pytest.skip("the peak of a process can be read on Linux only")
    size = 64 * 2**20

    def work() -> None:
        np.ones(size, np.uint8)

    peak = peak_of(work, torch.device("cpu"))
    assert peak.bytes is not None
    assert size * 0.9 < peak.bytes < size * 2
    assert peak_of(lambda: None, torch.device("cpu")).bytes < size / 2  # type: ignore[operator]


def test_without_proc_memory_is_not_invented(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import torch

    from rsbench.cost import memory

    monkeypatch.setattr(memory, "_PROC", tmp_path / "absent")
    called: list[bool] = []
    peak = peak_of(lambda: called.append(True), torch.device("cpu"))
    assert peak.bytes is None
    assert peak.reason.startswith("not measured")
    assert called == [True]


# --- processes --------------------------------------------------------------------------------


def test_a_child_that_dies_is_a_failure_and_the_next_call_gets_another(
    variants: tuple[Variant, ...], folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(STUBS)
    job = Job(variants[0].cell, folders, "cpu", 1)
    with ChildProcess({"RSBENCH_TEST_MARK": "set"}) as place:
        first, second = place.call("cost_stub:whoami", job), place.call("cost_stub:whoami", job)
        assert first == second
        assert first[0] != os.getpid()
        assert first[1] == "set"
        failed = place.call("cost_stub:nothing", job)
        assert isinstance(failed, Failure)
        assert failed.kind == "AttributeError"
        died = place.call("cost_stub:die", job)
        assert isinstance(died, Failure)
        assert died.kind == "ProcessDied"
        assert place.call("cost_stub:whoami", job)[0] != first[0]
    assert "RSBENCH_TEST_MARK" not in os.environ


# --- the whole command ------------------------------------------------------------------------


def test_the_report_holds_every_round_and_the_numbers_that_follow(
    world: Path, tmp_path: Path
) -> None:
    session = session_of(world, tmp_path)
    out = tmp_path / "deep" / "cost.csv"
    messages = Console(file=io.StringIO())
    effort = Effort(rounds=2)
    assert run_cost(session, out, effort, CPU, place=ThisProcess(), messages=messages) == 0
    rows = list(csv.DictReader(out.read_text().splitlines()))
    found = json.loads(out.with_suffix(".json").read_text())
    assert [(row["method"], row["metapeft"]) for row in rows] == [
        ("linear", "no"),
        ("lora", "no"),
        ("lora", "yes"),
    ]
    seconds = [[one["seconds"] for one in each["rounds"]] for each in found["variants"]]
    ratio = statistics.median(m / p for m, p in zip(seconds[2], seconds[1], strict=True))
    assert float(rows[2]["ratio_to_plain"]) == pytest.approx(ratio, rel=1e-4)
    assert rows[1]["ratio_to_plain"] == ""
    assert float(rows[2]["bound"]) == pytest.approx(1.2 * ALLOWANCE)
    assert rows[2]["within_bound"] == ("yes" if ratio <= 1.2 * ALLOWANCE else "no")
    steps = [int(row["inner_steps_per_round"]) for row in rows]
    assert steps == [5, 5, 5]
    expected = statistics.median(1000 * s / 5 for s in seconds[1])
    assert float(rows[1]["ms_per_inner_step"]) == pytest.approx(expected, rel=1e-4)
    for row in rows:
        assert (row["batch_size"], row["image_size"]) == ("8", "16")
        assert (row["peak_memory_mib"] == "") == (row["peak_memory_note"] != "")
        assert (row["peak_memory_mib"] != "") == can_reset_the_peak()
    assert found["effort"]["rounds"] == 2
    assert found["environment"]["packages"]["torch"]
    assert found["machine"]["cores"] >= 1
    output = session.console.file
    assert isinstance(output, io.StringIO)
    assert "| lora+metapeft |" in output.getvalue()
    assert "median (and quartiles) of 2 interleaved rounds" in output.getvalue()
    assert "one round only" not in output.getvalue()


def test_a_failure_is_shown_and_makes_exit_code_1(world: Path, tmp_path: Path) -> None:
    class Failing(ThisProcess):
        def call(self, function: str, job: Job) -> Any:
            if function.endswith("measure_memory"):
                return PeakMemory(None, "not measured: this is a test")
            if job.cell.method.name == "linear" and function.endswith("measure_training"):
                return Failure(kind="RuntimeError", message="no, not that", traceback="")
            return super().call(function, job)

    session = session_of(world, tmp_path)
    out = tmp_path / "cost.csv"
    messages = Console(file=io.StringIO())
    effort = Effort(rounds=1)
    assert run_cost(session, out, effort, CPU, place=Failing(), messages=messages) == 1
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert rows[0]["error"] == "RuntimeError: no, not that"
    assert rows[0]["ms_per_inner_step"] == ""
    assert [row["error"] for row in rows[1:]] == ["", ""]
    assert rows[1]["peak_memory_note"] == "not measured: this is a test"
    output = session.console.file
    assert isinstance(output, io.StringIO)
    assert "FAILED plots / tiny_vit / linear: RuntimeError: no, not that" in output.getvalue()
    assert "peak memory not measured: this is a test" in output.getvalue()
    assert "one round only" in output.getvalue()
    assert "prove nothing" in output.getvalue()


def test_an_output_that_cannot_be_written_is_refused_before_anything_is_measured(
    world: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")

    class Unused(ThisProcess):
        def call(self, function: str, job: Job) -> Any:
            raise AssertionError("something was measured")

    with pytest.raises(ResultsFolderError, match="cannot be written"):
        run_cost(
            session_of(world, tmp_path), tmp_path / "file" / "x.csv", Effort(), CPU, place=Unused()
        )


def test_the_command_measures_in_child_processes(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RSBENCH_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "cost.csv"
    arguments = ["cost", "--matrix", str(world), "--only", "method=linear", "--rounds", "1"]
    arguments += ["--device", "cpu", "--no-memory", "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    (row,) = csv.DictReader(out.read_text().splitlines())
    assert row["method"] == "linear"
    assert row["error"] == ""
    assert row["peak_memory_note"] == "not asked for"


def test_an_unknown_selection_is_an_error(world: Path) -> None:
    with pytest.raises(SettingsError, match="no cell of this matrix has it"):
        open_session(str(world), only=["method=nothing"])
