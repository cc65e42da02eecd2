"""Comparisons of the statistics section: what is found, what is not, and what is not claimed."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats
from simulated import HEAD, TAIL, SimulatedRun

from rsbench.record import EpochLog, ParameterCounts
from rsbench.report.artefacts import Absent, Table
from rsbench.report.figures.render import render
from rsbench.report.notes import footnotes, remarks, warnings
from rsbench.report.results import load_results
from rsbench.report.sections.definitions import definitions_table
from rsbench.report.sections.statistics import SECTION, comparison_of, finding_of, verdicts
from rsbench.report.sections.statistics.comparison_tables import MAY_DISAGREE, P_BOTH
from rsbench.report.sections.statistics.outcomes import generator_of
from rsbench.report.writers import to_csv, to_markdown
from rsbench.statistics import Outcomes, Resamples, compare_pair, holm

if TYPE_CHECKING:
    from rsbench.report.results import RunResults


@pytest.fixture
def run(tmp_path: Path) -> SimulatedRun:
    return SimulatedRun(tmp_path)


def artefact(results: RunResults, name: str) -> Any:
    return {each.name: each for each in SECTION.build(results)}[name]


def lines(results: RunResults, name: str = "comparisons") -> list[dict[str, str]]:
    table = artefact(results, name)
    assert isinstance(table, Table)
    return list(csv.DictReader(io.StringIO(to_csv(table))))


def line(results: RunResults, metric: str, **labels: str) -> dict[str, str]:
    (found,) = [
        each
        for each in lines(results)
        if each["metric"] == metric and all(each[key] == value for key, value in labels.items())
    ]
    return found


class TestEffects:
    def test_a_gain_in_the_tail_alone_is_found_there_and_nowhere_else(
        self, run: SimulatedRun
    ) -> None:
        run.add()
        run.add(metapeft=True, skills={4: 1.8, 5: 1.8})
        results = run.read()
        tail, head = line(results, "tail"), line(results, "head")
        assert (tail["verdict"], head["verdict"]) == ("higher", "within the noise")
        plain, tuned = results.rows
        differences = [
            np.mean(
                [
                    100 * (after[run.labels == c].mean() - before[run.labels == c].mean())
                    for c in TAIL
                ]
            )
            for before, after in zip(
                map(run.correct, plain.records), map(run.correct, tuned.records), strict=True
            )
        ]
        assert float(tail["difference_mean"]) == pytest.approx(np.mean(differences), abs=1e-4)
        deviation = np.std(differences, ddof=1)
        assert float(tail["difference_std"]) == pytest.approx(deviation, abs=1e-4)
        assert float(tail["difference_low"]) > 0
        assert HEAD != TAIL

    def test_a_loss_is_lower(self, run: SimulatedRun) -> None:
        run.pair(gain=-1.0)
        assert line(run.read(), "mean")["verdict"] == "lower"

    def test_no_effect_is_within_the_noise_and_the_sentence_says_what_could_be_seen(
        self, run: SimulatedRun
    ) -> None:
        run.pair()
        results = run.read()
        found = line(results, "mean")
        assert found["verdict"] == "within the noise"
        (sentence,) = [
            each for each in verdicts(results) if each.startswith("things") and ", mean:" in each
        ]
        assert "within the noise" in sentence
        assert f"could have seen {float(found['detectable']):.1f} points" in sentence
        assert not any("improve" in each or "higher than" in each for each in verdicts(results))

    def test_holm_corrects_over_all_pairs_on_a_metric(self, run: SimulatedRun) -> None:
        for number in range(4):
            run.pair(gain=0.2, method=f"method{number}")
        found = [each for each in lines(run.read()) if each["metric"] == "mean"]
        raised = [float(each["p_holm"]) for each in found]
        assert raised == pytest.approx(list(holm([float(each["p"]) for each in found])), rel=1e-4)
        assert raised != [float(each["p"]) for each in found]

    def test_the_same_cells_under_two_axis_values_are_one_test(self, run: SimulatedRun) -> None:
        for value in ("8", "default"):
            run.pair(gain=0.2, axes={"rank": value})
        results = run.read()
        assert len(results.pairs) == 2
        assert {
            (each["p"], each["p_holm"]) for each in lines(results) if each["metric"] == "mean"
        } == {(line(results, "mean", setting="rank=8")["p"],) * 2}


class TestSeeds:
    def test_one_seed_never_gets_a_verdict_whatever_the_effect(self, run: SimulatedRun) -> None:
        run.pair(gain=2.0, seeds=(0,))
        results = run.read()
        for found in lines(results):
            assert found["verdict"] == "one seed: no verdict"
            assert (found["p_holm"], found["p_seeds"], found["seeds_low"]) == ("", "", "")
            assert found["over"] == "images"
        said = " ".join(verdicts(results))
        assert "2 pairs" not in said
        assert "higher" not in said
        assert "without a verdict (one seed)" in said
        assert "2 comparisons are in the table comparisons" in said

    def test_two_seeds_get_none_either(self, run: SimulatedRun) -> None:
        run.pair(gain=2.0, seeds=(0, 1))
        assert line(run.read(), "mean")["verdict"] == "two seeds: no verdict"

    def test_wilcoxon_from_six_seeds(self, run: SimulatedRun) -> None:
        run.pair(gain=0.2, seeds=range(6))
        run.pair(gain=0.2, method="other", seeds=range(5))
        results = run.read()
        six, five = results.pairs
        comparison = comparison_of(results, six, "mean").paired
        assert comparison is not None
        expected = stats.wilcoxon(comparison.by_seed).pvalue
        assert float(line(results, "mean", method="lora")["p_seeds"]) == pytest.approx(
            expected, rel=1e-4
        )
        assert line(results, "mean", method="other")["p_seeds"] == ""
        assert len(five.seeds) == 5
        assert "from 6 seeds; – with fewer" in to_markdown(artefact(results, "comparisons"))  # noqa: RUF001

    def test_only_shared_seeds_count_and_the_others_are_named(self, run: SimulatedRun) -> None:
        run.add(seeds=(0, 1, 2, 3))
        run.add(metapeft=True, seeds=(1, 2, 3, 7))
        found = line(run.read(), "mean")
        assert found["seeds"] == "3"
        assert "left out: 0, 7" in found["remark"]

    def test_no_shared_seed_is_no_comparison(self, run: SimulatedRun) -> None:
        run.add(seeds=(0,))
        run.add(metapeft=True, seeds=(1,))
        results = run.read()
        assert "no seed in common: 0 and 1" in line(results, "mean")["remark"]
        assert "no comparison (no seed in common" in " ".join(verdicts(results))
        assert isinstance(artefact(results, "forest_mean"), Absent)


class TestMissingFiles:
    def test_without_predictions_images_are_not_paired(self, run: SimulatedRun) -> None:
        run.add(predicts=False)
        run.add(metapeft=True)
        results = run.read()
        found = line(results, "mean")
        assert found["verdict"] == "within the noise (images not paired)"
        assert "3 of 3 cells of lora have no predictions: images not paired" in found["remark"]
        assert (found["p"], found["p_holm"], found["detectable"]) == ("", "", "")
        assert float(found["difference_low"]) < float(found["difference_mean"])
        assert comparison_of(results, results.pairs[0], "mean").unpaired is not None
        assert "images not paired" in " ".join(verdicts(results))

    def test_unpaired_intervals_are_wider(self, run: SimulatedRun) -> None:
        run.pair()
        paired = line(run.read(), "mean")
        for file in run.folder.path.rglob("predictions.parquet"):
            file.unlink()
        unpaired = line(load_results(run.folder), "mean")
        assert unpaired["difference_mean"] == paired["difference_mean"]
        assert width(unpaired) > width(paired)

    def test_records_without_test_counts(self, run: SimulatedRun) -> None:
        run.pair(predicts=False, record={"test_counts": ()})
        results = run.read()
        assert "records do not tell the test images" in line(results, "mean")["remark"]
        assert line(results, "mean")["difference_mean"] == ""
        (first, _) = lines(results, "intervals")
        assert (first["mean_low"], first["mean_over"]) == ("", "")
        assert "nor does the record tell" in first["remark"]
        assert isinstance(artefact(results, "points_per_image"), Absent)

    def test_predictions_that_are_gone_are_said_to_cost_the_pairing(
        self, run: SimulatedRun
    ) -> None:
        run.pair(gain=1.0)
        results = run.read()
        assert not any("no predictions" in each for each in remarks(results))
        assert "images not paired" not in to_markdown(artefact(results, "comparisons"))
        (run.folder.cell(results.rows[1].ids[0]) / "predictions.parquet").unlink()
        results = load_results(run.folder)
        for notes in (remarks(results), warnings(results), footnotes(results)):
            (note,) = [each for each in notes if "no predictions" in each]
            assert "1 of 6 finished cells have no predictions.parquet" in note
            assert note.endswith(": things / vit / lora+metapeft / seed 0")
        text = to_markdown(artefact(results, "comparisons"))
        assert "images not paired: a cell of the two rows has no predictions.parquet" in text
        assert "it has no p" in text

    def test_other_test_images_are_no_comparison(self, run: SimulatedRun) -> None:
        run.pair(gain=1.0)
        results = run.read()
        for identifier in results.rows[1].ids:
            rename_images(run, identifier, lambda number: f"other {number}")
        found = line(results, "mean")
        assert (found["difference_mean"], found["verdict"]) == ("", "")
        assert "tested on different images" in found["remark"]

    def test_another_order_of_the_same_images_is_paired_all_the_same(
        self, run: SimulatedRun
    ) -> None:
        run.pair(gain=0.5)
        before = line(run.read(), "mean")
        again = run.read()
        for identifier in again.rows[1].ids:
            shuffle_images(run, identifier)
        after = line(again, "mean")
        for column in ("difference_mean", "difference_low", "p", "verdict", "differing_images"):
            assert after[column] == before[column]

    def test_the_test_behind_p_is_named_as_in_the_definitions(self, run: SimulatedRun) -> None:
        run.pair(gain=1.0, seeds=(0,))
        results = run.read()
        text = " ".join(artefact(results, "comparisons").notes)
        for said in (P_BOTH, MAY_DISAGREE):
            assert said in text
            assert said in {row[1] for row in definitions_table(results).rows}
        assert "exact sign test" in P_BOTH

    def test_p_is_that_of_the_sign_test_where_few_images_differ(self) -> None:
        """What the note says of the bound: all d images on one side, two-sided."""
        labels = np.repeat(np.arange(2), 50)
        before = np.ones((1, 100), np.uint8)
        after = before.copy()
        after[0, [0, 1, 50, 51]] = 0
        rows = [Outcomes("images", labels, (0,), each) for each in (before, after)]
        resamples = Resamples.draw(labels, np.random.default_rng(0), 50)
        found = compare_pair(*rows, {"mean": None}, resamples, np.random.default_rng(0))["mean"]
        assert found is not None
        assert found.p == pytest.approx(stats.binomtest(0, 4).pvalue)
        assert found.both is not None
        assert found.both.high < 0.0 < found.p - 0.05

    def test_a_failed_partner_is_named(self, run: SimulatedRun) -> None:
        run.add(fails=True)
        run.add(metapeft=True)
        run.pair(method="other")
        results = run.read()
        assert {each["method"] for each in lines(results)} == {"other"}
        notes = to_markdown(artefact(results, "comparisons"))
        assert "without a plain row to stand beside" in notes
        assert "things / vit / lora+metapeft" in notes
        assert "1 MetaPEFT row has no plain row" in " ".join(verdicts(results))

    def test_without_any_partner_the_table_says_why_it_is_not_there(
        self, run: SimulatedRun
    ) -> None:
        run.add(metapeft=True)
        results = run.read()
        absent = artefact(results, "comparisons")
        assert isinstance(absent, Absent)
        assert "lora+metapeft" in absent.reason
        assert verdicts(results) == (
            "1 MetaPEFT row has no plain row to stand beside: no comparison.",
        )

    def test_a_run_without_finished_cells_has_no_section(self, run: SimulatedRun) -> None:
        run.add(fails=True)
        results = run.read()
        assert SECTION.build(results) == ()
        assert verdicts(results) == ()

    def test_an_empty_group_is_empty_and_says_so(self, run: SimulatedRun) -> None:
        groups = {"head": (0, 1, 2), "medium": (), "tail": (3, 4, 5)}
        run.pair(record={"groups": groups})
        found = line(run.read(), "medium")
        assert (found["difference_mean"], found["p"], found["verdict"]) == ("", "", "")
        assert found["remark"] == "no class of the group was tested"


class TestSettings:
    def test_a_pair_that_differs_in_more_is_marked_everywhere(self, run: SimulatedRun) -> None:
        run.add(learning_rate=0.1)
        run.add(metapeft=True, learning_rate=0.2)
        results = run.read()
        found = line(results, "mean")
        assert found["remark"] == "differs in recipe.learning_rate: 0.1 and 0.2"
        assert "**more than the method differs" in to_markdown(artefact(results, "comparisons"))
        assert "also differ in recipe.learning_rate: 0.1 and 0.2" in " ".join(verdicts(results))
        figure = artefact(results, "forest_mean")
        assert "*: the two differ" in figure.caption
        assert b"the two differ in further settings" in render(figure).svg

    def test_scores_of_the_validation_slice_are_no_test_results(self, run: SimulatedRun) -> None:
        run.pair(evaluate_on="validation")
        results = run.read()
        assert "NOT TEST RESULTS" in to_markdown(artefact(results, "comparisons"))
        assert line(results, "mean")["evaluated_on"] == "validation"

    def test_disclaimers_come_first(self, run: SimulatedRun) -> None:
        run.pair()
        table = artefact(run.read("only a demo"), "comparisons")
        assert table.notes[0] == "**only a demo**"


class TestReferences:
    def test_each_method_beside_linear_and_full_and_full_beside_linear(
        self, run: SimulatedRun
    ) -> None:
        for method in ("linear", "full", "lora", "adapter"):
            run.add(method, skill=1.5 if method == "lora" else 0.8)
        run.add("lora", metapeft=True)
        found = [
            each for each in lines(run.read(), "comparisons_reference") if each["metric"] == "mean"
        ]
        compared = [(each["method"], each["reference"]) for each in found]
        assert compared == [
            ("full", "linear"),
            ("lora", "linear"),
            ("adapter", "linear"),
            ("lora", "full"),
            ("adapter", "full"),
        ]
        verdict = {(each["method"], each["reference"]): each["verdict"] for each in found}
        assert verdict["lora", "linear"] == "higher"
        assert verdict["adapter", "linear"] == "within the noise"

    @pytest.mark.parametrize("order", [("linear", "probe"), ("probe", "linear"), ("probe",)])
    def test_a_fitted_probe_stands_in_for_a_trained_one_and_is_compared_with_nothing(
        self, run: SimulatedRun, order: tuple[str, ...]
    ) -> None:
        counts = ParameterCounts(method=0, head=200, modulators=0, frozen=9000)
        log = (EpochLog(epoch=0, loss=1.0, learning_rate=0.1),)
        for method in order:
            epochs = log if method == "linear" else ()
            run.add(method, record={"parameters": counts, "epochs": epochs})
        run.add("lora")
        found = lines(run.read(), "comparisons_reference")
        expected = "linear" if "linear" in order else "probe"
        assert {(each["method"], each["reference"]) for each in found} == {("lora", expected)}

    def test_transfers_do_not_mix_and_rows_of_an_axis_stay_out(self, run: SimulatedRun) -> None:
        run.add("linear", target="one")
        run.add("lora", target="two")
        run.add("lora", target="one", axes={"rank": "4"})
        names = {each.name for each in SECTION.build(run.read())}
        assert "comparisons_reference" not in names

    def test_of_several_references_the_one_with_the_same_settings_counts(
        self, run: SimulatedRun
    ) -> None:
        run.add("linear", learning_rate=0.1)
        run.add("linear", learning_rate=0.2)
        run.add("lora", learning_rate=0.2)
        run.add("adapter", learning_rate=0.3)
        found = [
            each for each in lines(run.read(), "comparisons_reference") if each["metric"] == "mean"
        ]
        assert [(each["method"], each["remark"]) for each in found] == [("lora", "")]


class TestRebuilt:
    def test_numbers_do_not_depend_on_the_order_of_the_cells(self, tmp_path: Path) -> None:
        tables = []
        for reverse in (False, True):
            run = SimulatedRun(tmp_path / str(reverse))
            run.pair(gain=0.2, seeds=range(6))
            run.pair(gain=0.1, target="more")
            results = run.read(reverse=reverse)
            tables.append([lines(results, name) for name in ("comparisons", "intervals")])
        forward, backward = tables
        for one, other in zip(forward, backward, strict=True):
            assert sorted(map(str, one)) == sorted(map(str, other))

    def test_generators_depend_on_their_labels_alone(self) -> None:
        first, again = generator_of("a", "b"), generator_of("a", "b")
        assert first.integers(1 << 40) == again.integers(1 << 40)
        assert generator_of("a", "b").integers(1 << 40) != generator_of("a", "c").integers(1 << 40)
        # fixed for good: hash() would change from process to process
        assert generator_of("rsbench").bit_generator.random_raw() == 14115814026963549305

    def test_comparisons_are_computed_once_and_findings_fit_them(self, run: SimulatedRun) -> None:
        run.pair(gain=0.5)
        results = run.read()
        (pair,) = results.pairs
        comparison = comparison_of(results, pair, "tail")
        assert comparison_of(results, pair, "tail") is comparison
        finding = finding_of(results, pair, "tail")
        assert finding.comparison is comparison
        assert finding.verdict == line(results, "tail")["verdict"]


def width(found: dict[str, str]) -> float:
    return float(found["difference_high"]) - float(found["difference_low"])


def rename_images(run: SimulatedRun, identifier: str, name: Any) -> None:
    import pandas as pd

    path = run.folder.cell(identifier) / "predictions.parquet"
    frame = pd.read_parquet(path)
    frame["id"] = [name(number) for number in range(len(frame))]
    frame.to_parquet(path, index=False)


def shuffle_images(run: SimulatedRun, identifier: str) -> None:
    import pandas as pd

    path = run.folder.cell(identifier) / "predictions.parquet"
    frame = pd.read_parquet(path).sample(frac=1.0, random_state=1)
    frame.to_parquet(path, index=False)
