"""Intervals, the weight of an image, ranks and figures of the statistics section."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from records import make_record, make_run, write_run
from scipy import stats
from simulated import TAIL, SimulatedRun

from rsbench.report.artefacts import Absent, Figure, Table
from rsbench.report.figures.render import render
from rsbench.report.results import load_results
from rsbench.report.sections.statistics import SECTION, verdicts
from rsbench.report.sections.statistics.forest import MOST_LINES
from rsbench.report.sections.statistics.sentences import MOST_SENTENCES
from rsbench.report.writers import to_csv, to_markdown
from rsbench.statistics import binomial_interval

if TYPE_CHECKING:
    from rsbench.report.results import RunResults

METHODS = ("linear", "full", "lora", "adapter")


@pytest.fixture
def run(tmp_path: Path) -> SimulatedRun:
    return SimulatedRun(tmp_path)


def artefact(results: RunResults, name: str) -> Any:
    return {each.name: each for each in SECTION.build(results)}[name]


def lines(results: RunResults, name: str) -> list[dict[str, str]]:
    table = artefact(results, name)
    assert isinstance(table, Table)
    return list(csv.DictReader(io.StringIO(to_csv(table))))


class TestIntervals:
    def test_mean_and_deviation_are_those_of_the_records(self, run: SimulatedRun) -> None:
        run.add()
        results = run.read()
        (found,) = lines(results, "intervals")
        expected = results.rows[0].measure("tail")
        assert float(found["tail_mean"]) == pytest.approx(expected.mean, abs=1e-4)
        assert float(found["tail_std"]) == pytest.approx(expected.deviation, abs=1e-4)
        assert found["seeds"] == "3"
        assert (found["mean_test_images"], found["tail_test_images"]) == ("300", "100")

    def test_each_interval_is_over_what_it_says(self, run: SimulatedRun) -> None:
        run.add()
        run.add("adapter", seeds=(0,))
        several, single = lines(run.read(), "intervals")
        assert several["mean_over"] == "seeds and images"
        assert wide(several, "mean") > wide(several, "mean_images")
        assert several["mean_seeds_low"] != ""
        assert single["mean_over"] == "images"
        assert (single["mean_seeds_low"], single["mean_std"]) == ("", "")
        assert wide(single, "mean") == pytest.approx(wide(single, "mean_images"), rel=0.1)

    def test_bootstrap_over_images_agrees_with_the_binomial_variance(self, tmp_path: Path) -> None:
        run = SimulatedRun(tmp_path, images=400)
        run.add(seeds=(0,))
        results = run.read()
        right = run.correct(results.rows[0].first)
        shares = np.array([right[run.labels == c].mean() for c in range(6)])
        error = np.sqrt((shares * (1 - shares) / 400).sum()) / 6
        (found,) = lines(results, "intervals")
        assert wide(found, "mean_images") == pytest.approx(100 * 2 * 1.96 * error, rel=0.1)

    def test_without_predictions_from_class_counts(self, run: SimulatedRun) -> None:
        run.add(predicts=False)
        results = run.read()
        (found,) = lines(results, "intervals")
        records = results.rows[0].records
        shares = [
            float(np.mean([record.metrics.per_class[c] for record in records if record.metrics]))
            for c in range(6)
        ]
        expected = binomial_interval(shares, results.rows[0].first.test_counts, TAIL)
        assert expected is not None
        assert float(found["tail_low"]) == pytest.approx(expected.low, abs=1e-3)
        assert float(found["tail_high"]) == pytest.approx(expected.high, abs=1e-3)
        assert found["tail_over"] == "images"
        assert (
            "3 of 3 cells of lora have no predictions; interval over images from class"
            in (found["remark"])
        )

    def test_an_empty_group_is_a_dash(self, run: SimulatedRun) -> None:
        groups = {"head": (0, 1, 2), "medium": (3, 4, 5), "tail": ()}
        run.add(record={"groups": groups})
        results = run.read()
        (found,) = lines(results, "intervals")
        assert {value for key, value in found.items() if key.startswith("tail")} == {""}
        assert "| – |" in to_markdown(artefact(results, "intervals"))  # noqa: RUF001

    def test_records_alone_do_not_crash(self, run: SimulatedRun) -> None:
        cells = [make_run(), make_run(metapeft=True)]
        write_run(run.folder, cells, [make_record(cell) for cell in cells])
        results = load_results(run.folder)
        assert [each["mean_mean"] for each in lines(results, "intervals")] == ["50", "50"]
        assert verdicts(results)


class TestPointsPerImage:
    def test_the_tail_of_the_ships(self, run: SimulatedRun) -> None:
        """99 and 82 test images: one image is 0.51 or 0.61 points of the tail (section 7.25)."""
        counts = (900, 700, 400, 99, 82)
        groups = {"head": (0, 1, 2), "medium": (), "tail": (3, 4)}
        names = ("cargo", "tanker", "fishing", "dredger", "tug")
        cell = make_run(target="ships")
        changes = {"test_counts": counts, "groups": groups, "class_names": names}
        write_run(run.folder, [cell], [make_record(cell, **changes)])
        _, medium, tail, mean = lines(load_results(run.folder), "points_per_image")
        assert (tail["smallest_class"], tail["smallest_images"]) == ("tug", "82")
        assert (tail["test_images"], float(tail["images_per_point"])) == ("181", 1.81)
        assert float(tail["points_group"]) == pytest.approx(100 / (2 * 82), abs=1e-4)
        assert float(tail["points_mean"]) == pytest.approx(100 / (5 * 82), abs=1e-4)
        assert mean["points_group"] == mean["points_mean"]
        assert (medium["classes"], medium["smallest_class"]) == ("0", "")

    def test_one_line_for_each_target_and_group_however_many_rows(self, run: SimulatedRun) -> None:
        for target in ("one", "two"):
            for method in METHODS:
                run.add(method, target=target)
        found = lines(run.read(), "points_per_image")
        assert [(each["target"], each["group"]) for each in found] == [
            (target, group)
            for target in ("one", "two")
            for group in ("head", "medium", "tail", "mean")
        ]


class TestRanks:
    def add(self, run: SimulatedRun, targets: int) -> None:
        for number in range(targets):
            for place, method in enumerate(METHODS):
                run.add(method, target=f"target{number}", skill=0.4 * place, seeds=(0,))

    def test_few_targets_give_ranks_without_a_verdict(self, run: SimulatedRun) -> None:
        self.add(run, 2)
        results = run.read()
        ranks = {each["method"]: float(each["mean_rank"]) for each in lines(results, "ranks")}
        assert ranks == {"adapter": 1.0, "lora": 2.0, "full": 3.0, "linear": 4.0}
        assert "**no verdict: 2 targets" in to_markdown(artefact(results, "ranks"))
        diagram = artefact(results, "critical_difference_mean")
        assert isinstance(diagram, Absent)
        assert "at least 6" in diagram.reason

    def test_six_targets_give_a_verdict_and_a_diagram(self, run: SimulatedRun) -> None:
        self.add(run, 6)
        results = run.read()
        scores = [
            [row.measure("mean").mean for row in results.rows if row.method == method]
            for method in METHODS
        ]
        p = stats.friedmanchisquare(*scores).pvalue
        assert f"Friedman p = {p:.4f}" in to_markdown(artefact(results, "ranks"))
        diagram = artefact(results, "critical_difference_mean")
        assert isinstance(diagram, Figure)
        assert "adapter 1.00" in diagram.alt
        assert "n = 6 targets" in diagram.caption
        assert render(diagram).svg == render(diagram).svg

    def test_a_method_that_lacks_a_target_is_left_out_and_named(self, run: SimulatedRun) -> None:
        self.add(run, 2)
        run.add("bitfit", target="target0")
        results = run.read()
        assert len(lines(results, "ranks")) == 4
        assert "on all of these targets: bitfit" in to_markdown(artefact(results, "ranks"))

    def test_a_target_of_other_methods_is_left_out_and_named(self, run: SimulatedRun) -> None:
        self.add(run, 2)
        run.add("bitfit", target="strange")
        results = run.read()
        assert len(lines(results, "ranks")) == 4
        assert "too few of these methods: strange" in to_markdown(artefact(results, "ranks"))

    def test_one_target_has_no_ranks(self, run: SimulatedRun) -> None:
        self.add(run, 1)
        assert isinstance(artefact(run.read(), "ranks"), Absent)

    def test_backbones_on_the_same_targets_are_ranked_apart(self, run: SimulatedRun) -> None:
        for backbone in ("small", "large"):
            for target in ("one", "two"):
                for place, method in enumerate(METHODS):
                    skill = 0.4 * (place if backbone == "small" else -place)
                    run.add(method, target=target, backbone=backbone, skill=skill)
        found = lines(run.read(), "ranks")
        first = [each["method"] for each in found if each["mean_rank"] == "1"]
        assert [each["backbone"] for each in found] == ["small"] * 4 + ["large"] * 4
        assert first == ["adapter", "linear"]

    def test_controls_and_rows_of_an_axis_take_no_part(self, run: SimulatedRun) -> None:
        self.add(run, 2)
        for target in ("target0", "target1"):
            run.add("lora_4", target=target, axes={"rank": "4"})
            control = {"strategy": {"control": "joint"}}
            run.add("lora_joint", metapeft=True, target=target, record=control)
        assert {each["method"] for each in lines(run.read(), "ranks")} == set(METHODS)


class TestForest:
    def test_every_verdict_and_a_pair_without_predictions_can_be_drawn(
        self, run: SimulatedRun
    ) -> None:
        run.pair(gain=1.5)
        run.pair(gain=-1.5, method="adapter")
        run.pair(method="bitfit")
        run.pair(method="a method of a name that is far too long for any figure", seeds=(0,))
        run.pair(method="records alone", predicts=False)
        figure = artefact(run.read(), "forest_mean")
        assert "5 pairs: 1 higher, 1 lower, 1 within the noise" in figure.alt
        assert "1 without a verdict (one seed)" in figure.alt
        assert "n = 1 or 3 seeds" in figure.caption
        first, again = render(figure), render(figure)
        assert first.png == again.png
        assert first.svg == again.svg

    def test_two_seeds_are_not_drawn(self, run: SimulatedRun) -> None:
        run.pair(seeds=(0, 1))
        found = artefact(run.read(), "forest_mean")
        assert isinstance(found, Absent)
        assert "two seeds: no verdict" in found.reason
        run.pair(method="adapter")
        results = run.read()
        figure = artefact(results, "forest_mean")
        assert "n = 3 seeds" in figure.caption
        assert "1 pairs have two seeds or could not be compared" in figure.caption
        assert len(lines(results, "comparisons")) == 8

    @pytest.mark.parametrize(("last", "alone"), [((0, 1, 2), False), ((0,), True)])
    def test_the_legend_says_what_lines_of_one_seed_are_over(
        self, run: SimulatedRun, last: tuple[int, ...], alone: bool
    ) -> None:
        run.pair()
        run.pair(method="adapter", seeds=last)
        drawing = artefact(run.read(), "forest_mean").draw()
        (legend,) = drawing.legends
        said = [each.get_text() for each in legend.get_texts()]
        assert ("95 %: seeds and images" in said) is not alone
        assert ("95 %: seeds and images (one seed: images alone)" in said) is alone
        drawing.draw_without_rendering()
        frame, box = drawing.bbox, legend.get_window_extent()
        assert frame.x0 <= box.x0 < box.x1 <= frame.x1

    def test_outcomes_that_never_differ_can_be_drawn(self, run: SimulatedRun) -> None:
        run.pair(skill=9.0)
        results = run.read()
        assert all("no test image differs" in each for each in verdicts(results)[2:])
        assert "no test image differs" in lines(results, "comparisons")[0]["remark"]
        figure = artefact(results, "forest_tail")
        assert render(figure).png
        assert "1 within the noise" in figure.alt

    def test_long_runs_show_the_first_pairs_and_say_so(self, run: SimulatedRun) -> None:
        for number in range(MOST_SENTENCES + 1):
            run.pair(axes={"rank": f"{number}"}, seeds=(0,), options={"rank": number})
        results = run.read()
        assert len(results.pairs) > MOST_LINES
        caption = artefact(results, "forest_mean").caption
        assert f"first {MOST_LINES} of {MOST_SENTENCES + 1} pairs" in caption
        said = verdicts(results)
        assert len(said) == 3
        assert f"{2 * (MOST_SENTENCES + 1)} comparisons" in said[-1]


def wide(found: dict[str, str], name: str) -> float:
    return float(found[f"{name}_high"]) - float(found[f"{name}_low"])


def test_the_section_imports_nothing_heavy() -> None:
    code = (
        "import sys, rsbench.report.sections.statistics as s; s.SECTION;"
        "print([m for m in ('scipy', 'matplotlib', 'pandas', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
