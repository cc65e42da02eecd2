"""The outer loop: draws D_val and moves the modulators."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from lightning.fabric.wrappers import _FabricOptimizer
from numpy.typing import NDArray

from rsbench.errors import SettingsError
from rsbench.strategy import StrategyResult
from rsbench.streams import stream
from rsbench.training.context import TrainingContext
from rsbench_metapeft.config import MetaPEFTOptions
from rsbench_metapeft.modulator import Modulator, inverse_softplus
from rsbench_metapeft.sampling import Audit, draw_validation


class OuterLoop:
    """Owns the modulators of one cell, their optimiser, and the D_val in use.

    Args:
        options: of MetaPEFT.
        context: the cell being trained.

    Raises:
        SettingsError: no module was inserted, so there is nothing to modulate.
    """

    def __init__(self, options: MetaPEFTOptions, context: TrainingContext) -> None:
        self.options, self.context = options, context
        self.modulators = self._install()
        rhos = [modulator.rho for modulator in self.modulators.values()]
        # Adam without weight decay: decay would pull gamma to softplus(0) (section 2.3, row 7)
        adam = torch.optim.Adam(rhos, lr=options.learning_rate)
        self.optimizer = cast("_FabricOptimizer", context.fabric.setup_optimizers(adam))
        self.rhos = rhos
        self.outer_steps = 0
        self.audit = Audit(context.labels, context.groups, int(context.labels.max()) + 1)
        self._trajectory: list[dict[str, Any]] = []
        self._fixed: NDArray[np.int64] | None = None
        self._loop = -1
        self._loop_start = 0
        self._note_gammas(step=0)

    def before_epoch(self, epoch: int) -> NDArray[np.int64]:
        """The inner steps' pool of this epoch; draws D_val if the outer loop is an epoch."""
        train = self.context.train
        if self.options.outer_loop == "epoch":
            pool_size = self._pool_size()
            steps = self.context.steps_per_epoch(pool_size)
            self._start_loop(first_step=epoch * steps, length=steps)
            return train if self.options.overlap else np.setdiff1d(train, self._validation)
        return train

    def after_step(self, step: int) -> None:
        """Take the outer steps due after inner step ``step``: spread evenly over the loop."""
        length = self.options.outer_loop
        if length != "epoch" and step % length == 0:
            self._start_loop(first_step=step, length=length)
        done = step - self._loop_start + 1
        due = done * self._planned // self._length
        while self._taken < due:
            self._outer_step()
        if done == self._length:
            self._note_gammas(step + 1)

    def result(self) -> StrategyResult:
        """What goes into the record."""
        values = self._values()
        rate = self.options.learning_rate
        summary = {
            "name": "metapeft",
            "outer_steps": self.outer_steps,
            "outer_loops": self._loop + 1,
            "travel_bound": round(rate * self.outer_steps, 6),
            "largest_rho_travel": max(abs(rho.item() - self._rho0) for rho in self.rhos),
            "gamma": values,
            "validation_audit": self.audit.summary() if self.audit.loops else None,
        }
        if rate * self.outer_steps < 1.0:
            self.context.note(
                f"gamma could move little: learning rate x outer steps = "
                f"{rate * self.outer_steps:.3g} < 1 bounds the travel of rho"
            )
        with torch.no_grad():
            gammas = {key: modulator().cpu() for key, modulator in self.modulators.items()}
        table = pd.DataFrame(self._trajectory)
        return StrategyResult(len(self.modulators), summary, {"gamma": table}, gammas)

    def _install(self) -> dict[str, Modulator]:
        init = self.options.gamma_init
        self._rho0 = init if self.options.gamma_init_is == "rho" else inverse_softplus(init)
        device = self.context.reader.device
        modulators: dict[str, Modulator] = {}
        for site, module in self.context.attachment.modules():
            # Only an outer step may let gradients reach rho: those of the inner steps would
            # otherwise add up in rho.grad and end in Adam's next step (check 14).
            modulator = Modulator(self._rho0).to(device).requires_grad_(False)
            module.gamma = modulator.forward
            modulators[site.key] = modulator
        if not modulators:
            raise SettingsError(
                "MetaPEFT needs a method that inserts modules: there is nothing to modulate",
                remedy="use MetaPEFT with lora, not with linear or full",
            )
        return modulators

    def _start_loop(self, first_step: int, length: int) -> None:
        self._loop += 1
        self._loop_start, self._length, self._taken = first_step, length, 0
        self._validation = self._draw()
        self.audit.add(self._validation)
        batch = self.context.recipe.batch_size
        whole_pass = -(-len(self._validation) // batch)
        planned = self.options.outer_batches
        self._planned = whole_pass if planned == "pass" else planned
        self._order = self._shuffled()

    def _draw(self) -> NDArray[np.int64]:
        if self.options.val_source == "fixed" and self._fixed is not None:
            return self._fixed
        drawn = draw_validation(
            self.context.train,
            self.context.labels,
            self.options.ratio,
            self.options.sampling == "stratified",
            stream(self.context.seed, "validation", self._loop),
        )
        self._fixed = drawn
        return drawn

    def _shuffled(self) -> NDArray[np.int64]:
        rng = stream(self.context.seed, "validation order", self._loop, self.outer_steps)
        return rng.permutation(self._validation)

    def _next_batch(self) -> NDArray[np.int64]:
        """The next batch of D_val; a new pass begins when it is used up."""
        if not self._order.size:
            self._order = self._shuffled()
        size = self.context.recipe.batch_size
        batch, self._order = self._order[:size], self._order[size:]
        return batch

    def _outer_step(self) -> None:
        """One Adam step on rho; no gradient of phi is even computed (check 13)."""
        rng = stream(self.context.seed, "outer augmentation", self.outer_steps)
        images, labels = self.context.reader.train(self._next_batch(), rng)
        self._open_to_gradients(True)
        loss = self.context.loss(self.context.model(images), labels)
        self.context.fabric.backward(loss, inputs=self.rhos)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._open_to_gradients(False)
        self._taken += 1
        self.outer_steps += 1

    def _open_to_gradients(self, is_open: bool) -> None:
        for rho in self.rhos:
            rho.requires_grad_(is_open)

    def _pool_size(self) -> int:
        train = self.context.train
        if self.options.overlap:
            return len(train)
        return len(train) - max(1, round(self.options.ratio * len(train)))

    def _values(self) -> dict[str, float]:
        with torch.no_grad():
            return {key: float(m()) for key, m in self.modulators.items()}

    def _note_gammas(self, step: int) -> None:
        for key, value in self._values().items():
            site = self.context.attachment.sites[key]
            self._trajectory.append(
                {
                    "inner_step": step,
                    "outer_step": self.outer_steps,
                    "block": site.block,
                    "position": site.position,
                    "gamma": value,
                }
            )
