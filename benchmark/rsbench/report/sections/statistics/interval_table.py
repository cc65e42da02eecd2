"""Table of accuracies with intervals: over test images, over seeds, over both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import Column, Table, Value
from rsbench.report.sections.statistics.labels import READABLE_ROWS, RowLabels, limits
from rsbench.report.sections.statistics.run import INTERVAL_METRICS, statistics_of

if TYPE_CHECKING:
    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row
    from rsbench.report.sections.statistics.intervals import RowInterval

_NOTES = (
    "mean: mean-class accuracy; tail: mean over the classes of the tail; ± sample standard "
    "deviation over the seeds; in brackets the 95 % interval over what 'interval over' says. "
    "'seeds and images': another training run and another test set of this kind; 'images': with "
    "one seed nothing is known of another training run, so the true interval is wider.",
    "seeds and images: t interval, both as crossed sources of noise. images alone: {draws} "
    "resampled test sets, drawn within the classes, percentile interval, the trained models as "
    "they are. seeds alone: bootstrap over seeds, the test set as it is; far too narrow below "
    "about ten seeds (with three it holds the truth three times of four), so it is no basis for a "
    "verdict.",
)


def interval_table(results: RunResults) -> Table:
    """Every row of the run."""
    labels = RowLabels(results.rows)
    statistics = statistics_of(results)
    found = zip(results.rows, statistics.intervals(), strict=True)
    return Table(
        name="intervals",
        title="Accuracy with 95 % intervals",
        columns=(
            *labels.columns,
            Column("seeds", "seeds"),
            *(column for name in INTERVAL_METRICS for column in _columns(name)),
            Column("remark", "remark"),
        ),
        rows=tuple(_fields(row, labels, intervals) for row, intervals in found),
        notes=(*limits(results), *(each.format(draws=statistics.draws) for each in _NOTES)),
        cells=tuple(row.ids for row in results.rows),
        files_only=len(results.rows) > READABLE_ROWS,
    )


def _columns(metric: str) -> tuple[Column, ...]:
    parts = ("images", "seeds")
    return (
        Column(metric, metric, unit="%", parts=("mean", "std", "low", "high")),
        Column(f"{metric}_over", f"{metric}: interval over"),
        *(
            Column(f"{metric}_{part}_{end}", end, unit="%", group=f"{metric}: {part} alone")
            for part in parts
            for end in ("low", "high")
        ),
        Column(f"{metric}_test_images", f"{metric}: test images"),
    )


def _fields(row: Row, labels: RowLabels, found: dict[str, RowInterval | None]) -> tuple[Value, ...]:
    values = [value for name in INTERVAL_METRICS for value in _values(found[name])]
    notes = dict.fromkeys(each.note for each in found.values() if each and each.note)
    return (*labels.fields(row), len(row.seeds), *values, "; ".join(notes))


def _values(found: RowInterval | None) -> tuple[Value, ...]:
    if found is None:
        return (None,) * 7
    images, seeds = found.over_images, found.over_seeds
    return (
        found.measure,
        found.source,
        *((images.low, images.high) if images else (None, None)),
        *((seeds.low, seeds.high) if seeds else (None, None)),
        found.images,
    )
