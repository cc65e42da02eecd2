"""Every metric of a row (paper section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.metrics import CALIBRATION_BINS
from rsbench.report.artefacts import EMPTY, SPREAD, Column, Measure, Table, Value
from rsbench.report.notes import table_cautions
from rsbench.report.tables.differences import measure
from rsbench.report.tables.layout import RowLabels
from rsbench.wording import counted

if TYPE_CHECKING:
    from rsbench.record import Metrics
    from rsbench.report.prediction_files import Calibration
    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

#: Fields of ``record.Metrics``, with their titles.
FIELDS = {
    "overall": "overall",
    "mean_class": "mean-class",
    "head": "head",
    "medium": "medium",
    "tail": "tail",
    "macro_f1": "macro F1",
    "worst_class": "worst class",
    "harmonic_mean": "harmonic mean",
    "geometric_mean": "geometric mean",
}

DEFINITIONS = {
    "overall": "correct test images / all test images; frequent classes of the test set dominate",
    "mean-class": "mean over the classes of the accuracy within each class",
    "head, medium, tail": "the same mean over the classes of the group",
    "macro F1": "mean over the classes of F1 = 2 precision recall / (precision + recall); classes "
    "that occur neither among the labels nor among the predictions are left out",
    "worst class": "lowest accuracy of a class",
    "harmonic mean": "of the accuracies of the classes, each taken as 0.001 % at least",
    "geometric mean": "of the accuracies of the classes, without such a floor: 0 as soon as one "
    "class is never recognised",
    "ECE": f"expected calibration error: mean over the images of |accuracy - mean confidence| of "
    f"the image's bin; {CALIBRATION_BINS} bins of equal width over the highest softmax "
    "probability. Biased upwards where bins hold few images: compare it on equal test sets only",
    "confidence - accuracy": "mean highest softmax probability minus overall accuracy, in points: "
    "above 0 the model is too sure of itself",
}


def metrics_table(results: RunResults) -> Table | None:
    """A line for each row of the run; None without a finished cell."""
    if not results.rows:
        return None
    rows, labels = results.rows, RowLabels(results.rows)
    return Table(
        name="metrics",
        title="Every metric, in percent",
        columns=(
            *labels.columns,
            Column("seeds", "seeds"),
            *(Column(name, title, unit="%", parts=SPREAD) for name, title in FIELDS.items()),
            Column("ece", "ECE", unit="%", parts=SPREAD),
            Column(
                "excess_confidence",
                "confidence - accuracy",
                unit="points",
                parts=SPREAD,
                signed=True,
            ),
        ),
        rows=tuple((*labels.fields(row), len(row.seeds), *_values(row, results)) for row in rows),
        notes=(
            *table_cautions(results),
            *_without_predictions(results),
            *(f"{name}: {text}." for name, text in DEFINITIONS.items()),
            "Classes without a test image have no accuracy and enter none of the means. ± sample "
            f"standard deviation over the seeds; {EMPTY}: undefined or not known.",
        ),
        cells=tuple(row.ids for row in rows),
    )


def _values(row: Row, results: RunResults) -> tuple[Value, ...]:
    metrics = {record.cell.seed: record.metrics for record in row.records if record.metrics}
    return (
        *(_field(metrics, name) for name in FIELDS),
        *_calibration(row, results),
    )


def _field(metrics: dict[int, Metrics], name: str) -> Measure:
    values = {seed: getattr(each, name) for seed, each in metrics.items()}
    if any(value is None for value in values.values()):
        return Measure(None)
    return measure({seed: 100.0 * value for seed, value in values.items()})


def _calibration(row: Row, results: RunResults) -> tuple[Measure, Measure]:
    known: dict[int, Calibration] = {}
    for record in row.records:
        calibration = results.files.calibration(record.id)
        if calibration is None:
            return Measure(None), Measure(None)
        known[record.cell.seed] = calibration
    return (
        measure({seed: 100.0 * each.error for seed, each in known.items()}),
        measure({seed: 100.0 * each.excess for seed, each in known.items()}),
    )


def _without_predictions(results: RunResults) -> list[str]:
    """Why some cells have no ECE: no file, or one without confidences."""
    files = results.files
    ids = dict.fromkeys(each for row in results.rows for each in row.ids)
    lacking = [each for each in ids if files.calibration(each) is None]
    bare = sum(files.has_predictions(each) for each in lacking)
    absent = len(lacking) - bare
    lines = []
    if absent:
        lines.append(f"no ECE where predictions.parquet is not there: {counted(absent, 'cell')}.")
    if bare:
        lines.append(
            "no ECE where predictions.parquet holds no confidences (the run was published without "
            f"them): {counted(bare, 'cell')}."
        )
    return lines
