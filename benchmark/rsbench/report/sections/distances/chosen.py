"""Which rows the figures of single methods show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.sections.statistics.contrasts import is_reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.rows import Row
    from rsbench.report.sections.distances.measured import MeasuredRow

RULE = (
    "Method: LoRA where it was run, else the first method of the matrix that is neither the "
    "linear probe nor full fine-tuning; setting as in the title, first seed."
)


def is_linear(row: Row) -> bool:
    """Whether a row is a linear probe, trained or fitted: the backbone's own features."""
    return is_reference(row, "linear")


def example(rows: Sequence[MeasuredRow]) -> MeasuredRow | None:
    """The plain row that stands for the methods of a transfer, by ``RULE``.

    A row with MetaPEFT counts where there is no plain one, and full fine-tuning last; None where
    there is nothing but the linear probe and controls.
    """
    usable = [
        each for each in rows if not is_linear(each.row) and each.row.metapeft in ("no", "yes")
    ]
    return min(usable, key=_preference, default=None)


def _preference(each: MeasuredRow) -> tuple[bool, bool, bool]:
    kind = each.row.first.cell.method.kind
    return each.row.metapeft == "yes", kind == "full", kind != "lora"


def tuned_of(example: MeasuredRow, rows: Sequence[MeasuredRow]) -> MeasuredRow | None:
    """The MetaPEFT row of the same method and axis values, where there is one."""
    row = example.row
    for each in rows:
        other = each.row
        if other.metapeft == "yes" and (other.method, other.axes) == (row.method, row.axes):
            return each
    return None


def first_of(rows: Sequence[MeasuredRow]) -> list[MeasuredRow]:
    """The rows in their order, but those that the figures show come first."""
    chosen = example(rows)
    tuned = tuned_of(chosen, rows) if chosen is not None else None
    shown = [each for each in (chosen, tuned) if each is not None]
    return shown + [each for each in rows if all(each is not other for other in shown)]


def probe_of(rows: Sequence[MeasuredRow]) -> MeasuredRow | None:
    """The first linear probe: its features are the frozen backbone's own."""
    return next((each for each in rows if is_linear(each.row)), None)
