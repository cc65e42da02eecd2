"""The table of the most frequent confusions, and a matrix for each transfer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent, Artefact, Column, Figure, Table, Value
from rsbench.report.notes import table_cautions
from rsbench.report.sections.confusion.counts import Confusions, confusions_of, shown_row
from rsbench.report.tables.layout import RowLabels
from rsbench.report.transfers import DrawnTransfer, drawn_settings, drawn_transfers, left_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure as Drawing

    from rsbench.report.results import RunResults

#: Confusions of each transfer in the table.
MOST = 20
#: Most classes of a matrix that is drawn.
MOST_CLASSES = 1000
_RULE = (
    "shown for one method of each setting of a transfer: LoRA with MetaPEFT where it is there, "
    "else the first PEFT method, else the first method"
)


def build(results: RunResults) -> tuple[Artefact, ...]:
    """A matrix for each setting of the first transfers; Absent without predictions."""
    found: list[Confusions] = []
    figures: list[Artefact] = []
    for transfer in drawn_transfers(results):
        rows = results.rows_of(transfer.backbone, transfer.target)
        for setting in drawn_settings(transfer, rows):
            row = shown_row([each for each in rows if setting.has(each)])
            confusions = confusions_of(results.files, row) if row else None
            if confusions is None:
                label = row.label if row else "no cell"
                reason = f"{label} has no predictions: run its cells again"
                figures.append(Absent(_name(setting), _title(setting), reason))
                continue
            found.append(confusions)
            figures.append(_figure(setting, confusions))
    tables = [_table(results, found)] if found else []
    return (*tables, *figures)


def _name(transfer: DrawnTransfer) -> str:
    return f"confusion{transfer.suffix}"


def _title(transfer: DrawnTransfer) -> str:
    return f"Confusions: {transfer.title}"


def _table(results: RunResults, found: Sequence[Confusions]) -> Table:
    labels = RowLabels([each.row for each in found])
    lines = [
        ((*labels.fields(each.row), *fields), each.row.ids)
        for each in found
        for fields in _lines(each)
    ]
    more = left_out(results)
    return Table(
        name="confusions",
        title=f"{results.index.matrix}: the most frequent confusions",
        columns=(
            *labels.columns,
            *(Column(name, name) for name in ("class", "group")),
            Column("training_images", "training images"),
            Column("predicted_as", "predicted as"),
            Column("predicted_group", "its group"),
            Column("share", "share of the class", unit="%"),
            Column("images", "images"),
            Column("test_images", "test images"),
            Column("seeds", "seeds"),
        ),
        rows=tuple(fields for fields, _ in lines),
        notes=(
            *table_cautions(results),
            f"{_RULE}; the {MOST} largest shares of each. Share: images of the class that were "
            "predicted as the other, of its test images, mean over the seeds; images: their number "
            "summed over the seeds; test images: of the class, in one seed.",
            *([more] if more else []),
        ),
        cells=tuple(ids for _, ids in lines),
    )


def _lines(found: Confusions) -> list[tuple[Value, ...]]:
    record = found.row.first
    groups = {index: name for name, members in record.groups.items() for index in members}
    lines: list[tuple[Value, ...]] = []
    for pair in found.worst(MOST):
        true, predicted = int(found.true[pair]), int(found.predicted[pair])
        lines.append(
            (
                *(record.class_names[true], groups.get(true)),
                record.train_counts[true] if record.train_counts else None,
                *(record.class_names[predicted], groups.get(predicted)),
                float(found.shares[pair]),
                *(int(found.counts[pair]), int(found.images[true]), found.seeds),
            )
        )
    return lines


def _figure(transfer: DrawnTransfer, found: Confusions) -> Artefact:
    classes = len(found.images)
    title = f"{_title(transfer)}, {found.row.full_method}"
    if classes > MOST_CLASSES:
        reason = (
            f"{classes:,} classes are too many for a matrix (at most {MOST_CLASSES:,}): see the "
            "table confusions"
        )
        return Absent(_name(transfer), title, reason)
    seeds = "one seed" if found.seeds == 1 else f"mean over {found.seeds} seeds"
    kind = "held-out training" if found.row.evaluated_on == "validation" else "test"
    return Figure(
        name=_name(transfer),
        title=title,
        caption=(
            f"{transfer.title}: {found.row.label}, {seeds}. Share of each true class's {kind} "
            "images by predicted class, percent; rows add up to 100; classes by training "
            "frequency, the most frequent first; white lines between head, medium and tail; grey: "
            f"no test image. Shares that round to 0 are not written. {_RULE[0].upper()}{_RULE[1:]}."
        ),
        draw=partial(_draw, title, found),
        alt=_words(found),
    )


def _words(found: Confusions) -> str:
    names = found.row.first.class_names
    worst = [
        f"{names[int(found.true[pair])]} as {names[int(found.predicted[pair])]} "
        f"({found.shares[pair]:.0f} %)"
        for pair in found.worst(3)
    ]
    if not worst:
        return "No test image was predicted wrongly."
    return f"Most frequent confusions of {found.row.full_method}: {', '.join(worst)}."


def _draw(title: str, found: Confusions) -> Drawing:
    from rsbench.report.figures.confusion import confusion_matrix

    record, order = found.row.first, found.order()
    groups = {index: name for name, members in record.groups.items() for index in members}
    names = [record.class_names[index] for index in order]
    return confusion_matrix(found.matrix(), names, [groups.get(n, "") for n in order], title)
