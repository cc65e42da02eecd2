"""The table ``distance_additive``: the paper's claim that additive methods separate classes more.

Additive methods add the output of a module to that of a layer (LoRA, Adapter, AdaptFormer); the
other ones change inputs or biases (VPT, BitFit). The paper's bars (section 6.8) stand beside.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent, Artefact, Column, Table
from rsbench.report.sections.distances.measured import (
    GROUPS,
    MeasuredRow,
    MeasuredRun,
    over_seeds,
)
from rsbench.report.sections.distances.tables import alike, general_notes, group_title
from rsbench.report.tables.layout import ADDITIVE, NON_ADDITIVE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rsbench.report.artefacts import Value

#: Without the one that the paper's "13 %" seems to leave out.
FEWER = ("vpt_shallow", "bitfit")

NAME = "distance_additive"
TITLE = "Distances of additive and other methods"

CAVEAT = (
    "**Not a test of the paper's numbers unless backbone and data are the paper's**: distances "
    "depend on both, and the paper defines its distance nowhere; only the sign and the rough size "
    "of the relative difference can be compared."
)
NOTES = (
    "additive: mean over LoRA, Adapter and AdaptFormer; other: mean over VPT-Shallow, VPT-Deep and "
    "BitFit; difference: additive over other minus 1, in percent; 'without VPT-Deep' leaves it out "
    "of the others. The paper says '13 % higher' for the tail: its bars give that only without "
    "VPT-Deep (paper section 5).",
    "this run: over the seeds that all six methods have, mean ± sample standard deviation "
    "(ddof = 1) over these seeds; methods differ in many things besides being additive, three of "
    "each kind prove nothing, and the distance is no accuracy. paper: read off the bars of "
    "Fig. 1b, each ± 0.003, number of seeds not stated.",
)

Values = dict[str, float | None]


@dataclass(frozen=True)
class _Contrast:
    """Six rows that share everything but the method.

    Attributes:
        place: backbone, target, setting and metapeft.
        rows: the row of each method, by kind.
    """

    place: tuple[str, str, str, str]
    rows: Mapping[str, MeasuredRow]

    @property
    def seeds(self) -> list[int]:
        """Seeds that all six have."""
        common = [set(each.row.seeds) for each in self.rows.values()]
        return sorted(set.intersection(*common))

    def values(self, seed: int, group: str) -> Values:
        """The distance of each method with this seed."""
        found: Values = {}
        for kind, each in self.rows.items():
            (record,) = (r for r in each.row.records if r.cell.seed == seed)
            found[kind] = each.after[record.id].groups[group].distance
        return found


def additive_artefacts(run: MeasuredRun) -> tuple[Artefact, ...]:
    """The table; why there is none, where methods are missing; nothing for a run of one kind."""
    found = list(_by_place(run))
    complete = [each for each in found if len(each.rows) == len(ADDITIVE) + len(NON_ADDITIVE)]
    if complete:
        return (_table(run, complete),)
    both = [each for each in found if _has(each, ADDITIVE) and _has(each, NON_ADDITIVE)]
    if not both:
        return ()
    fullest = max(both, key=lambda each: len(each.rows))
    missing = [kind for kind in (*ADDITIVE, *NON_ADDITIVE) if kind not in fullest.rows]
    reason = (
        "it compares the means of three additive and three other methods, and no backbone and "
        f"target have all six with one setting; nearest to it is {' / '.join(fullest.place[:2])}, "
        f"which lacks {', '.join(missing)}, or has several of a kind: run all six"
    )
    return (Absent(NAME, TITLE, reason),)


def _has(contrast: _Contrast, kinds: Sequence[str]) -> bool:
    return any(kind in contrast.rows for kind in kinds)


def _by_place(run: MeasuredRun) -> Iterator[_Contrast]:
    """Rows without controls, by backbone, target, setting and MetaPEFT.

    The method counts whose label is the name of its kind, or else the only one of that kind.
    """
    places: dict[tuple[str, str, str, str], dict[str, list[MeasuredRow]]] = {}
    for each in run.rows:
        row, kind = each.row, each.row.first.cell.method.kind
        if kind in (*ADDITIVE, *NON_ADDITIVE) and row.metapeft in ("no", "yes"):
            setting = ", ".join(f"{axis}={value}" for axis, value in row.axes.items())
            place = places.setdefault((row.backbone, row.target, setting, row.metapeft), {})
            place.setdefault(kind, []).append(each)
    for key, kinds in places.items():
        yield _Contrast(key, dict(_unmistakable(kinds)))


def _unmistakable(kinds: Mapping[str, list[MeasuredRow]]) -> Iterator[tuple[str, MeasuredRow]]:
    for kind, found in kinds.items():
        named = [each for each in found if each.row.method == kind] or found
        if len(named) == 1:
            yield kind, named[0]


def _table(run: MeasuredRun, contrasts: Sequence[_Contrast]) -> Table:
    settings = any(each.place[2] for each in contrasts)
    names = ["source", "backbone", "target", *(["setting"] if settings else [])]
    columns = (
        *(Column(name, name) for name in names),
        *(Column("metapeft", "metapeft"), Column("seeds", "seeds"), Column("group", "group")),
        *(Column(name, name, digits=3, parts=("mean", "std")) for name in ("additive", "other")),
        *(
            Column(key, title, unit="%", signed=True, parts=("mean", "std"))
            for key, title in (
                ("difference", "difference"),
                ("difference_fewer", "without VPT-Deep"),
            )
        ),
    )
    lines, cells = [], []
    for place, seeds, group, measures, ids in (*_paper(), *_ours(contrasts)):
        kept = (*place[:3], *([place[3]] if settings else []), place[4])
        lines.append((*kept, seeds, group, *measures))
        cells.append(ids)
    notes = (*general_notes(run), CAVEAT, *alike(run), *NOTES)
    return Table(NAME, TITLE, columns, tuple(lines), notes, tuple(cells))


_Line = tuple[tuple[str, ...], "Value", str, "tuple[Value, ...]", tuple[str, ...]]


def _paper() -> Iterator[_Line]:
    """The means of the published bars."""
    from rsbench.published import load_published

    numbers = [n for n in load_published().table("distance").numbers if n.quantity == "distance"]
    for group in ("head", "tail"):
        values: Values = {n.setting.method: n.value for n in numbers if n.metric == group}
        first = numbers[0].setting
        place = ("paper", first.backbone, first.target, "", "no")
        yield place, None, group, _measures([values]), ()


def _ours(contrasts: Sequence[_Contrast]) -> Iterator[_Line]:
    for each in contrasts:
        backbone, target, setting, metapeft = each.place
        ids = tuple(i for row in each.rows.values() for i in row.row.ids)
        for group in GROUPS:
            values = [each.values(seed, group) for seed in each.seeds]
            measures = _measures(values)
            place = ("this run", backbone, target, setting, metapeft)
            yield place, len(each.seeds), group_title(group), measures, ids


def _measures(values: Sequence[Values]) -> tuple[Value, ...]:
    """Additive, other, and both differences; one entry of ``values`` for each seed."""
    additive, other, fewer = (
        [_mean(each, kinds) for each in values] for kinds in (ADDITIVE, NON_ADDITIVE, FEWER)
    )
    return (
        over_seeds(additive),
        over_seeds(other),
        over_seeds([_relative(a, b) for a, b in zip(additive, other, strict=True)]),
        over_seeds([_relative(a, b) for a, b in zip(additive, fewer, strict=True)]),
    )


def _mean(values: Values, kinds: Sequence[str]) -> float | None:
    known = [value for value in (values.get(kind) for kind in kinds) if value is not None]
    return statistics.fmean(known) if len(known) == len(kinds) else None


def _relative(first: float | None, second: float | None) -> float | None:
    if first is None or second is None or second <= 0:
        return None
    return 100.0 * (first / second - 1.0)
