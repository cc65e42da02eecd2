"""The order of the paper's tables: its methods and transfers (paper sections 4 and 6.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rsbench.report.artefacts import SPREAD, Column, Value
from rsbench.report.rows import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

#: Methods in the order of the paper's tables, and a fitted probe beside the trained one.
METHODS = (
    "linear",
    "probe",
    "full",
    "vpt_shallow",
    "vpt_deep",
    "bitfit",
    "lora",
    "adapter",
    "adaptformer",
)
#: Methods that add a term to the output of a layer, and those that do not.
ADDITIVE = ("lora", "adapter", "adaptformer")
NON_ADDITIVE = ("vpt_shallow", "vpt_deep", "bitfit")
#: What the kinds of the paper's targets have in their names, in its order.
TARGETS = ("inat", "dota", "fusrs")

Transfer = tuple[str, str]
"""Labels of backbone and target."""


def plain_rows(results: RunResults) -> tuple[Row, ...]:
    """The rows that have no place on a further axis of the matrix."""
    return tuple(row for row in results.rows if not row.axes)


def is_control(row: Row) -> bool:
    """Whether something else than learning is done with gamma."""
    return row.metapeft not in ("yes", "no")


def ordered_transfers(rows: Sequence[Row]) -> tuple[Transfer, ...]:
    """The paper's transfers first, in its order; then the others as the matrix has them."""
    kinds = {(row.backbone, row.target): row.first.cell.target.kind for row in rows}
    return tuple(sorted(kinds, key=lambda transfer: _target_rank(kinds[transfer])))


def _target_rank(kind: str) -> int:
    return next((rank for rank, part in enumerate(TARGETS) if part in kind), len(TARGETS))


def transfer_title(transfer: Transfer) -> str:
    """How readers see a transfer."""
    return " → ".join(transfer)


def in_paper_order(rows: Iterable[Row]) -> list[Row]:
    """Rows by method in the order of the paper, the others after; each before its +metapeft."""
    listed = list(rows)
    return [listed[number] for number in paper_order(listed)]


def paper_order(rows: Sequence[Row]) -> list[int]:
    """Positions of the rows, in the order of ``in_paper_order``."""
    order = dict.fromkeys((*METHODS, *(row.method for row in rows)))
    ranks = {method: rank for rank, method in enumerate(order)}
    strategies = {"no": 0, "yes": 1}

    def key(position: int) -> tuple[int, int]:
        row = rows[position]
        return ranks[row.method], strategies.get(row.metapeft, len(strategies))

    return sorted(range(len(rows)), key=key)


def identifier(text: str, taken: Iterable[str] = ()) -> str:
    """``text`` as a name of a column or a file that is not ``taken`` yet."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower() or "unnamed"
    used, number = set(taken), 2
    unique = name
    while unique in used:
        unique, number = f"{name}_{number}", number + 1
    return unique


def identifiers(texts: Sequence[str]) -> dict[str, str]:
    """A name of its own for each different text."""
    found: dict[str, str] = {}
    for text in texts:
        if text not in found:
            found[text] = identifier(text, found.values())
    return found


def accuracy_columns(group: str = "", key: str = "") -> tuple[Column, ...]:
    """Head, medium, tail and mean with their spread over the seeds, in percent.

    Args:
        group: heading above them.
        key: begins their names in files.
    """
    return tuple(
        Column(f"{key}{name}", name, unit="%", group=group, parts=SPREAD) for name in METRICS
    )


def difference_columns(
    names: Sequence[str] = tuple(METRICS), group: str = "", key: str = ""
) -> tuple[Column, ...]:
    """Differences of accuracies, in points. Arguments as of ``accuracy_columns``."""
    return tuple(
        Column(f"{key}{n}", n, unit="points", group=group, parts=SPREAD, signed=True) for n in names
    )


class RowLabels:
    """The columns that tell rows apart: backbone, target, method, and "setting" where needed.

    Attributes:
        columns: of these rows.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self._with_setting = any(row.setting for row in rows)
        names = ("backbone", "target", "method", *(("setting",) if self._with_setting else ()))
        self.columns = tuple(Column(name, name) for name in names)

    def fields(self, row: Row) -> tuple[Value, ...]:
        """What the columns hold of a row."""
        setting = (row.setting,) if self._with_setting else ()
        return (row.backbone, row.target, row.full_method, *setting)
