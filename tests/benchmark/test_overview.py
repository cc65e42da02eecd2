"""Overview and confusions: points, fronts, gains by class, and what is mistaken for what."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from grids import TRAIN_COUNTS, accurate_record, predictions_of, write_grid
from records import little_folder, make_record, make_run, write_predictions, write_run

from rsbench.record import ParameterCounts
from rsbench.report.artefacts import Absent, Artefact, Figure, Table
from rsbench.report.figures.style import style
from rsbench.report.results import load_results
from rsbench.report.sections.confusion.build import build as build_confusion
from rsbench.report.sections.overview.build import build as build_overview
from rsbench.report.sections.overview.points import (
    method_points,
    names_of,
    pairs_of,
    spread_of,
    undominated,
)
from rsbench.report.transfers import MOST_SETTINGS
from rsbench.report.writers import to_csv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rsbench.store import RunFolder

#: Method, with MetaPEFT, accuracy.
METHODS = (
    ("linear", False, 0.6),
    ("lora", False, 0.8),
    ("lora", True, 0.82),
    ("adapter", False, 0.78),
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return little_folder(tmp_path)


def fill(
    folder: RunFolder,
    methods: Sequence[tuple[str, bool, float]] = METHODS,
    seeds: Sequence[int] = (0, 1, 2),
    predictions: bool = True,
) -> None:
    cells = [(*method, seed) for method in methods for seed in seeds]
    runs = [make_run(name, seed, metapeft) for name, metapeft, _, seed in cells]
    records = []
    for run, (name, metapeft, accuracy, _) in zip(runs, cells, strict=True):
        own = 0 if name == "linear" else 1000
        counts = ParameterCounts(method=own, head=200, modulators=30 * metapeft, frozen=9)
        strategy = {"control": "learned"} if metapeft else {}
        records.append(accurate_record(run, accuracy, parameters=counts, strategy=strategy))
    write_run(folder, runs, records)
    for record, (_, _, accuracy, seed) in zip(records, cells, strict=True):
        if predictions:
            write_predictions(folder, record, *predictions_of(accuracy, seed))


def overview(folder: RunFolder) -> dict[str, Artefact]:
    return {each.name: each for each in build_overview(load_results(folder))}


def confusion(folder: RunFolder) -> dict[str, Artefact]:
    return {each.name: each for each in build_confusion(load_results(folder))}


def draw_all(artefacts: dict[str, Artefact]) -> list[str]:
    figures = [each for each in artefacts.values() if isinstance(each, Figure)]
    with style():
        for each in figures:
            each.draw()
    return [each.name for each in figures]


class TestOverview:
    def test_its_figures_are_drawn(self, folder: RunFolder) -> None:
        fill(folder)
        names = ["tail_overall", "tail_overall_cost", "front_parameters", "front_seconds"]
        assert draw_all(overview(folder)) == [*names, "class_gains"]

    def test_titles_name_the_accuracy_of_the_axis(self, folder: RunFolder) -> None:
        fill(folder)
        for name in ("tail_overall", "tail_overall_cost"):
            figure = overview(folder)[name]
            assert figure.title.startswith("Tail against mean-class accuracy: ")
            assert isinstance(figure, Figure)
            with style():
                assert figure.draw().axes[0].get_xlabel() == "mean-class accuracy, %"

    def test_a_method_without_a_metapeft_version_is_hollow_as_other_plain_ones(
        self, folder: RunFolder
    ) -> None:
        fill(folder)
        figure = overview(folder)["front_parameters"]
        assert isinstance(figure, Figure)
        with style():
            axes = figure.draw().axes[0]
        points = [line for line in axes.lines if line.get_marker() != "None"]
        plain = [name for name in axes.texts if "metapeft" not in name.get_text()]
        hollow = [line for line in points if line.get_markerfacecolor() == "none"]
        assert len(plain) > len(points) - len(plain) > 0  # of one there is no such version
        assert len(hollow) == len(plain)

    def test_one_seed_has_no_spread_and_says_so(self, folder: RunFolder) -> None:
        fill(folder, seeds=(0,))
        figure = overview(folder)["tail_overall"]
        assert isinstance(figure, Figure)
        assert "its spread is not known" in figure.caption
        with style():
            figure.draw()
        gains = overview(folder)["class_gains"]
        assert isinstance(gains, Figure)
        assert "No error bars: one seed only" in gains.caption

    def test_no_figure_mixes_the_settings_of_an_axis(self, folder: RunFolder) -> None:
        # at the worse rate the probe leads, at the better one LoRA; "full" has no place on the axis
        def accuracy(method: str, learning_rate: str = "", **_: object) -> float:
            known = {"0.1": 0.3, "0.01": 0.8, "": 0.5}
            return 0.6 if method == "linear" else known[learning_rate]

        methods = [("linear", False), ("lora", False), ("lora", True)]
        rates = {"learning_rate": ("0.1", "0.01")}
        write_grid(folder, rates, accuracy, methods, constants=[("full", False)])
        found = overview(folder)
        kinds = ("tail_overall", "tail_overall_cost", "front_parameters", "front_seconds")
        assert set(draw_all(found)) == {
            f"{kind}_learning_rate_{rate}"
            for rate in ("0_1", "0_01")
            for kind in (*kinds, "class_gains")
        }
        for rate, best in (("0_1", "linear"), ("0_01", "lora")):
            figure = found[f"tail_overall_learning_rate_{rate}"]
            assert isinstance(figure, Figure)
            assert f"learning_rate={rate.replace('_', '.')}" in figure.title
            assert f"Highest mean-class accuracy: {best}" in figure.alt
            with style():
                words = {text.get_text() for text in figure.draw().axes[0].texts} - {""}
            assert words == {"full", "linear", "lora", "lora+metapeft"}

    def test_of_many_settings_the_first_is_drawn_and_named(self, folder: RunFolder) -> None:
        ranks = tuple(str(2**n) for n in range(MOST_SETTINGS + 1))
        write_grid(folder, {"rank": ranks}, lambda rank, **_: 0.5 + 0.01 * int(rank))
        figure = overview(folder)["tail_overall"]
        assert isinstance(figure, Figure)
        assert figure.title.endswith(f", rank=1 (the first of {len(ranks)} settings)")
        first = next(row for row in load_results(folder).rows if row.axes == {"rank": "1"})
        assert f"{first.measure('mean').mean:.1f} %" in figure.alt

    def test_two_rows_of_one_name_are_two_points(self, folder: RunFolder) -> None:
        runs = [make_run(options={"rank": rank}) for rank in (1, 2)]
        write_run(folder, runs, [accurate_record(run, 0.5) for run in runs])
        points = method_points(load_results(folder).rows)
        assert names_of(points) == ["lora (method.options.rank=1)", "lora (method.options.rank=2)"]
        assert pairs_of(points) == []

    def test_the_spread_is_the_deviation_over_seeds(self, folder: RunFolder) -> None:
        fill(folder)
        points = method_points(load_results(folder).rows)
        values = [100 * each.metrics.mean_class for each in points[0].records if each.metrics]
        assert spread_of(points)[0] == pytest.approx(np.std(values, ddof=1))

    def test_an_empty_tail_is_absent(self, folder: RunFolder) -> None:
        runs = [make_run(), make_run("adapter")]
        records = [make_record(run) for run in runs]
        none = [each.metrics.model_copy(update={"tail": None}) for each in records if each.metrics]
        records = [
            record.model_copy(update={"metrics": metrics})
            for record, metrics in zip(records, none, strict=True)
        ]
        write_run(folder, runs, records)
        assert isinstance(overview(folder)["tail_overall"], Absent)

    def test_one_method_has_no_overview(self, folder: RunFolder) -> None:
        fill(folder, (("lora", False, 0.8),))
        assert overview(folder) == {}

    def test_no_finished_cell_has_no_overview(self, folder: RunFolder) -> None:
        write_run(folder, [make_run()], [])
        assert overview(folder) == {}

    def test_the_front_holds_what_nothing_beats(self) -> None:
        assert undominated([3.0, 1.0, 2.0, 2.0], [9.0, 5.0, 4.0, 7.0]) == [1, 3, 0]
        assert undominated([1.0, 1.0], [5.0, 5.0]) == [0]

    def test_gains_name_the_best_method_and_the_pairs(self, folder: RunFolder) -> None:
        fill(folder)
        figure = overview(folder)["class_gains"]
        assert isinstance(figure, Figure)
        with style():
            titles = [axes.get_title() for axes in figure.draw().axes]
        assert titles == ["lora+metapeft minus lora", "lora+metapeft (best PEFT) minus linear"]
        assert "6 classes leave the grey band" in figure.alt
        assert "no interval of the difference" in figure.caption
        with style():
            (legend,) = figure.draw().legends
        assert legend.get_texts()[-1].get_text() == (
            "95 % interval (Wilson) of the subtracted method's accuracy"
        )
        assert "which flatters it" in figure.caption

    def test_records_without_counts_make_gains_absent(self, folder: RunFolder) -> None:
        runs = [make_run(), make_run(metapeft=True)]
        strategy = {"control": "learned"}
        records = [make_record(runs[0]), make_record(runs[1], strategy=strategy)]
        write_run(folder, runs, records)
        assert isinstance(overview(folder)["class_gains"], Absent)


class TestConfusion:
    def test_each_setting_has_a_matrix_and_lines_of_its_own(self, folder: RunFolder) -> None:
        places = {"learning_rate": ("0.1", "0.01")}
        _, records = write_grid(folder, places, lambda **_: 0.5)
        for record in records:
            write_predictions(folder, record, *predictions_of(0.5))
        names = ["confusion_learning_rate_0_1", "confusion_learning_rate_0_01"]
        assert draw_all(confusion(folder)) == names
        assert "learning_rate=0.01" in confusion(folder)[names[1]].title
        settings = {line["setting"] for line in self.lines(folder)}
        assert settings == {"learning_rate=0.1", "learning_rate=0.01"}

    def lines(self, folder: RunFolder) -> list[dict[str, str]]:
        table = confusion(folder)["confusions"]
        assert isinstance(table, Table)
        return list(csv.DictReader(io.StringIO(to_csv(table))))

    def test_shares_and_counts_of_lora_with_metapeft(self, folder: RunFolder) -> None:
        fill(folder)
        lines = self.lines(folder)
        assert {line["method"] for line in lines} == {"lora+metapeft"}
        wrong = sum(
            int((truth != said).sum())
            for truth, said in (predictions_of(0.82, seed) for seed in range(3))
        )
        assert sum(int(line["images"]) for line in lines) == wrong
        shares = [float(line["share"]) for line in lines]
        assert shares == sorted(shares, reverse=True)
        first = lines[0]
        assert float(first["share"]) == pytest.approx(
            100 * int(first["images"]) / (3 * 40), abs=1e-3
        )

    def test_the_matrix_is_drawn_with_the_most_frequent_class_first(
        self, folder: RunFolder
    ) -> None:
        fill(folder)
        artefacts = confusion(folder)
        assert draw_all(artefacts) == ["confusion"]
        figure = artefacts["confusion"]
        assert isinstance(figure, Figure)
        with style():
            ticks = figure.draw().axes[0].get_yticklabels()
        assert [tick.get_text() for tick in ticks] == [
            f"class {n}" for n in range(len(TRAIN_COUNTS))
        ]

    def test_without_predictions_it_is_absent(self, folder: RunFolder) -> None:
        fill(folder, predictions=False)
        (only,) = confusion(folder).values()
        assert isinstance(only, Absent)
        assert "no predictions" in only.reason

    def test_without_metapeft_the_first_peft_method_is_shown(self, folder: RunFolder) -> None:
        fill(folder, (("linear", False, 0.6), ("adapter", False, 0.7)))
        assert {line["method"] for line in self.lines(folder)} == {"adapter"}

    def test_everything_right_has_no_confusions(self, folder: RunFolder) -> None:
        fill(folder, (("lora", False, 1.1),))
        assert self.lines(folder) == []
        figure = confusion(folder)["confusion"]
        assert isinstance(figure, Figure)
        assert figure.alt == "No test image was predicted wrongly."
