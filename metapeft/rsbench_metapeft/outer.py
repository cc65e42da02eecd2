"""The outer loop: draws D_val and takes outer steps when they are due (section 9.1)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rsbench.errors import SettingsError
from rsbench.training.context import TrainingContext
from rsbench_metapeft.config import MetaPEFTOptions
from rsbench_metapeft.draws import ValidationDraws
from rsbench_metapeft.steps import OuterStep
from rsbench_metapeft.timetable import Timetable


class OuterLoop:
    """Runs outer loops around the inner steps of one cell.

    Args:
        options: of MetaPEFT.
        context: the cell being trained.
        step: what an outer step does; None: there are none, D_val is only left out.
        at_end: called at the end of every loop with the number of inner steps done.

    Attributes:
        draws: D_val of the loop that runs.
        outer_steps: taken so far.

    Raises:
        SettingsError: gamma would rest through all epochs, or D_val cannot be drawn.
    """

    def __init__(
        self,
        options: MetaPEFTOptions,
        context: TrainingContext,
        step: OuterStep | None,
        at_end: Callable[[int], None],
    ) -> None:
        self.options, self.context = options, context
        self.step, self.at_end = step, at_end
        self.draws = ValidationDraws(options, context)
        self.outer_steps = 0
        self._timetable = Timetable()
        self._steps_per_epoch = context.steps_per_epoch(self.draws.pool_size)
        if step is not None and options.warm_up_epochs >= context.recipe.epochs:
            raise SettingsError(
                f"gamma would rest through all of the training: warm_up_epochs is "
                f"{options.warm_up_epochs}, epochs is {context.recipe.epochs}",
                remedy="lower warm_up_epochs or raise recipe.epochs",
            )

    @property
    def loops(self) -> int:
        """Outer loops begun so far."""
        return self._timetable.loops

    def before_epoch(self, epoch: int) -> NDArray[np.int64]:
        """What the inner steps of this epoch draw from; begins the loop if it is an epoch."""
        if self.options.outer_loop == "epoch":
            self._start(epoch * self._steps_per_epoch, self._steps_per_epoch)
        return self.draws.pool()

    def before_step(self, step: int, indices: NDArray[np.int64]) -> None:
        """Begin a loop of some inner steps where one is due."""
        length = self.options.outer_loop
        if length != "epoch" and step % length == 0:
            self._start(step, length)
        if self.step is not None:
            self.step.before_inner(step, indices)

    def after_step(self, step: int, indices: NDArray[np.int64]) -> None:
        """Take the outer steps due after inner step ``step``, which read ``indices``."""
        due = self._timetable.due_after(step)
        if self.step is not None and step >= self.options.warm_up_epochs * self._steps_per_epoch:
            for _ in range(due):
                self._outer_step(self.step, indices)
        if self._timetable.ends_with(step):
            self.at_end(step + 1)

    def _start(self, first_step: int, length: int) -> None:
        loop, epochs = self._timetable.loops, self.context.recipe.epochs
        self.draws.start(loop, first_step, length, epochs)
        planned = self.options.outer_batches
        if planned == "pass":
            planned = self.draws.batches_of_a_pass()
        self._timetable.start(first_step, length, planned)

    def _outer_step(self, step: OuterStep, inner: NDArray[np.int64]) -> None:
        joint = self.options.gamma == "joint"
        indices = inner if joint else self.draws.next_batch(self.outer_steps)
        step.take(self.context.batch(indices, "outer augmentation", self.outer_steps))
        self.outer_steps += 1
