"""The plain method: inner steps and nothing around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.settings import Settings
from rsbench.strategy import Strategy, StrategyResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rsbench.training.context import TrainingContext


class Plain(Strategy):
    """Every epoch draws from all training samples."""

    def __init__(self) -> None:
        super().__init__(Settings())

    def begin(self, context: TrainingContext) -> None:
        """Keep the context."""
        self.context = context

    def before_epoch(self, epoch: int) -> NDArray[np.int64]:
        """All training samples."""
        return self.context.train

    def finish(self) -> StrategyResult:
        """Nothing to report."""
        return StrategyResult()
