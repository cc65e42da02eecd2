"""Do classes whose distance grows more also gain more accuracy? The table ``distance_link``."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent, Artefact, Column, Measure, Table
from rsbench.report.sections.distances.chosen import first_of, is_linear
from rsbench.report.sections.distances.labels import label_columns, label_fields
from rsbench.report.sections.distances.tables import general_notes
from rsbench.report.tables.layout import transfer_title
from rsbench.streams import stream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
        left_out: number of adapted rows beyond ``MOST_ROWS``.
    """

    found: tuple[Link, ...]
    lacking: tuple[tuple[str, str], ...]
    left_out: int


def find_links(run: MeasuredRun) -> Links:
    """The adapted rows with the linear probe of the same transfer, setting and seeds."""
    probes = _probes(run.results)
    rows = {
        transfer: [each for each in found if not is_linear(each.row)]
        for transfer, found in run.by_transfer.items()
    }
    share = max(2, MOST_ROWS // max(len(rows), 1))
    found = []
    lacking = []
    for transfer, adapted in rows.items():
        pairs = [
            (each, probe)
            for each in first_of(adapted)[:share]
            for probe in [_partner(each.row, probes)]
            if probe is not None
        ]
        found += [_link(each, probe) for each, probe in pairs]
        if adapted and not pairs:
            lacking.append(transfer)
    left_out = sum(max(0, len(adapted) - share) for adapted in rows.values())
    return Links(tuple(found), tuple(lacking), left_out)


def _probes(results: RunResults) -> dict[tuple[str, str, str], list[Row]]:
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in results.rows:
        if is_linear(row):
            found.setdefault((row.backbone, row.target, row.evaluated_on), []).append(row)
    return found


def _partner(row: Row, probes: Mapping[tuple[str, str, str], Sequence[Row]]) -> Row | None:
    """The linear probe with the most axis values in common; the first one among equals."""
    there = probes.get((row.backbone, row.target, row.evaluated_on), ())
    fitting = [each for each in there if each.axes.items() <= row.axes.items()]
    common = [each for each in fitting if set(each.seeds) & set(row.seeds)]
    return max(common, key=lambda each: len(each.axes), default=None)


def _link(each: MeasuredRow, probe: Row) -> Link:
    from rsbench.statistics import rank_correlation

    probed = {record.cell.seed: record for record in probe.records}
    both = [record for record in each.row.records if record.cell.seed in probed]
    classes = each.after[both[0].id].distances.classes
    distance = tuple(_mean([_moved(each, record, number) for record in both]) for number in classes)
    gain = tuple(
        _mean([_gained(record, probed[record.cell.seed], number) for record in both])
        for number in classes
    )
    correlation = rank_correlation(distance, gain, stream(0, NAME))
    return Link(each, classes, distance, gain, len(both), correlation)


def _moved(each: MeasuredRow, record: Record, number: int) -> float | None:
    before = each.before[record.id].distances.by_class.get(number)
    after = each.after[record.id].distances.by_class.get(number)
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
    most = (
        f"**{len(links.found)} rows alone, the same number for each transfer; {links.left_out} "
        "more are left out**: report a run of a smaller matrix to see them"
    )
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
