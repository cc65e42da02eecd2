"""The top of the page: what the run is of, who made it, what failed and what is missing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.cell import full_method
from rsbench.report.artefacts import Column, Table
from rsbench.report.modulators import LEARNED, control_of
from rsbench.report.notes import cautions, remarks
from rsbench.report.results import reason_of
from rsbench.report.sections.statistics import verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rsbench.record import Environment, Record
    from rsbench.report.results import RunResults

#: Failures shown with their tracebacks, and missing cells shown by name; a table has all.
MOST_SHOWN = 10
#: Values of one fact that are listed.
_MOST_VALUES = 30


@dataclass(frozen=True)
class FailedCell:
    """A failed cell in the summary.

    Attributes:
        id: of the cell.
        label: what it is.
        reason: one line.
        traceback: where it came from.
    """

    id: str
    label: str
    reason: str
    traceback: str


@dataclass(frozen=True)
class Summary:
    """What stands on top of the page.

    Attributes:
        matrix: name of the matrix.
        finished: number of finished cells.
        cautions: what must be known before any number is read.
        findings: what the run says about MetaPEFT, in sentences.
        remarks: what else limits the numbers.
        subject: what the run is of: names and values.
        provenance: who and what made it: names and values.
        failed: number of failed cells.
        failures: the first of them.
        missing: number of missing cells.
        missing_labels: the first of them.
        tables: all failed and all missing cells, where the page lists only some.
    """

    matrix: str
    finished: int
    cautions: tuple[str, ...]
    findings: tuple[str, ...]
    remarks: tuple[str, ...]
    subject: tuple[tuple[str, str], ...]
    provenance: tuple[tuple[str, str], ...]
    failed: int
    failures: tuple[FailedCell, ...]
    missing: int
    missing_labels: tuple[str, ...]
    tables: tuple[Table, ...]


def all_records(results: RunResults) -> tuple[Record, ...]:
    """The finished cells in the order of the rows, then the failed ones; each once."""
    finished = (record for row in results.rows for record in row.records)
    found = {record.id: record for record in (*finished, *results.failures)}
    return tuple(found.values())


def summarise_run(results: RunResults) -> Summary:
    """The summary of a run, from run.json and the records alone."""
    records = all_records(results)
    return Summary(
        matrix=results.index.matrix,
        finished=len(records) - len(results.failures),
        cautions=tuple(each.replace("**", "") for each in cautions(results)),
        findings=verdicts(results),
        remarks=remarks(results),
        subject=_subject(results, records),
        provenance=_provenance(records),
        failed=len(results.failures),
        failures=tuple(_failed(each) for each in results.failures[:MOST_SHOWN]),
        missing=len(results.missing),
        missing_labels=tuple(each.label for each in results.missing[:MOST_SHOWN]),
        tables=_tables(results),
    )


def _failed(record: Record) -> FailedCell:
    traceback = record.failure.traceback if record.failure else ""
    return FailedCell(record.id, record.cell.label, reason_of(record), traceback)


def _subject(results: RunResults, records: tuple[Record, ...]) -> tuple[tuple[str, str], ...]:
    """Targets, backbones, methods, axes and seeds: of the records, and of what is missing."""
    cells, lost = [each.cell for each in records], results.missing
    targets = [*(each.target.name for each in cells), *(each.target for each in lost)]
    backbones = [*(each.backbone.name for each in cells), *(each.backbone for each in lost)]
    methods = [
        *(_method(each) for each in records),
        *(each.full_method or each.method for each in lost),
    ]
    seeds = sorted({each.seed for each in cells})
    facts = [
        ("Targets", _listed(targets)),
        ("Backbones", _listed(backbones)),
        ("Methods", _listed(methods)),
        *((f"Axis: {name}", _listed(values)) for name, values in results.index.axes.items()),
        ("Seeds", _listed(map(str, seeds))),
    ]
    return tuple((name, value) for name, value in facts if value)


def _method(record: Record) -> str:
    if record.cell.metapeft is None:
        return record.cell.method.name
    control = control_of(record)
    name, named = record.cell.method.name, record.cell.control_is_named
    return full_method(name, "" if control == LEARNED else control, named)


def _listed(values: Iterable[str]) -> str:
    """The different values, in order, with how many there are where there are several."""
    distinct = [value for value in dict.fromkeys(values) if value]
    more = f", and {len(distinct) - _MOST_VALUES} more" if len(distinct) > _MOST_VALUES else ""
    text = ", ".join(distinct[:_MOST_VALUES]) + more
    return f"{len(distinct)}: {text}" if len(distinct) > 1 else text


def _provenance(records: tuple[Record, ...]) -> tuple[tuple[str, str], ...]:
    known = [each.environment for each in records if each.environment is not None]
    if not known:
        return ()
    days = sorted(each.started[:10] for each in known)
    span = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    return (
        ("Cells started (UTC)", span),
        ("rsbench", _counted(known, lambda each: each.rsbench)),
        ("Commits", _counted(known, _commit)),
        ("Devices", _counted(known, lambda each: each.device)),
        ("Precisions", _counted(known, lambda each: each.precision)),
        ("Python", _counted(known, lambda each: each.python)),
        ("torch", _counted(known, lambda each: each.packages.get("torch", "unknown"))),
    )


def _commit(environment: Environment) -> str:
    commit = (environment.git_commit or "unknown")[:12]
    return f"{commit} with uncommitted changes" if environment.git_dirty else commit


def _counted(environments: list[Environment], value: Callable[[Environment], str]) -> str:
    """Every value, the commonest first, with its number of cells where there are several."""
    counts = Counter(value(each) for each in environments)
    if len(counts) == 1:
        return next(iter(counts))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{text} ({number})" for text, number in ordered[:_MOST_VALUES])
    left = len(ordered) - _MOST_VALUES
    return f"{shown}, and {left} more" if left > 0 else shown


def _tables(results: RunResults) -> tuple[Table, ...]:
    tables = []
    if len(results.failures) > MOST_SHOWN:
        tables.append(
            Table(
                name="failed-cells",
                title="All failed cells",
                columns=(Column("cell", "cell"), Column("reason", "reason")),
                rows=tuple((each.cell.label, reason_of(each)) for each in results.failures),
                cells=tuple((each.id,) for each in results.failures),
            )
        )
    if len(results.missing) > MOST_SHOWN:
        labels = tuple((each.label,) for each in results.missing)
        columns = (Column("cell", "cell"),)
        tables.append(Table("missing-cells", "All missing cells", columns, labels))
    return tuple(tables)
