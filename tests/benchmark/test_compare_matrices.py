"""The shipped matrices, run as they are, would reach the published numbers that they are about."""

from __future__ import annotations

import pytest
from paper_runs import paper_record
from records import INFO

from rsbench.cell import Cell, cell_id, identity
from rsbench.compare.matching import Candidates
from rsbench.compare.reproduction import refusals
from rsbench.matrix.expand import expand
from rsbench.matrix.load import load_matrix
from rsbench.plan import CellRun
from rsbench.published import load_published, load_reproduction
from rsbench.record import Record
from rsbench.report.rows import Row, build_rows


def rows_of(matrix: str) -> tuple[Row, ...]:
    """One row for each setting of a matrix, as if it had been run."""
    return build_rows([(cell.axes, as_if_run(cell)) for cell in expand(load_matrix(matrix), [0])])


def as_if_run(cell: Cell) -> Record:
    fields = identity(cell, "content", INFO)
    return paper_record(CellRun(cell, cell_id(fields), fields))


@pytest.mark.parametrize(
    "matrix",
    [
        "paper",
        "full",
        "ablation-position",
        "ablation-depth",
        "ablation-position-depth",
        "ablation-scale",
        "ablation-combination",
    ],
)
def test_no_cell_of_a_shipped_matrix_is_refused(matrix: str) -> None:
    published = load_reproduction()
    assert [refusals(row, published) for row in rows_of(matrix) if refusals(row, published)] == []


@pytest.mark.parametrize(
    ("matrix", "tables"),
    [
        ("paper", ["main", "gain", "fig-1a", "distance"]),
        ("ablation-position", ["position"]),
        ("ablation-depth", ["depth"]),
        ("ablation-scale", ["scale"]),
        ("ablation-position-depth", ["position-depth"]),
        ("ablation-combination", ["combination"]),
        ("ablation-sampling", ["sampling"]),
    ],
)
def test_every_number_of_a_table_has_a_row_of_its_matrix(matrix: str, tables: list[str]) -> None:
    published = load_reproduction()
    rows = [row for row in rows_of(matrix) if not refusals(row, published)]
    candidates = Candidates(rows, published)
    unreached = [
        number.id
        for table in tables
        for number in load_published().table(table).numbers
        if not number.is_gap and not candidates.fitting(number)
    ]
    assert unreached == []


def test_what_varies_a_setting_of_the_paper_is_refused() -> None:
    published = load_reproduction()
    refused = [row for row in rows_of("controls") if refusals(row, published)]
    controls = {row.method for row in refused}
    assert refused
    assert "lora" not in controls
