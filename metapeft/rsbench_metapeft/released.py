"""``mode: released``: the loop of the released code, for comparison with the paper's.

Paper section 2.2 describes it; the rows are those of the table in section 2.3:

* row 1: the modulators act in meta steps alone; epochs and the test run without them, so they
  do not act on the reported model. Row 25 (modules built with the modulators on, a checkpoint
  tested with them) has no counterpart: a restored cell is the model that was reported.
* row 2: a meta step ends with the method's weights restored; the head and SGD's momentum buffers
  are not.
* row 3: only LoRA at q and v, Adapter and AdaptFormer have modulators; anything else is refused
  here, where the code silently trains the plain method.
* rows 4 to 6: no softplus. LoRA: one scalar that starts at 1 and multiplies the delta with its
  alpha / r (the code's ``meta_alpha / r``, for its default alpha = 1). Adapter and AdaptFormer:
  a vector of the branch's width that starts at 1, in place of alpha / r (or of the learned
  scale), which does not apply in meta steps.
* row 7: SGD with momentum and weight decay moves the modulators.
* row 8: one step on them every ``every_epochs`` epochs.
* row 9: train is split once into main, meta-train and meta-val; ordinary epochs read main alone,
  and there are ceil(E / (1 - ratio)) of them.
* row 10: the base optimiser owns the modulators too: inner meta steps move and decay them.
* row 11: all inner steps of a meta step read the same batch, with other augmentation.
* row 12: the schedule is planned for E epochs but runs on, so that the rate rises again.
* row 14: the meta-val step leaves gradients in phi, which are dropped before the next step, here
  as there.
* row 15: the loss's class prior counts all of train, not main.

Rows 13, 16 to 24 concern early stopping, configuration and other files, not the loop.
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import torch
from lightning.fabric.wrappers import _FabricOptimizer
from numpy.typing import NDArray
from torch import Tensor

from rsbench.strategy import EpochPlan, StrategyResult
from rsbench.streams import stream
from rsbench.training.context import TrainingContext
from rsbench_metapeft.config import ReleasedOptions
from rsbench_metapeft.released_modulators import ReleasedModulators
from rsbench_metapeft.sampling import Audit
from rsbench_metapeft.trajectory import Trajectory

Indices = NDArray[np.int64]


class ReleasedMode:
    """Ordinary epochs on main, and after each a meta step that leaves little behind.

    Args:
        options: of the released mode.
        context: the cell being trained.

    Attributes:
        main: what ordinary epochs read, ascending.
        meta_train: what inner meta steps read.
        meta_val: what moves the modulators.
        modulators: theirs.
    """

    def __init__(self, options: ReleasedOptions, context: TrainingContext) -> None:
        self.options, self.context = options, context
        self.main, self.meta_train, self.meta_val = self._split()
        self.modulators = ReleasedModulators(context.attachment, context.reader.device)
        self.optimizer = self._optimizers()
        self.meta_steps = 0
        self.steps = 0
        self._trajectory = Trajectory(context.attachment.sites)
        self._trajectory.note(0, 0, self.modulators.values())
        self._notes()

    def plan_epochs(self, epochs: int) -> EpochPlan:
        """``ceil(E / (1 - ratio))`` epochs with a schedule planned for E (rows 9 and 12)."""
        stretched = math.ceil(epochs / (1.0 - self.options.ratio) - 1e-9)
        return EpochPlan(run=stretched, schedule=epochs)

    def before_epoch(self, epoch: int) -> Indices:
        """Main, in every epoch."""
        return self.main

    def before_step(self, step: int, indices: Indices) -> None:
        """Nothing: an ordinary step."""

    def after_step(self, step: int, indices: Indices) -> None:
        """Count ordinary steps."""
        self.steps = step + 1

    def after_epoch(self, epoch: int) -> None:
        """Take the meta step where one is due."""
        if (epoch + 1) % self.options.every_epochs == 0:
            self._meta_step(epoch)
            self._trajectory.note(self.steps, self.meta_steps, self.modulators.values())

    def result(self) -> StrategyResult:
        """No gammas to restore: none acts on the trained model (row 1)."""
        audit = Audit(self.context.labels, self.context.groups, int(self.context.labels.max()) + 1)
        audit.add(self.meta_val)
        means = self.modulators.values()
        summary = {
            "name": "metapeft",
            "control": "released",
            "outer_steps": self.meta_steps,
            "outer_loops": self.meta_steps,
            "split": {
                "main": len(self.main),
                "meta_train": len(self.meta_train),
                "meta_val": len(self.meta_val),
            },
            "travel": self.modulators.travel(),
            "spread": self.modulators.spread(),
            "gamma": means,
            "validation_audit": audit.summary(),
        }
        tables = self._trajectory.tables(means)
        return StrategyResult(self.modulators.count, summary, tables, gammas={})

    def _split(self) -> tuple[Indices, Indices, Indices]:
        """Main, meta-train and meta-val: disjoint, drawn once (row 9)."""
        train, ratio = self.context.train, self.options.ratio
        order = stream(self.context.seed, "released split").permutation(train)
        meta = max(2, round(ratio * len(train)))
        first, second = order[: meta // 2], order[meta // 2 : meta]
        return np.sort(order[meta:]), np.sort(first), np.sort(second)

    def _optimizers(self) -> _FabricOptimizer:
        """Give the modulators to the base optimiser (row 10) and to one of their own (row 7)."""
        options, parameters = self.options, self.modulators.parameters
        self.context.optimizer.optimizer.add_param_group({"params": parameters})
        sgd = torch.optim.SGD(
            parameters,
            lr=options.learning_rate,
            momentum=options.momentum,
            weight_decay=options.weight_decay,
        )
        return cast("_FabricOptimizer", self.context.fabric.setup_optimizers(sgd))

    def _meta_step(self, epoch: int) -> None:
        """Inner steps on meta-train, one step of the modulators on meta-val, weights restored."""
        weights = [p.detach().clone() for p in self.context.attachment.parameters()]
        with self.modulators.acting():
            for number in range(self.options.inner_steps):
                key = self.meta_steps * self.options.inner_steps + number
                batch = self._batch("released meta-train", self.meta_train, epoch, key)
                self._step(self.context.optimizer, batch)
            batch = self._batch("released meta-val", self.meta_val, epoch, self.meta_steps)
            self._step(self.optimizer, batch)
        # row 2: the head and the momentum buffers keep what the meta step did to them
        with torch.no_grad():
            for parameter, before in zip(
                self.context.attachment.parameters(), weights, strict=True
            ):
                parameter.copy_(before)
        self.meta_steps += 1

    def _step(self, optimizer: _FabricOptimizer, batch: tuple[Tensor, Tensor]) -> None:
        """One step of ``optimizer``; gradients of what it does not own are dropped (row 14)."""
        self.context.fabric.backward(self.context.loss_of(batch))
        optimizer.step()
        self.context.optimizer.zero_grad(set_to_none=True)

    def _batch(self, name: str, indices: Indices, epoch: int, number: int) -> tuple[Tensor, Tensor]:
        """The first batch of the epoch's order: the same for all steps of an epoch (row 11)."""
        order = stream(self.context.seed, f"{name} order", epoch).permutation(indices)
        first = order[: self.context.recipe.batch_size]
        return self.context.batch(first, f"{name} augmentation", number)

    def _notes(self) -> None:
        note = self.context.note
        note("mode: released: the learned modulators do not act on the reported model")
        recipe = self.context.recipe
        if recipe.schedule == "cosine" and recipe.schedule_interval != "epoch":
            note(
                "mode: released: the released code moves the learning rate once per epoch; set "
                "recipe.schedule_interval: epoch to follow it there too"
            )
