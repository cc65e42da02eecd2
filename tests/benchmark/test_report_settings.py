"""The section "settings": what the rows share stands once, what differs by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from records import little_folder, make_run, scored_record
from report_tables import artefacts_of, csv_rows, finish

from rsbench.report.artefacts import Table
from rsbench.report.writers import to_latex, to_markdown

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.report.results import RunResults

COUNTS = (60, 20, 3)


@pytest.fixture
def results(tmp_path: Path) -> RunResults:
    """The linear probe at a rate of its own beside LoRA of two ranks and Adapter, two seeds."""
    lora = [{"rank": rank, "scale": 0.125, "positions": ["q", "v"]} for rank in (4, 8)]
    cells = [("linear", {}, 0.1), *(("lora", each, 0.01) for each in lora)]
    cells.append(("adapter", {"rank": 4, "scale": 0.125, "init": None}, 0.01))
    runs = [
        make_run(method, seed, options=options, learning_rate=rate, batch_size=32)
        for method, options, rate in cells
        for seed in (0, 3)
    ]
    runs.append(make_run("lora", 0, metapeft=True, options=lora[0], batch_size=32))
    labels = np.repeat(np.arange(3), 5)
    records = [scored_record(run, labels, labels, COUNTS) for run in runs]
    return finish(little_folder(tmp_path), runs, records)


def tables(results: RunResults) -> tuple[Table, Table]:
    found = artefacts_of(results, "settings")
    by_row, shared = found["settings"], found["settings_shared"]
    assert isinstance(by_row, Table)
    assert isinstance(shared, Table)
    return by_row, shared


def test_what_differs_has_a_column(results: RunResults) -> None:
    lines = csv_rows(tables(results)[0])
    methods = ["linear", "lora", "lora", "adapter", "lora+metapeft"]
    assert [line["method"] for line in lines] == methods
    assert [line["recipe_learning_rate"] for line in lines] == ["0.1", *["0.01"] * 4]
    assert [line["recipe_rate_at_batch"] for line in lines] == ["0.05", *["0.005"] * 4]
    assert [line["method_rank"] for line in lines] == ["", "4", "8", "4", "4"]
    assert [line["seeds"] for line in lines] == [*["0, 3"] * 4, "0"]
    assert "method_scale" not in lines[0]
    assert "recipe_epochs" not in lines[0]


def test_what_all_share_stands_once_with_who_has_it(results: RunResults) -> None:
    lines = {(line["of"], line["setting"]): line for line in csv_rows(tables(results)[1])}
    expected = {
        ("data", "training images"): ("83", "all"),
        ("data", "imbalance"): ("20", "all"),
        ("data", "image size"): ("7", "all"),
        ("recipe", "epochs"): ("10", "all"),
        ("recipe", "batch size"): ("32", "all"),
        ("recipe", "optimizer"): ("sgd", "all"),
        ("recipe", "loss"): ("logit_adjustment", "all"),
        ("method", "scale"): ("0.125", "lora, adapter"),
        ("method", "positions"): ("q, v", "lora"),
        ("method", "init"): ("none", "adapter"),
    }
    found = {key: (lines[key]["value"], lines[key]["methods"]) for key in expected}
    assert found == expected
    assert ("recipe", "learning rate") not in lines


def test_every_setting_is_in_exactly_one_of_the_tables(results: RunResults) -> None:
    by_row, shared = tables(results)
    columns = {(column.group, column.title) for column in by_row.columns if column.group}
    lines = {(row[0], row[1]) for row in shared.rows}
    assert not columns & lines
    for row in results.rows:
        recipe = {("recipe", name.replace("_", " ")) for name in ("tau", "epochs", "learning_rate")}
        assert recipe <= columns | lines
        options = {("method", name) for name in row.first.cell.method.options}
        assert options <= columns | lines


def test_it_is_written_as_the_other_tables(results: RunResults) -> None:
    for table in tables(results):
        assert to_markdown(table).startswith("# little: settings")
        assert r"\begin{tabular}" in to_latex(table)
        assert len(table.rows) > 3
