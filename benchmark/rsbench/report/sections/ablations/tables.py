"""One table for all studies on the same axes: every setting with accuracy, gain and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import EMPTY, Column, Measure, Table, Value
from rsbench.report.notes import table_cautions
from rsbench.report.rows import METRICS
from rsbench.report.sections.ablations.reference import reference_of
from rsbench.report.sections.ablations.settings import settings_words
from rsbench.report.sections.statistics.run import statistics_of
from rsbench.report.tables.differences import difference
from rsbench.report.tables.layout import accuracy_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row
    from rsbench.report.sections.ablations.study import Place, Study, Subject, Values

#: Most differences of a run that get an interval: each takes some fifty milliseconds.
MOST_COMPARED = 150


def study_table(results: RunResults, studies: Sequence[Study]) -> Table:
    """The table of studies that have the same axes, one or more transfers."""
    axes = studies[0].axes
    compared = any(reference_of(study, each) for study in studies for each in study.subjects)
    with_interval = sum(len(study.rows) for study in studies) <= MOST_COMPARED
    columns = (
        *(Column(name, name) for name in ("backbone", "target", "method")),
        *(Column(f"axis_{axis.name}", axis.title) for axis in axes),
        Column("seeds", "seeds"),
        *accuracy_columns(),
        *((_difference_column(with_interval),) if compared else ()),
        Column("trainable_parameters", "trainable parameters"),
        Column("train_seconds", "train seconds", unit="s"),
        Column("settings", "settings"),
        Column("state", "state"),
    )
    lines = [line for study in studies for line in _lines(results, study, compared, with_interval)]
    titles = " x ".join(axis.title for axis in axes)
    return Table(
        name=f"ablation_{studies[0].name}",
        title=f"{results.index.matrix}: accuracy by {titles}",
        columns=columns,
        rows=tuple(fields for fields, _ in lines),
        notes=_notes(results, studies, compared, with_interval),
        cells=tuple(ids for _, ids in lines),
    )


def _difference_column(with_interval: bool) -> Column:
    return Column(
        "difference",
        "difference to reference",
        unit="points",
        parts=("mean", "std", "low", "high") if with_interval else ("mean", "std"),
        signed=True,
    )


Line = tuple[tuple[Value, ...], tuple[str, ...]]


def _lines(results: RunResults, study: Study, compared: bool, with_interval: bool) -> list[Line]:
    lines = [_constant(study, row, compared) for row in study.constants]
    for subject in study.subjects:
        values = reference_of(study, subject) if compared else None
        reference = subject.row(values) if values else None
        settings = settings_words(subject)
        for place_values, place in _in_order(study, subject):
            gain = Measure(None)
            if place.row is not None and reference is not None and place.row is not reference:
                gain = _gain(results, reference, place.row, with_interval)
            fields = (settings.get(place_values), place.state)
            gains = (gain,) if compared else ()
            lines.append(_line(study, subject, place_values, place, gains, fields))
    return lines


def _in_order(study: Study, subject: Subject) -> list[tuple[Values, Place]]:
    """Settings in the order of the axes' values, the first axis slowest."""
    orders = [{value: n for n, value in enumerate(axis.values)} for axis in study.axes]
    return sorted(
        subject.places.items(),
        key=lambda item: [order[each] for order, each in zip(orders, item[0], strict=True)],
    )


def _line(
    study: Study,
    subject: Subject,
    values: Values,
    place: Place,
    gain: tuple[Measure, ...],
    last: tuple[str | None, str],
) -> Line:
    row = place.row
    name = row.full_method if row else subject.name
    return (
        (
            *(study.backbone, study.target, name, *values),
            len(row.seeds) if row else 0,
            *((row.measure(metric) if row else Measure(None)) for metric in METRICS),
            *gain,
            *((row.trainable, row.train_seconds) if row else (None, None)),
            *last,
        ),
        row.ids if row else (),
    )


def _constant(study: Study, row: Row, compared: bool) -> Line:
    return (
        (
            *(study.backbone, study.target, row.full_method, *(None for _ in study.axes)),
            len(row.seeds),
            *(row.measure(metric) for metric in METRICS),
            *((Measure(None),) if compared else ()),
            *(row.trainable, row.train_seconds, None, "finished"),
        ),
        row.ids,
    )


def _gain(results: RunResults, reference: Row, row: Row, with_interval: bool) -> Measure:
    plain = difference(row, reference, "mean")
    if not with_interval:
        return plain
    compared = statistics_of(results).compare(reference, row)["mean"]
    interval = compared.interval
    if compared.difference is None or interval is None:
        return plain
    return Measure(compared.difference, plain.deviation, interval.low, interval.high)


def _notes(
    results: RunResults, studies: Sequence[Study], compared: bool, with_interval: bool
) -> tuple[str, ...]:
    notes = list(table_cautions(results))
    rows = [row for study in studies for row in study.rows]
    if rows and all(len(row.seeds) == 1 for row in rows):
        notes.append("**one seed only: nothing is known of the spread over seeds**")
    if compared:
        notes.append(_reference_note(studies, with_interval))
    if any(study.constants for study in studies):
        notes.append(f"rows with {EMPTY} on an axis have no place on it: they are references.")
    notes.append(
        "head, medium, tail: mean accuracy of the classes of the group; mean: of all classes "
        "(mean-class accuracy); ± sample standard deviation over the seeds; trainable parameters: "
        "method, head and modulators; train seconds: mean over the seeds of the training loop; "
        "settings: what the values on the axes stand for, as far as the method's cells differ "
        "(blocks count from 0); state: finished, failed, not run, or how many seeds are finished."
    )
    return tuple(notes)


def _reference_note(studies: Sequence[Study], with_interval: bool) -> str:
    found = {
        ", ".join(
            f"{axis.title} {value}" for axis, value in zip(study.axes, values, strict=True)
        ): None
        for study in studies
        for subject in study.subjects
        if (values := reference_of(study, subject))
    }
    note = (
        f"difference: mean-class accuracy minus that of the same method at {'; '.join(found)}, in "
        "points, over the seeds that both have"
    )
    if not with_interval:
        return f"{note}; no intervals: more than {MOST_COMPARED} settings."
    return (
        f"{note}; in brackets its 95 % interval over seeds and test images (over images alone with "
        "one seed), for each difference by itself: of many, some miss zero by chance. An interval "
        "that holds zero is a difference within the noise."
    )
