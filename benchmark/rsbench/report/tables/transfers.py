"""The paper's main table: a line for each method, its transfers side by side (section 6.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import EMPTY, SPREAD, Column, Measure, Table, Value
from rsbench.report.notes import shortened, table_cautions
from rsbench.report.rows import METRICS
from rsbench.report.tables.differences import accuracies, average, seeds_text
from rsbench.report.tables.layout import (
    Transfer,
    accuracy_columns,
    identifiers,
    in_paper_order,
    is_control,
    ordered_transfers,
    plain_rows,
    transfer_title,
)

if TYPE_CHECKING:
    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

#: Transfers that stand side by side.
MOST_TRANSFERS = 6
#: Accuracies that are averaged over the transfers.
AVERAGED = ("tail", "mean")

Line = dict[Transfer, "Row"]
"""A method with one setting: its row in each transfer that it was trained on."""


def transfers_table(results: RunResults) -> Table | None:
    """Methods by transfers; None where every row has a place on a further axis."""
    rows = [row for row in plain_rows(results) if not is_control(row)]
    if not rows:
        return None
    transfers = ordered_transfers(rows)
    lines = _lines(rows)
    with_setting = any(setting for _, setting in lines)
    shown = transfers[:MOST_TRANSFERS]
    names = identifiers([transfer_title(each) for each in shown])
    columns = [Column("method", "method")]
    if with_setting:
        columns.append(Column("setting", "setting"))
    columns.append(Column("seeds", "seeds"))
    for title, name in names.items():
        columns += accuracy_columns(title, f"{name}_")
    if len(transfers) > 1:
        columns += _average_columns(len(transfers))
    return Table(
        name="transfers",
        title=f"{results.index.matrix}: methods beside transfers, accuracy in percent",
        columns=tuple(columns),
        rows=tuple(
            _fields(method, setting, with_setting, line, shown, transfers)
            for (method, setting), line in lines.items()
        ),
        notes=(*table_cautions(results), *_notes(results, lines, transfers)),
        cells=tuple(
            tuple(each for row in line.values() for each in row.ids) for line in lines.values()
        ),
    )


def _lines(rows: list[Row]) -> dict[tuple[str, str], Line]:
    lines: dict[tuple[str, str], Line] = {}
    for row in in_paper_order(rows):
        line = lines.setdefault((row.full_method, row.setting), {})
        line[row.backbone, row.target] = row
    return lines


def _average_columns(number: int) -> tuple[Column, ...]:
    group = f"average of {number}"
    return tuple(
        Column(f"average_{name}", name, unit="%", group=group, parts=SPREAD) for name in AVERAGED
    )


def _fields(
    method: str,
    setting: str,
    with_setting: bool,
    line: Line,
    shown: tuple[Transfer, ...],
    transfers: tuple[Transfer, ...],
) -> tuple[Value, ...]:
    fields: list[Value] = [method, *([setting] if with_setting else []), seeds_text(line.values())]
    for transfer in shown:
        row = line.get(transfer)
        fields += [row.measure(name) if row else Measure(None) for name in METRICS]
    if len(transfers) > 1:
        fields += [_average(line, transfers, name) for name in AVERAGED]
    return tuple(fields)


def _average(line: Line, transfers: tuple[Transfer, ...], column: str) -> Measure:
    if any(transfer not in line for transfer in transfers):
        return Measure(None)
    return average([accuracies(line[transfer], column) for transfer in transfers])


def _notes(
    results: RunResults, lines: dict[tuple[str, str], Line], transfers: tuple[Transfer, ...]
) -> list[str]:
    notes = []
    if len(transfers) > MOST_TRANSFERS:
        left_out = ", ".join(transfer_title(each) for each in transfers[MOST_TRANSFERS:])
        notes.append(
            f"**only the first {MOST_TRANSFERS} of {len(transfers)} transfers stand here**; "
            f"the averages are over all of them. Left out, and in the table main: {left_out}"
        )
    if len(transfers) > 1:
        notes.append(
            f"average of {len(transfers)}: plain mean over the transfers, as in the paper; {EMPTY} "
            "for a method that was not trained on all of them. Its ± is the deviation over the "
            "seeds of the average by seed; none where the transfers have different seeds."
        )
        notes += _incomplete(lines, transfers)
    if any(is_control(row) for row in results.rows):
        notes.append("controls of MetaPEFT are in the table controls.")
    if any(row.axes for row in results.rows):
        notes.append("rows on a further axis of the matrix are left out: see main.")
    notes.append(
        "head, medium, tail: mean accuracy of the classes of the group; mean: of all classes "
        "(mean-class accuracy, the paper's Avg); ± sample standard deviation over the seeds; "
        f"{EMPTY}: not trained, or no class of the group was tested."
    )
    return notes


def _incomplete(lines: dict[tuple[str, str], Line], transfers: tuple[Transfer, ...]) -> list[str]:
    short = [
        f"{method} ({setting})" if setting else method
        for (method, setting), line in lines.items()
        if len(line) < len(transfers)
    ]
    return [f"not on all transfers: {shortened(short)}."] if short else []
