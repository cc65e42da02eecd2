"""Do classes whose distance grows more also gain more accuracy? The table ``distance_link``."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent, Artefact, Column, Measure, Table
from rsbench.report.sections.distances.labels import label_columns, label_fields
from rsbench.report.sections.distances.tables import general_notes
from rsbench.report.tables.layout import transfer_title
from rsbench.streams import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.record import Record
    from rsbench.report.artefacts import Value
    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row
    from rsbench.report.sections.distances.measured import MeasuredRow, MeasuredRun
    from rsbench.statistics import RankCorrelation

NAME = "distance_link"
TITLE = "Change of distance against gain in accuracy, class by class"
#: Rows that are correlated; each takes a bootstrap.
MOST_ROWS = 100
NOTES = (
    "For each class: change of its mean distance to the other classes (trained network minus "
    "frozen backbone), and gain (its accuracy minus that of the linear probe on the frozen "
    "features), both averaged over the seeds that both rows have; rho: Spearman's rank "
    "correlation of the two over the classes.",
    "95 % interval: percentiles of a bootstrap over the classes. It holds for one row by itself: "
    "among many rows some leave out zero by chance. The classes of a test set are no independent "
    "sample (the distance of two moves both), and their accuracies carry the noise of few test "
    "images, which pulls rho towards zero. A correlation says nothing of the cause.",
)


@dataclass(frozen=True)
class Link:
    """Changes of the classes of one row against the linear probe.

    Attributes:
        measured: the row.
        classes: indices of the tested classes.
        distance: change of each class's distance; None where undefined.
        gain: change of each class's accuracy, points; None where undefined.
        seeds: number of seeds that both rows have.
        correlation: Spearman's rho of the two.
    """

    measured: MeasuredRow
    classes: tuple[int, ...]
    distance: tuple[float | None, ...]
    gain: tuple[float | None, ...]
    seeds: int
    correlation: RankCorrelation


@dataclass(frozen=True)
class Links:
    """What can be linked in a run.

    Attributes:
        found: one for each row that has a linear probe beside it, in order.
        lacking: transfers that have adapted rows but no linear probe for any of them.
        left_out: adapted rows beyond ``MOST_ROWS``.
    """

    found: tuple[Link, ...]
    lacking: tuple[tuple[str, str], ...]
    left_out: int


def is_linear(row: Row) -> bool:
    """Whether a row is the linear probe: the backbone's own features."""
    return row.first.cell.method.kind == "linear"


def find_links(run: MeasuredRun) -> Links:
    """The adapted rows with the linear probe of the same transfer, setting and seeds."""
    adapted = [each for each in run.rows if not is_linear(each.row)]
    probes = _probes(run.results)
    found: list[Link] = []
    left_out = 0
    for each in adapted:
        row = each.row
        probe = _partner(row, probes.get((row.backbone, row.target, row.evaluated_on), []))
        if probe is None:
            continue
        if len(found) == MOST_ROWS:
            left_out += 1
            continue
        found.append(_link(each, probe, len(found)))
    linked = {(each.measured.row.backbone, each.measured.row.target) for each in found}
    transfers = dict.fromkeys((each.row.backbone, each.row.target) for each in adapted)
    lacking = () if left_out else tuple(each for each in transfers if each not in linked)
    return Links(tuple(found), lacking, left_out)


def _probes(results: RunResults) -> dict[tuple[str, str, str], list[Row]]:
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in results.rows:
        if is_linear(row):
            found.setdefault((row.backbone, row.target, row.evaluated_on), []).append(row)
    return found


def _partner(row: Row, probes: Sequence[Row]) -> Row | None:
    """The linear probe with the most axis values in common; the first one among equals."""
    fitting = [each for each in probes if each.axes.items() <= row.axes.items()]
    common = [each for each in fitting if set(each.seeds) & set(row.seeds)]
    return max(common, key=lambda each: len(each.axes), default=None)


def _link(each: MeasuredRow, probe: Row, place: int) -> Link:
    from rsbench.statistics import rank_correlation

    probed = {record.cell.seed: record for record in probe.records}
    both = [record for record in each.row.records if record.cell.seed in probed]
    classes = each.after[both[0].id].classes
    distance = tuple(_mean([_moved(each, record, number) for record in both]) for number in classes)
    gain = tuple(
        _mean([_gained(record, probed[record.cell.seed], number) for record in both])
        for number in classes
    )
    correlation = rank_correlation(distance, gain, stream(0, NAME, place))
    return Link(each, classes, distance, gain, len(both), correlation)


def _moved(each: MeasuredRow, record: Record, number: int) -> float | None:
    before = each.before[record.id].by_class.get(number)
    after = each.after[record.id].by_class.get(number)
    return None if before is None or after is None else after - before


def _gained(record: Record, probe: Record, number: int) -> float | None:
    after, before = _accuracy(record, number), _accuracy(probe, number)
    return None if before is None or after is None else 100.0 * (after - before)


def _accuracy(record: Record, number: int) -> float | None:
    per_class = record.metrics.per_class if record.metrics else ()
    return per_class[number] if number < len(per_class) else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known and len(known) == len(values) else None


def link_artefacts(run: MeasuredRun, links: Links) -> tuple[Artefact, ...]:
    """The table, or why there is none; nothing where every row is a linear probe."""
    if links.found:
        return (_table(run, links),)
    if links.lacking:
        return (Absent(NAME, TITLE, no_probe(links.lacking)),)
    return ()


def no_probe(transfers: Sequence[tuple[str, str]]) -> str:
    """Why the link cannot be drawn for these transfers."""
    names = ", ".join(transfer_title(each) for each in transfers)
    return (
        f"there is no linear probe with a seed in common for {names}: the gain of a class is its "
        "accuracy minus that of the linear probe; add the method 'linear' to the matrix"
    )


def _table(run: MeasuredRun, links: Links) -> Table:
    labels = label_columns([each.measured.row for each in links.found])
    columns = (
        *(*labels, Column("seeds", "seeds"), Column("classes", "classes")),
        Column("rho", "rho [95 %]", digits=2, parts=("mean", "low", "high"), signed=True),
        Column("distance", "mean change of distance", digits=3, signed=True),
        Column("gain", "mean gain", unit="points", signed=True),
        Column("remark", "remark"),
    )
    lacking = f"**{no_probe(links.lacking)}**"
    most = f"**the first {MOST_ROWS} rows alone; {links.left_out} more are left out**"
    return Table(
        name=NAME,
        title=TITLE,
        columns=columns,
        rows=tuple(
            (*label_fields(each.measured.row, labels), each.seeds, *_numbers(each))
            for each in links.found
        ),
        notes=(
            *([most] if links.left_out else []),
            *([lacking] if links.lacking else []),
            *general_notes(run),
            *NOTES,
        ),
        cells=tuple(each.measured.row.ids for each in links.found),
    )


def _numbers(link: Link) -> tuple[Value, ...]:
    found = link.correlation
    low, high = (found.interval.low, found.interval.high) if found.interval else (None, None)
    note = found.reason or (found.interval.note if found.interval else "")
    return (
        found.points,
        Measure(found.rho, low=low, high=high),
        _mean(link.distance),
        _mean(link.gain),
        note,
    )
