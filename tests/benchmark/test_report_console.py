"""What 'rsbench report' prints: the main table and what must not be overlooked, in few lines."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from records import failed, little_folder, make_record, make_run
from report_tables import finish
from rich.console import Console

from rsbench.report.console import MOST_ROWS, print_results
from rsbench.report.notes import footnotes
from rsbench.report.record_notes import collected_notes
from rsbench.report.write import write_report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rsbench.report.results import RunResults
    from rsbench.store import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return little_folder(tmp_path)


def printed(results: RunResults, terminal: bool = False, width: int = 100) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=terminal, color_system=None)
    print_results(results, console)
    return stream.getvalue()


class TestPrinted:
    @pytest.mark.parametrize("terminal", [True, False])
    def test_failures_and_gaps_are_there_in_few_words(
        self, folder: RunFolder, terminal: bool
    ) -> None:
        runs = [make_run(seed=seed) for seed in range(12)]
        records = [make_record(runs[0], notes=("no early stopping",)), failed(runs[1])]
        text = printed(finish(folder, runs, records), terminal)
        assert "failed: 1 of 12 cells" in text
        assert "no luck" in text
        assert "missing: 10 of 12 cells" in text
        assert "and 7 more" in text
        assert "one seed only" in text
        assert "no early stopping" not in text
        assert "trainable parameters:" not in text
        assert "accuracy in percent" in text

    @pytest.mark.parametrize("terminal", [True, False])
    def test_long_tables_end_with_a_pointer(self, folder: RunFolder, terminal: bool) -> None:
        runs = [make_run(f"method{number}") for number in range(MOST_ROWS + 5)]
        text = printed(finish(folder, runs, [make_record(run) for run in runs]), terminal)
        assert f"method{MOST_ROWS - 1}" in text
        assert f"method{MOST_ROWS} " not in text
        assert "5 more rows are in tables/main.md" in text

    def test_without_a_finished_cell_it_says_so(self, folder: RunFolder) -> None:
        assert "No cell is finished." in printed(finish(folder, [make_run()], []))

    def test_the_last_line_says_where_everything_is(self, folder: RunFolder) -> None:
        run = make_run()
        finish(folder, [run], [make_record(run)])
        written = write_report(folder, figures=False)
        assert written.text == (f"report: {folder.path}: {written.tables} tables in tables/")
        assert len(list(folder.tables.glob("*.csv"))) == written.tables


class TestFootnotes:
    def test_seeds_of_very_many_rows_are_told_in_few_words(self, folder: RunFolder) -> None:
        runs = [make_run(f"m{n}", seed) for n in range(30) for seed in (0, 1)]
        kept = [
            run for run in runs if not (run.cell.seed == 1 and int(run.cell.method.name[1:]) < 12)
        ]
        results = finish(folder, runs, [make_record(run) for run in kept])
        (line,) = [each for each in footnotes(results) if "same seeds" in each]
        assert line.endswith(
            "0, 1 (all other rows); 0 (things / vit / m0, things / vit / m1, things / vit / m2, "
            "and 9 more)"
        )


def records_with(notes: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    runs = [make_run(seed=seed) for seed in range(len(notes))]
    records = [make_record(run, notes=each) for run, each in zip(runs, notes, strict=True)]
    return collected_notes(records, 10)


class TestNotesOfRecords:
    def test_each_once_with_its_number_of_cells(self) -> None:
        assert records_with([("a", "b"), ("a",), ("a", "a")]) == (
            "a (3 of 10 cells)",
            "b (1 of 10 cells)",
        )

    def test_those_that_differ_in_numbers_alone_are_one(self) -> None:
        notes = [(f"a slice of {n} images, fewer than 1000",) for n in (119, 65, 65)]
        assert records_with(notes) == (
            "a slice of 65 or 119 images, fewer than 1000 (3 of 10 cells)",
        )

    def test_of_many_numbers_the_ends_are_told(self) -> None:
        notes = [(f"{n:,} images",) for n in (3000, 20, 1, 700)]
        assert records_with(notes) == ("1 to 3,000 images (4 of 10 cells)",)

    def test_numbers_in_names_keep_notes_apart(self) -> None:
        assert len(records_with([("block1 is off",), ("block2 is off",)])) == 2
