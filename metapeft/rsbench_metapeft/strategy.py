"""MetaPEFT as a training strategy (paper sections 2.1 and 9.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rsbench.settings import Settings
from rsbench.strategy import Strategy, StrategyResult
from rsbench_metapeft.config import MetaPEFTOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rsbench.training.context import TrainingContext


class MetaPEFT(Strategy):
    """Inner steps train phi and the head with gamma fixed; outer steps train gamma alone.

    Inner: ``phi <- phi - eta_phi * grad_phi L(phi, gamma; batch of D_train)``.
    Outer: ``gamma <- Adam(grad_gamma L(phi, gamma; batch of D_val))`` at the phi just reached,
    which is a constant: the gradient is of first order. The loss is the same in both.

    An outer loop is one epoch (or a number of inner steps); at its start D_val is drawn from
    the training samples; its outer steps are one pass over D_val in batches of the inner size,
    spread evenly over the loop. D_val's images get the training augmentation.
    """

    Options: ClassVar[type[Settings]] = MetaPEFTOptions
    options: MetaPEFTOptions

    def begin(self, context: TrainingContext) -> None:
        """Give every inserted module its modulator.

        Raises:
            SettingsError: the method inserts nothing that could be modulated.
        """
        from rsbench_metapeft.outer import OuterLoop

        self._outer = OuterLoop(self.options, context)

    def before_epoch(self, epoch: int) -> NDArray[np.int64]:
        """Draw D_val where an outer loop begins; return what the inner steps draw from."""
        return self._outer.before_epoch(epoch)

    def after_step(self, step: int, indices: NDArray[np.int64]) -> None:
        """Take the outer steps that are due after this inner step."""
        self._outer.after_step(step)

    def finish(self) -> StrategyResult:
        """Modulators, their trajectory, and the audit of D_val."""
        return self._outer.result()
