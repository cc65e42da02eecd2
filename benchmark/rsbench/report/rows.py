"""Rows of tables: cells that differ in nothing but the seed, in the order of the matrix."""

from __future__ import annotations

import json
import math
import statistics
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rsbench.alarms import Place
from rsbench.cell import full_method
from rsbench.report.artefacts import Measure
from rsbench.report.modulators import LEARNED, ModulatorSummary, control_of, summarise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rsbench.groups import ClassGroups
    from rsbench.record import Record

#: Columns of accuracy and the fields of ``record.Metrics`` behind them.
METRICS = {"head": "head", "medium": "medium", "tail": "tail", "mean": "mean_class"}

#: Before what a control does with gamma, in the column "metapeft".
_CONTROL = "control: "


def spread_of(values: Sequence[float]) -> Measure:
    """Mean and sample deviation (ddof = 1) of values in one unit; undefined for none."""
    if not values:
        return Measure(None)
    mean = statistics.fmean(values)
    if len(values) == 1:
        return Measure(mean)
    # statistics.stdev computes with fractions: much slower, and there may be thousands of rows
    squares = math.fsum((value - mean) ** 2 for value in values)
    return Measure(mean, math.sqrt(squares / (len(values) - 1)))


@dataclass(frozen=True)
class Row:
    """Cells that differ in nothing but the seed.

    Attributes:
        target: label.
        backbone: label.
        method: label.
        metapeft: "yes", "no", or for a control "control: joint" and the like.
        axes: value of each extra axis of the matrix, by its name.
        variant: settings in which rows of the same labels differ, "" where there is one row.
        records: the finished cells, by seed.
    """

    target: str
    backbone: str
    method: str
    metapeft: str
    axes: Mapping[str, str]
    variant: str
    records: tuple[Record, ...]

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the finished cells, ascending."""
        return tuple(record.cell.seed for record in self.records)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Ids of the finished cells, by seed."""
        return tuple(record.id for record in self.records)

    @property
    def first(self) -> Record:
        """The record of the first seed: settings are the same in all of them."""
        return self.records[0]

    @cached_property
    def evaluated_on(self) -> str:
        """What the metrics are of: "test" or "validation"."""
        return self.first.cell.recipe.evaluate_on

    @property
    def place(self) -> Place:
        """Within which its accuracy is compared."""
        return Place(self.target, self.backbone, self.evaluated_on, self.axes)

    @property
    def full_method(self) -> str:
        """The method with "+metapeft" where that is on; a control goes by its own name."""
        if self.metapeft == "no":
            return self.method
        control = "" if self.metapeft == "yes" else self.metapeft.removeprefix(_CONTROL)
        return full_method(self.method, control, self.first.cell.control_is_named)

    @property
    def setting(self) -> str:
        """Axis values and variant in words, "" where there are none."""
        axes = [f"{axis}={value}" for axis, value in self.axes.items()]
        return ", ".join([*axes, *([self.variant] if self.variant else [])])

    @property
    def label(self) -> str:
        """Short text for notes and headings."""
        return f"{self.target} / {self.backbone} / {self.method_and_setting}"

    @property
    def method_and_setting(self) -> str:
        """The method, with the setting in brackets where there is one."""
        return f"{self.full_method} ({self.setting})" if self.setting else self.full_method

    @property
    def groups(self) -> ClassGroups:
        """Head, medium and tail classes, as indices into ``first.class_names``."""
        from rsbench.groups import GROUP_NAMES, ClassGroups

        return ClassGroups(*(tuple(self.first.groups.get(name, ())) for name in GROUP_NAMES))

    def measure(self, column: str) -> Measure:
        """Mean and deviation over the seeds of one of ``METRICS``, in percent."""
        return self.over_seeds(lambda record: getattr(record.metrics, METRICS[column]), 100.0)

    def over_seeds(self, value: Callable[[Record], float | None], scale: float = 1.0) -> Measure:
        """Mean and sample deviation over the seeds of any number; None where one is undefined."""
        values = [value(record) for record in self.records]
        known = [scale * each for each in values if each is not None]
        return Measure(None) if len(known) < len(values) else spread_of(known)

    @property
    def trainable(self) -> int:
        """Trained scalars, head and modulators included."""
        return self.first.parameters.trainable if self.first.parameters else 0

    @property
    def modulators(self) -> int:
        """Trained scalars of MetaPEFT."""
        return self.first.parameters.modulators if self.first.parameters else 0

    @property
    def train_seconds(self) -> float:
        """Wall time of the training loop, seconds, mean over the seeds."""
        times = [each.timing.train_seconds for each in self.records if each.timing]
        return statistics.fmean(times) if times else 0.0

    @property
    def precisions(self) -> tuple[str, ...]:
        """Precisions that the cells ran in, sorted."""
        known = [each.environment for each in self.records if each.environment]
        return tuple(sorted({each.precision for each in known}))

    @cached_property
    def gamma(self) -> ModulatorSummary | None:
        """Where the modulators ended; None for the plain method."""
        return summarise(self.records)


@dataclass(frozen=True)
class Pair:
    """A method and the same with MetaPEFT (paper section 9.3).

    Attributes:
        plain: the row without MetaPEFT.
        tuned: the row with it.
        differences: settings other than MetaPEFT in which the two differ (a learning rate of
            its own, say), by dotted name with both values; empty for a pair in the strict sense.
    """

    plain: Row
    tuned: Row
    differences: tuple[str, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that both have."""
        return tuple(seed for seed in self.plain.seeds if seed in self.tuned.seeds)


def build_rows(cells: Sequence[tuple[Mapping[str, str], Record]]) -> tuple[Row, ...]:
    """One row for each setting.

    Args:
        cells: axis values and record of each finished cell, in the order of the table.
    """
    found: defaultdict[str, dict[str, Record]] = defaultdict(dict)
    axes_of: dict[str, Mapping[str, str]] = {}
    for axes, record in cells:
        key = json.dumps([dict(axes), setting_of(record)], sort_keys=True)
        found[key][record.id] = record
        axes_of[key] = axes
    firsts = [next(iter(records.values())) for records in found.values()]
    labels = [
        (*labels_of(first), *axes_of[key].items()) for key, first in zip(found, firsts, strict=True)
    ]
    variants = differences(labels, [setting_of(first) for first in firsts])
    return tuple(
        _row(axes_of[key], variant, list(found[key].values()))
        for key, variant in zip(found, variants, strict=True)
    )


def _row(axes: Mapping[str, str], variant: str, records: list[Record]) -> Row:
    ordered = tuple(sorted(records, key=lambda record: record.cell.seed))
    backbone, target, method, metapeft = labels_of(ordered[0])
    return Row(target, backbone, method, metapeft, dict(axes), variant, ordered)


def build_pairs(rows: Sequence[Row]) -> tuple[Pair, ...]:
    """Every MetaPEFT row with its plain row, where that is there and unmistakable.

    The partner has the same target, backbone, method label and axis values; where no plain row
    has them, the one whose axis values are a part of them (a plain method beside an axis that
    only MetaPEFT has). Among several variants the one with the fewest other settings counts.
    """
    plains: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row.metapeft == "no":
            plains[_place(row)].append(row)
    pairs = []
    for row in rows:
        if row.metapeft == "yes":
            partner = _partner(row, plains[_place(row)])
            if partner is not None:
                pairs.append(partner)
    return tuple(pairs)


def _place(row: Row) -> tuple[str, ...]:
    return row.target, row.backbone, row.method, row.evaluated_on


def _partner(tuned: Row, plains: Sequence[Row]) -> Pair | None:
    fitting = [row for row in plains if row.axes.items() <= tuned.axes.items()]
    most = max((len(row.axes) for row in fitting), default=0)
    candidates = [
        Pair(row, tuned, _other_settings(row, tuned)) for row in fitting if len(row.axes) == most
    ]
    if not candidates:
        return None
    fewest = min(len(each.differences) for each in candidates)
    best = [each for each in candidates if len(each.differences) == fewest]
    return best[0] if len(best) == 1 else None


def _other_settings(plain: Row, tuned: Row) -> tuple[str, ...]:
    first, second = flat(_without_strategy(plain.first)), flat(_without_strategy(tuned.first))
    keys = sorted({*first, *second})
    return tuple(
        f"{key}: {first.get(key)} and {second.get(key)}"
        for key in keys
        if first.get(key) != second.get(key)
    )


def _without_strategy(record: Record) -> dict[str, Any]:
    return {key: value for key, value in setting_of(record).items() if key != "metapeft"}


def setting_of(record: Record) -> dict[str, Any]:
    """The cell's identity without its seed."""
    return {key: value for key, value in record.identity.items() if key != "seed"}


def labels_of(record: Record) -> tuple[str, str, str, str]:
    """Backbone, target, method, and what is done with gamma."""
    cell = record.cell
    control = control_of(record)
    metapeft = "no" if cell.metapeft is None else f"{_CONTROL}{control}"
    if control == LEARNED:
        metapeft = "yes"
    return cell.backbone.name, cell.target.name, cell.method.name, metapeft


def differences(labels: Sequence[tuple[Any, ...]], settings: Sequence[dict[str, Any]]) -> list[str]:
    """For rows that share their labels: the fields in which they differ, with their values.

    Args:
        labels: of each row.
        settings: of each row; mappings in them are compared field by field.
    """
    twins: defaultdict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for label, setting in zip(labels, settings, strict=True):
        twins[label].append(setting)
    texts: dict[tuple[Any, ...], Iterator[str]] = {
        label: iter(_texts([flat(each) for each in listed] if len(listed) > 1 else [{}]))
        for label, listed in twins.items()
    }
    return [next(texts[label]) for label in labels]


def _texts(settings: Sequence[dict[str, Any]]) -> list[str]:
    """The differing fields of each of several settings, with their values."""
    differing = _differing(settings)
    return [", ".join(f"{key}={each.get(key)}" for key in differing) for each in settings]


def _differing(settings: Sequence[dict[str, Any]]) -> list[str]:
    fields = sorted({key for setting in settings for key in setting})
    return [key for key in fields if len({json.dumps(s.get(key)) for s in settings}) > 1]


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Nested mappings as one mapping from dotted paths to values."""
    if not isinstance(value, dict):
        return {path: value}
    found: dict[str, Any] = {}
    for key, inner in value.items():
        found.update(flat(inner, f"{path}.{key}" if path else str(key)))
    return found
