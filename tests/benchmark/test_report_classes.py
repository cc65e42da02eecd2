"""Tables by class, and the definitions: class sets of targets, names from data, bounds."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import pytest
from records import little_folder, make_record, make_run
from report_tables import artefacts_of, csv_rows, finish, on_axes, predicted

from rsbench.report.artefacts import Absent, Table
from rsbench.report.build import BuiltSection, Report
from rsbench.report.page import to_html
from rsbench.report.sections import all_sections
from rsbench.report.tables import classes_long
from rsbench.report.tables.classes_wide import MOST_CLASSES, MOST_METHODS
from rsbench.report.write import write_report
from rsbench.report.writers import to_latex, to_markdown

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.report.results import RunResults
    from rsbench.store import RunFolder

DASH = "–"  # noqa: RUF001 - an en dash is meant
TRAIN = (10, 30, 20)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return little_folder(tmp_path)


def table_of(results: RunResults, name: str, section: str = "classes") -> Table:
    table = artefacts_of(results, section)[name]
    assert isinstance(table, Table)
    return table


class TestReadableTable:
    def test_classes_from_the_most_to_the_least_frequent(self, folder: RunFolder) -> None:
        runs = [make_run(seed=seed) for seed in (0, 1)]
        records = [predicted(run, (1 + run.cell.seed, 5, 9), 10, TRAIN)[0] for run in runs]
        table = table_of(finish(folder, runs, records), "classes_things")
        lines = csv_rows(table)
        assert [(each["class"], each["group"], each["train_images"]) for each in lines] == [
            ("class 1", "head", "30"),
            ("class 2", "medium", "20"),
            ("class 0", "tail", "10"),
        ]
        assert [each["test_images"] for each in lines] == ["10"] * 3
        assert [each["lora_mean"] for each in lines] == ["50", "90", "15"]
        assert float(lines[2]["lora_std"]) == pytest.approx(statistics.stdev([10, 20]), abs=1e-4)

    def test_a_class_without_test_images_is_a_dash(self, folder: RunFolder) -> None:
        run = make_run()
        record = predicted(run, (1, 5, 9), 10, TRAIN)[0]
        assert record.metrics is not None
        metrics = record.metrics.model_copy(update={"per_class": (0.1, None, 0.9)})
        changed = record.model_copy(update={"metrics": metrics, "test_counts": (10, 0, 10)})
        table = table_of(finish(folder, [run], [changed]), "classes_things")
        assert csv_rows(table)[0]["lora_mean"] == ""
        assert f"| class 1 | head | 30 | 0 | {DASH} |" in to_markdown(table)

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({}, "the target lists none of them"),
            ({"skipped": {"test": 4}}, "or only some of the 4 that cannot be used"),
        ],
    )
    def test_classes_without_test_images_are_named_with_the_reason(
        self, folder: RunFolder, changes: dict[str, object], reason: str
    ) -> None:
        runs = [make_run(), make_run("adapter")]
        made = [predicted(run, (1, 5, 9), 10, TRAIN)[0] for run in runs]
        records = [each.model_copy(update={"test_counts": (10, 0, 10), **changes}) for each in made]
        results = finish(folder, runs, records)
        for table in (table_of(results, "classes_things"), table_of(results, "main", "accuracy")):
            (note,) = (each for each in table.notes if "have no test image" in each)
            assert note.startswith("**things: 1 of 3 classes have no test image**")
            assert reason in note
            assert note.endswith(": class 1")

    def test_a_validation_slice_spares_small_classes(self, folder: RunFolder) -> None:
        run = make_run(evaluate_on="validation")
        record = predicted(run, (1, 5, 9), 10, TRAIN)[0].model_copy(
            update={"test_counts": (10, 0, 10)}
        )
        table = table_of(finish(folder, [run], [record]), "classes_things")
        assert any("held out of classes with 10 or more" in each for each in table.notes)

    def test_each_target_has_its_own_classes(self, folder: RunFolder) -> None:
        runs = [make_run(target="three"), make_run(target="two")]
        records = [
            predicted(runs[0], (1, 2, 3), 10, TRAIN)[0],
            predicted(runs[1], (1, 2), 10, (5, 7), class_names=("ship", "other"))[0],
        ]
        results = finish(folder, runs, records)
        names = list(artefacts_of(results, "classes"))
        assert names == ["classes_three", "classes_two", "classes"]
        assert [row[0] for row in table_of(results, "classes_two").rows] == ["other", "ship"]
        assert len(csv_rows(table_of(results, "classes"))) == 5

    def test_a_target_with_two_backbones_has_two_tables(self, folder: RunFolder) -> None:
        runs = [make_run(backbone=backbone) for backbone in ("vit", "resnet")]
        results = finish(folder, runs, [predicted(run, (1, 2, 3), 10, TRAIN)[0] for run in runs])
        names = list(artefacts_of(results, "classes"))
        assert names == ["classes_vit_things", "classes_resnet_things", "classes"]

    def test_of_many_methods_some_stand_there_by_a_rule_that_is_told(
        self, folder: RunFolder
    ) -> None:
        methods = ["zeta", *(f"extra{n}" for n in range(MOST_METHODS)), "lora", "linear"]
        runs = [make_run(name) for name in methods] + [make_run("lora", metapeft=True)]
        results = finish(folder, runs, [predicted(run, (1, 2, 3), 10, TRAIN)[0] for run in runs])
        table = table_of(results, "classes_things")
        titles = [column.title for column in table.columns[4:]]
        assert titles == [
            "linear",
            "lora",
            "lora+metapeft",
            "zeta",
            *(f"extra{n}" for n in range(4)),
        ]
        assert any(f"{MOST_METHODS} of {len(runs)} rows" in note for note in table.notes)
        assert len(csv_rows(table_of(results, "classes"))) == 3 * len(runs)

    def test_of_many_classes_both_ends_stand_there(self, folder: RunFolder) -> None:
        run = make_run()
        number = MOST_CLASSES + 10
        counts = tuple(range(number))
        results = finish(folder, [run], [predicted(run, (1,) * number, 2, counts)[0]])
        table = table_of(results, "classes_things")
        assert len(table.rows) == MOST_CLASSES
        assert (table.rows[0][2], table.rows[-1][2]) == (number - 1, 0)
        assert any(f"{MOST_CLASSES} of {number} classes" in note for note in table.notes)

    def test_other_images_of_a_row_are_named(self, folder: RunFolder) -> None:
        runs = [make_run("linear"), make_run("lora")]
        records = [
            predicted(runs[0], (1, 2, 3), 10, TRAIN)[0],
            predicted(runs[1], (1, 2, 3), 10, (9, 30, 20))[0],
        ]
        table = table_of(finish(folder, runs, records), "classes_things")
        assert any("they differ for**: lora" in note for note in table.notes)

    def test_rows_on_axes_are_told_apart(self, folder: RunFolder) -> None:
        runs = [make_run(options={"position": p}) for p in "qk"]
        finish(folder, runs, [predicted(run, (1, 2, 3), 10, TRAIN)[0] for run in runs])
        results = on_axes(folder, [{"position": p} for p in "qk"])
        columns = [column.title for column in table_of(results, "classes_things").columns[4:]]
        assert columns == ["lora (position=q)", "lora (position=k)"]


class TestNamesFromData:
    NAMES = ("<script>alert(1)</script>", "a|b & 50 % \\ {x}", "line\nbreak ü 鳥")

    @pytest.fixture
    def table(self, folder: RunFolder) -> Table:
        run = make_run()
        record = predicted(run, (1, 2, 3), 10, (3, 2, 1), class_names=self.NAMES)[0]
        return table_of(finish(folder, [run], [record]), "classes_things")

    def test_are_whole_in_csv(self, table: Table) -> None:
        assert tuple(each["class"] for each in csv_rows(table)) == self.NAMES

    def test_are_text_in_markdown(self, table: Table) -> None:
        from markdown_it import MarkdownIt

        html = MarkdownIt("commonmark").enable("table").render(to_markdown(table))
        assert "<script" not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
        assert html.count("<tr>") == 1 + len(self.NAMES)
        assert "<td>a|b &amp; 50 % \\ {x}</td>" in html
        assert "<td>line break ü 鳥</td>" in html

    def test_are_escaped_in_latex(self, table: Table) -> None:
        lines = to_latex(table).splitlines()
        assert r"\textless{}script\textgreater{}alert(1)\textless{}/script" in lines[-5]
        assert lines[-4].startswith(
            r"a\textbar{}b \& 50 \% \textbackslash{} \{x\} & medium & 2 & 10 & 20.0 \\"
        )
        assert lines[-3].startswith("line break ü 鳥 & tail")


class TestLongForm:
    def test_stands_in_files_alone(self, folder: RunFolder) -> None:
        runs = [make_run(seed=seed) for seed in (0, 1)]
        results = finish(folder, runs, [predicted(run, (1, 2, 3), 10, TRAIN)[0] for run in runs])
        write_report(folder, only=["classes"], figures=False)
        files = {path.name for path in folder.tables.iterdir()}
        assert {"classes.csv", "classes.md", "classes.parquet"} <= files
        assert "classes.tex" not in files
        text = (folder.tables / "classes.md").read_text()
        assert "3 rows: classes.csv and classes.parquet" in text
        assert "|" not in text
        line = csv_rows(table_of(results, "classes"))[1]
        assert (line["method"], line["seeds"], line["class_index"]) == ("lora", "2", "1")
        assert (line["class"], line["accuracy_mean"], line["accuracy_std"]) == (
            "class 1",
            "20",
            "0",
        )

    def test_the_page_says_where_it_is(self, folder: RunFolder) -> None:
        run = make_run()
        results = finish(folder, [run], [predicted(run, (1, 2, 3), 10, TRAIN)[0]])
        (section,) = [each for each in all_sections() if each.name == "classes"]
        built = BuiltSection(section, (table_of(results, "classes"),))
        html = to_html(Report(results, (built,)), {})
        assert "Not shown: 3 rows: classes.csv and classes.parquet" in html
        assert "class_index" not in html

    def test_is_bounded_and_says_so(
        self, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(classes_long, "MOST_LINES", 7)
        runs = [make_run(name) for name in "abcd"]
        results = finish(folder, runs, [predicted(run, (1, 2, 3), 10, TRAIN)[0] for run in runs])
        table = table_of(results, "classes")
        assert len(table.rows) == 6
        assert any("only the first 2 of 4 rows" in note for note in table.notes)

    def test_records_without_class_names_are_left_out_and_counted(self, folder: RunFolder) -> None:
        runs = [make_run("a"), make_run("b")]
        records = [predicted(runs[0], (1, 2, 3), 10, TRAIN)[0], make_record(runs[1])]
        table = table_of(finish(folder, runs, records), "classes")
        assert len(table.rows) == 3
        assert any("1 rows are left out" in note for note in table.notes)

    def test_without_any_class_names_it_says_why(self, folder: RunFolder) -> None:
        run = make_run()
        found = artefacts_of(finish(folder, [run], [make_record(run)]), "classes")
        assert isinstance(found["classes"], Absent)

    def test_without_a_finished_cell_there_is_nothing(self, folder: RunFolder) -> None:
        assert artefacts_of(finish(folder, [make_run()], []), "classes") == {}


class TestDefinitions:
    def text(self, results: RunResults) -> dict[str, str]:
        table = table_of(results, "definitions", "definitions")
        return {line["name"]: line["definition"] for line in csv_rows(table)}

    def test_metrics_signs_and_the_groups_of_each_target(self, folder: RunFolder) -> None:
        runs = [make_run(target="three"), make_run(target="two")]
        records = [
            predicted(runs[0], (1, 2, 3), 10, TRAIN)[0],
            predicted(runs[1], (1, 2), 10, (5, 1700))[0],
        ]
        told = self.text(finish(folder, runs, records))
        assert {"overall", "mean-class", "macro F1", "ECE", "±", DASH} <= set(told)
        assert told["groups of three"].startswith(
            "3 classes: head: 1 (30 to 30 training images each); medium: 1 (20 to 20"
        )
        assert "2 classes: head: none; medium: 2 (5 to 1,700" in told["groups of two"]
        assert "0.001 %" in told["harmonic mean"]

    @pytest.mark.parametrize(
        ("groups", "said"),
        [
            ({"rule": "thresholds", "many": 90, "few": 9}, "more than 90 training images, tail"),
            ({"rule": "thirds"}, "by rank"),
            ({"rule": "lists", "head": ["class 0"]}, "The matrix lists"),
        ],
    )
    def test_the_rule_of_the_groups_is_that_of_the_options(
        self, folder: RunFolder, groups: dict[str, object], said: str
    ) -> None:
        run = make_run()
        target = run.cell.target.model_copy(update={"options": {"groups": groups}})
        cell = run.cell.model_copy(update={"target": target})
        record = predicted(run, (1, 2, 3), 10, TRAIN)[0].model_copy(update={"cell": cell})
        assert said in self.text(finish(folder, [run], [record]))["groups of things"]

    def test_without_a_finished_cell_there_are_none(self, folder: RunFolder) -> None:
        assert artefacts_of(finish(folder, [make_run()], []), "definitions") == {}
