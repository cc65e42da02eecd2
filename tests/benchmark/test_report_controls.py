"""The controls of MetaPEFT beside it, and what every method costs."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING, Any

import pytest
from records import little_folder, make_environment, make_record, make_run
from report_tables import artefacts_of, csv_rows, finish, on_axes

from rsbench.cell import cell_id
from rsbench.plan import CellRun
from rsbench.record import ParameterCounts, Timing
from rsbench.report.artefacts import Table
from rsbench.report.page.summary import summarise_run
from rsbench.report.results import load_results
from rsbench.settings import PluginChoice

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.record import Record
    from rsbench.report.results import RunResults
    from rsbench.store import RunFolder

CONTROLS = ("joint", "random", "fixed", "none", "released")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return little_folder(tmp_path)


def table_of(results: RunResults, name: str) -> Table:
    table = artefacts_of(results, name)[name]
    assert isinstance(table, Table)
    return table


def with_gamma(gamma: str, seed: int = 0, mean: float = 0.5, **options: Any) -> Record:
    """A record of LoRA with something done about gamma: "plain", "learned", "joint", ..."""
    label = "lora" if gamma in ("plain", "learned") else f"lora_{gamma}"
    run = make_run(label, seed, gamma != "plain", kinds={"method": "lora"})
    if gamma == "plain":
        return make_record(run, mean)
    strategy = {
        "control": gamma,
        "gamma": {"block0_q": 0.5, "block1_q": 1.0},
        "travel": {"mean": 0.4, "largest": 0.9},
    }
    choice = PluginChoice(name="metapeft", kind="metapeft", options={"gamma": gamma, **options})
    cell = run.cell.model_copy(update={"metapeft": choice})
    return make_record(run, mean, strategy=strategy, cell=cell)


def runs_of(records: list[Record]) -> list[CellRun]:
    """What the matrix would name for these records."""
    return [CellRun(each.cell, each.id, each.identity) for each in records]


def finished(folder: RunFolder, records: list[Record]) -> RunResults:
    return finish(folder, runs_of(records), records)


class TestControls:
    def test_rows_in_order_with_their_differences(self, folder: RunFolder) -> None:
        levels = {"plain": 0.5, "learned": 0.53, **dict.fromkeys(CONTROLS, 0.52)}
        records = [with_gamma(gamma, mean=mean) for gamma, mean in reversed(levels.items())]
        lines = csv_rows(table_of(finished(folder, records), "controls"))
        assert [each["gamma"] for each in lines] == list(levels)
        joint = lines[2]
        assert joint["method"] == "lora_joint"
        assert float(joint["minus_plain_mean_mean"]) == pytest.approx(2.0, abs=1e-4)
        assert float(joint["minus_learned_tail_mean"]) == pytest.approx(-1.0, abs=1e-4)
        assert (joint["mean_gamma"], joint["travel"]) == ("0.75", "0.4")
        assert lines[0]["minus_plain_mean_mean"] == ""
        assert float(lines[0]["minus_learned_mean_mean"]) == pytest.approx(-3.0, abs=1e-4)
        assert lines[1]["minus_learned_mean_mean"] == ""
        assert lines[0]["mean_gamma"] == ""

    def test_differences_are_over_the_common_seeds(self, folder: RunFolder) -> None:
        records = [with_gamma("plain", seed, 0.5) for seed in range(4)]
        records += [with_gamma("joint", seed, 0.5 + 0.01 * seed) for seed in range(3)]
        lines = csv_rows(table_of(finished(folder, records), "controls"))
        assert float(lines[1]["minus_plain_mean_mean"]) == pytest.approx(1.0, abs=1e-4)
        assert float(lines[1]["minus_plain_mean_std"]) == pytest.approx(
            statistics.stdev([0, 1, 2]), abs=1e-4
        )
        assert lines[1]["minus_learned_mean_mean"] == ""

    def test_says_what_tells_learned_from_joint(self, folder: RunFolder) -> None:
        table = table_of(finished(folder, [with_gamma("plain"), with_gamma("joint")]), "controls")
        assert any("only in which training batches gamma sees" in each for each in table.notes)

    def test_the_learned_row_with_the_nearest_options_is_the_partner(
        self, folder: RunFolder
    ) -> None:
        def row(gamma: str, mean: float, ratio: float) -> Record:
            record = with_gamma(gamma, mean=mean, ratio=ratio)
            # rows that differ in options of MetaPEFT have ids of their own
            fields = {**record.identity, "metapeft": {"gamma": gamma, "ratio": ratio}}
            return record.model_copy(update={"identity": fields, "id": cell_id(fields)})

        records = [row("learned", 0.6, 0.1), row("learned", 0.7, 0.2), row("joint", 0.65, 0.2)]
        lines = csv_rows(table_of(finished(folder, records), "controls"))
        assert [each["gamma"] for each in lines] == ["learned", "learned", "joint"]
        assert float(lines[2]["minus_learned_mean_mean"]) == pytest.approx(-5.0, abs=1e-4)
        undecided = [records[0], records[1], row("joint", 0.65, 0.3)]
        lines = csv_rows(table_of(finished(folder, undecided), "controls"))
        assert lines[2]["minus_learned_mean_mean"] == ""

    def test_without_a_control_there_is_no_section(self, folder: RunFolder) -> None:
        records = [with_gamma("plain"), with_gamma("learned")]
        assert artefacts_of(finished(folder, records), "controls") == {}

    def test_a_control_alone_is_not_compared(self, folder: RunFolder) -> None:
        assert artefacts_of(finished(folder, [with_gamma("joint")]), "controls") == {}

    def test_other_recipes_are_other_groups(self, folder: RunFolder) -> None:
        other = make_run("lora", learning_rate=0.5, kinds={"method": "lora"})
        records = [with_gamma("plain"), with_gamma("joint"), make_record(other)]
        lines = csv_rows(table_of(finished(folder, records), "controls"))
        assert [each["gamma"] for each in lines] == ["plain", "joint"]

    def test_cells_at_two_places_of_an_axis_stand_once(self, folder: RunFolder) -> None:
        records = [with_gamma("plain"), with_gamma("joint")]
        runs = runs_of(records)
        finish(folder, [runs[0], runs[0], runs[1]], records)
        results = on_axes(folder, [{"ratio": "0.1"}, {"ratio": "0.2"}, {}])
        assert len(table_of(results, "controls").rows) == 2


class TestCost:
    def timed(self, run: CellRun, seconds: float, **changes: Any) -> Record:
        timing = Timing(
            train_seconds=seconds, total_seconds=seconds + 2, train_images_per_second=100 / seconds
        )
        return make_record(run, **{"timing": timing, **changes})

    def test_parameters_by_what_they_belong_to(self, folder: RunFolder) -> None:
        runs = [make_run("full"), make_run("lora", metapeft=True)]
        parts = [
            ParameterCounts(method=5000, head=200, modulators=0, frozen=0),
            ParameterCounts(method=970, head=200, modulators=30, frozen=5000),
        ]
        records = [make_record(run, parameters=each) for run, each in zip(runs, parts, strict=True)]
        full, lora = csv_rows(table_of(finish(folder, runs, records), "cost"))
        assert (full["trainable"], full["share_of_backbone"]) == ("5200", "100")
        assert (lora["trainable"], lora["share_of_backbone"]) == ("1200", "20")
        assert (lora["method_parameters"], lora["head_parameters"]) == ("970", "200")
        assert lora["modulators"] == "30"

    def test_times_over_seeds_and_relative_to_the_plain_row(self, folder: RunFolder) -> None:
        runs = [make_run(seed=s, metapeft=m) for m in (False, True) for s in (0, 1)]
        times = (10.0, 20.0, 12.0, 30.0)
        records = [self.timed(run, time) for run, time in zip(runs, times, strict=True)]
        plain, tuned = csv_rows(table_of(finish(folder, runs, records), "cost"))
        assert (plain["train_seconds_mean"], plain["total_seconds_mean"]) == ("15", "17")
        assert float(plain["train_seconds_std"]) == pytest.approx(
            statistics.stdev([10, 20]), abs=1e-4
        )
        assert float(plain["images_per_second_mean"]) == pytest.approx(7.5, abs=1e-4)
        assert plain["relative_time_mean"] == ""
        assert float(tuned["relative_time_mean"]) == pytest.approx(1.35, abs=1e-4)
        assert float(tuned["relative_time_std"]) == pytest.approx(
            statistics.stdev([1.2, 1.5]), abs=1e-4
        )

    def test_memory_of_the_cpu_is_unknown_and_the_note_says_what_measures_it(
        self, folder: RunFolder
    ) -> None:
        run = make_run()
        table = table_of(finish(folder, [run], [make_record(run)]), "cost")
        assert csv_rows(table)[0]["peak_memory_mean"] == ""
        assert any("'rsbench cost' measures it" in note for note in table.notes)

    def test_memory_of_an_accelerator_in_mebibytes(self, folder: RunFolder) -> None:
        run = make_run()
        timing = Timing(
            train_seconds=1.0,
            total_seconds=2.0,
            train_images_per_second=3.0,
            peak_memory_bytes=3 * 2**20,
        )
        table = table_of(finish(folder, [run], [make_record(run, timing=timing)]), "cost")
        assert csv_rows(table)[0]["peak_memory_mean"] == "3"
        assert not any("records none" in note for note in table.notes)

    def test_devices_and_precisions_stand_there_and_mixtures_are_announced(
        self, folder: RunFolder
    ) -> None:
        runs = [make_run(), make_run("linear")]
        gpu = make_environment("bf16").model_copy(update={"device": "gpu"})
        records = [make_record(runs[0]), make_record(runs[1], environment=gpu)]
        table = table_of(finish(folder, runs, records), "cost")
        assert [(each["device"], each["precision"]) for each in csv_rows(table)] == [
            ("cpu", "32"),
            ("gpu", "bf16"),
        ]
        assert any("different devices" in note for note in table.notes)
        assert table.notes[0].startswith("**these times are no benchmark**")

    def test_records_without_times_and_counts(self, folder: RunFolder) -> None:
        run = make_run()
        record = make_record(run, timing=None, parameters=None, environment=None)
        (line,) = csv_rows(table_of(finish(folder, [run], [record]), "cost"))
        empty = ("trainable", "share_of_backbone", "train_seconds_mean", "device", "precision")
        assert [line[name] for name in empty] == [""] * 5

    def test_without_a_finished_cell_there_is_none(self, folder: RunFolder) -> None:
        assert artefacts_of(finish(folder, [make_run()], []), "cost") == {}


class TestNames:
    """A control has one name, on the console, in lists of cells and in tables."""

    def test_the_label_of_a_control_is_the_name_in_tables(self, folder: RunFolder) -> None:
        records = [with_gamma(gamma) for gamma in ("plain", "learned", "joint", "released")]
        methods = [each.cell.label.split(" / ")[2] for each in records]
        assert methods == ["lora", "lora+metapeft", "lora_joint", "lora_released"]
        assert [row.full_method for row in finished(folder, records).rows] == methods

    def test_gammas_that_are_given_keep_apart_from_the_plain_method(
        self, folder: RunFolder
    ) -> None:
        plain, given = with_gamma("plain"), with_gamma("given")
        cell = given.cell.model_copy(update={"method": plain.cell.method})
        assert cell.label == "things / vit / lora (gamma: given) / seed 0"

    def test_a_missing_control_is_not_counted_as_another_method(self, folder: RunFolder) -> None:
        records = [with_gamma("joint", seed) for seed in (0, 1)]
        results = finish(folder, runs_of(records), records[:1])
        assert [each.label for each in results.missing] == ["things / vit / lora_joint / seed 1"]
        assert dict(summarise_run(results).subject)["Methods"] == "lora_joint"

    @pytest.mark.parametrize(
        "matrix",
        [
            "methods: [lora, {name: lora_joint, kind: lora, metapeft: {gamma: joint}}]",
            "metapeft: {gamma: joint}\n"
            "methods: [{name: lora_joint, kind: lora, metapeft: {learning_rate: 1}}]",
        ],
    )
    def test_lists_of_cells_of_older_versions_are_read_under_this_name(
        self, folder: RunFolder, matrix: str
    ) -> None:
        records = [with_gamma("joint", seed) for seed in (0, 1)]
        finish(folder, runs_of(records), records[:1])
        rewrite_as_old(folder, matrix)
        results = load_results(folder)
        assert [each.label for each in results.missing] == ["things / vit / lora_joint / seed 1"]
        assert dict(summarise_run(results).subject)["Methods"] == "lora_joint"

    @pytest.mark.parametrize("matrix", ["methods: [lora_joint+metapeft]", "a: [", ""])
    def test_without_a_word_on_gamma_an_old_list_is_metapeft(
        self, folder: RunFolder, matrix: str
    ) -> None:
        records = [with_gamma("joint", seed) for seed in (0, 1)]
        finish(folder, runs_of(records), records[:1])
        rewrite_as_old(folder, matrix)
        (missing,) = load_results(folder).missing
        assert missing.label == "things / vit / lora_joint+metapeft / seed 1"


def rewrite_as_old(folder: RunFolder, matrix: str) -> None:
    """run.json as it was when a control was labelled ``+metapeft``."""
    data = json.loads(folder.index_file.read_text())
    for cell in data["cells"]:
        del cell["full_method"]
        cell["label"] = cell["label"].replace("lora_joint", "lora_joint+metapeft")
    folder.index_file.write_text(json.dumps(data))
    (folder.path / "matrix.yaml").write_text(matrix)
