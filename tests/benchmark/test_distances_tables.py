"""The tables of the section "distances", on runs whose classes lie in known directions."""

from __future__ import annotations

import csv
import io
import statistics
from typing import TYPE_CHECKING

import numpy as np
import pytest
from distance_runs import DistanceRun
from records import failed, make_run

from rsbench.errors import RecordError
from rsbench.report.artefacts import Absent, Table
from rsbench.report.results import load_results
from rsbench.report.sections.distances import SECTION, link, tables
from rsbench.report.writers import to_csv, to_markdown

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.report.artefacts import Artefact
    from rsbench.report.results import RunResults

ADDITIVE = {"lora": 0.8, "adapter": 0.7, "adaptformer": 0.6}
OTHER = {"vpt_shallow": 0.3, "vpt_deep": 0.6, "bitfit": 0.5}


@pytest.fixture
def run(tmp_path: Path) -> DistanceRun:
    return DistanceRun(tmp_path)


def named(results: RunResults, name: str) -> Artefact:
    return {each.name: each for each in SECTION.build(results)}[name]


def table(results: RunResults, name: str = "distances") -> Table:
    found = named(results, name)
    assert isinstance(found, Table)
    return found


def lines(results: RunResults, name: str = "distances") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(table(results, name)))))


class TestDistances:
    def test_before_and_after_by_group(self, run: DistanceRun) -> None:
        run.add("linear")
        run.add("lora", apart=0.7)
        linear, lora = lines(run.write())
        for group in ("head", "medium", "tail", "overall"):
            assert float(lora[f"after_{group}_mean"]) == pytest.approx(0.7, abs=1e-5)
            assert float(lora[f"before_{group}_mean"]) == pytest.approx(0.2, abs=1e-5)
            assert linear[f"after_{group}_mean"] == linear[f"before_{group}_mean"]

    @pytest.mark.parametrize("name", ["distances", "distance_variants"])
    def test_readers_see_no_overall_which_is_another_thing_for_accuracy(
        self, run: DistanceRun, name: str
    ) -> None:
        run.add("lora", apart=0.7)
        columns = table(run.write(), name).columns
        assert "after_overall" in [each.key for each in columns]  # for programs, as ever
        shown = " ".join(f"{each.group} {each.title}" for each in columns)
        assert "all classes" in shown
        assert "overall" not in shown

    def test_mean_and_sample_deviation_over_the_seeds(self, run: DistanceRun) -> None:
        parts = [0.5, 0.6, 0.9]
        for seed, apart in enumerate(parts):
            run.add("lora", apart, seed)
        (line,) = lines(run.write())
        assert line["seeds"] == "3"
        assert float(line["after_tail_mean"]) == pytest.approx(statistics.fmean(parts), abs=1e-5)
        assert float(line["after_tail_std"]) == pytest.approx(statistics.stdev(parts), abs=1e-5)

    def test_one_seed_has_no_deviation(self, run: DistanceRun) -> None:
        run.add("lora")
        (line,) = lines(run.write())
        assert line["after_overall_std"] == ""

    def test_ratio_is_distance_over_spread_and_none_without_spread(self, run: DistanceRun) -> None:
        run.add("lora", noise=0.5)
        run.add("bitfit")
        wide, tight = lines(run.write())
        ratio = float(wide["after_overall_mean"]) / float(wide["spread_overall_mean"])
        assert float(wide["ratio_after_mean"]) == pytest.approx(ratio, rel=1e-4)
        assert tight["ratio_after_mean"] == ""
        assert "nan" not in to_csv(table(load_results(run.folder))).lower()

    def test_empty_group_is_a_dash(self, run: DistanceRun) -> None:
        run.add("lora", record={"groups": {"head": (0, 1, 2), "medium": (), "tail": (3, 4, 5)}})
        results = run.write()
        (line,) = lines(results)
        assert line["after_medium_mean"] == ""
        assert "| – |" in to_markdown(table(results))  # noqa: RUF001

    def test_one_image_per_class_has_distances_but_no_spread(self, tmp_path: Path) -> None:
        run = DistanceRun(tmp_path, images=1)
        run.add("lora", apart=0.4)
        (line,) = lines(run.write())
        assert float(line["after_overall_mean"]) == pytest.approx(0.4, abs=1e-5)
        assert line["spread_overall_mean"] == ""

    def test_one_class_has_no_distance(self, tmp_path: Path) -> None:
        run = DistanceRun(tmp_path, classes=1)
        run.add("lora")
        (line,) = lines(run.write())
        assert line["after_overall_mean"] == ""

    def test_classes_that_were_not_tested_are_left_out(self, run: DistanceRun) -> None:
        run.labels = run.labels[run.labels != 5]
        run.add("lora", apart=0.4)
        (line,) = lines(run.write())
        assert float(line["after_tail_mean"]) == pytest.approx(0.4, abs=1e-5)

    def test_targets_with_other_classes(self, run: DistanceRun, tmp_path: Path) -> None:
        run.add("lora", apart=0.3)
        run.labels, run.classes = np.repeat(np.arange(3), 4), 3
        run.add("lora", apart=0.6, target="others")
        first, second = lines(run.write())
        assert float(first["after_overall_mean"]) == pytest.approx(0.3, abs=1e-5)
        assert float(second["after_overall_mean"]) == pytest.approx(0.6, abs=1e-5)

    def test_axes_of_the_matrix_are_columns(self, run: DistanceRun) -> None:
        run.add("lora", learning_rate=0.1)
        run.add("lora", learning_rate=0.2)
        variants = [line["variant"] for line in lines(run.write())]
        assert variants == ["recipe.learning_rate=0.1", "recipe.learning_rate=0.2"]

    def test_scores_of_the_validation_slice_are_marked(self, run: DistanceRun) -> None:
        run.add("lora", evaluate_on="validation")
        assert "NOT TEST RESULTS" in to_markdown(table(run.write()))


class TestMissing:
    def test_cells_without_features_are_counted_and_their_rows_named(
        self, run: DistanceRun
    ) -> None:
        run.add("lora", 0.5, seed=0)
        run.add("lora", 0.5, seed=1, features=False)
        run.add("bitfit", features=False)
        results = run.write()
        (line,) = lines(results)
        assert (line["method"], line["seeds"], line["after_tail_std"]) == ("lora", "1", "")
        (note,) = [each for each in table(results).notes if "features missing" in each]
        assert "2 of 3 finished cells" in note
        assert "bitfit" in note

    def test_without_any_features_the_section_says_so_once(self, run: DistanceRun) -> None:
        run.add("lora", features=False)
        (only,) = SECTION.build(run.write())
        assert isinstance(only, Absent)
        assert "features.npz" in only.reason

    def test_a_run_without_finished_cells_has_no_such_section(self, run: DistanceRun) -> None:
        cell = make_run("lora")
        run.runs.append(cell)
        run.records.append(failed(cell))
        assert SECTION.build(run.write()) == ()

    def test_a_damaged_file_names_its_cell(self, run: DistanceRun) -> None:
        record = run.add("lora")
        results = run.write()
        (run.folder.cell(record.id) / "features.npz").write_bytes(b"PK\x03\x04 no archive")
        with pytest.raises(RecordError, match=r"features\.npz"):
            SECTION.build(results)

    def test_records_without_test_counts_have_no_spread(self, run: DistanceRun) -> None:
        run.add("lora", apart=0.3, record={"test_counts": ()})
        (line,) = lines(run.write())
        assert float(line["after_overall_mean"]) == pytest.approx(0.3, abs=1e-5)
        assert line["spread_overall_mean"] == ""


class TestVariants:
    def test_eight_lines_for_a_row_of_which_the_first_is_the_default(
        self, run: DistanceRun
    ) -> None:
        run.add("lora", apart=0.4, noise=0.3)
        results = run.write()
        found = lines(results, "distance_variants")
        assert len({(e["form"], e["compared_with"], e["centred"]) for e in found}) == 8
        (default,) = lines(results)
        for name in ("after_tail_mean", "before_head_mean", "spread_overall_mean"):
            assert found[0][name] == default[name]

    def test_centred_centroids_of_equal_length_say_nothing(self, run: DistanceRun) -> None:
        run.add("lora", apart=0.4)
        found = lines(run.write(), "distance_variants")
        (centred,) = [
            each
            for each in found
            if (each["form"], each["compared_with"], each["centred"])
            == ("centroids", "all", "true")
        ]
        assert float(centred["after_overall_mean"]) == pytest.approx(6 / 5, abs=1e-4)

    def test_more_rows_than_are_listed_are_counted(
        self, run: DistanceRun, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tables, "MOST_ROWS", 1)
        run.add("lora")
        run.add("bitfit")
        found = table(run.write(), "distance_variants")
        assert len(found.rows) == 8
        assert "1 more are left out" in found.notes[0]


class TestAdditive:
    def fill(self, run: DistanceRun, **distances: float) -> RunResults:
        for method, apart in (ADDITIVE | OTHER | distances).items():
            run.add(method, apart)
        return run.write()

    def test_the_papers_bars_give_its_own_percentages(self, run: DistanceRun) -> None:
        (tail,) = [
            each
            for each in lines(self.fill(run), "distance_additive")
            if (each["source"], each["group"]) == ("paper", "tail")
        ]
        assert float(tail["additive_mean"]) == pytest.approx(0.804, abs=5e-4)
        assert float(tail["other_mean"]) == pytest.approx(0.728, abs=5e-4)
        assert float(tail["difference_mean"]) == pytest.approx(10.5, abs=0.05)
        assert float(tail["difference_fewer_mean"]) == pytest.approx(12.9, abs=0.05)

    def test_means_and_relative_difference_of_the_run(self, run: DistanceRun) -> None:
        (tail,) = [
            each
            for each in lines(self.fill(run), "distance_additive")
            if (each["source"], each["group"]) == ("this run", "tail")
        ]
        additive, other = statistics.fmean(ADDITIVE.values()), statistics.fmean(OTHER.values())
        fewer = (OTHER["vpt_shallow"] + OTHER["bitfit"]) / 2
        assert float(tail["additive_mean"]) == pytest.approx(additive, abs=1e-4)
        assert float(tail["difference_mean"]) == pytest.approx(
            100 * (additive / other - 1), abs=0.01
        )
        assert float(tail["difference_fewer_mean"]) == pytest.approx(
            100 * (additive / fewer - 1), abs=0.01
        )

    def test_only_seeds_that_all_six_have_count(self, run: DistanceRun) -> None:
        for seed in (0, 1):
            run.add("lora", 0.8 - 0.5 * seed, seed)
        for method, apart in (ADDITIVE | OTHER).items():
            if method != "lora":
                run.add(method, apart)
        found = lines(run.write(), "distance_additive")
        assert {each["seeds"] for each in found if each["source"] == "this run"} == {"1"}
        assert float(found[-1]["additive_mean"]) == pytest.approx(0.7, abs=1e-4)

    def test_a_missing_method_is_named(self, run: DistanceRun) -> None:
        for method in ("lora", "adapter", "adaptformer", "vpt_deep", "bitfit"):
            run.add(method)
        found = named(run.write(), "distance_additive")
        assert isinstance(found, Absent)
        assert "lacks vpt_shallow" in found.reason

    def test_a_run_of_one_kind_has_nothing_to_compare(self, run: DistanceRun) -> None:
        run.add("lora")
        run.add("adapter")
        names = [each.name for each in SECTION.build(run.write())]
        assert "distance_additive" not in names


class TestLink:
    GAINS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.0)

    def test_classes_that_move_further_and_gain_more(self, run: DistanceRun) -> None:
        run.add("linear", accuracy=[0.0] * 6)
        run.add("lora", apart=[0.3, 0.4, 0.5, 0.6, 0.7, 0.8], accuracy=self.GAINS)
        run.add("bitfit", apart=[0.8, 0.7, 0.6, 0.5, 0.4, 0.3], accuracy=self.GAINS)
        up, down = lines(run.write(), "distance_link")
        assert float(up["rho_mean"]) > 0.9 > -0.9 > float(down["rho_mean"])
        assert (up["classes"], up["seeds"]) == ("6", "1")
        assert float(up["gain"]) == pytest.approx(100 * statistics.fmean(self.GAINS))
        assert float(up["rho_low"]) <= float(up["rho_mean"]) <= float(up["rho_high"])

    def test_seeds_that_both_have_are_averaged(self, run: DistanceRun) -> None:
        run.add("linear", accuracy=[0.5] * 6, seed=1)
        run.add("lora", accuracy=[0.0] * 6, seed=0)
        run.add("lora", accuracy=[1.0] * 6, seed=1)
        (line,) = lines(run.write(), "distance_link")
        assert (line["seeds"], float(line["gain"])) == ("1", 50.0)
        assert line["rho_mean"] == ""
        assert "equal" in line["remark"]

    def test_without_a_linear_probe_it_says_what_to_run(self, run: DistanceRun) -> None:
        run.add("lora")
        found = named(run.write(), "distance_link")
        assert isinstance(found, Absent)
        assert "add the method 'linear'" in found.reason

    def test_a_probe_of_another_target_or_seed_does_not_serve(self, run: DistanceRun) -> None:
        run.add("linear", target="elsewhere")
        run.add("linear", seed=4)
        run.add("lora")
        assert isinstance(named(run.write(), "distance_link"), Absent)

    def test_more_rows_than_are_correlated_are_counted(
        self, run: DistanceRun, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(link, "MOST_ROWS", 1)
        for method in ("linear", "bitfit", "adapter", "lora"):
            run.add(method)
        found = table(run.write(), "distance_link")
        assert [row[2] for row in found.rows] == ["lora", "bitfit"]  # what figures show, first
        assert "1 more are left out" in found.notes[0]


def test_rebuilt_tables_are_the_same(run: DistanceRun) -> None:
    for method in ("linear", "lora", "bitfit"):
        run.add(method, noise=0.4)
    results = run.write()
    first, second = (
        [to_csv(each) for each in SECTION.build(load) if isinstance(each, Table)]
        for load in (results, load_results(run.folder))
    )
    assert first == second


def test_a_common_direction_of_all_images_is_pointed_out(run: DistanceRun) -> None:
    """The frozen classes of these runs are 0.2 apart."""
    run.add("lora", apart=0.6)
    assert not any("have most of their features in common" in n for n in table(run.write()).notes)


def test_it_is_pointed_out_with_the_distance(
    run: DistanceRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "ALIKE", 0.3)
    run.add("lora", apart=0.6)
    (note,) = [n for n in table(run.write()).notes if "features in common" in n]
    assert "vit → things (0.200)" in note
