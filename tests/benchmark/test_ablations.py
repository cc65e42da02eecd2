"""Ablations: any axis of a matrix gives its table and its figure; gaps and noise are said."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING

import pytest
from grids import write_grid
from records import little_folder

from rsbench.report.artefacts import Absent, Artefact, Figure, Table
from rsbench.report.figures.style import style
from rsbench.report.results import load_results
from rsbench.report.sections.ablations.axes import StudyAxis
from rsbench.report.sections.ablations.build import build
from rsbench.report.sections.ablations.plateau import grid_means
from rsbench.report.sections.ablations.study import find_studies
from rsbench.report.writers import to_csv, to_markdown
from rsbench.store import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure as Drawing

SCALES = ("0.25", "0.5", "1", "2", "4")
RATES = ("0.001", "0.01", "0.1")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return little_folder(tmp_path)


def artefacts(folder: RunFolder) -> dict[str, Artefact]:
    return {each.name: each for each in build(load_results(folder))}


def table(folder: RunFolder, name: str) -> Table:
    found = artefacts(folder)[name]
    assert isinstance(found, Table)
    return found


def lines(folder: RunFolder, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(table(folder, name)))))


def drawn(folder: RunFolder) -> list[str]:
    """Names of the figures, each of which is drawn."""
    figures = [each for each in artefacts(folder).values() if isinstance(each, Figure)]
    with style():
        for figure in figures:
            figure.draw()
    return [figure.name for figure in figures]


def legend_words(drawing: Drawing) -> list[str]:
    return [text.get_text() for legend in drawing.legends for text in legend.get_texts()]


def numbers(values: tuple[str, ...]) -> list[float]:
    return [float(value) for value in values]


class TestTables:
    def test_values_in_the_order_of_the_matrix_with_the_difference_to_all(
        self, folder: RunFolder
    ) -> None:
        def accuracy(position: str, **_: object) -> float:
            return {"q": 0.6, "v": 0.7, "all": 0.9}[position]

        write_grid(folder, {"position": ("v", "q", "all")}, accuracy)
        found = lines(folder, "ablation_position")
        places = [(line["method"], line["axis_position"]) for line in found]
        plain = [("lora", value) for value in ("v", "q", "all")]
        assert places == [*plain, *(("lora+metapeft", value) for value in ("v", "q", "all"))]
        means = [float(line["mean_mean"]) for line in found]
        assert float(found[1]["difference_mean"]) == pytest.approx(means[1] - means[2], abs=1e-4)
        assert found[2]["difference_mean"] == ""
        assert float(found[1]["difference_high"]) < 0.0
        assert drawn(folder) == ["dots_position"]

    def test_every_setting_says_what_its_labels_stand_for(self, folder: RunFolder) -> None:
        write_grid(
            *(folder, {"depth": ("1", "2"), "reading": ("block", "up_to")}, lambda **_: 0.8),
            methods=[("lora", False)],
            constants=[("linear", False)],
            missing=lambda depth="", reading="", **_: (depth, reading) == ("1", "up_to"),
        )
        found = {
            (line["axis_depth"], line["axis_reading"]): line["settings"]
            for line in lines(folder, "ablation_depth_reading")
        }
        assert found["2", "up_to"] == "depth 2, reading up_to"
        assert found["1", "up_to"] == ""
        assert found["", ""] == ""
        notes = to_markdown(table(folder, "ablation_depth_reading"))
        assert "blocks count from 0" in notes

    def test_a_difference_within_the_noise_has_an_interval_over_zero(
        self, folder: RunFolder
    ) -> None:
        write_grid(
            folder, {"position": ("q", "all")}, lambda position, **_: 0.8 + 0.01 * len(position)
        )
        line = lines(folder, "ablation_position")[0]
        assert float(line["difference_low"]) < 0.0 < float(line["difference_high"])
        notes = to_markdown(table(folder, "ablation_position"))
        assert "An interval that holds zero is a difference within the noise" in notes
        assert "one seed only" in notes

    def test_seeds_are_averaged(self, folder: RunFolder) -> None:
        write_grid(
            folder,
            {"position": ("q", "all")},
            lambda seed, **_: 0.5 + 0.1 * seed,
            seeds=(0, 1, 2),
        )
        line = lines(folder, "ablation_position")[0]
        assert (line["seeds"], line["state"]) == ("3", "finished")
        assert float(line["mean_std"]) > 5.0

    def test_failed_and_missing_settings_are_said_and_blank(self, folder: RunFolder) -> None:
        write_grid(
            folder,
            {"position": ("q", "k", "all")},
            lambda position, **_: None if position == "q" else 0.8,
            missing=lambda position, **_: position == "k",
        )
        found = lines(folder, "ablation_position")
        assert [line["state"] for line in found[:3]] == ["failed", "not run", "finished"]
        assert found[0]["mean_mean"] == found[1]["mean_mean"] == ""
        assert drawn(folder) == ["dots_position"]

    def test_some_seeds_only_are_said(self, folder: RunFolder) -> None:
        write_grid(
            *(folder, {"position": ("q", "all")}, lambda **_: 0.8),
            seeds=(0, 1),
            missing=lambda position, seed, **_: (position, seed) == ("q", 1),
        )
        assert lines(folder, "ablation_position")[0]["state"] == "1 of 2 seeds"

    def test_nothing_finished_is_absent_with_a_reason(self, folder: RunFolder) -> None:
        write_grid(folder, {"position": ("q", "all")}, lambda **_: None)
        found = artefacts(folder)["ablation_position"]
        assert isinstance(found, Absent)
        assert "no cell" in found.reason

    def test_a_run_without_axes_has_no_ablations(self, folder: RunFolder) -> None:
        write_grid(folder, {}, lambda **_: 0.8)
        assert build(load_results(folder)) == ()

    def test_an_axis_of_one_value_is_no_study(self, folder: RunFolder) -> None:
        write_grid(folder, {"position": ("all",), "rank": ("1", "2")}, lambda **_: 0.8)
        assert "ablation_rank" in artefacts(folder)

    def test_the_plain_method_beside_an_axis_of_metapeft_is_a_reference(
        self, folder: RunFolder
    ) -> None:
        write_grid(
            *(folder, {"ratio": ("0.05", "0.1", "0.2")}, lambda **_: 0.8),
            methods=(("lora", True),),
            constants=(("lora", False),),
            numbers={"ratio": (0.05, 0.1, 0.2)},
        )
        first = lines(folder, "ablation_ratio")[0]
        assert (first["method"], first["axis_ratio"]) == ("lora", "")
        assert drawn(folder) == ["curve_ratio"]
        assert "at ratio 0.2" in to_markdown(table(folder, "ablation_ratio"))

    def test_transfers_share_a_table_and_have_figures_of_their_own(self, folder: RunFolder) -> None:
        write_grid(
            *(folder, {"rank": ("1", "2", "4")}, lambda **_: 0.8),
            targets=("one", "two"),
            numbers={"rank": (1, 2, 4)},
        )
        assert {line["target"] for line in lines(folder, "ablation_rank")} == {"one", "two"}
        assert drawn(folder) == ["curve_rank_one_vit", "curve_rank_two_vit"]


class TestFigures:
    def test_position_by_depth_is_a_heatmap_for_each_reading(self, folder: RunFolder) -> None:
        depths = tuple(str(number) for number in range(1, 13))
        write_grid(
            folder,
            {"position": ("q", "mlp1"), "depth": depths, "reading": ("block", "up_to")},
            lambda depth, **_: None if depth == "3" else 0.5 + 0.03 * int(depth),
            methods=(("lora", False),),
            numbers={"depth": range(1, 13)},
            missing=lambda depth, **_: depth == "5",
        )
        assert drawn(folder) == ["heatmap_position_depth_reading"]
        figure = artefacts(folder)["heatmap_position_depth_reading"]
        assert isinstance(figure, Figure)
        with style():
            drawing = figure.draw()
        titles = {axes.get_title() for axes in drawing.axes}
        assert {"reading: block", "reading: up_to"} <= titles
        texts = {text.get_text() for axes in drawing.axes for text in axes.texts}
        assert {"failed", "not\nrun"} <= texts
        assert "depth 12" in figure.alt

    def test_scale_by_position_is_a_curve_with_the_level_of_chance(self, folder: RunFolder) -> None:
        write_grid(
            folder,
            {"position": ("q", "v"), "scale": SCALES},
            lambda scale, **_: 0.8 if float(scale) < 2 else 0.15,
            methods=(("lora", False),),
            numbers={"scale": numbers(SCALES)},
        )
        figure = artefacts(folder)["curves_position_scale"]
        assert isinstance(figure, Figure)
        with style():
            drawing = figure.draw()
        texts = {text.get_text() for text in drawing.axes[0].texts}
        assert texts == {"q", "v", "chance"}
        assert "diverged or failed: no accuracy" not in legend_words(drawing)
        assert drawing.axes[0].get_xscale() == "log"

    def test_settings_that_failed_are_crosses_at_the_foot(self, folder: RunFolder) -> None:
        write_grid(
            folder,
            {"position": ("q", "v"), "scale": SCALES},
            lambda position, scale, **_: None if position == "v" and scale == "4" else 0.8,
            methods=(("lora", False),),
            numbers={"scale": numbers(SCALES)},
            missing=lambda scale, **_: scale == "2",
        )
        figure = artefacts(folder)["curves_position_scale"]
        assert isinstance(figure, Figure)
        assert "a cross at the foot where the training failed" in figure.caption
        with style():
            drawing = figure.draw()
        axes = drawing.axes[0]
        assert "diverged or failed: no accuracy" in legend_words(drawing)
        crosses = [list(each.get_xdata()) for each in axes.lines if each.get_marker() == "x"]
        assert [each for each in crosses if each] == [[4.0]]
        low, high = axes.get_xlim()
        assert low < 4.0 < high

    def test_many_axes_are_lines_of_every_combination(self, folder: RunFolder) -> None:
        write_grid(
            folder,
            {
                "ratio": ("0.05", "0.1", "0.2"),
                "steps": ("pass", "fixed"),
                "overlap": ("true", "false"),
            },
            lambda **_: 0.8,
            methods=(("lora", True),),
            numbers={"ratio": (0.05, 0.1, 0.2)},
        )
        figure = artefacts(folder)["curves_ratio_steps_overlap"]
        assert isinstance(figure, Figure)
        with style():
            texts = {text.get_text() for text in figure.draw().axes[0].texts}
        assert texts == {
            f"steps={steps}, overlap={overlap}"
            for steps in ("pass", "fixed")
            for overlap in ("yes", "no")
        }

    @pytest.mark.parametrize(
        ("seeds", "lost", "said"),
        [
            ((0,), 0, ["one seed, so no error bars"]),
            ((0, 1), 0, []),
            ((0, 1), 1, ["no error bar: one seed"]),
        ],
    )
    def test_points_without_error_bar_say_why_in_the_picture(
        self, folder: RunFolder, seeds: tuple[int, ...], lost: int, said: list[str]
    ) -> None:
        write_grid(
            *(folder, {"rank": ("1", "2", "4")}, lambda **_: 0.8),
            seeds=seeds,
            numbers={"rank": (1, 2, 4)},
            missing=lambda rank, seed, **_: rank == "4" and seed < lost,
        )
        figure = artefacts(folder)["curve_rank"]
        assert isinstance(figure, Figure)
        with style():
            assert legend_words(figure.draw()) == said

    def test_the_caption_says_seeds_and_error_bars(self, folder: RunFolder) -> None:
        write_grid(
            *(folder, {"rank": ("1", "2", "4")}, lambda **_: 0.8),
            seeds=(0, 1, 2),
            numbers={"rank": (1, 2, 4)},
        )
        figure = artefacts(folder)["curve_rank"]
        assert isinstance(figure, Figure)
        assert "mean over 3 seeds" in figure.caption
        assert "Error bars: ± sample standard deviation" in figure.caption
        assert "240 test images" in figure.caption


class TestRobustness:
    def fill(self, folder: RunFolder, seeds: tuple[int, ...] = (0, 1, 2)) -> None:
        def accuracy(scale: str, learning_rate: str, metapeft: bool, **_: object) -> float:
            off = abs(math.log2(float(scale))) * (0.004 if metapeft else 0.2)
            return max(0.9 - off - abs(math.log10(float(learning_rate) / 0.01)) * 0.1, 0.16)

        write_grid(
            folder,
            {"scale": SCALES, "learning_rate": RATES},
            accuracy,
            seeds=seeds,
            numbers={"scale": numbers(SCALES), "learning_rate": numbers(RATES)},
        )

    def test_the_table_tells_how_wide_the_plateau_is(self, folder: RunFolder) -> None:
        self.fill(folder)
        plain, tuned = lines(folder, "robustness")
        assert (plain["method"], tuned["method"]) == ("lora", "lora+metapeft")
        assert plain["best_at"] == "scale 1, learning rate 0.01"
        assert float(plain["worst_mean"]) < float(tuned["worst_mean"])
        assert float(plain["scale_within_2"]) == 0.0
        assert float(tuned["scale_within_2"]) >= 1.0
        assert int(plain["settings_within_2"]) < int(tuned["settings_within_2"])
        assert plain["settings"] == "15 of 15"

    def test_its_figures_are_drawn_once(self, folder: RunFolder) -> None:
        self.fill(folder)
        assert drawn(folder) == ["robustness_curves", "robustness_heatmap"]

    def test_collapsed_settings_are_below_twice_chance(self, folder: RunFolder) -> None:
        write_grid(
            folder,
            {"scale": SCALES, "learning_rate": RATES},
            lambda scale, **_: 0.16 if scale == "4" else 0.9,
            numbers={"scale": numbers(SCALES), "learning_rate": numbers(RATES)},
        )
        assert [line["collapsed"] for line in lines(folder, "robustness")] == ["3", "3"]

    def test_a_training_that_diverged_is_a_collapse_and_never_a_good_setting(
        self, folder: RunFolder
    ) -> None:
        def accuracy(
            scale: str, learning_rate: str, metapeft: bool, seed: int, **_: object
        ) -> float | None:
            if metapeft or scale != "4":
                return None if learning_rate == RATES[0] and scale == "4" else 0.8
            return 0.9 if seed == 0 and learning_rate == RATES[1] else math.nan

        write_grid(
            *(folder, {"scale": SCALES, "learning_rate": RATES}, accuracy),
            seeds=(0, 1),
            numbers={"scale": numbers(SCALES), "learning_rate": numbers(RATES)},
        )
        plain, tuned = lines(folder, "robustness")
        # two of three settings at scale 4 diverged in both seeds, one in one: its 90 % do not count
        assert (plain["collapsed"], plain["diverged"]) == ("3", "5")
        assert plain["settings_within_1"] == "0"
        assert "scale 4" in plain["worst_at"]
        assert plain["worst_at"].endswith("(2 diverged)")
        assert plain["worst_mean"] == ""
        # what failed for another reason says nothing about the setting
        assert (tuned["collapsed"], tuned["diverged"]) == ("0", "0")
        assert tuned["settings"] == "14 of 15"
        assert float(tuned["worst_mean"]) > 70
        figure = artefacts(folder)["robustness_heatmap"]
        assert isinstance(figure, Figure)
        with style():
            fields = [text.get_text() for text in figure.draw().axes[2].texts]
        assert sum(each in ("diverged", "D") for each in fields) == 3
        notes = to_markdown(table(folder, "robustness"))
        assert "3 with a diverged training are left out" in notes

    def test_without_the_plain_method_there_is_no_such_table(self, folder: RunFolder) -> None:
        write_grid(
            folder,
            {"scale": SCALES, "learning_rate": RATES},
            lambda **_: 0.8,
            methods=(("lora", True),),
            numbers={"scale": numbers(SCALES), "learning_rate": numbers(RATES)},
        )
        assert "robustness" not in artefacts(folder)
        assert drawn(folder) == ["heatmap_scale_learning_rate"]

    def test_plain_cells_that_are_missing_make_it_absent(self, folder: RunFolder) -> None:
        write_grid(
            folder,
            {"scale": SCALES, "learning_rate": RATES},
            lambda **_: 0.8,
            missing=lambda metapeft, **_: not metapeft,
            numbers={"scale": numbers(SCALES), "learning_rate": numbers(RATES)},
        )
        assert isinstance(artefacts(folder)["robustness"], Absent)
        assert drawn(folder) == ["heatmap_scale_learning_rate"]

    def test_the_other_axis_is_held_at_scale_1(self, folder: RunFolder) -> None:
        scales = ("0.125", "0.25", "0.5", "1", "2")
        write_grid(
            folder,
            {"scale": scales, "learning_rate": RATES},
            lambda **_: 0.8,
            numbers={"scale": numbers(scales), "learning_rate": numbers(RATES)},
        )
        notes = to_markdown(table(folder, "robustness"))
        assert "held at its default (scale 1, learning rate 0.01" in notes

    def test_captions_keep_the_letters_of_labels(self, folder: RunFolder) -> None:
        self.fill(folder, seeds=(0,))
        figure = artefacts(folder)["robustness_curves"]
        assert isinstance(figure, Figure)
        assert figure.caption.startswith("vit → things")
        assert figure.alt.startswith("lora: ")
        assert "No error bars: one seed only" in figure.caption

    def test_width_of_the_plateau_in_octaves_and_decades(self, folder: RunFolder) -> None:
        self.fill(folder, seeds=(0,))
        (study,) = find_studies(load_results(folder))
        axes = (study.axes[0], study.axes[1])
        grid = grid_means(study.subjects[1], axes)
        assert grid.width(0, 100.0) == pytest.approx(4.0)
        assert grid.width(1, 100.0) == pytest.approx(2.0)
        assert grid.default() == (2, 1)
        assert grid.setting(grid.default()) == ("1", "0.01")


class TestAxes:
    @pytest.mark.parametrize(
        ("values", "log"),
        [
            ((0.25, 1.0, 8.0), 2),
            ((0.001, 0.01, 0.1), 10),
            ((0.05, 0.1, 0.3), 0),
            ((0.0, 1.0, 9.0), 0),
        ],
    )
    def test_the_axis_is_logarithmic_where_it_should_be(
        self, values: tuple[float, ...], log: int
    ) -> None:
        axis = StudyAxis("x", tuple(str(value) for value in values), values)
        assert axis.log == log

    def test_words_are_no_numbers(self) -> None:
        assert not StudyAxis("x", ("a", "b", "c"), None).is_numeric
