"""How the gammas are distributed over the first, middle and last blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import EMPTY, Column, Table, Value
from rsbench.report.notes import table_cautions
from rsbench.report.sections.gammas.ends import GammaRow, blocks_of
from rsbench.report.tables.layout import RowLabels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

THIRDS = ("first", "middle", "last")

_NOTES = (
    "rows with one gamma for the whole network (VPT-shallow) are left out: see modulators.",
    "thirds: blocks 0 to L-1 of the backbone in three parts (the first parts take what is over); "
    "L is as far as any row of the run has modules.",
    "share of gamma: sum of the gammas in the third / sum over all modules, percent (with equal "
    "gammas it is the share of the modules); mean log gamma: mean natural logarithm, 0 for "
    "gamma = 1, above for stronger; mean ± sample standard deviation over the seeds; "
    f"{EMPTY}: no module.",
    "gamma: learned, or what a control does instead; a share that a control (joint, random) has "
    "as well says nothing of what learning gamma found.",
)


def thirds_table(results: RunResults, rows: Sequence[GammaRow]) -> Table:
    """One line for each row with gammas by block."""
    shown = [each.row for each in rows]
    labels = RowLabels(shown)
    backbones = dict.fromkeys(row.backbone for row in shown)
    blocks = {backbone: blocks_of(rows, backbone) for backbone in backbones}
    columns = (
        *labels.columns,
        *(Column("gamma", "gamma"), Column("seeds", "seeds")),
        *(Column(f"modules_{third}", third, group="modules") for third in THIRDS),
        *(
            Column(f"share_{n}", n, unit="%", group="share of gamma", parts=("mean", "std"))
            for n in THIRDS
        ),
        *(
            Column(f"log_{n}", n, 2, group="mean log gamma", parts=("mean", "std"), signed=True)
            for n in THIRDS
        ),
    )
    return Table(
        name="gamma_thirds",
        title="Learned gammas by thirds of the blocks",
        columns=columns,
        rows=tuple(
            (*labels.fields(each.row), *_fields(each, blocks[each.row.backbone])) for each in rows
        ),
        notes=(*table_cautions(results), *_NOTES),
        cells=tuple(row.ids for row in shown),
    )


def _labels(row: Row) -> tuple[Value, ...]:
    return (row.backbone, row.target, row.full_method, row.setting)


def _fields(row: GammaRow, blocks: int) -> tuple[Value, ...]:
    thirds = range(len(THIRDS))
    return (
        *(row.control, len(row.by_seed)),
        *(row.modules(third, blocks) for third in thirds),
        *(row.share(third, blocks) for third in thirds),
        *(row.mean_log(third, blocks) for third in thirds),
    )
