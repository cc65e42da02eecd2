"""What every metric, group, sign and column means, at the end of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.groups import GROUP_NAMES
from rsbench.report.artefacts import EMPTY, Artefact, Column, Table
from rsbench.report.section import Section
from rsbench.report.sections.statistics.comparison_tables import MAY_DISAGREE, P_BOTH
from rsbench.report.tables.layout import ADDITIVE, NON_ADDITIVE
from rsbench.report.tables.quality import DEFINITIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rsbench.record import Record
    from rsbench.report.results import RunResults

Line = tuple[str, str, str]
"""Name, definition, and where it is from."""

_SOURCES = {
    "overall": "first value that the released code returns",
    "mean-class": "the paper's Avg and Overall",
    "head, medium, tail": "the paper's many, medium and few",
    "macro F1": "released code",
    "worst class": "released code",
    "harmonic mean": "released code",
    "geometric mean": "released code",
    "ECE": "Guo et al. 2017",
    "confidence - accuracy": "rsbench",
}
_SIGNS: tuple[Line, ...] = (
    (
        "±",
        "sample standard deviation (ddof = 1) over the seeds; nothing with one seed. It is not an "
        "interval: the tables of statistics have those",
        "rsbench",
    ),
    (
        EMPTY,
        "undefined, not recorded, or not trained: no class of the group was tested, no plain row "
        "to compare with, one seed. Never zero; files leave the field empty",
        "rsbench",
    ),
    ("points", "percentage points: the difference of two accuracies in percent", "rsbench"),
)
_COLUMNS: tuple[Line, ...] = (
    (
        "average of N",
        "plain mean over the transfers (backbone → target), each counting alike",
        "the paper's Avg over its three transfers",
    ),
    (
        "row",
        "cells that differ in nothing but the seed",
        "rsbench",
    ),
    (
        "pair",
        "a method with and without MetaPEFT, all else alike: seed, split, order of images, "
        "positions, rank",
        "rsbench",
    ),
    (
        "gain",
        "accuracy with MetaPEFT minus the plain one, seed by seed",
        "the paper's + Ours",
    ),
    ("p, both (comparisons)", P_BOTH, "rsbench"),
    ("interval and p (comparisons)", MAY_DISAGREE, "rsbench"),
    (
        "trainable parameters",
        "scalars that training changes: the method's, the head's and the modulators'",
        "rsbench; the paper's counts are not known",
    ),
    (
        "modulators, gamma",
        "gamma = softplus(rho) multiplies what a module adds; one trained scalar for each module",
        "the paper",
    ),
    (
        "additive",
        f"{', '.join(ADDITIVE)}: they add a term to the output of a layer; not additive: "
        f"{', '.join(NON_ADDITIVE)}",
        "the paper",
    ),
)


def definitions_table(results: RunResults) -> Table:
    """Metrics, the groups of each target, signs and columns."""
    metrics = [(name, text, _SOURCES[name]) for name, text in DEFINITIONS.items()]
    lines = [*metrics, *_groups(results), *_SIGNS, *_COLUMNS]
    return Table(
        name="definitions",
        title="Definitions",
        columns=(
            Column("name", "name"),
            Column("definition", "definition"),
            Column("source", "source"),
        ),
        rows=tuple(lines),
    )


def _groups(results: RunResults) -> list[Line]:
    """How the classes of each target are grouped, as its records have it."""
    lines = []
    for target in results.targets:
        records = [row.first for row in results.rows if row.target == target]
        texts = dict.fromkeys(_group_text(record) for record in records if record.class_names)
        kind = records[0].cell.target.kind
        lines += [(f"groups of {target}", text, f"target kind {kind}") for text in texts]
    return lines


def _group_text(record: Record) -> str:
    parts = [_one_group(record, name) for name in GROUP_NAMES]
    classes = len(record.class_names)
    return f"{classes} classes: {'; '.join(parts)}. {_rule(record.cell.target.options)}"


def _one_group(record: Record, name: str) -> str:
    members = record.groups.get(name, ())
    counts = [record.train_counts[c] for c in members if c < len(record.train_counts)]
    if not members:
        return f"{name}: none"
    images = f" ({min(counts):,} to {max(counts):,} training images each)" if counts else ""
    return f"{name}: {len(members)}{images}"


def _rule(options: Mapping[str, object]) -> str:
    """The rule behind the groups, where the target's options state it."""
    groups = options.get("groups")
    if not isinstance(groups, dict):
        return "The rule is that of the kind of target; its options do not set it."
    rule = groups.get("rule")
    if rule == "thresholds":
        return (
            f"Rule: head classes have more than {groups.get('many')} training images, tail "
            f"classes fewer than {groups.get('few')}."
        )
    if rule == "thirds":
        return (
            "Rule: by rank; the third with the most training images is the head, the third with "
            "the fewest the tail (thirds rounded down)."
        )
    return "The matrix lists which class is in which group."


def _build(results: RunResults) -> tuple[Artefact, ...]:
    return (definitions_table(results),) if results.rows else ()


SECTION = Section(
    name="definitions",
    title="Definitions",
    introduction="What the numbers, signs and columns of this report mean.",
    files=("definitions",),
    build=_build,
)
