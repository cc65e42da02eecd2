"""The main table: its numbers, and the lines that say what limits them."""

from __future__ import annotations

import csv
import functools
import io
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from records import failed, little_folder, make_record, make_run, write_run
from rich.console import Console

from rsbench.errors import RecordError, ResultsFolderError, SettingsError
from rsbench.report.console import print_results
from rsbench.report.results import load_results
from rsbench.report.sections.main import main_table
from rsbench.report.sections.modulators import modulator_table
from rsbench.report.write import write_report
from rsbench.report.writers import to_csv, to_markdown
from rsbench.store import RunFolder, find_run

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return little_folder(tmp_path)


@pytest.fixture
def fill(folder: RunFolder) -> Callable[..., None]:
    return functools.partial(write_run, folder)


def csv_rows(folder: RunFolder) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(main_table(load_results(folder))))))


def table_lines(folder: RunFolder) -> list[str]:
    text = to_markdown(main_table(load_results(folder)))
    return [line for line in text.splitlines() if line.startswith("| ")][2:]


class TestNumbers:
    def test_mean_and_sample_deviation_over_seeds_in_percent(
        self, folder: RunFolder, fill: Callable[..., None]
    ) -> None:
        runs = [make_run(seed=seed) for seed in range(3)]
        means = [0.5, 0.52, 0.57]
        fill(runs, [make_record(run, mean) for run, mean in zip(runs, means, strict=True)])
        (row,) = csv_rows(folder)
        assert float(row["mean_mean"]) == pytest.approx(53.0, abs=1e-4)
        deviation = statistics.stdev([50.0, 52.0, 57.0])
        assert float(row["mean_std"]) == pytest.approx(deviation, abs=1e-4)
        assert float(row["head_mean"]) == pytest.approx(63.0, abs=1e-4)
        assert float(row["tail_mean"]) == pytest.approx(43.0, abs=1e-4)
        assert (row["seeds"], row["trainable_parameters"], row["modulators"]) == ("3", "1230", "30")
        assert float(row["train_seconds"]) == 10.0
        assert "| 53.0 ± 3.6 |" in table_lines(folder)[0]

    def test_empty_group_is_a_dash_and_never_zero(
        self, folder: RunFolder, fill: Callable[..., None]
    ) -> None:
        run = make_run()
        fill([run], [make_record(run)])
        (row,) = csv_rows(folder)
        assert (row["medium_mean"], row["medium_std"]) == ("", "")
        assert "| 60.0 | – | 40.0 | 50.0 |" in table_lines(folder)[0]  # noqa: RUF001

    def test_one_seed_has_no_deviation_and_says_so(
        self, folder: RunFolder, fill: Callable[..., None]
    ) -> None:
        run = make_run()
        fill([run], [make_record(run)])
        (row,) = csv_rows(folder)
        assert (row["mean_mean"], row["mean_std"]) == ("50", "")
        assert "±" not in table_lines(folder)[0]
        assert "one seed only" in to_markdown(main_table(load_results(folder)))

    def test_rows_keep_the_order_of_the_matrix_when_a_first_seed_is_missing(
        self, folder: RunFolder, fill: Callable[..., None]
    ) -> None:
        runs = [make_run(method, seed) for seed in (0, 1) for method in ("zeta", "alpha")]
        fill(runs, [make_record(run) for run in runs[1:]])
        assert [row["method"] for row in csv_rows(folder)] == ["zeta", "alpha"]

    def test_metapeft_is_a_row_of_its_own(
        self, folder: RunFolder, fill: Callable[..., None]
    ) -> None:
        runs = [make_run(), make_run(metapeft=True)]
        fill(runs, [make_record(run) for run in runs])
        assert [row["metapeft"] for row in csv_rows(folder)] == ["no", "yes"]

    def test_other_recipes_under_the_same_labels_are_never_averaged(
        self, folder: RunFolder, fill: Callable[..., None]
    ) -> None:
        runs = [make_run(learning_rate=0.1), make_run(seed=1, learning_rate=0.2)]
        fill(runs, [make_record(run) for run in runs])
        variants = [row["variant"] for row in csv_rows(folder)]
        assert variants == ["recipe.learning_rate=0.1", "recipe.learning_rate=0.2"]
        assert "recipe.learning_rate=0.1" in table_lines(folder)[0]


class TestModulators:
    def test_a_control_is_named_and_its_gammas_stand_beside_the_learned_ones(
        self, folder: RunFolder, fill: Callable[..., None]
    ) -> None:
        plain, learned = make_run(), make_run(metapeft=True)
        joint = make_run(method="lora_joint", metapeft=True, kinds={"method": "lora"})
        summary = {
            "outer_steps": 40,
            "travel_bound": 2.0,
            "gamma": {"block0_q": 0.5, "block1_q": 2.0},
        }
        summary |= {"spread": 0.7, "travel": {"mean": 0.4, "largest": 1.25}}
        records = [
            make_record(plain),
            make_record(learned, strategy={**summary, "control": "learned"}),
            make_record(joint, strategy={**summary, "control": "joint", "travel": None}),
        ]
        fill([plain, learned, joint], records)
        assert [row["metapeft"] for row in csv_rows(folder)] == ["no", "yes", "control: joint"]
        table = load_results(folder)
        assert [row.full_method for row in table.rows] == [
            "lora",
            "lora+metapeft",
            "lora_joint",
        ]
        first, second = csv.DictReader(io.StringIO(to_csv(modulator_table(table))))
        assert (first["method"], first["gamma"]) == ("lora+metapeft", "learned")
        assert float(first["mean_gamma"]) == 1.25
        assert (float(first["smallest"]), float(first["largest"])) == (0.5, 2.0)
        assert float(first["largest_travel"]) == 1.25
        assert (second["gamma"], second["largest_travel"]) == ("joint", "")
        text = to_markdown(modulator_table(table))
        assert "# Modulators" in text
        assert "| 40 |" in text
        assert "Adam moves gamma whether or not there is a signal" in text

    def test_gammas_are_averaged_over_seeds(
        self, folder: RunFolder, fill: Callable[..., None]
    ) -> None:
        runs = [make_run(metapeft=True, seed=seed) for seed in (0, 1)]
        records = [
            make_record(run, strategy={"control": "learned", "gamma": {"block0_q": value}})
            for run, value in zip(runs, (0.5, 1.5), strict=True)
        ]
        fill(runs, records)
        (row,) = csv.DictReader(io.StringIO(to_csv(modulator_table(load_results(folder)))))
        assert (float(row["mean_gamma"]), row["seeds"]) == (1.0, "2")

    def test_a_control_without_a_partner_is_named(
        self, folder: RunFolder, fill: Callable[..., None]
    ) -> None:
        plain = make_run(learning_rate=0.1)
        fair = make_run(method="lora", metapeft=True, learning_rate=0.1)
        alone = make_run(method="lora", metapeft=True, learning_rate=0.2)
        strategy = {"control": "joint", "gamma": {"block0_q": 1.0}}
        fill(
            [plain, fair, alone],
            [make_record(plain), *(make_record(r, strategy=strategy) for r in (fair, alone))],
        )
        notes = [note for note in load_results(folder).notes if "without a partner" in note]
        assert len(notes) == 1
        fill([plain, fair], [])
        assert not any("without a partner" in note for note in load_results(folder).notes)

    def test_without_metapeft_there_is_no_such_table(
        self, folder: RunFolder, fill: Callable[..., None]
    ) -> None:
        run = make_run()
        fill([run], [make_record(run)])
        report = write_report(folder, figures=False).report
        assert "modulators" not in {each.name for each in report.artefacts()}
        assert not (folder.tables / "modulators.csv").exists()

    def test_a_row_of_one_seed_says_so(self, folder: RunFolder, fill: Callable[..., None]) -> None:
        runs = [make_run(seed=0), make_run(seed=1), make_run(method="bitfit")]
        fill(runs, [make_record(run) for run in runs])
        (line,) = [
            each
            for each in to_markdown(main_table(load_results(folder))).splitlines()
            if "one seed" in each
        ]
        assert line.endswith("1 of 2 rows (those with 1 under 'seeds')")


class TestFootnotes:
    def test_missing_failed_and_foreign_cells(
        self, folder: RunFolder, fill: Callable[..., None]
    ) -> None:
        runs = [make_run(seed=seed) for seed in range(3)]
        foreign = make_record(make_run("other"))
        fill(runs, [make_record(runs[0]), failed(runs[1]), foreign])
        text = to_markdown(main_table(load_results(folder)))
        assert "**missing: 1 of 3 cells**: things / vit / lora / seed 2" in text
        assert (
            "**failed: 1 of 3 cells**: things / vit / lora / seed 1 (ValueError: no luck)" in text
        )
        assert "left out: 1 cell in the folder that the matrix does not name" in text
        assert [row["method"] for row in csv_rows(folder)] == ["lora"]
        assert csv_rows(folder)[0]["seeds"] == "1"

    def test_complete_runs_have_none_of_these_lines(
        self, folder: RunFolder, fill: Callable[..., None]
    ) -> None:
        run = make_run()
        fill([run], [make_record(run)])
        text = to_markdown(main_table(load_results(folder)))
        for word in ("missing", "failed", "left out", "the same", "NOT TEST"):
            assert word not in text

    def test_disclaimers_of_matrix_and_records_once(
        self, folder: RunFolder, fill: Callable[..., None]
    ) -> None:
        runs = [make_run(seed=seed) for seed in range(2)]
        records = [make_record(run, disclaimers=("demo data",)) for run in runs]
        fill(runs, records, disclaimer="demo numbers")
        text = to_markdown(main_table(load_results(folder)))
        assert text.count("**demo data**") == 1
        assert text.count("**demo numbers**") == 1

    def test_notes_of_records_say_how_many_cells_they_are_about(
        self, folder: RunFolder, fill: Callable[..., None]
    ) -> None:
        runs = [make_run(seed=seed) for seed in range(2)]
        fill(runs, [make_record(runs[0], notes=("stopped early",)), make_record(runs[1])])
        assert "stopped early (1 of 2 cells)" in to_markdown(main_table(load_results(folder)))

    def test_unequal_seeds(self, folder: RunFolder, fill: Callable[..., None]) -> None:
        runs = [make_run(method, seed) for method in "abc" for seed in (0, 1)]
        fill(runs, [make_record(run) for run in runs[:-1]])
        line = "same seeds**: 0, 1 (all other rows); 0 (things / vit / c)"
        assert line in to_markdown(main_table(load_results(folder)))

    @pytest.mark.parametrize("method", ["lora", "linear"])
    def test_mixed_precisions_within_and_between_rows(
        self, folder: RunFolder, fill: Callable[..., None], method: str
    ) -> None:
        runs = [make_run(seed=0), make_run(method, seed=1)]
        records = [make_record(runs[0], precision="32"), make_record(runs[1], precision="bf16")]
        fill(runs, records)
        text = to_markdown(main_table(load_results(folder)))
        assert "**the cells were not all trained in the same precision**" in text
        assert "bf16" in text

    def test_validation_scores_are_announced_first(
        self, folder: RunFolder, fill: Callable[..., None]
    ) -> None:
        run = make_run(evaluate_on="validation")
        fill([run], [make_record(run)])
        text = to_markdown(main_table(load_results(folder)))
        below = text.split("\n\n")[2]
        assert below.startswith("**NOT TEST RESULTS")
        assert "all rows" in below
        assert csv_rows(folder)[0]["evaluated_on"] == "validation"


class TestFiles:
    def test_the_same_records_give_the_same_bytes(
        self, folder: RunFolder, fill: Callable[..., None]
    ) -> None:
        run = make_run()
        fill([run], [make_record(run)])
        write_report(folder, figures=False)
        before = [(folder.tables / name).read_bytes() for name in ("main.csv", "main.md")]
        index = folder.read_index()
        folder.write_index(
            index.model_copy(update={"updated": "later"}), folder.path / "matrix.yaml"
        )
        write_report(folder, figures=False)
        after = [(folder.tables / name).read_bytes() for name in ("main.csv", "main.md")]
        assert before == after
        assert b"\r" not in before[0]

    def test_no_finished_cell(self, folder: RunFolder, fill: Callable[..., None]) -> None:
        fill([make_run()], [])
        table = main_table(write_report(folder, figures=False).report.results)
        assert "No cell is finished." in to_markdown(table)
        assert to_csv(table).count("\n") == 1

    def test_damaged_record_is_named(self, folder: RunFolder, fill: Callable[..., None]) -> None:
        run = make_run()
        fill([run], [make_record(run)])
        path = folder.cell(run.id) / "record.json"
        path.write_text(path.read_text().replace('"lora"', '"linear"'))
        with pytest.raises(RecordError, match="does not belong") as caught:
            write_report(folder, figures=False)
        assert caught.value.where == str(path)

    def test_folder_that_is_not_a_run(self, tmp_path: Path) -> None:
        with pytest.raises(ResultsFolderError, match="no run"):
            write_report(RunFolder(tmp_path))

    def test_folder_that_holds_runs_names_them(
        self, folder: RunFolder, fill: Callable[..., None]
    ) -> None:
        fill([make_run()], [])
        with pytest.raises(ResultsFolderError, match="no run") as caught:
            write_report(RunFolder(folder.path.parent))
        assert caught.value.remedy == f"it holds runs; give one: {folder.path}"

    def test_run_by_name_below_results(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "results" / "little").mkdir(parents=True)
        assert find_run("little") == Path("results/little")
        assert find_run("elsewhere/x") == Path("elsewhere/x")

    def test_numbers_are_whole_on_a_narrow_terminal(
        self, folder: RunFolder, fill: Callable[..., None]
    ) -> None:
        runs = [make_run(seed=seed, metapeft=True) for seed in range(2)]
        fill(runs, [make_record(runs[0], 0.5), make_record(runs[1], 0.6)])
        stream = io.StringIO()
        console = Console(file=stream, width=80, force_terminal=True, color_system=None)
        print_results(load_results(folder), console)
        assert "55.0 ± 7.1" in stream.getvalue()
        assert "…" not in stream.getvalue()

    def test_one_artefact_by_itself(self, folder: RunFolder, fill: Callable[..., None]) -> None:
        run = make_run()
        fill([run], [make_record(run)])
        write_report(folder, only=["main"])
        assert sorted(path.name for path in folder.tables.iterdir()) == [
            "main.csv",
            "main.md",
            "main.parquet",
            "main.tex",
        ]
        assert not (folder.path / "report.html").exists()
        with pytest.raises(SettingsError, match="no 'mian'") as caught:
            write_report(folder, only=["mian"])
        assert "main" in str(caught.value)
