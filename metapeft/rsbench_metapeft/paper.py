"""``mode: paper``: the bi-level loop of section 2.1 and its controls of section 9.7."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rsbench.strategy import EpochPlan, StrategyResult
from rsbench.training.context import TrainingContext
from rsbench_metapeft.config import MOVING, Control, MetaPEFTOptions
from rsbench_metapeft.frozen import FrozenGammas, random_gammas
from rsbench_metapeft.hypergradient import FirstOrder, Hypergradient
from rsbench_metapeft.modulator import Modulators, inverse_softplus
from rsbench_metapeft.outer import OuterLoop
from rsbench_metapeft.recipes import travel_bound, travel_remarks
from rsbench_metapeft.steps import GammaStep, OuterStep, WeightStep, gamma_optimizer
from rsbench_metapeft.trajectory import Trajectory, log_spread

#: Which samples move gamma; by point 9.1 this is all that tells ``learned`` from ``joint``.
SEES: dict[Control, str] = {"learned": "D_val", "joint": "inner batches"}


class PaperMode:
    """Modulators (or what a control has in their place) and the outer loop of one cell.

    Args:
        options: of MetaPEFT.
        context: the cell being trained.

    Attributes:
        modulators: the trained ones; None under a control that trains none.
        frozen: the frozen gammas of ``random`` and ``given``, else None.
        step: what an outer step does, or None.
        loop: draws D_val and takes the steps; None where nothing needs a D_val.

    Raises:
        SettingsError: these options cannot train this cell; the message says why.
    """

    def __init__(self, options: MetaPEFTOptions, context: TrainingContext) -> None:
        self.options, self.context = options, context
        self.modulators = modulators_of(options, context) if options.gamma in MOVING else None
        self.frozen = _frozen(options, context)
        self.step = _outer_step(options, context, self.modulators)
        self.loop: OuterLoop | None = None
        if self.step is not None or not options.overlap:
            self.loop = OuterLoop(options, context, self.step, self._note_gammas)
        self._trajectory = Trajectory(context.attachment.sites)
        self._note_gammas(0)

    def plan_epochs(self, epochs: int) -> EpochPlan:
        """As many as the recipe says."""
        return EpochPlan(epochs, epochs)

    def before_epoch(self, epoch: int) -> NDArray[np.int64]:
        """What the inner steps of the epoch draw from."""
        return self.context.train if self.loop is None else self.loop.before_epoch(epoch)

    def before_step(self, step: int, indices: NDArray[np.int64]) -> None:
        """Begin a loop where one is due."""
        if self.loop is not None:
            self.loop.before_step(step, indices)

    def after_step(self, step: int, indices: NDArray[np.int64]) -> None:
        """Take the outer steps that are due."""
        if self.loop is not None:
            self.loop.after_step(step, indices)

    def after_epoch(self, epoch: int) -> None:
        """Nothing: loops end with inner steps."""

    def result(self) -> StrategyResult:
        """What goes into the record."""
        gammas = self._gammas()
        source = self.modulators or self.frozen
        tables = self._trajectory.tables(gammas) if gammas else {}
        tensors = {} if source is None else source.tensors()
        modulators = len(self.modulators.rhos) if self.modulators else 0
        return StrategyResult(modulators, self._summary(gammas), tables, tensors)

    def _summary(self, gammas: dict[str, float]) -> dict[str, Any]:
        loop, audit = self.loop, None if self.loop is None else self.loop.draws.audit
        return {
            "name": "metapeft",
            "control": self.options.gamma,
            "gamma_sees": SEES.get(self.options.gamma, "nothing"),
            "granularity": self.options.granularity,
            "outer_steps": 0 if loop is None else loop.outer_steps,
            "outer_loops": 0 if loop is None else loop.loops,
            "travel_bound": self._travel_bound(),
            "travel": None if self.modulators is None else self.modulators.travel(),
            "spread": log_spread(gammas),
            "gamma": gammas,
            "validation_audit": audit.summary() if audit is not None and audit.loops else None,
        }

    def _travel_bound(self) -> float | None:
        """What bounded the travel of rho; a note where it was short."""
        bound = travel_bound(self.options, 0 if self.loop is None else self.loop.outer_steps)
        for remark in travel_remarks(bound):
            self.context.note(remark)
        return bound

    def _gammas(self) -> dict[str, float]:
        source = self.modulators or self.frozen
        return {} if source is None else source.values()

    def _note_gammas(self, step: int) -> None:
        outer_steps = 0 if self.loop is None else self.loop.outer_steps
        self._trajectory.note(step, outer_steps, self._gammas())


def modulators_of(options: MetaPEFTOptions, context: TrainingContext) -> Modulators:
    """Install the modulators at their start value."""
    init = options.gamma_init
    rho0 = init if options.gamma_init_is == "rho" else inverse_softplus(init)
    device = context.reader.device
    return Modulators(context.attachment, options.granularity, rho0, device)


def _frozen(options: MetaPEFTOptions, context: TrainingContext) -> FrozenGammas | None:
    attachment, device = context.attachment, context.reader.device
    if options.gamma == "given":
        return FrozenGammas(attachment, options.gammas, device)
    if options.gamma == "random" and options.spread is not None:
        values = random_gammas(attachment, options.granularity, options.spread, context.seed)
        return FrozenGammas(attachment, values, device)
    return None


def _outer_step(
    options: MetaPEFTOptions, context: TrainingContext, modulators: Modulators | None
) -> OuterStep | None:
    if options.gamma == "fixed":
        return WeightStep(context)
    if modulators is None:
        return None
    optimizer = gamma_optimizer(options, modulators, context)
    return GammaStep(modulators, optimizer, _hypergradient(options, context, modulators))


def _hypergradient(
    options: MetaPEFTOptions, context: TrainingContext, modulators: Modulators
) -> Hypergradient:
    if options.hypergradient == "first_order":
        return FirstOrder(context, modulators)
    from rsbench_metapeft.unrolled import Unrolled

    context.note(
        f"hypergradient unrolled through {options.unroll_steps} inner steps, with attention in its "
        "plain (math) form during outer steps"
    )
    return Unrolled(context, modulators, options.unroll_steps)
