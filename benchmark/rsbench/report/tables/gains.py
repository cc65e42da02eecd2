"""What MetaPEFT adds to each method: differences of pairs, seed by seed (paper section 9.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import Column, Measure, Table
from rsbench.report.notes import shortened, table_cautions
from rsbench.report.rows import METRICS
from rsbench.report.sections.statistics.run import statistics_of
from rsbench.report.tables.differences import accuracies, average, measure, minus
from rsbench.report.tables.layout import (
    RowLabels,
    difference_columns,
    ordered_transfers,
    paper_order,
    transfer_title,
)

if TYPE_CHECKING:
    from rsbench.report.results import RunResults
    from rsbench.report.rows import Pair
    from rsbench.report.tables.differences import SeedValues
    from rsbench.report.tables.layout import Transfer

#: Accuracies that are judged, and averaged over the transfers.
AVERAGED = ("tail", "mean")

_EXPLANATION = (
    "MetaPEFT minus plain, in points: mean ± sample standard deviation (ddof = 1) of the "
    "differences by seed, over the seeds that both have ('common seeds'); both were trained with "
    "the same split and order of images. verdict on tail, on mean: those of the table "
    "comparisons, from seeds and test images together, corrected for the number of pairs; within "
    "the noise means that the run cannot tell the two apart, not that they are equal."
)


def ordered_pairs(results: RunResults) -> list[Pair]:
    """The pairs by method in the paper's order, then by transfer."""
    pairs = results.pairs
    ranks = {each: rank for rank, each in enumerate(ordered_transfers([p.tuned for p in pairs]))}
    by_transfer = sorted(pairs, key=lambda pair: ranks[pair.tuned.backbone, pair.tuned.target])
    return [by_transfer[number] for number in paper_order([p.tuned for p in by_transfer])]


def gain_by_seed(pair: Pair, column: str) -> SeedValues:
    """MetaPEFT minus plain in points, for the seeds that both have."""
    return minus(accuracies(pair.tuned, column), accuracies(pair.plain, column))


def gains_table(results: RunResults) -> Table | None:
    """A line for each pair; None where the run has none."""
    pairs = ordered_pairs(results)
    if not pairs:
        return None
    labels = RowLabels([pair.tuned for pair in pairs])
    verdicts = {
        (id(finding.contrast.second), finding.metric): finding.verdict
        for finding in statistics_of(results).findings("metapeft")
    }
    return Table(
        name="gains",
        title="What MetaPEFT adds, in points",
        columns=(
            *labels.columns,
            Column("common_seeds", "common seeds"),
            *difference_columns(),
            *(Column(f"verdict_{name}", f"on {name}", group="verdict") for name in AVERAGED),
        ),
        rows=tuple(
            (
                *labels.fields(pair.tuned),
                len(pair.seeds),
                *(measure(gain_by_seed(pair, name)) for name in METRICS),
                *(verdicts.get((id(pair.tuned), name), "") for name in AVERAGED),
            )
            for pair in pairs
        ),
        notes=(*table_cautions(results), _EXPLANATION, *_other_settings(pairs), *_without(results)),
        cells=tuple((*pair.plain.ids, *pair.tuned.ids) for pair in pairs),
    )


def gains_average_table(results: RunResults) -> Table | None:
    """A line for each method with a pair in every transfer; None with fewer than two transfers."""
    pairs = ordered_pairs(results)
    transfers = ordered_transfers([pair.tuned for pair in pairs])
    lines: dict[tuple[str, str], dict[Transfer, Pair]] = {}
    for pair in pairs:
        line = lines.setdefault((pair.tuned.method, pair.tuned.setting), {})
        line[pair.tuned.backbone, pair.tuned.target] = pair
    complete = {key: line for key, line in lines.items() if len(line) == len(transfers)}
    if len(transfers) < 2 or not complete:
        return None
    short = [" ".join(key).strip() for key in lines if key not in complete]
    with_setting = any(setting for _, setting in complete)
    return Table(
        name="gains_average",
        title=f"What MetaPEFT adds, average over {len(transfers)} transfers, in points",
        columns=(
            Column("method", "method"),
            *((Column("setting", "setting"),) if with_setting else ()),
            *difference_columns(AVERAGED),
        ),
        rows=tuple(
            (
                method,
                *((setting,) if with_setting else ()),
                *(_average(list(line.values()), name) for name in AVERAGED),
            )
            for (method, setting), line in complete.items()
        ),
        notes=(
            *table_cautions(results),
            f"plain mean over the transfers ({', '.join(map(transfer_title, transfers))}). ± is "
            "the deviation over the seeds of the average by seed; none where the transfers have "
            "different seeds.",
            *([f"left out, without a pair in each transfer: {shortened(short)}."] if short else []),
        ),
    )


def _average(pairs: list[Pair], column: str) -> Measure:
    return average([gain_by_seed(pair, column) for pair in pairs])


def _other_settings(pairs: list[Pair]) -> list[str]:
    """A note for the pairs that differ in more than MetaPEFT."""
    differing = [
        f"{pair.tuned.label} ({'; '.join(pair.differences)})" for pair in pairs if pair.differences
    ]
    if not differing:
        return []
    return [
        "**these pairs differ in other settings, too, so their gain is not that of MetaPEFT "
        f"alone** (plain and MetaPEFT): {shortened(differing)}"
    ]


def _without(results: RunResults) -> list[str]:
    """A note for the MetaPEFT rows that have no pair."""
    paired = {id(pair.tuned) for pair in results.pairs}
    alone = [r.label for r in results.rows if r.metapeft == "yes" and id(r) not in paired]
    if not alone:
        return []
    return [f"with MetaPEFT, but without a plain row to compare with: {shortened(alone)}."]
