"""Two runs cell by cell, matched by their labels."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.compare.measured import Measured
from rsbench.compare.outcomes import Measurements, difference
from rsbench.errors import NotComparableError
from rsbench.report.results import load_results
from rsbench.report.rows import flat, setting_of
from rsbench.statistics.corrections import holm
from rsbench.statistics.verdicts import ALPHA, verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rsbench.record import Record
    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row
    from rsbench.store import RunFolder

#: What two runs are compared in.
COMPARED = ("mean", "tail")

#: The setting that is the hash of a target's images and labels.
_DATA = "target.content"

SAME = "the same"
NO_GROUP = "no such group"
UNKNOWN = "unknown: no predictions of the same images"


@dataclass(frozen=True)
class Compared:
    """One metric of two rows or cells.

    Attributes:
        first: of the first run, percent, over the seeds that both have; None without the group.
        second: of the second run.
        difference: second minus first, in points, paired; None where one is undefined.
        p: two-sided, adjusted by Holm's method over all lines of the table; None without a test.
        verdict: in words.
    """

    first: float | None
    second: float | None
    difference: Measured | None
    p: float | None = None
    verdict: str = ""


@dataclass(frozen=True)
class Line:
    """Two rows, or the cells of one seed of two rows.

    Attributes:
        first: row of the first run.
        second: row of the second run.
        seeds: those that both have, ascending; a single one for a cell.
        same: whether the ids are the same: the same settings, code version and data.
        settings: settings in which they differ, with both values.
        metrics: by ``COMPARED``.
    """

    first: Row
    second: Row
    seeds: tuple[int, ...]
    same: bool
    settings: tuple[str, ...]
    metrics: Mapping[str, Compared]

    @property
    def repeated(self) -> bool:
        """Whether equal settings gave equal results, as far as the compared metrics tell."""
        return self.same and all(each.verdict in (SAME, NO_GROUP) for each in self.metrics.values())

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the cells of the first run."""
        return tuple(record.id for record in self.first.records if record.cell.seed in self.seeds)


@dataclass(frozen=True)
class RunsComparison:
    """Two runs side by side.

    Attributes:
        names: of the runs.
        folder: name of the second run's folder.
        results: of both.
        rows: over the seeds that both have.
        cells: seed by seed.
        only_first: labels of finished cells that only the first run has.
        only_second: the same of the second.
    """

    names: tuple[str, str]
    folder: str
    results: tuple[RunResults, RunResults]
    rows: tuple[Line, ...]
    cells: tuple[Line, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]


def compare_runs(first: RunFolder, second: RunFolder) -> RunsComparison:
    """Set the finished cells of two runs side by side.

    Cells are matched by target, backbone, method, MetaPEFT, axis values and seed. Where a run has
    several rows of the same labels, those of equal settings are matched, then single ones that
    are left.

    Raises:
        NotComparableError: the runs have no cell in common.
        ResultsFolderError: a folder is not a run.
        RecordError: a record or another file of a cell is damaged.
    """
    results = load_results(first), load_results(second)
    pairs = list(_matched(results[0].rows, results[1].rows))
    readers = Measurements(first), Measurements(second)
    rows = [_line(a, b, seeds, readers) for a, b in pairs if (seeds := _shared(a, b))]
    cells = [_line(row.first, row.second, (seed,), readers) for row in rows for seed in row.seeds]
    if not rows:
        raise _nothing_shared(results, (first, second))
    matched = {(id(row), seed) for line in rows for row in _both(line) for seed in line.seeds}
    return RunsComparison(
        names=_names(first, second),
        folder=second.path.name,
        results=results,
        rows=_judged(rows, over_seeds=True),
        cells=_judged(cells, over_seeds=False),
        only_first=_unmatched(results[0].rows, matched),
        only_second=_unmatched(results[1].rows, matched),
    )


def _names(first: RunFolder, second: RunFolder) -> tuple[str, str]:
    """Names of the folders, told apart where they are the same."""
    one, other = first.path.name, second.path.name
    return (f"{one} (first)", f"{other} (second)") if one == other else (one, other)


def differing_settings(first: Record, second: Record) -> tuple[str, ...]:
    """The settings in which two cells differ, apart from the seed, with both values."""
    ours, theirs = flat(setting_of(first)), flat(setting_of(second))
    keys = dict.fromkeys((*ours, *theirs))
    return tuple(
        f"{_in_words(key)}: {_value(ours, key)} / {_value(theirs, key)}"
        for key in keys
        if ours.get(key) != theirs.get(key)
    )


def other_data(line: Line) -> bool:
    """Whether the targets of one name hold other images or labels."""
    first, second = (row.first.identity["target"]["content"] for row in _both(line))
    return bool(first != second)


def _in_words(key: str) -> str:
    """A setting by its name; a hash says nothing to a reader without what it is of."""
    return "the data differ, other images or labels (target.content)" if key == _DATA else key


def _value(settings: Mapping[str, object], key: str) -> str:
    return json.dumps(settings[key]) if key in settings else "–"  # noqa: RUF001 - an en dash


def _matched(first: Sequence[Row], second: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    """Rows of the same labels, in the order of the first run."""
    theirs: defaultdict[str, list[Row]] = defaultdict(list)
    ours: defaultdict[str, list[Row]] = defaultdict(list)
    for row in second:
        theirs[_labels(row)].append(row)
    for row in first:
        ours[_labels(row)].append(row)
    partners: dict[int, Row] = {}
    for labels, rows in ours.items():
        left, right = list(rows), list(theirs[labels])
        for row in rows:
            equal = next((each for each in right if _setting(each) == _setting(row)), None)
            if equal is not None:
                partners[id(row)] = equal
                left.remove(row)
                right.remove(equal)
        if len(left) == len(right) == 1:
            partners[id(left[0])] = right[0]
    for row in first:
        if id(row) in partners:
            yield row, partners[id(row)]


def _labels(row: Row) -> str:
    names = [row.target, row.backbone, row.method, row.metapeft, row.evaluated_on]
    return json.dumps([*names, dict(row.axes)], sort_keys=True)


def _setting(row: Row) -> str:
    return json.dumps(setting_of(row.first), sort_keys=True)


def _shared(first: Row, second: Row) -> tuple[int, ...]:
    return tuple(seed for seed in first.seeds if seed in second.seeds)


def _both(line: Line) -> tuple[Row, Row]:
    return line.first, line.second


def _line(
    first: Row,
    second: Row,
    seeds: tuple[int, ...],
    readers: tuple[Measurements, Measurements],
) -> Line:
    settings = differing_settings(first.first, second.first)
    metrics = {
        metric: Compared(
            _mean(first, metric, seeds),
            _mean(second, metric, seeds),
            difference((readers[1], second), (readers[0], first), metric, seeds),
        )
        for metric in COMPARED
    }
    return Line(first, second, seeds, not settings, settings, metrics)


def _mean(row: Row, metric: str, seeds: tuple[int, ...]) -> float | None:
    from dataclasses import replace

    chosen = tuple(record for record in row.records if record.cell.seed in seeds)
    return replace(row, records=chosen).measure(metric).mean


def _judged(lines: Sequence[Line], over_seeds: bool) -> tuple[Line, ...]:
    """The lines with verdicts, the p-values of each metric adjusted over all lines."""
    from dataclasses import replace

    judged: list[dict[str, Compared]] = [{} for _ in lines]
    for metric in COMPARED:
        adjusted = holm([_p_value(line.metrics[metric], over_seeds) for line in lines])
        for found, line, p in zip(judged, lines, adjusted, strict=True):
            each = line.metrics[metric]
            found[metric] = replace(each, p=p, verdict=_verdict(each, p, line, over_seeds))
    return tuple(replace(line, metrics=found) for line, found in zip(lines, judged, strict=True))


def _p_value(compared: Compared, over_seeds: bool) -> float | None:
    """P of a comparison that is a test: rows need three seeds for one."""
    measured = compared.difference
    if measured is None or (over_seeds and measured.seeds < 3):
        return None
    return measured.p_value


def _verdict(compared: Compared, p: float | None, line: Line, over_seeds: bool) -> str:
    measured = compared.difference
    if measured is None:
        return NO_GROUP
    if line.same and measured.value == 0.0 and not measured.differing:
        return SAME
    if over_seeds:
        return str(verdict(measured.value, p, measured.seeds))
    if p is None:
        return UNKNOWN
    if p > ALPHA or measured.value == 0.0:
        return "within noise"
    return "higher" if measured.value > 0 else "lower"


def _unmatched(rows: Sequence[Row], matched: set[tuple[int, int]]) -> tuple[str, ...]:
    return tuple(
        f"{row.label} / seed {seed}"
        for row in rows
        for seed in row.seeds
        if (id(row), seed) not in matched
    )


def _nothing_shared(
    results: tuple[RunResults, RunResults], folders: tuple[RunFolder, RunFolder]
) -> NotComparableError:
    listed = [
        f"- {folder.path.name}: " + ("; ".join(row.label for row in each.rows[:5]) or "no cell")
        for folder, each in zip(folders, results, strict=True)
    ]
    return NotComparableError(
        "\n".join(["the two runs have no finished cell in common; their first rows are:", *listed]),
        where=folders[0].path,
        remedy="compare runs whose cells have the same labels for target, backbone, method and "
        "axes, and a seed in common",
    )
