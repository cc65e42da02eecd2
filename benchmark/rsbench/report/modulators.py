"""How far the modulators went, beside the controls: one row per setting with gammas."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rsbench.record import Record

#: Control of a strategy's summary that is MetaPEFT itself.
LEARNED = "learned"

EXPLANATION = (
    "modulators: mean over the seeds of what each cell ended with; gamma = softplus(rho) scales a "
    "module; phi: the method's weights and the head; spread: standard deviation of "
    "log gamma over a cell's modules; travel: |rho - rho at the start|, mean and largest; bound: "
    "learning rate x outer steps, about as far as Adam can go. Adam moves gamma whether or not "
    "there is a signal: compare a learned gamma's travel with that of its controls. joint: same "
    "optimiser, rate and number of updates as learned; the two differ only in which training "
    "batches gamma sees (the inner step's own, or fresh ones of D_val). random: drawn once and "
    "frozen. fixed: gamma 1, and phi gets the outer steps. none: the plain method on what D_val "
    "leaves of the training samples. given: another cell's gammas, frozen. "
    "released: the released code's loop, whose gammas do not act on the tested model."
)


@dataclass(frozen=True)
class ModulatorSummary:
    """The modulators of a row, means over its seeds; None where a control has no such number.

    Attributes:
        control: what was done with gamma: "learned", "joint", "random", ...
        outer_steps: updates of gamma.
        mean: mean gamma over modules.
        smallest: smallest gamma.
        largest: largest gamma.
        spread: standard deviation of log gamma over modules.
        travel_mean: mean |rho - rho0|.
        travel_largest: largest |rho - rho0|.
        bound: learning rate x outer steps.
    """

    control: str
    outer_steps: float
    mean: float | None
    smallest: float | None
    largest: float | None
    spread: float | None
    travel_mean: float | None
    travel_largest: float | None
    bound: float | None


def control_of(record: Record) -> str:
    """What the strategy did with gamma, "" for the plain method."""
    return str(record.strategy.get("control", LEARNED)) if record.cell.metapeft else ""


def summarise(records: Sequence[Record]) -> ModulatorSummary | None:
    """Means over the records of one row; None for the plain method."""
    control = control_of(records[0])
    if not control:
        return None
    summaries = [record.strategy for record in records]
    gammas = [list(each["gamma"].values()) for each in summaries if each.get("gamma")]
    travels: list[dict[str, Any]] = [each.get("travel") or {} for each in summaries]
    return ModulatorSummary(
        control=control,
        outer_steps=statistics.fmean(each.get("outer_steps", 0) for each in summaries),
        mean=_mean([statistics.fmean(each) for each in gammas]),
        smallest=_mean([min(each) for each in gammas]),
        largest=_mean([max(each) for each in gammas]),
        spread=_mean([each.get("spread") for each in summaries]),
        travel_mean=_mean([each.get("mean") for each in travels]),
        travel_largest=_mean([each.get("largest") for each in travels]),
        bound=_mean([each.get("travel_bound") for each in summaries]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return statistics.fmean(present) if present else None


def _whole(value: float) -> float:
    """A whole number as an int, which readers see without decimals."""
    return int(value) if value == int(value) else value


#: Titles and values of the table's columns, after the labels of the row.
COLUMNS: tuple[tuple[str, Callable[[ModulatorSummary], str | float | None]], ...] = (
    ("gamma", lambda each: each.control),
    ("outer steps", lambda each: _whole(each.outer_steps)),
    ("mean gamma", lambda each: each.mean),
    ("smallest", lambda each: each.smallest),
    ("largest", lambda each: each.largest),
    ("spread", lambda each: each.spread),
    ("mean travel", lambda each: each.travel_mean),
    ("largest travel", lambda each: each.travel_largest),
    ("bound", lambda each: each.bound),
)
