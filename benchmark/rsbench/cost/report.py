"""The table of costs on the terminal, as CSV, and what it was measured on as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rsbench.atomic import write_file
from rsbench.cost.machine import Machine
from rsbench.cost.results import MEANINGS, Effort
from rsbench.cost.summary import ALLOWANCE, Measured, Quartiles, Row
from rsbench.record import Environment
from rsbench.spreadsheet import csv_text

if TYPE_CHECKING:
    from rich.console import Console

_MIB = 2**20
#: Shown where there is no number.
_NONE = "–"  # noqa: RUF001 - an en dash is meant


@dataclass(frozen=True)
class Report:
    """Everything that one ``rsbench cost`` found.

    Attributes:
        matrix: name of the matrix.
        effort: how much was measured.
        machine: on what.
        load: load average before and after; the measurement itself adds its threads.
        environment: of the measuring process, or None where it could not say.
        started: UTC, ISO 8601.
        measured: the rounds of every variant.
        rows: what follows from them.
    """

    matrix: str
    effort: Effort
    machine: Machine
    load: tuple[float | None, float | None]
    environment: Environment | None
    started: str
    measured: tuple[Measured, ...]
    rows: tuple[Row, ...]

    @property
    def failed(self) -> bool:
        """Whether something failed: a training, or the training whose memory is measured."""
        return any(row.failure or (row.memory and row.memory.failed) for row in self.rows)


def write_report(report: Report, out: Path) -> None:
    """Write the CSV, and beside it the JSON with every round.

    Raises:
        OSError: they cannot be written.
    """
    write_file(out, to_csv(report.rows).encode())
    text = json.dumps(to_json(report), indent=1, allow_nan=False) + "\n"
    write_file(out.with_suffix(".json"), text.encode())


def to_csv(rows: Sequence[Row]) -> str:
    """Numbers only, one column each; what there is not is empty."""
    values = ([value(row) for _, value in _CSV] for row in rows)
    texts = ([f"{v:.6g}" if isinstance(v, float) else v for v in row] for row in values)
    return csv_text([[name for name, _ in _CSV], *texts])


def to_json(report: Report) -> dict[str, Any]:
    """Circumstances and the seconds of every round, as JSON values."""
    environment = report.environment
    return {
        "matrix": report.matrix,
        "started": report.started,
        "machine": asdict(report.machine),
        "load_average": {"before": report.load[0], "after": report.load[1]},
        "environment": None if environment is None else environment.model_dump(mode="json"),
        "effort": asdict(report.effort),
        "definitions": definitions(report),
        "variants": [_variant(each) for each in report.measured],
    }


def _variant(measured: Measured) -> dict[str, Any]:
    failure = measured.failure
    return {
        "variant": measured.variant.label,
        "cell": measured.variant.cell.model_dump(mode="json"),
        "rounds": [asdict(each) for each in measured.trainings],
        "memory": None if measured.memory is None else asdict(measured.memory),
        "failure": None if failure is None else failure.model_dump(mode="json"),
    }


def print_report(report: Report, console: Console) -> None:
    """Print the table (as Markdown where it is no terminal) and the lines that explain it."""
    if console.is_terminal:
        console.print(_rich_table(report))
    else:
        console.print(to_markdown(report.rows), markup=False, highlight=False, soft_wrap=True)
    for line in [*_failures(report.rows), *definitions(report)]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def to_markdown(rows: Sequence[Row]) -> str:
    """The table for readers."""
    columns = _columns(rows)
    lines = [[title for title, _ in columns], ["---"] * len(columns)]
    lines += [[text(row) for _, text in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def definitions(report: Report) -> list[str]:
    """What the columns mean and how they were measured."""
    effort, machine, environment = report.effort, report.machine, report.environment
    lines = [
        f"median (and quartiles) of {effort.rounds} interleaved rounds of {effort.epochs} "
        "epoch(s) per variant, after a warm-up round; training loop only, no test",
        "ms per inner step: training time, outer steps included, by the number of inner steps; "
        "images per second: those of inner steps",
        "ratio: training time over that of the plain method in the same round; bound: what the "
        f"steps of first-order MetaPEFT add up to, 1 + ratio, times {ALLOWANCE}",
    ]
    if effort.rounds == 1:
        lines.append(
            "one round only: whatever else ran on the machine may have changed a single timing, so "
            "'met' and 'NOT met' prove nothing; measure several rounds on an idle machine "
            "(--rounds)"
        )
    if effort.memory:
        kind = "cuda" if environment and not environment.device.startswith("cpu") else "cpu"
        lines.append(f"peak memory above the loaded model: {MEANINGS[kind]}")
    where = f"{machine.processor}, {machine.cores} cores, {machine.platform}"
    if environment is not None:
        where = (
            f"{environment.device}, precision {environment.precision}, {environment.threads} "
            f"thread(s), torch {environment.packages['torch']}; {where}"
        )
    loads = " to ".join("?" if load is None else f"{load}" for load in report.load)
    return [*lines, f"{where}; load average {loads}; {report.started}"]


def _failures(rows: Sequence[Row]) -> list[str]:
    lines = [
        f"FAILED {row.variant.label}: {row.failure.kind}: {row.failure.message}"
        for row in rows
        if row.failure
    ]
    reasons = {row.memory.reason for row in rows if row.memory and row.memory.reason}
    return [*lines, *(f"peak memory {reason}" for reason in sorted(reasons))]


def _rich_table(report: Report) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(title=f"{report.matrix}: cost of training", box=box.SIMPLE_HEAD, pad_edge=False)
    columns = _columns(report.rows)
    for title, _ in columns:
        labels = title in ("backbone", "target", "method")
        table.add_column(title, justify="left" if labels else "right")
    for row in report.rows:
        table.add_row(*(text(row) for _, text in columns), style="red" if row.failure else "")
    return table


def _columns(rows: Sequence[Row]) -> list[tuple[str, Callable[[Row], str]]]:
    """The columns; those that name what is the same in all rows are left out."""
    choices: list[tuple[str, Callable[[Row], str]]] = [
        ("backbone", lambda row: row.variant.cell.backbone.name),
        ("target", lambda row: row.variant.cell.target.name),
    ]
    varying = [each for each in choices if len({each[1](row) for row in rows}) > 1]
    return [*varying, *_TEXTS]


def _method(row: Row) -> str:
    detail = row.variant.detail
    return f"{row.variant.name} ({detail})" if detail else row.variant.name


def _milliseconds(row: Row) -> str:
    if row.milliseconds is None:
        return "failed" if row.failure else _NONE
    return _spread(row.milliseconds, 1)


def _spread(values: Quartiles | None, digits: int) -> str:
    if values is None:
        return _NONE
    low, middle, high = (f"{each:.{digits}f}" for each in (values.low, values.median, values.high))
    return f"{middle} ({low} to {high})"


def _bound(row: Row) -> str:
    if row.bound is None:
        return _NONE
    verdict = {True: "met", False: "NOT met", None: _NONE}[row.within_bound]
    return f"{row.bound:.2f} {verdict}"


def _mebibytes(row: Row) -> float | None:
    return None if row.memory is None or row.memory.bytes is None else row.memory.bytes / _MIB


def _memory_text(row: Row) -> str:
    number = _mebibytes(row)
    if number is not None:
        return f"{number:.0f}"
    return "not measured" if row.memory else _NONE


_TEXTS: list[tuple[str, Callable[[Row], str]]] = [
    ("method", _method),
    ("trainable parameters", lambda row: f"{row.training.trainable:,}" if row.training else _NONE),
    ("modulators", lambda row: f"{row.training.modulators}" if row.training else _NONE),
    ("ms per inner step", _milliseconds),
    ("images/s", lambda row: f"{row.images_per_second:.0f}" if row.images_per_second else _NONE),
    ("ratio to plain", lambda row: _spread(row.ratio, 3)),
    ("bound", _bound),
    ("peak memory above the loaded model (MiB)", _memory_text),
]


def _of_training(name: str) -> Callable[[Row], Any]:
    return lambda row: None if row.training is None else getattr(row.training, name)


def _of_quartiles(name: str, part: str) -> Callable[[Row], Any]:
    def value(row: Row) -> Any:
        quartiles = getattr(row, name)
        return None if quartiles is None else getattr(quartiles, part)

    return value


_CSV: list[tuple[str, Callable[[Row], Any]]] = [
    ("backbone", lambda row: row.variant.cell.backbone.name),
    ("target", lambda row: row.variant.cell.target.name),
    ("method", lambda row: row.variant.cell.method.name),
    ("metapeft", lambda row: "yes" if row.variant.cell.metapeft else "no"),
    ("variant", lambda row: row.variant.detail),
    ("trainable_parameters", _of_training("trainable")),
    ("modulators", _of_training("modulators")),
    ("batch_size", lambda row: row.variant.cell.recipe.batch_size),
    ("image_size", _of_training("image_size")),
    ("precision", _of_training("precision")),
    ("inner_steps_per_round", _of_training("steps")),
    ("outer_steps_per_round", _of_training("outer_steps")),
    ("ms_per_inner_step", _of_quartiles("milliseconds", "median")),
    ("ms_per_inner_step_q1", _of_quartiles("milliseconds", "low")),
    ("ms_per_inner_step_q3", _of_quartiles("milliseconds", "high")),
    ("images_per_second", lambda row: row.images_per_second),
    ("ratio_to_plain", _of_quartiles("ratio", "median")),
    ("ratio_to_plain_q1", _of_quartiles("ratio", "low")),
    ("ratio_to_plain_q3", _of_quartiles("ratio", "high")),
    ("bound", lambda row: row.bound),
    ("within_bound", lambda row: {True: "yes", False: "no", None: ""}[row.within_bound]),
    ("peak_memory_mib", _mebibytes),
    ("peak_memory_note", lambda row: row.memory.reason if row.memory else "not asked for"),
    ("error", lambda row: f"{row.failure.kind}: {row.failure.message}" if row.failure else ""),
]
