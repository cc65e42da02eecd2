"""Learned gammas in the report: thirds of the blocks, maps beside controls, trajectories."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from records import little_folder, make_record, make_run, write_run

from rsbench.report.artefacts import Absent, Artefact, Figure, Table
from rsbench.report.figures.style import style
from rsbench.report.results import load_results
from rsbench.report.sections.gammas.build import build
from rsbench.report.sections.gammas.ends import third_of
from rsbench.report.writers import to_csv

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rsbench.record import Record
    from rsbench.store import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return little_folder(tmp_path)


def gammas(**by_block: float) -> dict[str, float]:
    """Gammas of "q" by block: ``b0=2.0``."""
    return {f"block{name[1:]}_q": value for name, value in by_block.items()}


def fill(folder: RunFolder, *cells: tuple[str, int, str, Mapping[str, float]]) -> list[Record]:
    """Cells by method (its kind ends at the first "_"), seed, control and last gammas."""
    runs = [
        make_run(method, seed, metapeft=True, kinds={"method": method.partition("_")[0]})
        for method, seed, _, _ in cells
    ]
    records = [
        make_record(run, strategy={"control": control, "gamma": dict(values), "outer_steps": 2})
        for run, (_, _, control, values) in zip(runs, cells, strict=True)
    ]
    write_run(folder, runs, records)
    return records


def artefacts(folder: RunFolder) -> dict[str, Artefact]:
    return {each.name: each for each in build(load_results(folder))}


def lines(folder: RunFolder) -> list[dict[str, str]]:
    table = artefacts(folder)["gamma_thirds"]
    assert isinstance(table, Table)
    return list(csv.DictReader(io.StringIO(to_csv(table))))


def write_path(folder: RunFolder, record: Record) -> None:
    steps = [(step, block) for step in range(3) for block in range(3)]
    frame = pd.DataFrame(
        {
            "inner_step": [5 * step for step, _ in steps],
            "outer_step": [step for step, _ in steps],
            "block": [block for _, block in steps],
            "position": "q",
            "gamma": [1.0 + 0.1 * step * (block - 1) for step, block in steps],
        }
    )
    frame.to_csv(folder.cell(record.id) / "gamma.csv", index=False)


class TestThirds:
    def test_shares_and_mean_logarithms(self, folder: RunFolder) -> None:
        fill(folder, ("lora", 0, "learned", gammas(b0=1, b1=1, b2=2, b3=2, b4=4, b5=2)))
        (line,) = lines(folder)
        assert float(line["share_first_mean"]) == pytest.approx(100 * 2 / 12, abs=1e-3)
        assert float(line["share_last_mean"]) == pytest.approx(50.0)
        assert float(line["log_first_mean"]) == pytest.approx(0.0, abs=1e-9)
        assert float(line["log_last_mean"]) == pytest.approx(1.5 * math.log(2), abs=1e-5)
        assert line["share_first_std"] == ""

    def test_seeds_are_averaged(self, folder: RunFolder) -> None:
        fill(
            folder,
            ("lora", 0, "learned", gammas(b0=1, b1=1, b2=2)),
            ("lora", 1, "learned", gammas(b0=2, b1=1, b2=1)),
        )
        (line,) = lines(folder)
        assert float(line["share_first_mean"]) == pytest.approx(37.5)
        assert float(line["share_first_std"]) == pytest.approx(25 / math.sqrt(2), abs=1e-3)

    def test_a_third_without_modules_has_no_mean_logarithm(self, folder: RunFolder) -> None:
        fill(
            folder,
            ("lora", 0, "learned", gammas(b0=1, b1=1, b2=2)),
            ("late", 0, "learned", gammas(b1=1, b2=2)),
        )
        late = lines(folder)[1]
        assert (late["modules_first"], late["log_first_mean"]) == ("0", "")
        assert float(late["share_first_mean"]) == 0.0

    @pytest.mark.parametrize("blocks", [1, 2, 3, 5, 6, 12, 24])
    def test_every_block_is_in_one_third_in_order(self, blocks: int) -> None:
        thirds = [third_of(block, blocks) for block in range(blocks)]
        assert thirds == sorted(thirds)
        assert set(thirds) == set(range(min(blocks, 3)))

    def test_gammas_without_blocks_are_absent_with_a_reason(self, folder: RunFolder) -> None:
        fill(folder, ("lora", 0, "learned", {"all": 1.5}))
        found = artefacts(folder)["gamma_thirds"]
        assert isinstance(found, Absent)

    def test_a_run_without_metapeft_has_no_gammas(self, folder: RunFolder) -> None:
        run = make_run()
        write_run(folder, [run], [make_record(run)])
        assert build(load_results(folder)) == ()


class TestFigures:
    def test_controls_stand_beside_the_learned_ones(self, folder: RunFolder) -> None:
        values = gammas(b0=0.5, b1=1, b2=2)
        fill(folder, ("lora", 0, "learned", values), ("lora_joint", 0, "joint", values))
        figure = artefacts(folder)["gamma_map"]
        assert isinstance(figure, Figure)
        with style():
            drawing = figure.draw()
        titles = [axes.get_title() for axes in drawing.axes]
        assert titles[:2] == ["lora+metapeft, 1 seed", "lora_joint, joint, 1 seed"]
        assert "0.50 (q in block 0) to 2.00 (q in block 2)" in figure.alt

    def test_settings_of_one_method_are_panels_of_one_figure(self, folder: RunFolder) -> None:
        places = ("q", "k", "v", "out", "mlp1", "mlp2", "all", "some", "more", "most")
        cells = [
            (f"lora_{place}", 0, "learned", {f"block{b}_{place}": 2.0 for b in (0, 1)})
            for place in places
        ]
        fill(folder, *cells)
        figure = artefacts(folder)["gamma_map"]
        assert isinstance(figure, Figure)
        assert "1 more rows are in gamma_thirds" in figure.caption
        with style():
            drawing = figure.draw()
        titles = [axes.get_title() for axes in drawing.axes]
        assert titles[:9] == [f"{name}+metapeft, 1 seed" for name, *_ in cells[:9]]

    def test_each_map_says_how_many_seeds_it_is_the_mean_of(self, folder: RunFolder) -> None:
        values = gammas(b0=0.5, b1=1, b2=2)
        seeds = [("lora", seed, "learned", values) for seed in range(3)]
        fill(folder, *seeds, ("lora_with_a_name_that_is_long", 0, "learned", values))
        figure = artefacts(folder)["gamma_map"]
        assert isinstance(figure, Figure)
        with style():
            titles = [axes.get_title() for axes in figure.draw().axes]
        assert titles[:2] == [
            "lora+metapeft, 3 seeds",
            "lora_with_a_name_that_is_long+metapeft\n1 seed",
        ]
        assert "seed" not in figure.alt

    def test_each_kind_of_method_has_a_figure_and_a_title_of_its_own(
        self, folder: RunFolder
    ) -> None:
        values = gammas(b0=0.5, b1=1)
        fill(folder, *((f"kind{number}", 0, "learned", values) for number in range(8)))
        maps = [each for each in artefacts(folder).values() if each.name.startswith("gamma_map_")]
        assert len({each.title for each in maps}) == len(maps) == 6
        assert isinstance(maps[-1], Figure)
        assert "2 more rows are in gamma_thirds" in maps[-1].caption

    def test_trajectories_need_their_file(self, folder: RunFolder) -> None:
        fill(folder, ("lora", 0, "learned", gammas(b0=0.5, b1=1, b2=2)))
        found = artefacts(folder)["gamma_paths"]
        assert isinstance(found, Absent)
        assert "gamma.csv" in found.reason

    def test_trajectories_have_a_panel_for_each_seed(self, folder: RunFolder) -> None:
        values = gammas(b0=0.5, b1=1, b2=2)
        records = fill(folder, *(("lora", seed, "learned", values) for seed in range(3)))
        for record in records:
            write_path(folder, record)
        figure = artefacts(folder)["gamma_paths"]
        assert isinstance(figure, Figure)
        with style():
            drawing = figure.draw()
        titles = [axes.get_title() for axes in drawing.axes[:3]]
        assert titles == [f"lora+metapeft\nseed {seed}" for seed in range(3)]
        assert "One panel for each seed" in figure.caption
