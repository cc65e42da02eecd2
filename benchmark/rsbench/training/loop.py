"""The inner loop: steps on phi and the head, with a strategy's hooks around each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from rsbench.errors import DivergedError
from rsbench.record import EpochLog
from rsbench.strategy import EpochPlan, Strategy
from rsbench.training.context import TrainingContext
from rsbench.training.optimizer import Schedule

Report = Callable[[dict[str, object]], None]
Batch = tuple[torch.Tensor, torch.Tensor]

#: What to do about a training that diverged.
LOWER_RATE = "lower the learning rate (recipe.learning_rate) or alpha"


@dataclass(frozen=True)
class LoopResult:
    """What the loop leaves.

    Attributes:
        epochs: one line per epoch.
        seconds: wall time of the loop, validation excluded.
        images: images that inner steps read.
        steps: inner steps.
    """

    epochs: tuple[EpochLog, ...]
    seconds: float
    images: int
    steps: int


class Loop:
    """Trains one cell.

    Args:
        context: what is trained.
        strategy: hooks around the steps.
        validate: mean-class accuracy (fraction) on the held-out slice, or None.
        report: progress messages.
    """

    def __init__(
        self,
        context: TrainingContext,
        strategy: Strategy,
        validate: Callable[[], float] | None,
        report: Report,
    ) -> None:
        self.context = context
        self.optimizer = context.optimizer
        self.strategy = strategy
        self.validate = validate
        self.report = report
        self.plan: EpochPlan = strategy.plan_epochs(context.recipe.epochs)
        self.step = 0
        self.images = 0
        self.seconds = 0.0
        self._epoch_started = 0.0
        self._last_rate = 0.0
        self._last_loss: float | None = None

    def run(self) -> LoopResult:
        """Train for the recipe's epochs, or until the held-out accuracy stalls.

        Raises:
            DivergedError: a loss is not finite; the step is named.
        """
        epochs: list[EpochLog] = []
        schedule: Schedule | None = None
        for epoch in range(self.plan.run):
            self._epoch_started = time.perf_counter()
            pool = self.strategy.before_epoch(epoch)
            if schedule is None:
                steps = self.context.steps_per_epoch(len(pool))
                schedule = Schedule(self.context.recipe, self.plan.schedule, steps)
            loss = self._epoch(epoch, pool, schedule)
            _synchronise(self.context.reader.device)
            self.seconds += time.perf_counter() - self._epoch_started
            self._last_loss = loss
            accuracy = None if self.validate is None else self.validate()
            rate = self._last_rate
            epochs.append(
                EpochLog(epoch=epoch, loss=loss, learning_rate=rate, validation_mean_class=accuracy)
            )
            if accuracy is not None and self._stalled(epochs):
                self.context.note(f"stopped early after epoch {epoch + 1} of {self.plan.run}")
                break
        return LoopResult(tuple(epochs), self.seconds, self.images, self.step)

    def _epoch(self, epoch: int, pool: NDArray[np.int64], schedule: Schedule) -> float:
        recipe = self.context.recipe
        order = self.context.order(epoch, pool)
        losses: list[torch.Tensor] = []
        done = 0
        for indices, batch in self._batches(order):
            # the strategy's own steps, those after the epoch too, are taken at this rate
            self._last_rate = recipe.scaled_learning_rate * schedule.share(self.step)
            for group in self.optimizer.param_groups:
                group["lr"] = self._last_rate
            self.strategy.before_step(self.step, indices)
            losses.append(self.context.inner_step(batch))
            self.images += len(indices)
            self.strategy.after_step(self.step, indices)
            self.step += 1
            self._progress(epoch, done, len(order))
            done += len(indices)
        self.strategy.after_epoch(epoch)
        return self._mean_loss(losses)

    def _batches(self, order: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], Batch]]:
        """The batches of an epoch; where that saves time, each is read during the step before."""
        size = self.context.recipe.batch_size
        portions = [order[start : start + size] for start in range(0, len(order), size)]
        first = self.step

        def read(number: int) -> Batch:
            return self.context.batch(portions[number], "augmentation", first + number)

        if not self.context.reader.reads_ahead:
            yield from ((indices, read(number)) for number, indices in enumerate(portions))
            return
        with ThreadPoolExecutor(1, thread_name_prefix="ahead") as reader:
            ahead = reader.submit(read, 0)
            for number, indices in enumerate(portions):
                batch = ahead.result()
                if number + 1 < len(portions):
                    ahead = reader.submit(read, number + 1)
                yield indices, batch

    def _mean_loss(self, losses: list[torch.Tensor]) -> float:
        values = torch.stack(losses).tolist()
        for offset, value in enumerate(values):
            if not math.isfinite(value):
                raise DivergedError(
                    f"the loss became {value} at step {self.step - len(values) + offset}",
                    remedy=LOWER_RATE,
                )
        return float(np.mean(values))

    def _stalled(self, epochs: list[EpochLog]) -> bool:
        """Whether accuracy gained less than asked over the last ``patience`` epochs."""
        recipe = self.context.recipe
        history = [log.validation_mean_class or 0.0 for log in epochs]
        if len(history) <= recipe.early_stopping_patience:
            return False
        before = max(history[: -recipe.early_stopping_patience])
        gained = max(history[-recipe.early_stopping_patience :]) - before
        return 100.0 * gained < recipe.early_stopping_gain

    def _progress(self, epoch: int, done: int, samples: int) -> None:
        """Report where training stands; the loss is the last epoch's mean.

        The current step's loss would make the accelerator wait for the CPU at every step.
        """
        seconds = self.seconds + time.perf_counter() - self._epoch_started
        message: dict[str, object] = {
            "phase": "train",
            "epoch": epoch + 1,
            "epochs": self.plan.run,
            "fraction": (epoch + done / samples) / self.plan.run,
            "images_per_second": self.images / max(seconds, 1e-9),
        }
        if self._last_loss is not None:
            message["loss"] = self._last_loss
        self.report(message)


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
