"""The tables ``distances`` and ``distance_variants``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.distances import VARIANTS, Variant
from rsbench.report.artefacts import EMPTY, Column, Table
from rsbench.report.notes import shortened, table_cautions
from rsbench.report.sections.distances.labels import label_columns, label_fields
from rsbench.report.sections.distances.measured import (
    GROUPS,
    MeasuredRow,
    MeasuredRun,
    Meter,
    State,
    TestedCell,
    measured_row,
)
from rsbench.report.tables.layout import transfer_title

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rsbench.report.artefact_files import ArtefactFiles
    from rsbench.report.artefacts import Value

#: Rows whose variants are listed, eight lines each.
MOST_ROWS = 100
#: Lines of that table beyond which it is for programs alone.
READABLE = 200

#: Distance over all classes of the frozen features below which a common direction rules them.
ALIKE = 0.1

_STATES: tuple[State, ...] = ("after", "before")

DEFINITION = (
    "distance: features of the test images from the network's last layer before the head, each "
    "scaled to length 1; m(c): their mean over class c (its centroid); distance of two classes: "
    "1 - cosine of the angle between their centroids (0: same direction, 1: at right angles); of "
    "a class: mean over all other classes; head, medium, tail, all classes (in CSV files "
    "'overall'): mean over the classes of the group, or all (paper section 5, its working "
    f"definition). {EMPTY}: no such class was tested, or there is no other one. before: the frozen "
    "backbone; after: the trained network."
)
SPREAD = (
    "spread: mean of 1 - cosine between the images of a class and its centroid, averaged over the "
    "classes with at least two test images; ratio: distance over spread. A larger distance "
    "separates classes only where the spread does not grow with it, so read the ratio beside it."
)
SEEDS = (
    "mean ± sample standard deviation (ddof = 1) over the seeds, of which there are as many as "
    "'seeds' says; one seed has no deviation. The frozen backbone is the same for every seed."
)
CAUTION = (
    "A distance is no accuracy: it says how far apart the classes lie, not whether images fall on "
    "the right side. The paper does not define its distance; 'distance_variants' has the other "
    "readings."
)
VARIANT_NOTES = (
    "form: centroids: 1 - cosine of the centroids, spread around the centroid; pairs: 1 - mean "
    "cosine over all pairs of images of two classes, spread over the pairs of different images "
    "inside a class.",
    "compared with: all other classes, or the other classes of the same group; all classes is "
    "the mean over them either way.",
    "centred: the mean of all centroids is the origin, so that what all images share counts for "
    "nothing. The centred centroids add up to zero: with C classes of about the same length the "
    "distance over all classes is C / (C - 1) whatever the method does, and only differences "
    "between the groups tell something. Centred pairs: mean inner product over the root mean "
    "square lengths.",
    "Distances of pairs include the spread inside the classes and are larger than those of "
    "centroids; compare within one variant only.",
)


def general_notes(run: MeasuredRun) -> tuple[str, ...]:
    """What limits every number of this section, the most important first."""
    missing = (missing_features(run),) if run.cells_without else ()
    return (*table_cautions(run.results), *missing)


def alike(run: MeasuredRun) -> tuple[str, ...]:
    """A note about backbones whose images all point nearly the same way."""
    found = {}
    for transfer, rows in run.by_transfer.items():
        frozen = rows[0].measure("before", "overall").mean
        if frozen is not None and frozen < ALIKE:
            found[transfer] = f"{transfer_title(transfer)} ({frozen:.3f})"
    if not found:
        return ()
    return (
        f"**before adaptation the classes lie less than {ALIKE} apart: "
        f"{shortened(list(found.values()))}**. There all images have most of their features in "
        "common, and a distance that grows tells mostly that this common part has lost weight; "
        "compare the ratio, and the centred lines of 'distance_variants'.",
    )


def missing_features(run: MeasuredRun) -> str:
    """How many cells have no ``features.npz``, and which rows are left out for that."""
    finished = sum(len(each.records) for each in run.results.rows)
    text = (
        f"**features missing: {run.cells_without} of {finished} finished cells have no "
        "features.npz** (deleted, or left out when the run was published)"
    )
    if run.absent:
        text += f"; rows left out: {shortened([row.label for row in run.absent])}"
    return text


def distance_table(run: MeasuredRun) -> Table:
    """Every row: distance after and before adaptation, spread and ratio."""
    labels = label_columns([each.row for each in run.rows])
    spread = tuple(
        Column(
            f"spread_{group}",
            group_title(group),
            digits=3,
            group="spread after",
            parts=("mean", "std"),
        )
        for group in ("tail", "overall")
    )
    ratio = tuple(
        Column(f"ratio_{state}", state, digits=2, group="ratio, all classes", parts=("mean", "std"))
        for state in ("after", "before")
    )
    return Table(
        name="distances",
        title="Distances between classes in feature space",
        columns=(
            *(*labels, Column("seeds", "seeds")),
            *(_distance_column("after", group) for group in GROUPS),
            *(_distance_column("before", group) for group in GROUPS),
            *(*spread, *ratio),
        ),
        rows=tuple(
            (*label_fields(each.row, labels), len(each.row.seeds), *_measures(each))
            for each in run.rows
        ),
        notes=(*general_notes(run), *alike(run), DEFINITION, SPREAD, SEEDS, CAUTION),
        cells=tuple(each.row.ids for each in run.rows),
    )


def _distance_column(state: State, group: str) -> Column:
    return Column(
        key=f"{state}_{group}",
        title=group_title(group),
        digits=3,
        group=f"distance {state}",
        parts=("mean", "std") if state == "after" else ("mean",),
    )


def group_title(group: str) -> str:
    """A group for readers: "overall" is what accuracy calls correct images / all images."""
    return "all classes" if group == "overall" else group


def _measures(each: MeasuredRow) -> Iterator[Value]:
    yield from (each.measure("after", group) for group in GROUPS)
    yield from (each.measure("before", group) for group in GROUPS)
    yield from (each.measure("after", group, "spread") for group in ("tail", "overall"))
    yield each.measure("after", "overall", "ratio")
    yield each.measure("before", "overall", "ratio")


def variant_table(run: MeasuredRun) -> Table:
    """Every variant of the definition for the first rows, after and before adaptation."""
    shown = run.rows[:MOST_ROWS]
    labels = label_columns([each.row for each in shown])
    meters = {variant: Meter(variant) for variant in VARIANTS}
    lines, cells = [], []
    for each in shown:
        for variant, measured in _in_variants(each, meters, run.results.files):
            fields = (*label_fields(each.row, labels), len(each.row.seeds))
            lines.append((*fields, *_variant_fields(variant), *_variant_measures(measured)))
            cells.append(each.row.ids)
    numbers = (_distance_column(state, group) for state in _STATES for group in GROUPS)
    rest = (
        Column(
            "spread_overall", "spread", digits=3, group="after, all classes", parts=("mean", "std")
        ),
        Column(
            "ratio_overall", "ratio", digits=2, group="after, all classes", parts=("mean", "std")
        ),
    )
    return Table(
        name="distance_variants",
        title="Distances between classes in every reading of the paper's definition",
        columns=(
            *(*labels, Column("seeds", "seeds"), Column("form", "form")),
            *(Column("compared_with", "compared with"), Column("centred", "centred")),
            *(*numbers, *rest),
        ),
        rows=tuple(lines),
        notes=(*_left_out(run), *general_notes(run), *VARIANT_NOTES, SEEDS),
        cells=tuple(cells),
        files_only=len(lines) > READABLE,
    )


def _left_out(run: MeasuredRun) -> tuple[str, ...]:
    more = len(run.rows) - MOST_ROWS
    if more <= 0:
        return ()
    return (
        f"**the first {MOST_ROWS} rows alone; {more} more are left out**: report a run of a "
        "smaller matrix to see them",
    )


def _variant_fields(variant: Variant) -> tuple[Value, ...]:
    others = "all" if variant.others == "all" else "same group"
    return variant.form, others, variant.centred


def _in_variants(
    each: MeasuredRow, meters: Mapping[Variant, Meter], files: ArtefactFiles
) -> Iterator[tuple[Variant, MeasuredRow]]:
    read = [(TestedCell.of(record), files.class_features(record.id)) for record in each.row.records]
    for variant, meter in meters.items():
        found = {cell.id: meter.measure(cell, one) for cell, one in read if one is not None}
        measured = measured_row(each.row, found)
        if measured is not None:
            yield variant, measured


def _variant_measures(each: MeasuredRow) -> Sequence[Value]:
    return (
        *(each.measure(state, group) for state in _STATES for group in GROUPS),
        each.measure("after", "overall", "spread"),
        each.measure("after", "overall", "ratio"),
    )
