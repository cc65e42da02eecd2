"""What a training strategy is: what happens around the inner steps of the plain loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rsbench.errors import SettingsError
from rsbench.settings import Recipe, Settings

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from torch import Tensor

    from rsbench.insertion import Attachment
    from rsbench.training.context import TrainingContext


@dataclass(frozen=True)
class EpochPlan:
    """How long a training is.

    Attributes:
        run: epochs that are trained.
        schedule: epochs over which the learning rate falls; the same in all but the released
            code's loop (paper section 2.3, row 12).
    """

    run: int
    schedule: int


class Strategy(ABC):
    """Hooks around the inner loop of one cell; MetaPEFT is one.

    A plugin subclasses this and registers the class in the entry-point group
    ``rsbench.strategies``. The module that defines it must not import torch at the top.
    The hooks are called in this order: ``begin``, ``plan_epochs``; for each epoch
    ``before_epoch``, then ``before_step`` and ``after_step`` around every inner step, then
    ``after_epoch``; ``finish``.
    """

    Options: ClassVar[type[Settings]] = Settings

    def __init__(self, options: Any) -> None:
        self.options = options

    @classmethod
    def frozen_options(cls, gammas: Mapping[str, float]) -> Settings:
        """Options that train with these modulators, frozen (``rsbench run --gamma-from``).

        Args:
            gammas: value by key of the inserted module.

        Raises:
            SettingsError: the strategy has no modulators, or cannot take these.
        """
        raise SettingsError(f"{cls.__name__} cannot train with given gammas")

    def check(self, attachment: Attachment) -> None:  # noqa: B027 - an optional hook
        """Called before a sweep and again before training, with the method attached.

        Raises:
            SettingsError: the strategy cannot train this method; the message says why.
        """

    def review(self, samples: int, recipe: Recipe) -> tuple[str, ...]:
        """What to say about a cell before it is trained; called before a sweep.

        Args:
            samples: training images, without a held-out slice.
            recipe: the cell's.

        Returns:
            Remarks, one sentence each; ``rsbench run`` prints them.

        Raises:
            SettingsError: the strategy cannot train by this recipe; the message says why.
        """
        return ()

    @abstractmethod
    def begin(self, context: TrainingContext) -> None:
        """Called once, with everything built and nothing trained.

        Raises:
            SettingsError: the strategy cannot train this cell; the message says why.
        """

    def plan_epochs(self, epochs: int) -> EpochPlan:
        """How many epochs to train where the recipe says ``epochs``."""
        return EpochPlan(epochs, epochs)

    def expected_cost(self) -> float | None:
        """Training time as a multiple of the plain method's that the steps add up to.

        ``rsbench cost`` compares it with what it measures. None: no statement.
        """
        return None

    @abstractmethod
    def before_epoch(self, epoch: int) -> NDArray[np.int64]:
        """Called before the first inner step of an epoch (0-based).

        Returns:
            Indices into the target's train split that the inner steps of this epoch draw
            from; as many in every epoch (the schedule counts on it).
        """

    def before_step(self, step: int, indices: NDArray[np.int64]) -> None:  # noqa: B027 - an optional hook
        """Called before inner step ``step`` (0-based, counted over the whole training).

        Args:
            step: number of the step.
            indices: the training samples that it reads.
        """

    def after_step(self, step: int, indices: NDArray[np.int64]) -> None:  # noqa: B027 - an optional hook
        """Called after inner step ``step``, with the samples that it read."""

    def after_epoch(self, epoch: int) -> None:  # noqa: B027 - an optional hook
        """Called after the last inner step of an epoch, before any validation."""

    @abstractmethod
    def finish(self) -> StrategyResult:
        """Called once, after the last inner step."""


class StrategyResult:
    """What a strategy leaves in the record of a cell.

    Attributes:
        modulators: number of scalars it trained.
        summary: JSON values for the record (settings that were resolved, audits, notes).
        tables: data frames by file name without ending, written beside the record as CSV.
        gammas: value of the modulator by key of the inserted module, for those that act at
            test; saved with the adapter weights, so that the trained model can be restored.
    """

    def __init__(
        self,
        modulators: int = 0,
        summary: dict[str, Any] | None = None,
        tables: dict[str, pd.DataFrame] | None = None,
        gammas: dict[str, Tensor] | None = None,
    ) -> None:
        self.modulators = modulators
        self.summary = summary or {}
        self.tables = tables or {}
        self.gammas = gammas or {}
