"""MetaPEFT as a training strategy (paper sections 2 and 9.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from rsbench.settings import Recipe, Settings
from rsbench.strategy import EpochPlan, Strategy, StrategyResult
from rsbench_metapeft.config import MetaPEFTOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rsbench.insertion import Attachment
    from rsbench.training.context import TrainingContext
    from rsbench_metapeft.paper import PaperMode
    from rsbench_metapeft.released import ReleasedMode


class MetaPEFT(Strategy):
    """Inner steps train phi and the head with gamma at rest; outer steps train gamma alone.

    A module's delta is multiplied by ``gamma = softplus(rho)`` (section 1.1).

    Inner: ``phi <- phi - eta_phi * grad_phi L(phi, gamma; batch of D_train)``.
    Outer: ``rho <- Adam(grad_rho L(phi, gamma; batch of D_val))`` at the phi just reached, which
    is a constant: the gradient is of first order (``hypergradient: unrolled`` follows phi back
    through the last inner steps). The loss is the same in both.

    An outer loop is one epoch (or a number of inner steps); at its start D_val is drawn from
    the training samples; its outer steps are one pass over D_val in batches of the inner size,
    spread evenly over the loop. D_val's images get the training augmentation.

    ``gamma`` names controls in which gamma does not learn from D_val (section 9.7), and
    ``mode: released`` the loop of the released code (sections 2.2 and 2.3).
    """

    Options: ClassVar[type[Settings]] = MetaPEFTOptions
    options: MetaPEFTOptions
    mode: PaperMode | ReleasedMode
    """Set by ``begin``."""

    @classmethod
    def frozen_options(cls, gammas: Mapping[str, float]) -> MetaPEFTOptions:
        """``gamma: given`` with these values and defaults for the rest."""
        return MetaPEFTOptions(gamma="given", gammas=dict(gammas))

    def check(self, attachment: Attachment) -> None:
        """Whether these options fit the method.

        Raises:
            SettingsError: there is nothing to modulate; given gammas that do not fit; a method
                that ``mode: released`` does not have.
        """
        from rsbench_metapeft.checks import check_fits

        check_fits(self.options, attachment)

    def review(self, samples: int, recipe: Recipe) -> tuple[str, ...]:
        """Whether gamma can travel far enough to be learned.

        Raises:
            SettingsError: ``hypergradient: unrolled`` and ``mode: released`` need plain SGD.
        """
        from rsbench_metapeft.recipes import (
            check_recipe,
            planned_outer_steps,
            travel_bound,
            travel_remarks,
        )

        check_recipe(self.options, recipe)
        steps = planned_outer_steps(self.options, samples, recipe)
        return travel_remarks(travel_bound(self.options, steps))

    def begin(self, context: TrainingContext) -> None:
        """Give every inserted module its modulator.

        Raises:
            SettingsError: what ``check`` refuses; options that do not fit the recipe.
        """
        self.check(context.attachment)
        self.review(len(context.train), context.recipe)
        if self.options.mode == "released":
            from rsbench_metapeft.released import ReleasedMode

            self.mode = ReleasedMode(self.options.released, context)
        else:
            from rsbench_metapeft.paper import PaperMode

            self.mode = PaperMode(self.options, context)

    def plan_epochs(self, epochs: int) -> EpochPlan:
        """As the recipe says; the released code's loop takes more."""
        return self.mode.plan_epochs(epochs)

    def expected_cost(self) -> float | None:
        """``1 + ratio`` where gamma learns by first-order steps, one pass over D_val per epoch.

        An outer step costs what an inner step does (section 9.1). With ``overlap: false`` the
        inner steps leave D_val out, and an epoch costs what the plain method's does. Nothing is
        said of the other settings.
        """
        options = self.options
        learns = (options.mode, options.gamma, options.hypergradient)
        length = (options.outer_loop, options.outer_batches)
        if learns == ("paper", "learned", "first_order") and length == ("epoch", "pass"):
            return 1.0 + (options.ratio if options.overlap else 0.0)
        return None

    def before_epoch(self, epoch: int) -> NDArray[np.int64]:
        """Draw D_val where an outer loop begins; return what the inner steps draw from."""
        return self.mode.before_epoch(epoch)

    def before_step(self, step: int, indices: NDArray[np.int64]) -> None:
        """Begin an outer loop of some inner steps where one is due."""
        self.mode.before_step(step, indices)

    def after_step(self, step: int, indices: NDArray[np.int64]) -> None:
        """Take the outer steps that are due after this inner step."""
        self.mode.after_step(step, indices)

    def after_epoch(self, epoch: int) -> None:
        """Take the released code's meta step."""
        self.mode.after_epoch(epoch)

    def finish(self) -> StrategyResult:
        """Modulators, their trajectory, and the audit of D_val."""
        return self.mode.result()
