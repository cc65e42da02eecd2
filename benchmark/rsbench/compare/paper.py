"""A run beside the paper: every published number with ours, and a verdict."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rsbench.compare.matching import Candidates
from rsbench.compare.order import Step, order_steps
from rsbench.compare.outcomes import Measurements
from rsbench.compare.reproduction import refusals
from rsbench.compare.values import NOT_COMPARED, Ours, Values
from rsbench.errors import RsbenchError
from rsbench.published import load_published, load_reproduction
from rsbench.published.reproduction import name_of
from rsbench.report.results import load_results

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.published import Published, PublishedNumber, Reproduction
    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row
    from rsbench.store import RunFolder

Verdict = Literal["agrees", "higher", "lower", "not run", "gap", "not compared"]
VERDICTS: dict[Verdict, str] = {
    "agrees": "the difference is within the published tolerance plus our interval",
    "higher": "ours is higher than that",
    "lower": "ours is lower than that",
    "not run": "this run has no such number",
    "gap": "no published number is at hand",
    "not compared": "a number that runs cannot be held against",
}
#: Rounding of binary fractions must not decide a verdict.
_ROUNDING = 1e-9


class NotAReproductionError(RsbenchError):
    """A run none of whose cells can be compared with the published numbers."""


@dataclass(frozen=True)
class Comparison:
    """A published number and ours.

    Attributes:
        number: the published number, or a gap.
        ours: what the run has.
        verdict: one of ``VERDICTS``.
    """

    number: PublishedNumber
    ours: Ours
    verdict: Verdict

    @property
    def difference(self) -> float | None:
        """Ours minus the published value."""
        if self.ours.measured is None or self.number.value is None:
            return None
        return self.ours.measured.value - self.number.value


@dataclass(frozen=True)
class LeftOut:
    """Rows that were not compared.

    Attributes:
        reason: why.
        rows: labels, in the order of the run.
    """

    reason: str
    rows: tuple[str, ...]


@dataclass(frozen=True)
class PaperComparison:
    """A run beside the paper.

    Attributes:
        results: the run.
        published: the published numbers.
        comparisons: in the order of the published tables; a number that several rows fit has
            an entry for each.
        order: neighbours in the published order of methods.
        refused: rows that are no reproduction, by reason.
        unreported: labels of rows that are one, of methods that the paper does not report.
        single_seed: labels of compared rows with one seed.
        skipped: what was left out of the data of compared rows, in words.
    """

    results: RunResults
    published: Published
    comparisons: tuple[Comparison, ...]
    order: tuple[Step, ...]
    refused: tuple[LeftOut, ...]
    unreported: tuple[str, ...]
    single_seed: tuple[str, ...]
    skipped: tuple[str, ...]


def compare_with_paper(folder: RunFolder) -> PaperComparison:
    """Set the rows of a run that are reproductions beside the published numbers.

    Raises:
        NotAReproductionError: no row is one; the message lists the reasons.
        ResultsFolderError: the folder is not a run.
        RecordError: a record or another file of a cell is damaged.
    """
    results = load_results(folder)
    published, reproduction = load_published(), load_reproduction()
    reasons = {id(row): refusals(row, reproduction) for row in results.rows}
    # A cell that several axis values share makes a row for each of them: one is enough.
    rows = list({r.ids: r for r in reversed(results.rows) if not reasons[id(r)]}.values())[::-1]
    refused = _by_reason([(row, reasons[id(row)]) for row in results.rows])
    if not rows:
        raise _no_reproduction(results, refused, folder)
    candidates, measurements = Candidates(rows, reproduction), Measurements(folder)
    values = Values(published, candidates, measurements, results.files)
    comparisons = [
        Comparison(number, ours, verdict_on(number, ours))
        for number in published.numbers
        for ours in values.of(number)
    ]
    return PaperComparison(
        results=results,
        published=published,
        comparisons=tuple(comparisons),
        order=order_steps(reproduction.order, published, candidates, measurements),
        refused=refused,
        unreported=_unreported(rows, reproduction),
        single_seed=tuple(row.label for row in rows if len(row.seeds) == 1),
        skipped=_skipped(rows),
    )


def verdict_on(number: PublishedNumber, ours: Ours) -> Verdict:
    """What a published number and ours come to."""
    if number.value is None:
        return "gap"
    if number.quantity in NOT_COMPARED:
        return "not compared"
    if ours.measured is None:
        return "not run"
    if number.quantity == "modulators":
        return "agrees" if ours.measured.value < number.value else "higher"
    difference = ours.measured.value - number.value
    allowed = (number.tolerance or 0.0) + (ours.measured.half_width or 0.0)
    if abs(difference) <= allowed + _ROUNDING:
        return "agrees"
    return "higher" if difference > 0 else "lower"


def _by_reason(rows: Sequence[tuple[Row, tuple[str, ...]]]) -> tuple[LeftOut, ...]:
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for row, reasons in rows:
        for reason in reasons:
            found[reason][row.label] = None
    return tuple(LeftOut(reason, tuple(labels)) for reason, labels in found.items())


def _unreported(rows: Sequence[Row], published: Reproduction) -> tuple[str, ...]:
    return tuple(
        row.label for row in rows if name_of(published.methods, row.first.cell.method.kind) is None
    )


def _skipped(rows: Sequence[Row]) -> tuple[str, ...]:
    texts: dict[str, None] = {}
    for row in rows:
        for record in row.records:
            for split, number in record.skipped.items():
                if number:
                    texts[f"{row.target}: {number} images of {split}"] = None
    return tuple(texts)


def _no_reproduction(
    results: RunResults, refused: Sequence[LeftOut], folder: RunFolder
) -> NotAReproductionError:
    if not results.rows:
        return NotAReproductionError(
            "there is nothing to compare: no cell of this run is finished",
            where=folder.path,
            remedy="run the matrix first; 'rsbench run' resumes where it stopped",
        )
    count = len(results.rows)
    lines = [f"- {each.reason}: {which(each.rows, count, 2)}" for each in refused]
    return NotAReproductionError(
        "\n".join(["nothing in this run is a reproduction of the paper:", *lines]),
        where=folder.path,
        remedy="compare a run of the paper's targets, backbones and recipe, such as the cells of "
        "the matrix 'paper'; compare other runs with each other: --with OTHER_RUN",
    )


def which(labels: Sequence[str], of: int, most: int = 5) -> str:
    """Labels in words: all rows, or the first of them and how many more there are."""
    if len(labels) == of:
        return "all rows" if of > 1 else labels[0]
    more = f", and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(labels[:most]) + more
