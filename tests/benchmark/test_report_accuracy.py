"""Tables of accuracy: the paper's layout, gains, every metric, additive methods."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from records import failed, little_folder, make_record, make_run
from report_tables import artefacts_of, csv_rows, finish, keep_predictions, on_axes, predicted

from rsbench.errors import RecordError
from rsbench.report.tables.families import additive_table
from rsbench.report.tables.gains import gains_average_table, gains_table
from rsbench.report.tables.layout import identifier, identifiers
from rsbench.report.tables.quality import metrics_table
from rsbench.report.tables.transfers import MOST_TRANSFERS, transfers_table
from rsbench.report.writers import to_latex, to_markdown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rsbench.plan import CellRun
    from rsbench.record import Record
    from rsbench.report.artefacts import Table
    from rsbench.report.results import RunResults
    from rsbench.store import RunFolder

TARGETS = ("demo_fusrs", "demo_inat", "demo_dota")
ARROW = "→"


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return little_folder(tmp_path)


def on(target: str, method: str = "lora", seed: int = 0, metapeft: bool = False) -> CellRun:
    return make_run(method, seed, metapeft, target=target, kinds={"target": target})


def build(table: Table | None) -> Table:
    assert table is not None
    return table


class TestTransfers:
    @pytest.fixture
    def results(self, folder: RunFolder) -> RunResults:
        methods = [("lora", True), ("lora", False), ("bitfit", False), ("mine", False)]
        methods += [("linear", False)]
        runs = [on(target, name, seed, m) for target in TARGETS for name, m in methods
                for seed in (0, 1)]  # fmt: skip
        kept = [run for run in runs if (run.cell.target.name, run.cell.method.name)
                != ("demo_inat", "mine")]  # fmt: skip
        levels = {"demo_inat": 0.3, "demo_dota": 0.6, "demo_fusrs": 0.5}
        records = [
            make_record(run, levels[run.cell.target.name] + 0.02 * run.cell.seed) for run in kept
        ]
        return finish(folder, kept, records)

    def test_methods_and_transfers_are_in_the_order_of_the_paper(self, results: RunResults) -> None:
        table = build(transfers_table(results))
        assert [row[0] for row in table.rows] == [
            "linear",
            "bitfit",
            "lora",
            "lora+metapeft",
            "mine",
        ]
        groups = list(dict.fromkeys(column.group for column in table.columns if column.group))
        names = [f"vit {ARROW} {each}" for each in ("demo_inat", "demo_dota", "demo_fusrs")]
        assert groups == [*names, "average of 3"]

    def test_numbers_and_averages_over_the_transfers(self, results: RunResults) -> None:
        line = csv_rows(build(transfers_table(results)))[0]
        assert float(line["vit_demo_dota_mean_mean"]) == pytest.approx(61.0)
        assert float(line["vit_demo_inat_tail_mean"]) == pytest.approx(21.0)
        assert float(line["average_mean_mean"]) == pytest.approx((31 + 61 + 51) / 3, abs=1e-4)
        # the seeds move together here: so does their average
        assert float(line["average_mean_std"]) == pytest.approx(statistics.stdev([0, 2]), abs=1e-4)
        assert line["vit_demo_dota_medium_mean"] == ""
        assert line["seeds"] == "2"

    def test_a_method_that_lacks_a_transfer_has_no_average(self, results: RunResults) -> None:
        table = build(transfers_table(results))
        line = csv_rows(table)[-1]
        assert (line["method"], line["average_mean_mean"], line["average_tail_std"]) == (
            "mine",
            "",
            "",
        )
        assert (line["vit_demo_inat_mean_mean"], line["vit_demo_dota_mean_mean"]) == ("", "61")
        assert any("not on all transfers: mine." in note for note in table.notes)

    def test_latex_has_a_heading_and_a_rule_for_each_transfer(self, results: RunResults) -> None:
        text = to_latex(build(transfers_table(results)))
        assert text.count(r"\multicolumn{4}{c}{vit $\rightarrow$ demo\_") == 3
        assert r"\cmidrule(lr){3-6} \cmidrule(lr){7-10} \cmidrule(lr){11-14}" in text
        assert r"\cmidrule(lr){15-16}" in text
        assert r"\textbf" not in text

    def test_unequal_seeds_of_transfers_have_an_average_without_deviation(
        self, folder: RunFolder
    ) -> None:
        runs = [on("demo_dota"), on("demo_dota", seed=1), on("demo_fusrs")]
        results = finish(folder, runs, [make_record(r, 0.5 + 0.1 * r.cell.seed) for r in runs])
        (line,) = csv_rows(build(transfers_table(results)))
        assert (line["average_mean_mean"], line["average_mean_std"]) == ("52.5", "")
        assert line["seeds"] == "1 to 2"

    def test_one_transfer_has_no_average(self, folder: RunFolder) -> None:
        run = on("demo_dota")
        table = build(transfers_table(finish(folder, [run], [make_record(run)])))
        assert not any("average" in column.key for column in table.columns)

    def test_recipes_of_the_same_method_stand_apart(self, folder: RunFolder) -> None:
        runs = [make_run(learning_rate=rate) for rate in (0.1, 0.2)]
        table = build(transfers_table(finish(folder, runs, [make_record(run) for run in runs])))
        assert [row[:2] for row in table.rows] == [
            ("lora", "recipe.learning_rate=0.1"),
            ("lora", "recipe.learning_rate=0.2"),
        ]

    def test_of_very_many_transfers_some_stand_there_and_the_average_is_over_all(
        self, folder: RunFolder
    ) -> None:
        targets = [f"place{number}" for number in range(MOST_TRANSFERS + 2)]
        runs = [make_run(target=target) for target in targets]
        records = [make_record(run, 0.2 + 0.05 * n) for n, run in enumerate(runs)]
        table = build(transfers_table(finish(folder, runs, records)))
        groups = {column.group for column in table.columns if column.group}
        assert len(groups) == MOST_TRANSFERS + 1
        assert any("place6" in note and "left out" in note.lower() for note in table.notes)
        (line,) = csv_rows(table)
        assert float(line["average_mean_mean"]) == pytest.approx(20 + 5 * 3.5, abs=1e-4)

    def test_rows_on_axes_are_left_to_other_tables(self, folder: RunFolder) -> None:
        runs = [on("demo_dota", "linear"), on("demo_dota", "lora")]
        finish(folder, runs, [make_record(run) for run in runs])
        table = build(transfers_table(on_axes(folder, [{}, {"position": "q"}])))
        assert [row[0] for row in table.rows] == ["linear"]
        assert any("axis" in note for note in table.notes)
        assert transfers_table(on_axes(folder, [{"position": "k"}, {"position": "q"}])) is None

    def test_cautions_come_with_the_table(self, folder: RunFolder) -> None:
        runs = [on("demo_dota", seed=seed) for seed in range(3)]
        records: list[Record] = [
            make_record(runs[0], disclaimers=("rendered",), precision="32"),
            make_record(runs[1], precision="bf16"),
            failed(runs[2]),
        ]
        results = finish(folder, runs, records, disclaimer="demo numbers")
        notes = build(transfers_table(results)).notes
        assert notes[0] == "**demo numbers — rendered**"
        assert notes[1].startswith("**1 of 3 cells are missing or failed**")
        assert "precision" in notes[2]

    def test_a_run_without_finished_cells_has_none(self, folder: RunFolder) -> None:
        results = finish(folder, [on("demo_dota")], [])
        assert list(artefacts_of(results, "accuracy")) == ["main"]


class TestGains:
    def pair(
        self, folder: RunFolder, plain: Sequence[float], tuned: Sequence[float], **rest: object
    ) -> RunResults:
        runs = [on("demo_dota", seed=seed) for seed in range(len(plain))]
        more = [on("demo_dota", seed=seed, metapeft=True) for seed in range(len(tuned))]
        records = [make_record(r, m) for r, m in zip(runs, plain, strict=True)]
        records += [make_record(r, m) for r, m in zip(more, tuned, strict=True)]
        return finish(folder, [*runs, *more], records, **rest)

    def test_differences_are_taken_seed_by_seed(self, folder: RunFolder) -> None:
        results = self.pair(folder, [0.5, 0.7, 0.6], [0.51, 0.72, 0.63])
        (line,) = csv_rows(build(gains_table(results)))
        assert float(line["mean_mean"]) == pytest.approx(2.0, abs=1e-4)
        assert float(line["mean_std"]) == pytest.approx(1.0, abs=1e-4)
        assert float(line["tail_mean"]) == pytest.approx(2.0, abs=1e-4)
        assert (line["medium_mean"], line["common_seeds"]) == ("", "3")
        assert "| +2.0 ± 1.0 |" in to_markdown(build(gains_table(results)))

    def test_only_common_seeds_count(self, folder: RunFolder) -> None:
        results = self.pair(folder, [0.5], [0.51, 0.9])
        (line,) = csv_rows(build(gains_table(results)))
        assert (line["mean_mean"], line["mean_std"], line["common_seeds"]) == ("1", "", "1")

    def test_the_verdicts_of_the_statistics_stand_beside_the_gains(self, folder: RunFolder) -> None:
        hits = {False: (60, 50, 40), True: (60, 50, 70)}
        runs = [on("demo_dota", seed=s, metapeft=m) for s in range(3) for m in hits]
        made = [
            predicted(run, hits[run.cell.metapeft is not None], 100, (30, 20, 10)) for run in runs
        ]
        finish(folder, runs, [record for record, _, _ in made])
        for each in made:
            keep_predictions(folder, *each, 0.7)
        (line,) = csv_rows(build(gains_table(finish(folder, runs, []))))
        assert (line["verdict_tail"], line["verdict_mean"]) == ("higher", "higher")
        assert (line["tail_mean"], line["head_mean"]) == ("30", "0")

    def test_pairs_that_differ_in_more_are_named(self, folder: RunFolder) -> None:
        runs = [make_run(learning_rate=0.1), make_run(metapeft=True, learning_rate=0.2)]
        results = finish(folder, runs, [make_record(run) for run in runs])
        notes = build(gains_table(results)).notes
        (note,) = [each for each in notes if "differ in other settings" in each]
        assert "recipe.learning_rate: 0.1 and 0.2" in note

    def test_metapeft_without_a_plain_row_is_named(self, folder: RunFolder) -> None:
        runs = [on("demo_dota"), on("demo_dota", metapeft=True), on("demo_fusrs", metapeft=True)]
        results = finish(folder, runs, [make_record(run) for run in runs])
        table = build(gains_table(results))
        assert len(table.rows) == 1
        assert any("without a plain row" in each and "demo_fusrs" in each for each in table.notes)

    def test_the_average_needs_a_pair_in_every_transfer(self, folder: RunFolder) -> None:
        gains = {"demo_inat": 0.01, "demo_dota": 0.02, "demo_fusrs": 0.06}
        runs = [on(t, seed=s, metapeft=m) for t in TARGETS for s in (0, 1) for m in (False, True)]
        runs += [on("demo_dota", "bitfit", metapeft=m) for m in (False, True)]
        records = [
            make_record(
                run,
                0.5
                + (gains[run.cell.target.name] * (1 + run.cell.seed) if run.cell.metapeft else 0),
            )
            for run in runs
        ]
        results = finish(folder, runs, records)
        table = build(gains_average_table(results))
        (line,) = csv_rows(table)
        assert line["method"] == "lora"
        assert float(line["mean_mean"]) == pytest.approx(statistics.fmean([3.0, 6.0]), abs=1e-4)
        assert float(line["mean_std"]) == pytest.approx(statistics.stdev([3.0, 6.0]), abs=1e-4)
        assert any("bitfit" in note for note in table.notes)
        methods = [each["method"] for each in csv_rows(build(gains_table(results)))]
        assert methods == ["bitfit+metapeft", *["lora+metapeft"] * 3]
        targets = [each["target"] for each in csv_rows(build(gains_table(results)))]
        assert targets == ["demo_dota", "demo_inat", "demo_dota", "demo_fusrs"]

    def test_without_pairs_or_with_one_transfer_there_is_none(self, folder: RunFolder) -> None:
        run = on("demo_dota")
        results = finish(folder, [run], [make_record(run)])
        assert gains_table(results) is None
        assert gains_average_table(results) is None


class TestMetrics:
    def test_every_metric_and_the_calibration(self, folder: RunFolder) -> None:
        run = on("demo_dota")
        record, labels, predictions = predicted(run, (10, 5, 0), 10, (30, 20, 10))
        finish(folder, [run], [record])
        keep_predictions(folder, record, labels, predictions, 0.7)
        (line,) = csv_rows(build(metrics_table(finish(folder, [run], []))))
        assert (line["overall_mean"], line["worst_class_mean"]) == ("50", "0")
        assert (line["head_mean"], line["medium_mean"], line["tail_mean"]) == ("100", "50", "0")
        assert line["geometric_mean_mean"] == "0"
        harmonic = 3 / (1 / 1 + 1 / 0.5 + 1 / 1e-5) * 100
        assert float(line["harmonic_mean_mean"]) == pytest.approx(harmonic, rel=1e-4)
        assert float(line["ece_mean"]) == pytest.approx(20.0, abs=1e-4)
        assert float(line["excess_confidence_mean"]) == pytest.approx(20.0, abs=1e-4)

    def test_without_predictions_there_is_no_calibration(self, folder: RunFolder) -> None:
        runs = [on("demo_dota", seed=seed) for seed in (0, 1)]
        made = [predicted(run, (10, 5, 0), 10, (30, 20, 10)) for run in runs]
        finish(folder, runs, [record for record, _, _ in made])
        keep_predictions(folder, *made[0], 0.7)
        table = build(metrics_table(finish(folder, runs, [])))
        (line,) = csv_rows(table)
        assert (line["ece_mean"], line["overall_mean"]) == ("", "50")
        assert any("predictions.parquet is not there: 1 cell." in each for each in table.notes)

    def test_predictions_that_hold_no_confidences_are_not_said_to_be_gone(
        self, folder: RunFolder
    ) -> None:
        run = on("demo_dota")
        record, labels, predictions = predicted(run, (10, 5, 0), 10, (30, 20, 10))
        finish(folder, [run], [record])
        keep_predictions(folder, record, labels, predictions, 0.7)
        file = folder.cell(record.id) / "predictions.parquet"
        pd.read_parquet(file).drop(columns="confidence").to_parquet(file, index=False)
        notes = " ".join(build(metrics_table(finish(folder, [run], []))).notes)
        assert "no ECE where predictions.parquet holds no confidences" in notes
        assert "is not there" not in notes

    def test_confidences_that_are_none_are_an_error_that_names_the_file(
        self, folder: RunFolder
    ) -> None:
        run = on("demo_dota")
        record, labels, predictions = predicted(run, (10, 5, 0), 10, (30, 20, 10))
        finish(folder, [run], [record])
        keep_predictions(folder, record, labels, predictions, 1.5)
        with pytest.raises(RecordError, match="from 0 to 1") as caught:
            metrics_table(finish(folder, [run], []))
        assert "predictions.parquet" in str(caught.value.where)


class TestAdditive:
    def test_means_over_the_methods_that_are_there(self, folder: RunFolder) -> None:
        accuracy = {"lora": 0.6, "adapter": 0.7, "vpt_deep": 0.5, "linear": 0.1}
        runs = [on("demo_dota", name, seed) for name in accuracy for seed in (0, 1)]
        records = [make_record(r, accuracy[r.cell.method.name] + 0.1 * r.cell.seed) for r in runs]
        table = build(additive_table(finish(folder, runs, records)))
        first, second = csv_rows(table)
        assert (first["family"], first["methods"]) == ("additive", "lora, adapter")
        assert (second["family"], second["methods"]) == ("not additive", "vpt_deep")
        assert float(first["mean_mean"]) == pytest.approx(70.0, abs=1e-4)
        assert float(second["mean_mean"]) == pytest.approx(55.0, abs=1e-4)
        assert float(first["mean_std"]) == pytest.approx(statistics.stdev([65, 75]), abs=1e-4)

    def test_the_label_of_the_kind_counts_before_other_labels(self, folder: RunFolder) -> None:
        runs = [
            make_run("lora", kinds={"method": "lora"}, options={"rank": 8}),
            make_run("lora_r4", kinds={"method": "lora"}, options={"rank": 4}),
            make_run("bitfit_late", kinds={"method": "bitfit"}),
        ]
        table = build(additive_table(finish(folder, runs, [make_record(run) for run in runs])))
        assert [row[4] for row in table.rows] == ["lora", "bitfit_late"]

    def test_one_family_alone_is_no_comparison(self, folder: RunFolder) -> None:
        runs = [on("demo_dota", "lora"), on("demo_dota", "linear")]
        assert additive_table(finish(folder, runs, [make_record(run) for run in runs])) is None


class TestNames:
    def test_of_columns_and_files_are_plain_and_unique(self) -> None:
        assert identifier("Sent. 2/<b>") == "sent_2_b"
        assert identifier("") == "unnamed"
        assert identifiers(["a b", "a-b", "a b"]) == {"a b": "a_b", "a-b": "a_b_2"}
