"""MetaPEFT beside its controls: does learning gamma help, or what comes with it (section 9.7)?"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from rsbench.report.artefacts import EMPTY, Artefact, Column, Measure, Table, Value
from rsbench.report.modulators import LEARNED, control_of
from rsbench.report.notes import table_cautions
from rsbench.report.results import without_strategy
from rsbench.report.rows import METRICS, flat
from rsbench.report.section import Section
from rsbench.report.tables.differences import difference
from rsbench.report.tables.layout import (
    RowLabels,
    accuracy_columns,
    difference_columns,
    ordered_transfers,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

PLAIN = "plain"
#: What is done with gamma, in the order of the table.
_ORDER = (PLAIN, LEARNED, "joint", "random", "fixed", "none", "given", "released")
#: Accuracies whose differences are shown.
_COMPARED = ("tail", "mean")
_MEANING = (
    "gamma: plain: the method without MetaPEFT; learned: MetaPEFT; joint: same optimiser, rate and "
    "number of updates, but on the batches of the inner steps; random: drawn once and frozen; "
    "fixed: gamma stays 1 and the outer steps train the weights; none: the plain method on what "
    "D_val leaves of the training images; given: the gammas of another cell, frozen; released: "
    "the loop of the released code, whose gammas do not act on the tested model."
)
_SAME_BUT_BATCHES = (
    "**learned (where D_val overlaps the inner steps' images, the default) and joint differ only "
    "in which training batches gamma sees**: a difference between the two is not one between "
    "learning gamma and not learning it."
)
_PARTNERS = (
    "Rows under each other have the same method options and recipe. minus plain, minus learned: "
    "in points, mean ± sample standard deviation (ddof = 1) of the differences by seed, over the "
    "seeds that both have; of several learned rows the one whose MetaPEFT options differ least "
    f"counts, {EMPTY} where that is not one alone. mean gamma and travel (|rho - rho at the "
    "start|): mean over the modules and the seeds."
)


def controls_table(results: RunResults) -> Table | None:
    """A line for each row of the methods that have a control; None where none has."""
    groups = _groups(results.rows)
    lines = [(row, group) for group in groups for row in group]
    if not lines:
        return None
    labels = RowLabels([row for row, _ in lines])
    return Table(
        name="controls",
        title="MetaPEFT beside its controls, accuracy in percent",
        columns=(
            *labels.columns,
            *(Column("gamma", "gamma"), Column("seeds", "seeds")),
            *accuracy_columns(),
            *difference_columns(_COMPARED, "minus plain", "minus_plain_"),
            *difference_columns(_COMPARED, "minus learned", "minus_learned_"),
            Column("mean_gamma", "mean gamma", digits=3),
            Column("travel", "travel", digits=3),
        ),
        rows=tuple((*labels.fields(row), *_numbers(row, group)) for row, group in lines),
        notes=(*table_cautions(results), _SAME_BUT_BATCHES, _MEANING, _PARTNERS),
        cells=tuple(row.ids for row, _ in lines),
    )


def _groups(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that differ in what is done with gamma alone, where one of them is a control."""
    order = {transfer: rank for rank, transfer in enumerate(ordered_transfers(rows))}
    found: defaultdict[str, dict[tuple[str, ...], Row]] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: order[row.backbone, row.target]):
        # cells at several places of an axis are the same cells: once is enough
        found[without_strategy(row.first)].setdefault(row.ids, row)
    groups = [list(group.values()) for group in found.values()]
    return [
        sorted(group, key=lambda row: _rank(_gamma(row)))
        for group in groups
        if len(group) > 1 and any(_gamma(row) not in (PLAIN, LEARNED) for row in group)
    ]


def _gamma(row: Row) -> str:
    return control_of(row.first) or PLAIN


def _rank(gamma: str) -> int:
    return _ORDER.index(gamma) if gamma in _ORDER else len(_ORDER)


def _numbers(row: Row, group: Sequence[Row]) -> tuple[Value, ...]:
    plain = next((each for each in group if _gamma(each) == PLAIN), None)
    learned = _closest(row, [each for each in group if _gamma(each) == LEARNED])
    gamma = row.gamma
    return (
        *(_gamma(row), len(row.seeds)),
        *(row.measure(name) for name in METRICS),
        *(_minus(row, plain, name) for name in _COMPARED),
        *(_minus(row, learned, name) for name in _COMPARED),
        gamma.mean if gamma else None,
        gamma.travel_mean if gamma else None,
    )


def _minus(row: Row, other: Row | None, column: str) -> Measure:
    return Measure(None) if other is None or other is row else difference(row, other, column)


def _closest(row: Row, learned: Sequence[Row]) -> Row | None:
    """The learned row with the fewest other options of MetaPEFT; None where several have them."""
    if row in learned or (_gamma(row) == PLAIN and len(learned) > 1):
        return None
    distances = [_distance(row, each) for each in learned]
    if not distances or distances.count(min(distances)) > 1:
        return None
    return learned[distances.index(min(distances))]


def _distance(first: Row, second: Row) -> int:
    one, other = (_options(row) for row in (first, second))
    return sum(one.get(key) != other.get(key) for key in {*one, *other} - {"gamma"})


def _options(row: Row) -> dict[str, Any]:
    strategy = row.first.cell.metapeft
    return flat(dict(strategy.options)) if strategy else {}


def _build(results: RunResults) -> tuple[Artefact, ...]:
    table = controls_table(results)
    return () if table is None else (table,)


SECTION = Section(
    name="controls",
    title="Controls of MetaPEFT",
    introduction="Is it the learned gammas that change the accuracy, or something that comes with "
    "them: more steps, unequal gammas, other batches?",
    files=("controls",),
    build=_build,
)
