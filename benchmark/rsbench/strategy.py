"""What a training strategy is: what happens around the inner steps of the plain loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from rsbench.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from torch import Tensor

    from rsbench.training.context import TrainingContext


class Strategy(ABC):
    """Hooks around the inner loop of one cell; MetaPEFT is one.

    A plugin subclasses this and registers the class in the entry-point group
    ``rsbench.strategies``. The module that defines it must not import torch at the top.
    The hooks are called in this order: ``begin``; for each epoch ``before_epoch``, then
    ``after_step`` after every inner step; ``finish``.
    """

    Options: ClassVar[type[Settings]] = Settings

    def __init__(self, options: Any) -> None:
        self.options = options

    @abstractmethod
    def begin(self, context: TrainingContext) -> None:
        """Called once, with everything built and nothing trained.

        Raises:
            SettingsError: the strategy cannot train this cell; the message says why.
        """

    @abstractmethod
    def before_epoch(self, epoch: int) -> NDArray[np.int64]:
        """Called before the first inner step of an epoch (0-based).

        Returns:
            Indices into the target's train split that the inner steps of this epoch draw
            from; as many in every epoch (the schedule counts on it).
        """

    @abstractmethod
    def after_step(self, step: int) -> None:
        """Called after inner step ``step`` (0-based, counted over the whole training)."""

    @abstractmethod
    def finish(self) -> StrategyResult:
        """Called once, after the last inner step."""


class StrategyResult:
    """What a strategy leaves in the record of a cell.

    Attributes:
        modulators: number of scalars it trained.
        summary: JSON values for the record (settings that were resolved, audits, notes).
        tables: data frames by file name without ending, written beside the record as CSV.
        state: tensors by name that are saved with the adapter weights.
    """

    def __init__(
        self,
        modulators: int = 0,
        summary: dict[str, Any] | None = None,
        tables: dict[str, pd.DataFrame] | None = None,
        state: dict[str, Tensor] | None = None,
    ) -> None:
        self.modulators = modulators
        self.summary = summary or {}
        self.tables = tables or {}
        self.state = state or {}
