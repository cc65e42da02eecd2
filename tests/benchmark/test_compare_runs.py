"""Two runs cell by cell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from records import failed, make_record, make_run, scored_record, write_predictions, write_run

from rsbench.cell import cell_id
from rsbench.cli import main
from rsbench.compare.runs import UNKNOWN, RunsComparison, compare_runs
from rsbench.compare.runs_tables import cells_table, rows_table
from rsbench.errors import NotComparableError, ResultsFolderError
from rsbench.report.writers import to_csv, to_markdown
from rsbench.statistics import Verdict
from rsbench.store import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.plan import CellRun
    from rsbench.record import Record

Cells = list[tuple["CellRun", "Record | None"]]
TRAIN = (100, 80, 60, 40, 20, 10)
LABELS = np.repeat(np.arange(6), 50)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[RunFolder, RunFolder]:
    return RunFolder(tmp_path / "results" / "old"), RunFolder(tmp_path / "results" / "new")


def write(folder: RunFolder, cells: Cells) -> None:
    records = [record for _, record in cells if record is not None]
    write_run(folder, [run for run, _ in cells], records)


def compare(folders: tuple[RunFolder, RunFolder], first: Cells, second: Cells) -> RunsComparison:
    for folder, cells in zip(folders, (first, second), strict=True):
        write(folder, cells)
    return compare_runs(*folders)


def cell(mean: float = 0.5, **run: Any) -> tuple[CellRun, Record]:
    made = make_run(**run)
    return made, make_record(made, mean)


class TestMatching:
    def test_equal_cells_have_the_same_id_and_nothing_to_tell(
        self, folders: tuple[RunFolder, RunFolder]
    ) -> None:
        (line,) = compare(folders, [cell()], [cell()]).cells
        assert line.same
        assert line.settings == ()
        assert line.metrics["mean"].verdict == "the same"

    def test_the_same_id_with_another_result_is_told_apart(
        self, folders: tuple[RunFolder, RunFolder]
    ) -> None:
        (line,) = compare(folders, [cell(0.5)], [cell(0.6)]).cells
        assert line.same
        assert line.metrics["mean"].verdict == UNKNOWN

    def test_the_same_id_with_another_result_is_noted(
        self, folders: tuple[RunFolder, RunFolder]
    ) -> None:
        text = to_markdown(rows_table(compare(folders, [cell(0.5)], [cell(0.6)])))
        assert "**the same id and another result: 1 cell**: things / vit / lora / seed 0" in text

    def test_other_settings_are_listed_with_both_values(
        self, folders: tuple[RunFolder, RunFolder]
    ) -> None:
        first = cell(epochs=3, options={"rank": 4})
        second = cell(epochs=5, options={"rank": 8, "alpha": 1})
        (line,) = compare(folders, [first], [second]).cells
        assert not line.same
        assert line.settings == (
            "method.options.rank: 4 / 8",
            "recipe.epochs: 3 / 5",
            "method.options.alpha: – / 1",  # noqa: RUF001 - an en dash
        )

    def test_rows_are_means_over_the_seeds_that_both_have(
        self, folders: tuple[RunFolder, RunFolder]
    ) -> None:
        first = [cell(0.1 * seed, seed=seed) for seed in (1, 2, 3)]
        second = [cell(0.2 + 0.1 * seed, seed=seed) for seed in (2, 3, 4)]
        comparison = compare(folders, first, second)
        (row,) = comparison.rows
        assert row.seeds == (2, 3)
        mean = row.metrics["mean"]
        assert (mean.first, mean.second) == (pytest.approx(25.0), pytest.approx(45.0))
        assert mean.difference is not None
        assert mean.difference.value == pytest.approx(20.0)
        tail = row.metrics["tail"]
        assert (tail.first, tail.second) == (pytest.approx(15.0), pytest.approx(35.0))
        assert [line.seeds for line in comparison.cells] == [(2,), (3,)]
        assert comparison.only_first == ("things / vit / lora / seed 1",)
        assert comparison.only_second == ("things / vit / lora / seed 4",)

    def test_labels_axes_and_metapeft_keep_cells_apart(
        self, folders: tuple[RunFolder, RunFolder]
    ) -> None:
        first = [cell(), cell(method="bitfit"), cell(metapeft=True)]
        second = [cell(metapeft=True), cell(target="others"), cell()]
        comparison = compare(folders, first, second)
        assert [line.first.full_method for line in comparison.rows] == ["lora", "lora+metapeft"]
        assert all(line.same for line in comparison.rows)
        assert comparison.only_first == ("things / vit / bitfit / seed 0",)
        assert comparison.only_second == ("others / vit / lora / seed 0",)

    def test_several_rows_of_the_same_labels_are_matched_by_their_settings(
        self, folders: tuple[RunFolder, RunFolder]
    ) -> None:
        first = [cell(0.1, epochs=1), cell(0.2, epochs=2)]
        second = [cell(0.2, epochs=2), cell(0.3, epochs=3)]
        comparison = compare(folders, first, second)
        settings = [line.settings for line in comparison.rows]
        assert settings == [("recipe.epochs: 1 / 3",), ()]

    def test_other_data_under_the_same_name_is_said_in_words(
        self, folders: tuple[RunFolder, RunFolder]
    ) -> None:
        run = make_run()
        fields = {**run.identity, "target": {"name": "things", "content": "other"}}
        changed = replace(run, id=cell_id(fields), identity=fields)
        comparison = compare(folders, [cell()], [(changed, make_record(changed))])
        (line,) = comparison.cells
        assert line.settings == (
            "the data differ, other images or labels (target.content): "
            '"content of things" / "other"',
        )
        notes = rows_table(comparison).notes
        assert notes[0].startswith("**the data of things differ between the runs**")
        assert "the difference is of the data as well" in notes[0]
        same = rows_table(compare(folders, [cell()], [cell()]))
        assert "data as well" not in " ".join(same.notes)

    def test_validation_scores_are_never_held_against_test_scores(
        self, folders: tuple[RunFolder, RunFolder]
    ) -> None:
        with pytest.raises(NotComparableError, match="no finished cell in common"):
            compare(folders, [cell()], [cell(evaluate_on="validation")])

    def test_runs_without_a_common_cell(self, folders: tuple[RunFolder, RunFolder]) -> None:
        with pytest.raises(NotComparableError) as caught:
            compare(folders, [cell()], [cell(target="others"), cell(target="third")])
        assert "- old: things / vit / lora" in caught.value.what
        assert "- new: others / vit / lora; third / vit / lora" in caught.value.what

    def test_failed_and_missing_cells_are_told(self, folders: tuple[RunFolder, RunFolder]) -> None:
        lost, broken = make_run("bitfit"), make_run("full")
        comparison = compare(folders, [cell()], [cell(), (lost, None), (broken, failed(broken))])
        text = to_markdown(rows_table(comparison))
        assert "**failed in new: 1 cell**: things / vit / full / seed 0" in text
        assert "missing in new: 1 cell: things / vit / bitfit / seed 0" in text


def with_predictions(
    wrong: list[int], run: CellRun
) -> tuple[Record, np.ndarray[Any, np.dtype[np.int64]]]:
    predictions = LABELS.copy()
    predictions[wrong] = (predictions[wrong] + 1) % 6
    return scored_record(run, LABELS, predictions, TRAIN), predictions


def write_scored(folder: RunFolder, wrong: list[list[int]], **run: Any) -> None:
    """One cell for each seed, with these images wrong."""
    runs = [make_run(seed=seed, **run) for seed in range(len(wrong))]
    made = [with_predictions(each, cell) for each, cell in zip(wrong, runs, strict=True)]
    write_run(folder, runs, [record for record, _ in made])
    for record, predictions in made:
        write_predictions(folder, record, LABELS, predictions)


class TestIntervals:
    def test_differences_are_paired_by_image(self, folders: tuple[RunFolder, RunFolder]) -> None:
        shared = list(range(0, 300, 3))
        write_scored(folders[0], [shared])
        write_scored(folders[1], [shared[:70]])
        (line,) = compare_runs(*folders).cells
        mean = line.metrics["mean"]
        assert mean.difference is not None
        assert mean.difference.value == pytest.approx(10.0)
        assert (mean.difference.basis, mean.difference.differing) == ("images", 30)
        assert mean.verdict == "higher"

    def test_a_few_images_are_noise(self, folders: tuple[RunFolder, RunFolder]) -> None:
        write_scored(folders[0], [[0, 60, 120]])
        write_scored(folders[1], [[0, 60, 130, 190]])
        (line,) = compare_runs(*folders).cells
        mean = line.metrics["mean"]
        assert mean.difference is not None
        assert mean.difference.value == pytest.approx(-100 / 300)
        assert mean.verdict == "within noise"

    def test_rows_get_a_verdict_from_three_seeds(
        self, folders: tuple[RunFolder, RunFolder]
    ) -> None:
        bad = [list(range(seed, 300, 3)) for seed in range(3)]
        write_scored(folders[0], bad)
        write_scored(folders[1], [each[:40] for each in bad])
        (row,) = compare_runs(*folders).rows
        mean = row.metrics["mean"]
        assert mean.difference is not None
        assert mean.difference.basis == "seeds and images"
        assert mean.verdict == "higher"
        assert mean.p is not None
        assert mean.p < 0.05

    def test_two_seeds_get_none(self, folders: tuple[RunFolder, RunFolder]) -> None:
        write_scored(folders[0], [[0], [1]])
        write_scored(folders[1], [[2], [3]])
        (row,) = compare_runs(*folders).rows
        assert row.metrics["mean"].verdict == Verdict.TWO_SEEDS
        assert row.metrics["mean"].p is None

    def test_p_values_are_adjusted_over_the_table(
        self, folders: tuple[RunFolder, RunFolder]
    ) -> None:
        # nine images against none with one seed, nothing with the other: two tests
        write_scored(folders[0], [list(range(0, 270, 30)), []])
        write_scored(folders[1], [[], []])
        cells = compare_runs(*folders).cells
        mean = cells[0].metrics["mean"]
        assert mean.difference is not None
        assert mean.difference.p_value == 2**-8  # the floor of nine images that differ
        assert mean.p == 2 * 2**-8

    def test_no_interval_without_predictions(self, folders: tuple[RunFolder, RunFolder]) -> None:
        write_scored(folders[0], [[0]])
        write_scored(folders[1], [[1, 2]])
        (folders[1].cell(make_run().id) / "predictions.parquet").unlink()
        (line,) = compare_runs(*folders).cells
        difference = line.metrics["mean"].difference
        assert difference is not None
        assert difference.interval is None
        assert line.metrics["mean"].verdict == UNKNOWN

    def test_other_test_images_are_never_paired(self, folders: tuple[RunFolder, RunFolder]) -> None:
        write_scored(folders[0], [[0]])
        write_scored(folders[1], [[1, 2]])
        identifier = make_run().id
        import pandas as pd

        path = folders[1].cell(identifier) / "predictions.parquet"
        frame = pd.read_parquet(path)
        frame["id"] = [f"other {number}" for number in range(len(frame))]
        frame.to_parquet(path, index=False)
        (line,) = compare_runs(*folders).cells
        assert line.metrics["mean"].verdict == UNKNOWN


class TestFiles:
    def test_the_same_records_give_the_same_bytes(
        self, folders: tuple[RunFolder, RunFolder], capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_scored(folders[0], [[0, 5], [1]])
        write_scored(folders[1], [[7], [8, 9]])
        contents = []
        for _ in range(2):
            assert main(["compare", *(str(folders[0].path), "--with", str(folders[1].path))]) == 0
            files = sorted(folders[0].tables.iterdir())
            contents.append([path.read_bytes() for path in files])
            assert [path.name for path in files] == [
                "compare-run-new-cells.csv",
                "compare-run-new.csv",
                "compare-run-new.md",
            ]
        assert contents[0] == contents[1]
        assert "things / vit / lora" in capsys.readouterr().out

    def test_csv_has_a_line_for_each_cell(self, folders: tuple[RunFolder, RunFolder]) -> None:
        comparison = compare(
            folders, [cell(seed=0), cell(seed=1)], [cell(0.6, seed=0), cell(0.6, seed=1)]
        )
        lines = to_csv(cells_table(comparison)).splitlines()
        assert lines[0].startswith("row,seed,same_id,mean_first,mean_second,mean_difference_mean")
        assert [line.split(",")[:5] for line in lines[1:]] == [
            ["things / vit / lora", str(seed), "true", "50", "60"] for seed in (0, 1)
        ]

    def test_runs_of_the_same_name_are_told_apart(self, tmp_path: Path) -> None:
        folders = RunFolder(tmp_path / "a" / "demo"), RunFolder(tmp_path / "b" / "demo")
        comparison = compare(folders, [cell()], [cell()])
        assert comparison.names == ("demo (first)", "demo (second)")
        assert rows_table(comparison).name == "compare-run-demo"

    def test_a_folder_that_is_no_run(
        self, folders: tuple[RunFolder, RunFolder], tmp_path: Path
    ) -> None:
        write(folders[0], [cell()])
        with pytest.raises(ResultsFolderError, match="not the folder of a run"):
            compare_runs(folders[0], RunFolder(tmp_path / "nothing"))
        arguments = ["compare", str(folders[0].path), "--with", str(tmp_path / "nothing")]
        assert main(arguments) == 2
