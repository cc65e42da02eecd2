"""A run beside the published numbers: what is compared, what is refused, and the verdicts."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from paper_runs import dota_predictions, fill, paper_record, paper_run
from records import make_record, make_run, write_predictions

from rsbench.cli import main
from rsbench.compare.paper import (
    Comparison,
    NotAReproductionError,
    PaperComparison,
    compare_with_paper,
)
from rsbench.compare.paper_tables import order_table, paper_table, reading_tables, summary_table
from rsbench.report.writers import to_csv, to_markdown
from rsbench.store import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.plan import CellRun
    from rsbench.record import Record


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "results" / "little")


def seeds(accuracies: dict[str, list[float]], **run: Any) -> list[tuple[CellRun, Record]]:
    """Cells with these accuracies, one for each seed."""
    cells = []
    for seed, values in enumerate(zip(*accuracies.values(), strict=True)):
        cell = paper_run(seed=seed, **run)
        cells.append((cell, paper_record(cell, **dict(zip(accuracies, values, strict=True)))))
    return cells


def one(comparison: PaperComparison, identifier: str) -> Comparison:
    """The only comparison with a number."""
    (found,) = (each for each in comparison.comparisons if each.number.id == identifier)
    return found


class TestVerdicts:
    def test_known_accuracies_give_the_right_verdicts(self, folder: RunFolder) -> None:
        fill(folder, seeds({"tail": [90.7, 90.7, 90.7], "mean": [93.1, 93.1, 93.1]}))
        comparison = compare_with_paper(folder)
        tail = one(comparison, "main/lora/dota/tail")
        assert tail.verdict == "agrees"
        assert tail.difference == pytest.approx(0.0)
        # 92.3 in the figure, 0.1 from reading it: but a reproduction may deviate by 0.7
        assert one(comparison, "fig-1a/lora/mean").verdict == "higher"
        assert one(comparison, "fig-1a/lora/mean").difference == pytest.approx(0.8)

    @pytest.mark.parametrize(
        ("tail", "mean", "verdicts"),
        [
            (90.74, 92.9, ("agrees", "agrees")),
            (90.76, 93.01, ("higher", "higher")),
            (90.64, 91.59, ("lower", "lower")),
        ],
    )
    def test_rounding_of_printed_numbers_and_tolerance_of_the_figure(
        self, folder: RunFolder, tail: float, mean: float, verdicts: tuple[str, str]
    ) -> None:
        fill(folder, seeds({"tail": [tail] * 3, "mean": [mean] * 3}))
        comparison = compare_with_paper(folder)
        numbers = ("main/lora/dota/tail", "fig-1a/lora/mean")
        assert tuple(one(comparison, each).verdict for each in numbers) == verdicts

    def test_noise_between_seeds_widens_what_agrees(self, folder: RunFolder) -> None:
        fill(folder, seeds({"tail": [90.0, 91.0, 92.0]}))
        found = one(compare_with_paper(folder), "main/lora/dota/tail")
        assert found.verdict == "agrees"
        assert found.ours.measured is not None
        # t(2, 97.5 %) = 4.3027, standard error 1 / sqrt(3)
        assert found.ours.measured.half_width == pytest.approx(4.30265 / 3**0.5, rel=1e-5)
        assert found.ours.measured.basis == "seeds"

    def test_predictions_bring_the_noise_of_the_images_in(self, folder: RunFolder) -> None:
        groups = {"head": 0.95, "medium": 0.93, "tail": 0.9}
        cells, written = [], []
        for seed in range(3):
            run = paper_run(seed=seed)
            labels, predictions = dota_predictions(groups, shift=seed)
            record = paper_record(run, tail=90.0, mean=92.2)
            cells.append((run, record))
            written.append((record, labels, predictions))
        fill(folder, cells)
        for record, labels, predictions in written:
            write_predictions(folder, record, labels, predictions)
        measured = one(compare_with_paper(folder), "main/lora/dota/tail").ours.measured
        assert measured is not None
        assert measured.basis == "seeds and images"
        # six classes of 100 images each; seeds are equally good, and miss nearly the same images
        error = 100 * (0.9 * 0.1 / 600) ** 0.5
        assert measured.half_width == pytest.approx(1.96 * error, rel=0.1)

    def test_gaps_stay_gaps_and_show_what_we_have(self, folder: RunFolder) -> None:
        fill(folder, seeds({"head": [95.0, 95.0]}))
        found = one(compare_with_paper(folder), "main/lora/dota/head")
        assert (found.verdict, found.number.value, found.difference) == ("gap", None, None)
        assert found.ours.measured is not None
        assert found.ours.measured.value == pytest.approx(95.0)

    def test_what_was_not_run_says_so(self, folder: RunFolder) -> None:
        fill(folder, seeds({"tail": [90.0]}))
        comparison = compare_with_paper(folder)
        found = one(comparison, "main/bitfit/dota/tail")
        assert (found.verdict, found.ours.rows) == ("not run", ())
        numbers = {each.number.id for each in comparison.comparisons}
        assert numbers == set(comparison.published.by_id)

    def test_what_depends_on_machines_is_not_compared(self, folder: RunFolder) -> None:
        fill(folder, seeds({"tail": [90.0]}))
        found = one(compare_with_paper(folder), "limits/training-hours")
        assert found.verdict == "not compared"
        assert "machines" in found.ours.remark


#: Published tail accuracies of LoRA.
TAILS = {"inat2018": 78.5, "dota": 90.7, "fusrs25": 72.1}


class TestAverages:
    def test_of_all_three_transfers(self, folder: RunFolder) -> None:
        cells = [
            cell
            for target, tail in TAILS.items()
            for cell in seeds({"tail": [tail, tail]}, target=target)
        ]
        found = one(compare_with_paper(fill(folder, cells)), "main/lora/average/tail")
        assert found.ours.measured is not None
        assert found.ours.measured.value == pytest.approx(241.3 / 3)
        assert found.verdict == "agrees"
        assert {row.target for row in found.ours.rows} == set(TAILS)

    def test_of_two_transfers_names_the_missing_one(self, folder: RunFolder) -> None:
        cells = [
            cell
            for target in ("dota", "fusrs25")
            for cell in seeds({"tail": [TAILS[target]]}, target=target)
        ]
        found = one(compare_with_paper(fill(folder, cells)), "main/lora/average/tail")
        assert (found.verdict, found.ours.measured) == ("not run", None)
        assert found.ours.remark == "missing: inat2018; the run has dota, fusrs25"

    def test_gains_are_averaged_like_accuracies(self, folder: RunFolder) -> None:
        gains = {"inat2018": 0.8, "dota": 0.7, "fusrs25": 2.1}
        cells = []
        for target, tail in TAILS.items():
            cells += seeds({"tail": [tail] * 2}, target=target)
            cells += seeds({"tail": [tail + gains[target]] * 2}, target=target, metapeft=True)
        comparison = compare_with_paper(fill(folder, cells))
        found = one(comparison, "gain/lora/average/tail")
        assert found.ours.measured is not None
        assert found.ours.measured.value == pytest.approx(1.2)
        assert found.verdict == "agrees"
        assert len(found.ours.rows) == 6


class TestGains:
    def test_are_differences_of_pairs_by_seed(self, folder: RunFolder) -> None:
        plain, tuned = [90.0, 91.0, 92.0], [90.7, 91.7, 92.7]
        cells = seeds({"tail": plain}) + seeds({"tail": tuned}, metapeft=True)
        found = one(compare_with_paper(fill(folder, cells)), "gain/lora/dota/tail")
        assert found.ours.measured is not None
        assert found.ours.measured.value == pytest.approx(0.7)
        # the seeds differ by points, their gains do not
        assert found.ours.measured.half_width == pytest.approx(0.0, abs=1e-6)
        assert found.verdict == "agrees"

    def test_images_are_paired_where_predictions_are_there(self, folder: RunFolder) -> None:
        cells, written = [], []
        for metapeft, tail in ((False, 0.90), (True, 0.91)):
            run = paper_run(metapeft=metapeft)
            record = paper_record(run, tail=100 * tail)
            labels, predictions = dota_predictions({"head": 0.9, "medium": 0.9, "tail": tail})
            cells.append((run, record))
            written.append((record, labels, predictions))
        fill(folder, cells)
        for record, labels, predictions in written:
            write_predictions(folder, record, labels, predictions)
        measured = one(compare_with_paper(folder), "gain/lora/dota/tail").ours.measured
        assert measured is not None
        assert (measured.basis, measured.differing) == ("images", 6)
        assert measured.value == pytest.approx(1.0)
        # one image in each of six classes of 100 differs: far less noise than unpaired
        assert measured.half_width == pytest.approx(
            1.96 * 100 * (0.01 * 0.99 / 600) ** 0.5, rel=0.1
        )

    def test_a_partner_with_another_recipe_is_no_pair(self, folder: RunFolder) -> None:
        cells = seeds({"tail": [90.0]}, batch_size=256) + seeds({"tail": [91.0]}, metapeft=True)
        found = one(compare_with_paper(fill(folder, cells)), "gain/lora/dota/tail")
        assert found.verdict == "not run"
        assert "no row of main/lora/dota/tail with otherwise equal settings" in found.ours.remark


REFUSED = [
    ({"target_kind": "demo_dota"}, {}, "the target dota (demo_dota) is none of the paper's"),
    ({}, {"class_names": ("a", "b", "c")}, "target dota: 3 classes; in the paper 15"),
    (
        {},
        {"groups": {"head": range(4), "medium": range(4, 9), "tail": range(9, 15)}},
        "4 / 5 / 6 head / medium / tail classes; in the paper 3 / 6 / 6",
    ),
    ({"target_options": {"difficult": "exclude"}}, {}, "difficult is exclude; in the paper"),
    ({"backbone": "dinov2_vit_s14"}, {}, "the backbone dinov2_vit_s14 stands in for another one"),
    ({"backbone": "satmae_vit_l16"}, {}, "on dota in the paper it is in21k_vit_b16"),
    ({"backbone_options": {"weights": "mine.pt"}}, {}, "weights is mine.pt"),
    ({"backbone_options": {"normalisation": {"mean": [0.4]}}}, {}, "normalisation is"),
    ({}, {"disclaimers": ("in21k_vit_b16: the weights are a file of the user's",)}, "user's"),
    ({"epochs": 2}, {}, "epochs is 2, fewer than the published 10 on dota"),
    ({"epochs": 30}, {}, "epochs is 30, other than the published 10 on dota"),
    ({"learning_rate": 0.1}, {}, "recipe: learning_rate is 0.1; in the paper 0.01"),
    ({"evaluate_on": "validation"}, {}, "evaluate_on is validation; in the paper test"),
    ({"augmentation": {"vertical_flip": 0.5}}, {}, "augmentation.vertical_flip is 0.5"),
    (
        {"metapeft": True, "metapeft_options": {"gamma": "joint"}},
        {},
        "metapeft: gamma is joint; in the paper learned",
    ),
    (
        {"metapeft": True, "metapeft_options": {"val_source": "fixed"}},
        {},
        "metapeft: val_source is fixed; in the paper fresh",
    ),
    (
        {"method": "adapter", "options": {"norm": False}},
        {},
        "method adapter: norm is False; in the paper True",
    ),
]


class TestRefusals:
    @pytest.mark.parametrize(("run", "record", "reason"), REFUSED)
    def test_a_row_that_is_no_reproduction_is_refused_and_says_why(
        self, folder: RunFolder, run: dict[str, Any], record: dict[str, Any], reason: str
    ) -> None:
        cell = paper_run(**run)
        fill(folder, [(cell, paper_record(cell, **record))])
        with pytest.raises(NotAReproductionError) as caught:
            compare_with_paper(folder)
        assert reason in caught.value.what
        assert caught.value.exit_code == 2
        # the reason is the only one: nothing else of these cells differs from the paper
        lines = [line for line in caught.value.what.splitlines() if line.startswith("- ")]
        assert len(lines) == 1

    @pytest.mark.parametrize(
        "run",
        [
            {"backbone": "in21k_ft_in1k_vit_b16"},
            {"precision": "bf16"},
            {"schedule_interval": "epoch"},
            {"batch_size": 512},
            {"metapeft": True, "metapeft_options": {"learning_rate": 0.1, "outer_batches": 5}},
            {"target": "inat2018", "epochs": 20},
        ],
    )
    def test_what_the_paper_leaves_open_is_accepted(
        self, folder: RunFolder, run: dict[str, Any]
    ) -> None:
        cell = paper_run(**run)
        comparison = compare_with_paper(fill(folder, [(cell, paper_record(cell))]))
        assert comparison.refused == ()

    def test_each_reason_stands_once_with_its_cells(self, folder: RunFolder) -> None:
        cells = [
            (cell, paper_record(cell))
            for cell in (
                paper_run(learning_rate=0.1),
                paper_run("bitfit", learning_rate=0.1),
                paper_run("adapter", epochs=1),
            )
        ]
        fill(folder, cells)
        with pytest.raises(NotAReproductionError) as caught:
            compare_with_paper(folder)
        assert caught.value.what.splitlines() == [
            "nothing in this run is a reproduction of the paper:",
            "- recipe: learning_rate is 0.1; in the paper 0.01: "
            "dota / in21k_vit_b16 / lora, dota / in21k_vit_b16 / bitfit",
            "- recipe: epochs is 1, fewer than the published 10 on dota: "
            "dota / in21k_vit_b16 / adapter",
        ]

    def test_settings_of_another_target_or_backbone_are_not_gone_through(
        self, folder: RunFolder
    ) -> None:
        cells = [
            paper_run(target_kind="demo_dota", learning_rate=0.1),
            paper_run(backbone="dinov2_vit_s14", batch_size=3),
        ]
        fill(folder, [(cell, paper_record(cell)) for cell in cells])
        with pytest.raises(NotAReproductionError) as caught:
            compare_with_paper(folder)
        assert "demo_dota" in caught.value.what
        assert "dinov2_vit_s14 stands in" in caught.value.what
        assert "recipe" not in caught.value.what

    def test_the_rest_of_a_mixed_run_is_left_out_with_its_reasons(self, folder: RunFolder) -> None:
        good, bad, other = paper_run(), paper_run("bitfit", epochs=3), paper_run("linear")
        cells = [(each, paper_record(each)) for each in (good, bad, other)]
        comparison = compare_with_paper(fill(folder, cells))
        (refused,) = comparison.refused
        assert refused.rows == ("dota / in21k_vit_b16 / bitfit",)
        assert comparison.unreported == ("dota / in21k_vit_b16 / linear",)
        assert one(comparison, "main/bitfit/dota/tail").verdict == "not run"
        text = to_markdown(summary_table(comparison))
        assert "left out, no reproduction" in text
        assert "epochs is 3" in text
        assert "methods that the paper does not report: dota / in21k_vit_b16 / linear" in text

    def test_one_seed_is_a_warning(self, folder: RunFolder) -> None:
        cell = paper_run()
        comparison = compare_with_paper(fill(folder, [(cell, paper_record(cell))]))
        assert comparison.single_seed == ("dota / in21k_vit_b16 / lora",)
        assert "one seed only" in to_markdown(summary_table(comparison))

    def test_skipped_images_are_told(self, folder: RunFolder) -> None:
        cell = paper_run()
        record = paper_record(cell, skipped={"test": 2, "train": 0})
        comparison = compare_with_paper(fill(folder, [(cell, record)]))
        assert comparison.skipped == ("dota: 2 images of test",)

    def test_a_run_without_a_finished_cell(self, folder: RunFolder) -> None:
        fill(folder, [(paper_run(), None)])
        with pytest.raises(NotAReproductionError, match="no cell of this run is finished"):
            compare_with_paper(folder)


class TestSettings:
    def compare(self, folder: RunFolder, **run: Any) -> PaperComparison:
        cell = paper_run(**run)
        return compare_with_paper(fill(folder, [(cell, paper_record(cell))]))

    def measured(self, comparison: PaperComparison) -> set[str]:
        """Ids of the accuracies and drops that the run has a number for, gaps left out."""
        tables = ("main", "position", "depth", "scale", "position-depth", "sampling")
        return {
            each.number.id
            for each in comparison.comparisons
            if each.ours.measured and each.number.value and each.number.table in tables
        }

    def test_a_single_position(self, folder: RunFolder) -> None:
        comparison = self.compare(folder, options={"positions": ["k"]})
        metrics = {f"position/k/{each}" for each in ("head", "medium", "tail", "mean")}
        # alpha / r = 1 is the point 2^0 of the figure; all blocks are the last of blocks 1 to k
        assert self.measured(comparison) == {
            *metrics,
            "scale/k/0/mean",
            "position-depth/k/12/mean",
        }

    def test_a_scale(self, folder: RunFolder) -> None:
        options = {"positions": ["k"], "alpha": 8.0, "rank": 1}
        assert self.measured(self.compare(folder, options=options)) == {"scale/k/3/mean"}

    def test_a_scale_is_alpha_over_rank(self, folder: RunFolder) -> None:
        options = {"positions": ["k"], "alpha": 1.0, "rank": 4}
        found = self.measured(self.compare(folder, options={**options, "alpha": 16.0}))
        assert found == {"scale/k/2/mean"}

    @pytest.mark.parametrize(
        ("blocks", "reading"), [("0-7", "blocks 0-7"), (7, "blocks 7"), ([7], "blocks 7")]
    )
    def test_a_depth_in_both_readings(
        self, folder: RunFolder, blocks: object, reading: str
    ) -> None:
        comparison = self.compare(folder, options={"positions": ["mlp1"], "blocks": blocks})
        assert self.measured(comparison) == {"position-depth/mlp1/8/mean"}
        assert one(comparison, "position-depth/mlp1/8/mean").ours.reading == reading

    def test_query_and_value_are_another_reading_of_lora(self, folder: RunFolder) -> None:
        comparison = self.compare(folder, method="lora_qv")
        found = one(comparison, "main/lora/dota/tail")
        assert found.ours.reading == "positions q, v"

    def test_two_readings_in_one_run_get_a_line_each(self, folder: RunFolder) -> None:
        runs = [paper_run("lora"), paper_run("lora_qv")]
        comparison = compare_with_paper(fill(folder, [(r, paper_record(r)) for r in runs]))
        found = [e for e in comparison.comparisons if e.number.id == "main/lora/dota/tail"]
        assert [each.ours.reading for each in found] == [
            "positions q, k, v, out, mlp1, mlp2",
            "positions q, v",
        ]

    def test_a_sampling_ratio(self, folder: RunFolder) -> None:
        run = {"metapeft": True, "metapeft_options": {"ratio": 0.05}}
        comparison = self.compare(folder, **run)
        assert self.measured(comparison) == {"sampling/0.05/tail", "sampling/0.05/mean"}

    @pytest.mark.parametrize("form", ["{}", "all but {}"])
    def test_drops_are_counted_in_one_reading(self, folder: RunFolder, form: str) -> None:
        cells = []
        for blocks, mean in (("3-5", 92.0), ("6-8", 91.7), ("9-11", 89.24)):
            run = paper_run(options={"blocks": form.format(blocks)})
            cells.append((run, paper_record(run, mean=mean)))
        # the other reading of the baseline, which must not be mixed in
        other = "3-5" if "but" in form else "all but 3-5"
        run = paper_run(options={"blocks": other})
        cells.append((run, paper_record(run, mean=50.0)))
        comparison = compare_with_paper(fill(folder, cells))
        drop = one(comparison, "depth/l6-8/drop")
        relative = one(comparison, "depth/l9-11/relative-drop")
        assert drop.ours.measured is not None
        assert relative.ours.measured is not None
        assert drop.ours.measured.value == pytest.approx(0.3)
        assert relative.ours.measured.value == pytest.approx(3.0)
        assert (drop.verdict, relative.verdict) == ("agrees", "lower")

    def test_parameters_are_compared_exactly(self, folder: RunFolder) -> None:
        comparison = self.compare(folder)
        found = one(comparison, "parameters/vit-b16/dota/lora-all")
        assert (found.verdict, found.difference) == ("agrees", 0.0)
        assert one(comparison, "parameters/vit-b16/dota/head").verdict == "agrees"
        assert one(comparison, "parameters/vit-b16/dota/lora-qv").verdict == "not run"

    def test_another_rank_is_not_held_against_the_counts_of_the_rule(
        self, folder: RunFolder
    ) -> None:
        comparison = self.compare(folder, options={"rank": 8, "alpha": "rank"})
        assert one(comparison, "parameters/vit-b16/dota/lora-all").verdict == "not run"
        assert one(comparison, "main/lora/dota/tail").ours.measured is not None

    def test_modulators_stay_below_the_limit(self, folder: RunFolder) -> None:
        found = one(self.compare(folder, metapeft=True), "limits/modulators")
        assert found.ours.measured is not None
        assert (found.verdict, found.ours.measured.value) == ("agrees", 72.0)

    def test_distances_between_classes(self, folder: RunFolder) -> None:
        run = paper_run()
        fill(folder, [(run, paper_record(run))])
        centroids = np.eye(15, dtype=np.float32)
        spreads = np.zeros(15, np.float32)
        np.savez(
            folder.cell(run.id) / "features.npz",
            classes=np.arange(15),
            centroids_before=centroids,
            centroids_after=centroids,
            spreads_before=spreads,
            spreads_after=spreads,
        )
        found = one(compare_with_paper(folder), "distance/lora/tail")
        assert found.ours.measured is not None
        assert found.ours.measured.value == pytest.approx(1.0)
        assert found.verdict == "higher"

    def test_a_cell_at_several_axis_values_counts_once(self, folder: RunFolder) -> None:
        first, second = paper_run(axes={"scale": "1"}), paper_run(axes={"scale": "2^0"})
        assert first.id == second.id
        record = paper_record(first)
        fill(folder, [(first, record), (second, None)])
        assert one(compare_with_paper(folder), "main/lora/dota/tail").ours.measured is not None


#: Published mean accuracies on DOTA.
PUBLISHED = {
    "adapter": 92.9,
    "adaptformer": 92.6,
    "lora": 92.3,
    "vpt_deep": 91.9,
    "bitfit": 91.5,
    "vpt_shallow": 85.7,
}


class TestOrder:
    def order(self, folder: RunFolder, means: dict[str, float]) -> list[str]:
        cells = [
            cell
            for method, mean in means.items()
            for cell in seeds({"mean": [mean, mean]}, method=method)
        ]
        return [step.verdict for step in compare_with_paper(fill(folder, cells)).order]

    def test_the_published_accuracies_hold(self, folder: RunFolder) -> None:
        assert self.order(folder, PUBLISHED) == ["holds"] * 5

    def test_small_and_large_reversals(self, folder: RunFolder) -> None:
        means = {**PUBLISHED, "adaptformer": 93.5, "vpt_shallow": 95.0}
        expected = ["within tolerance", "holds", "holds", "holds", "reversed"]
        assert self.order(folder, means) == expected

    def test_a_missing_method(self, folder: RunFolder) -> None:
        means = {name: mean for name, mean in PUBLISHED.items() if name != "bitfit"}
        verdicts = self.order(folder, means)
        assert verdicts == ["holds", "holds", "holds", "not run", "not run"]


class TestFiles:
    def run(self, folder: RunFolder) -> RunFolder:
        cells = seeds({"tail": [90.7, 90.9, 90.5]}) + seeds({"tail": [92.0] * 3}, metapeft=True)
        return fill(folder, cells)

    def test_the_same_records_give_the_same_bytes(
        self, folder: RunFolder, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.run(folder)
        names = ["compare-paper-order.csv", "compare-paper.csv", "compare-paper.md"]
        contents = []
        for _ in range(2):
            assert main(["compare", str(folder.path), "--with", "paper"]) == 0
            written = sorted(folder.tables.iterdir())
            assert [path.name for path in written] == names
            contents.append([path.read_bytes() for path in written])
        assert contents[0] == contents[1]
        assert "main/lora/dota/tail" in capsys.readouterr().out

    def test_csv_has_numbers_in_columns_of_their_own(self, folder: RunFolder) -> None:
        table = paper_table(compare_with_paper(self.run(folder)))
        rows = {row["id"]: row for row in csv.DictReader(io.StringIO(to_csv(table)))}
        row = rows["main/lora/dota/tail"]
        assert (float(row["published"]), float(row["uncertainty"])) == (90.7, 0.05)
        assert float(row["ours_mean"]) == pytest.approx(90.7)
        assert float(row["ours_low"]) < 90.7 < float(row["ours_high"])
        assert (row["seeds"], row["verdict"], row["certainty"]) == ("3", "agrees", "printed")
        assert rows["main/lora/dota/head"]["published"] == ""

    def test_order_table_is_there_without_a_run_of_it(self, folder: RunFolder) -> None:
        table = order_table(compare_with_paper(self.run(folder)))
        assert len(table.rows) == 5

    def test_published_runs_are_written_elsewhere_only(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run = self.run(RunFolder(tmp_path / "work"))
        place = tmp_path / "results" / "published" / "work"
        place.parent.mkdir(parents=True)
        run.path.rename(place)
        assert main(["compare", str(place), "--with", "paper"]) == 0
        assert "not written to files" in capsys.readouterr().out
        assert not (place / "tables").exists()
        out = tmp_path / "elsewhere"
        assert main(["compare", str(place), "--with", "paper", "--out", str(out)]) == 0
        assert (out / "compare-paper.md").is_file()
        assert not (place / "tables").exists()

    def test_a_demo_run_is_refused_on_the_command_line(
        self, folder: RunFolder, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run = make_run(kinds={"target": "demo_dota", "backbone": "demo_vit"})
        fill(folder, [(run, make_record(run, disclaimers=("demo data: rendered",)))])
        assert main(["compare", str(folder.path), "--with", "paper"]) == 2
        error = capsys.readouterr().err
        assert "nothing in this run is a reproduction" in error
        assert "demo data: rendered" in error
        assert not folder.tables.exists()

    def test_readers_see_the_tables_that_were_run_and_a_summary_of_all(
        self, folder: RunFolder
    ) -> None:
        tables = reading_tables(compare_with_paper(self.run(folder)))
        names = [table.name.removeprefix("compare-paper-") for table in tables]
        assert names[0] == "summary"
        assert {"main", "gain", "fig-1a", "sampling"} <= set(names)
        assert not {"scale", "depth", "distance"} & set(names)
        summary = {str(row[0]).rpartition(" (")[2]: row[1:] for row in tables[0].rows}
        # agrees, higher, lower, not run, gap, not compared
        assert summary["Fig. 1d)"] == (0, 0, 0, 60, 0, 0)
        text = to_markdown(next(table for table in tables if table.name == "compare-paper-main"))
        line = next(each for each in text.splitlines() if each.startswith("| lora/dota/tail"))
        assert "| 90.7 ± 0.05 (printed) | 90.70 [" in line
        assert "| 0.00 | agrees |" in line
