"""What each method costs: parameters, time, speed and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import EMPTY, SPREAD, Artefact, Column, Measure, Table, Value
from rsbench.report.notes import shortened
from rsbench.report.section import Section
from rsbench.report.tables.differences import measure
from rsbench.report.tables.layout import RowLabels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rsbench.record import ParameterCounts, Timing
    from rsbench.report.results import RunResults
    from rsbench.report.rows import Pair, Row

_MEBIBYTE = 2**20
_COLUMNS = (
    Column("seeds", "seeds"),
    Column("trainable", "all", group="trained scalars"),
    Column("method_parameters", "method", group="trained scalars"),
    Column("head_parameters", "head", group="trained scalars"),
    Column("modulators", "modulators", group="trained scalars"),
    Column("share_of_backbone", "of backbone, %", digits=2, unit="%", group="trained scalars"),
    Column("train_seconds", "training, s", unit="s", group="time", parts=SPREAD),
    Column("total_seconds", "whole cell, s", unit="s", group="time", parts=SPREAD),
    Column("images_per_second", "images/s", 0, unit="images/s", group="time", parts=SPREAD),
    Column("relative_time", "relative to plain", digits=2, group="time", parts=SPREAD),
    Column("peak_memory", "peak memory, MiB", 0, unit="MiB", parts=SPREAD),
    Column("device", "device"),
    Column("precision", "precision"),
)
_EXPLANATION = (
    "all = method + head + modulators; of backbone: method and modulators, without the head, as a "
    "share of the backbone's parameters; training: wall time of the training loop, without "
    "validation; whole cell: with reading, class "
    "means and testing; images/s: training images; relative to plain: training time with MetaPEFT "
    "over that of its plain row, mean of the ratios by seed; ± sample standard deviation over the "
    f"seeds; {EMPTY}: not recorded, fitted without reading images, or no plain row."
)
_NO_BENCHMARK = (
    "**these times are no benchmark**: cells that ran beside others, or beside anything else on "
    "the machine, took longer; 'rsbench cost' measures time and memory of every method side by "
    "side."
)
_NO_MEMORY = (
    "peak memory is that of an accelerator; cells on a CPU record none: 'rsbench cost' measures it."
)


def cost_table(results: RunResults) -> Table:
    """A line for each row of the run."""
    rows, labels = results.rows, RowLabels(results.rows)
    pairs = {id(pair.tuned): pair for pair in results.pairs}
    sizes = _backbone_sizes(rows)
    memory = [_peak_memory(row) for row in rows]
    return Table(
        name="cost",
        title="Parameters, time and memory",
        columns=(*labels.columns, *_COLUMNS),
        rows=tuple(
            (
                *labels.fields(row),
                len(row.seeds),
                *_parameters(row, sizes.get(row.backbone)),
                *_times(row, pairs.get(id(row))),
                peak,
                _devices(row),
                ", ".join(row.precisions),
            )
            for row, peak in zip(rows, memory, strict=True)
        ),
        notes=(
            _NO_BENCHMARK,
            *_mixed_devices(rows),
            *([_NO_MEMORY] if any(each.mean is None for each in memory) else []),
            *_other_work(results.pairs),
            _EXPLANATION,
        ),
        cells=tuple(row.ids for row in rows),
    )


def _backbone_sizes(rows: Sequence[Row]) -> dict[str, int]:
    """Parameters of each backbone: what is frozen, or with full fine-tuning trained."""
    sizes: dict[str, int] = {}
    for row in rows:
        counts = row.first.parameters
        if counts is not None:
            whole = counts.frozen or counts.method
            sizes[row.backbone] = max(sizes.get(row.backbone, 0), whole)
    return sizes


def _parameters(row: Row, backbone: int | None) -> tuple[Value, ...]:
    counts: ParameterCounts | None = row.first.parameters
    if counts is None:
        return (None,) * 5
    share = 100.0 * (counts.method + counts.modulators) / backbone if backbone else None
    return (counts.trainable, counts.method, counts.head, counts.modulators, share)


def _times(row: Row, pair: Pair | None) -> tuple[Measure, ...]:
    return (
        _timing(row, lambda each: each.train_seconds),
        _timing(row, lambda each: each.total_seconds),
        _timing(row, lambda each: each.train_images_per_second or None),  # 0: none were read
        _relative_time(pair) if pair else Measure(None),
    )


def _timing(row: Row, value: Callable[[Timing], float | None]) -> Measure:
    return row.over_seeds(lambda record: value(record.timing) if record.timing else None)


def _peak_memory(row: Row) -> Measure:
    def mebibytes(timing: Timing) -> float | None:
        peak = timing.peak_memory_bytes
        return None if peak is None else peak / _MEBIBYTE

    return _timing(row, mebibytes)


def _relative_time(pair: Pair) -> Measure:
    plain, tuned = (_seconds_by_seed(row) for row in (pair.plain, pair.tuned))
    return measure({s: tuned[s] / plain[s] for s in pair.seeds if plain.get(s) and s in tuned})


def _seconds_by_seed(row: Row) -> dict[int, float]:
    return {each.cell.seed: each.timing.train_seconds for each in row.records if each.timing}


def _devices(row: Row) -> str:
    known = {record.environment.device for record in row.records if record.environment}
    return ", ".join(sorted(known))


def _mixed_devices(rows: Sequence[Row]) -> list[str]:
    devices = sorted({_devices(row) for row in rows})
    if len(devices) < 2:
        return []
    return [f"**the cells ran on different devices, so their times differ**: {shortened(devices)}"]


def _other_work(pairs: Sequence[Pair]) -> list[str]:
    differing = [pair.tuned.label for pair in pairs if pair.differences]
    if not differing:
        return []
    return [f"differ from their plain row in other settings, too: {shortened(differing)}."]


def _build(results: RunResults) -> tuple[Artefact, ...]:
    return (cost_table(results),) if results.rows else ()


SECTION = Section(
    name="cost",
    title="Cost",
    introduction="How many scalars does each method train, and how long did that take?",
    files=("cost",),
    build=_build,
)
