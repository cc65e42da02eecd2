"""Average ranks of methods over targets, with a verdict only where the targets are enough."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rsbench.report.artefacts import EMPTY, Absent, Artefact, Column, Figure, Table, Value
from rsbench.report.notes import shortened
from rsbench.report.sections.statistics.labels import limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure as Drawing

    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row
    from rsbench.statistics import AverageRanks

#: Metrics that methods are ranked by.
RANK_METRICS = {"mean": "mean-class accuracy", "tail": "tail accuracy"}
_TITLE = "Average ranks over targets"
_NOTE = (
    "rank: 1 is the most accurate of the methods on a target (mean over the seeds; ties share "
    "their ranks), averaged over the targets. Friedman p: of 'all methods are equally good'; "
    "critical difference: two methods whose average ranks differ by less cannot be told apart "
    "(Nemenyi's test at 5 %). Both need 6 targets and 3 methods; with fewer the ranks are a "
    "summary of these targets, without a verdict on others."
)


@dataclass(frozen=True)
class Board:
    """Methods that are ranked together: each has a row on every target.

    Attributes:
        backbone: of all rows, "" where every target has one backbone of its own.
        rows: by method, then by target.
        targets: in order.
        left_out: methods that lack a target.
        targets_left_out: targets that have hardly a method in common with the others.
    """

    backbone: str
    rows: dict[str, dict[str, Row]]
    targets: tuple[str, ...]
    left_out: tuple[str, ...]
    targets_left_out: tuple[str, ...]

    @property
    def suffix(self) -> str:
        """What distinguishes its figures from those of other boards."""
        return f"_{self.backbone}" if self.backbone else ""

    def ranks(self, metric: str) -> AverageRanks:
        """Average ranks by one of ``RANK_METRICS``."""
        from rsbench.statistics import average_ranks

        scores = {
            method: [rows[target].measure(metric).mean for target in self.targets]
            for method, rows in self.rows.items()
        }
        return average_ranks(scores, self.targets)


def boards(results: RunResults) -> tuple[Board, ...]:
    """One board, or one for each backbone where a target was met by several.

    Controls do not take part, nor rows with values of extra axes, nor those that another row of
    the run shares its labels with.
    """
    rows = [r for r in results.rows if r.metapeft in ("yes", "no") and not (r.axes or r.variant)]
    transfers = {(row.backbone, row.target) for row in rows}
    if len(transfers) == len({target for _, target in transfers}):
        found = [_board("", rows)]
    else:
        backbones = dict.fromkeys(row.backbone for row in rows)
        found = [_board(name, [r for r in rows if r.backbone == name]) for name in backbones]
    return tuple(each for each in found if len(each.targets) > 1 and len(each.rows) > 1)


def _board(backbone: str, rows: Sequence[Row]) -> Board:
    """The methods that every target has; without any, the targets least like the others go."""
    by_target: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_target.setdefault(row.target, {})[row.full_method] = row
    used = dict(by_target)
    while len(used) > 2 and len(_shared(used)) < 2:
        del used[min(used, key=lambda target: _likeness(target, used))]
    shared = _shared(used)
    methods = dict.fromkeys(row.full_method for row in rows)
    return Board(
        backbone=backbone,
        rows={name: {t: used[t][name] for t in used} for name in methods if name in shared},
        targets=tuple(used),
        left_out=tuple(name for name in methods if name not in shared),
        targets_left_out=tuple(target for target in by_target if target not in used),
    )


def _likeness(target: str, by_target: Mapping[str, Mapping[str, Row]]) -> int:
    """Methods in common with each target, summed."""
    return sum(len(by_target[target].keys() & each.keys()) for each in by_target.values())


def _shared(by_target: Mapping[str, Mapping[str, Row]]) -> set[str]:
    """Methods that every target has."""
    return set.intersection(*map(set, by_target.values())) if by_target else set()


def rank_artefacts(results: RunResults) -> tuple[Artefact, ...]:
    """The table, and a diagram for each metric; what cannot be made says why."""
    if not results.rows:
        return ()
    found = boards(results)
    if not found:
        reason = "needs at least two methods that were both tested on at least two targets"
        return (Absent("ranks", _TITLE, reason),)
    ranked = [(board, {name: board.ranks(name) for name in RANK_METRICS}) for board in found]
    diagrams = (_diagram(board, name, ranks[name]) for board, ranks in ranked for name in ranks)
    return (_table(results, ranked), *diagrams)


def _table(results: RunResults, ranked: Sequence[tuple[Board, dict[str, AverageRanks]]]) -> Table:
    several = any(board.backbone for board, _ in ranked)
    columns = [
        *([Column("backbone", "backbone")] if several else []),
        Column("method", "method"),
        *(column for name in RANK_METRICS for column in _columns(name)),
    ]
    return Table(
        name="ranks",
        title=_TITLE,
        columns=tuple(columns),
        rows=tuple(line for board, ranks in ranked for line in _lines(board, ranks, several)),
        notes=(
            *limits(results),
            *(note for board, ranks in ranked for note in _notes(board, ranks)),
            _NOTE,
        ),
        cells=tuple(
            tuple(identifier for row in board.rows[method].values() for identifier in row.ids)
            for board, ranks in ranked
            for method in ranks["mean"].ranks
        ),
    )


def _columns(metric: str) -> tuple[Column, ...]:
    return (
        Column(f"{metric}_rank", "average rank", 2, "", metric),
        Column(f"{metric}_targets", "targets", 0, "", metric),
    )


def _lines(board: Board, ranks: dict[str, AverageRanks], several: bool) -> list[tuple[Value, ...]]:
    """The methods of a board, best by the mean first."""
    return [
        (
            *((board.backbone,) if several else ()),
            method,
            *(
                value
                for each in ranks.values()
                for value in (each.ranks.get(method) if each.targets else None, len(each.targets))
            ),
        )
        for method in ranks["mean"].ranks
    ]


def _notes(board: Board, ranks: dict[str, AverageRanks]) -> list[str]:
    place = f"{board.backbone}: " if board.backbone else ""
    notes = [f"{place}{name}: {_verdict(each)}" for name, each in ranks.items()]
    if board.left_out:
        notes.append(
            f"{place}methods left out, because they were not tested on all of these targets: "
            f"{shortened(board.left_out)}"
        )
    if board.targets_left_out:
        listed = shortened(board.targets_left_out)
        notes.append(f"{place}targets left out, having too few of these methods: {listed}")
    for name, each in ranks.items():
        if each.targets_left_out:
            listed = shortened(each.targets_left_out)
            notes.append(f"{place}{name}: targets without classes of the group: {listed}")
    return notes


def _verdict(ranks: AverageRanks) -> str:
    if ranks.critical_difference is None or ranks.friedman_p is None:
        return f"**no verdict: {ranks.reason}**"
    p = "< 0.0001" if ranks.friedman_p < 0.0001 else f"= {ranks.friedman_p:.4f}"
    equal = ranks.friedman_p > 0.05
    said = "; no difference between methods is shown" if equal else ""
    return (
        f"Friedman p {p} over {len(ranks.targets)} targets, critical difference "
        f"{ranks.critical_difference:.2f}{said}"
    )


def _diagram(board: Board, metric: str, ranks: AverageRanks) -> Artefact:
    name = f"critical_difference_{metric}{board.suffix}"
    title = f"Ranks of methods by {RANK_METRICS[metric]}"
    if board.backbone:
        title += f", {board.backbone}"
    if ranks.critical_difference is None:
        return Absent(name, title, f"critical-difference diagram: {ranks.reason}")
    return Figure(
        name=name,
        title=title,
        caption=(
            f"Average rank of each method over n = {len(ranks.targets)} targets by "
            f"{RANK_METRICS[metric]} (mean over the seeds); 1 is best. A bar joins methods whose "
            "average ranks differ by less than the critical difference (Nemenyi's test at 5 %): "
            f"the run cannot tell them apart. {_verdict(ranks)}."
        ),
        draw=partial(_draw, ranks, title),
        alt=_alt(ranks),
    )


def _draw(ranks: AverageRanks, title: str) -> Drawing:
    from rsbench.report.figures.ranks import critical_difference_diagram

    return critical_difference_diagram(ranks, title)


def _alt(ranks: AverageRanks) -> str:
    listed = ", ".join(f"{method} {rank:.2f}" for method, rank in ranks.ranks.items())
    joined = "; ".join(f"{each[0]} to {each[-1]}" for each in ranks.cliques) or EMPTY
    return f"Average ranks: {listed}. Not told apart: {joined}."
