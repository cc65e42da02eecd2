"""From the records of a run to one row per setting: mean and standard deviation over seeds."""

from __future__ import annotations

import json
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rsbench.record import Record
from rsbench.report.modulators import LEARNED, ModulatorSummary, control_of, summarise
from rsbench.store import RunFolder, RunIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Columns of metrics and the fields of ``record.Metrics`` behind them.
METRICS = {"head": "head", "medium": "medium", "tail": "tail", "mean": "mean_class"}


@dataclass(frozen=True)
class Spread:
    """One metric over the seeds of a row, in percent.

    Attributes:
        mean: mean, or None where the metric is undefined (an empty group).
        deviation: sample standard deviation (ddof = 1), or None with fewer than two seeds.
    """

    mean: float | None
    deviation: float | None


@dataclass(frozen=True)
class Row:
    """Cells that differ in nothing but the seed.

    Attributes:
        backbone: label.
        target: label.
        method: label.
        metapeft: "yes", "no", or for a control "control: joint" and the like.
        variant: settings in which rows of the same labels differ, "" where there is one row.
        evaluated_on: "test" or "validation".
        seeds: seeds of the finished cells, sorted.
        metrics: spreads by column ("head", "medium", "tail", "mean").
        trainable: trained scalars, head and modulators included.
        modulators: trained scalars of MetaPEFT.
        train_seconds: mean over the seeds.
        precisions: resolved precisions, sorted.
        gamma: the modulators, None for the plain method.
    """

    backbone: str
    target: str
    method: str
    metapeft: str
    variant: str
    evaluated_on: str
    seeds: tuple[int, ...]
    metrics: dict[str, Spread]
    trainable: int
    modulators: int
    train_seconds: float
    precisions: tuple[str, ...]
    gamma: ModulatorSummary | None = None

    @property
    def full_method(self) -> str:
        """The method with "+metapeft" where that is on; a control goes by its own name."""
        return self.method + ("+metapeft" if self.metapeft == "yes" else "")

    @property
    def label(self) -> str:
        """Short text for notes."""
        label = f"{self.target} / {self.backbone} / {self.full_method}"
        return f"{label} ({self.variant})" if self.variant else label


@dataclass(frozen=True)
class MainTable:
    """The main table of a run.

    Attributes:
        index: what the run is of.
        rows: in the order of the matrix.
        failed: label and reason of each failed cell.
        missing: labels of cells without a record.
        foreign: cells in the folder that the matrix does not name.
        disclaimers: of the matrix, the targets and the backbones, each once.
        notes: what the records say a reader must know, with the labels it is about.
    """

    index: RunIndex
    rows: tuple[Row, ...]
    failed: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    foreign: int
    disclaimers: tuple[str, ...]
    notes: tuple[str, ...]


def aggregate(folder: RunFolder) -> MainTable:
    """Read ``run.json`` and the records that it lists.

    Raises:
        ResultsFolderError: the folder is not a run.
        RecordError: a record is damaged.
    """
    index = folder.read_index()
    finished: list[tuple[int, Record]] = []
    failed: list[tuple[str, str]] = []
    missing: list[str] = []
    for listed in index.cells:
        record = folder.record(listed.id) if listed.id else None
        if record is None:
            missing.append(listed.label)
        elif record.failure is not None or record.metrics is None:
            failed.append((listed.label, _reason(record)))
        else:
            finished.append((listed.row, record))
    # By rows: where the first seed of a method is missing, the method keeps its place.
    records = [record for _, record in sorted(finished, key=lambda pair: pair[0])]
    ids = {listed.id for listed in index.cells}
    return MainTable(
        index=index,
        rows=_rows(records),
        failed=tuple(failed),
        missing=tuple(missing),
        foreign=len([each for each in folder.present() if each not in ids]),
        disclaimers=_disclaimers(index, records),
        notes=(*_lonely_controls(records), *_notes(records, len(index.cells))),
    )


def _rows(records: Sequence[Record]) -> tuple[Row, ...]:
    """One row per setting; settings are equal when identities without the seed are."""
    groups: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[json.dumps(_setting(record), sort_keys=True)].append(record)
    settings = [flat(_setting(group[0])) for group in groups.values()]
    variants = differences([_labels(group[0]) for group in groups.values()], settings)
    return tuple(
        _row(group, variant) for group, variant in zip(groups.values(), variants, strict=True)
    )


def _lonely_controls(records: Sequence[Record]) -> tuple[str, ...]:
    """A note for each control of MetaPEFT that no other row shares all other settings with."""
    settings: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        settings[_without_strategy(record)].add(control_of(record))
    lonely = {
        record.cell.label.rpartition(" / seed")[0]: None
        for record in records
        if control_of(record) not in ("", LEARNED)
        and not settings[_without_strategy(record)] & {"", LEARNED}
    }
    return tuple(
        f"**{label} is a control without a partner**: no row, plain or with MetaPEFT, has the same "
        "method options and recipe, so nothing follows from comparing it"
        for label in lonely
    )


def _without_strategy(record: Record) -> str:
    """Every setting but the label of the method, the strategy and the seed, as text."""
    fields = {key: value for key, value in _setting(record).items() if key != "metapeft"}
    fields["method"] = {key: value for key, value in fields["method"].items() if key != "name"}
    return json.dumps(fields, sort_keys=True)


def _row(records: list[Record], variant: str) -> Row:
    records = sorted(records, key=lambda record: record.cell.seed)
    first = records[0]
    parameters, times = first.parameters, [each.timing for each in records if each.timing]
    backbone, target, method, metapeft = _labels(first)
    return Row(
        backbone=backbone,
        target=target,
        method=method,
        metapeft=metapeft,
        variant=variant,
        evaluated_on=first.cell.recipe.evaluate_on,
        seeds=tuple(each.cell.seed for each in records),
        metrics={name: _spread(records, field) for name, field in METRICS.items()},
        trainable=parameters.trainable if parameters else 0,
        modulators=parameters.modulators if parameters else 0,
        train_seconds=statistics.fmean(each.train_seconds for each in times) if times else 0.0,
        precisions=tuple(
            sorted({each.environment.precision for each in records if each.environment})
        ),
        gamma=summarise(records),
    )


def _spread(records: Sequence[Record], field: str) -> Spread:
    values = [getattr(record.metrics, field) for record in records]
    if any(value is None for value in values):
        return Spread(None, None)
    percent = [100.0 * value for value in values]
    deviation = statistics.stdev(percent) if len(percent) > 1 else None
    return Spread(statistics.fmean(percent), deviation)


def _setting(record: Record) -> dict[str, Any]:
    return {key: value for key, value in record.identity.items() if key != "seed"}


def _labels(record: Record) -> tuple[str, str, str, str]:
    cell = record.cell
    control = control_of(record)
    metapeft = "no" if cell.metapeft is None else f"control: {control}"
    if control == LEARNED:
        metapeft = "yes"
    return cell.backbone.name, cell.target.name, cell.method.name, metapeft


def differences(labels: Sequence[tuple[str, ...]], settings: Sequence[dict[str, Any]]) -> list[str]:
    """For rows that share their labels: the fields in which they differ, with their values.

    Args:
        labels: of each row.
        settings: of each row, flat.
    """
    texts: list[str] = []
    for label, setting in zip(labels, settings, strict=True):
        twins = [other for same, other in zip(labels, settings, strict=True) if same == label]
        fields = sorted({key for twin in twins for key in twin})
        differing = [key for key in fields if len({json.dumps(t.get(key)) for t in twins}) > 1]
        texts.append(", ".join(f"{key}={setting.get(key)}" for key in differing))
    return texts


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Nested mappings as one mapping from dotted paths to values."""
    if not isinstance(value, dict):
        return {path: value}
    found: dict[str, Any] = {}
    for key, inner in value.items():
        found.update(flat(inner, f"{path}.{key}" if path else str(key)))
    return found


def _reason(record: Record) -> str:
    if record.failure is None:
        return "the record has no metrics"
    lines = record.failure.message.strip().splitlines() or [""]
    return f"{record.failure.kind}: {lines[0]}"


def _disclaimers(index: RunIndex, records: Sequence[Record]) -> tuple[str, ...]:
    found = [index.disclaimer, *(text for record in records for text in record.disclaimers)]
    texts = dict.fromkeys(text for text in found if text)
    # what another one says at its end needs no line of its own
    return tuple(one for one in texts if not any(o != one and o.endswith(one) for o in texts))


def _notes(records: Sequence[Record], cells: int) -> tuple[str, ...]:
    """Notes of the records, each once, with the number of cells that have it."""
    counts = Counter(note for record in records for note in dict.fromkeys(record.notes))
    return tuple(f"{note} ({n} of {cells} cells)" for note, n in counts.items())
