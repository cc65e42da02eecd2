"""Which training samples gamma sees, loop by loop, and which are left to the inner steps (9.1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rsbench.errors import SettingsError
from rsbench.streams import stream
from rsbench.training.context import TrainingContext
from rsbench_metapeft.config import MetaPEFTOptions
from rsbench_metapeft.sampling import Audit, draw_validation, validation_size

Indices = NDArray[np.int64]


class ValidationDraws:
    """Draws D_val and hands it out in batches of the inner size.

    Every index is one of ``context.train``: the training samples without the held-out slice.

    Args:
        options: of MetaPEFT.
        context: the cell being trained.

    Attributes:
        size: samples in D_val.
        current: D_val of the loop that runs, ascending.
        audit: what was drawn.

    Raises:
        SettingsError: with ``overlap: false``, a loop of inner steps leaves too few samples.
    """

    def __init__(self, options: MetaPEFTOptions, context: TrainingContext) -> None:
        self.options, self.context = options, context
        self.size = validation_size(len(context.train), options.ratio)
        self.audit = Audit(context.labels, context.groups, int(context.labels.max()) + 1)
        self.current: Indices = np.empty(0, dtype=np.int64)
        self._left = self.current
        self._loop = 0
        self._fixed: Indices | None = None
        if self.options.avoids_reads:
            self._check_enough(int(options.outer_loop))

    @property
    def pool_size(self) -> int:
        """Samples that the inner steps of an epoch read."""
        return len(self.context.train) - (self.size if self.options.leaves_out else 0)

    def pool(self) -> Indices:
        """What the inner steps of the coming epoch draw from, shape (pool_size,)."""
        train = self.context.train
        if self.pool_size == len(train):
            return train
        fixed = self.options.val_source == "fixed"
        return np.setdiff1d(train, self._fixed_draw() if fixed else self.current)

    def start(self, loop: int, first_step: int, length: int, epochs: int) -> None:
        """Draw D_val for a loop.

        Args:
            loop: number of the loop.
            first_step: its first inner step.
            length: its number of inner steps.
            epochs: epochs of the whole training.
        """
        self._loop = loop
        if self.options.val_source == "fixed":
            self.current = self._fixed_draw()
        else:
            candidates = self.context.train
            if self.options.avoids_reads:
                candidates = np.setdiff1d(candidates, self._reads(first_step, length, epochs))
            self.current = self._draw(candidates, loop)
        self._left = np.empty(0, dtype=np.int64)
        self.audit.add(self.current)

    def batches_of_a_pass(self) -> int:
        """Outer steps of one pass over D_val."""
        return self.context.steps_per_epoch(self.size)

    def next_batch(self, outer_step: int) -> Indices:
        """The next batch of D_val; a new pass in a new order begins when it is used up."""
        if not self._left.size:
            rng = stream(self.context.seed, "validation order", self._loop, outer_step)
            self._left = rng.permutation(self.current)
        size = self.context.recipe.batch_size
        batch, self._left = self._left[:size], self._left[size:]
        return batch

    def _fixed_draw(self) -> Indices:
        if self._fixed is None:
            self._fixed = self._draw(self.context.train, 0)
        return self._fixed

    def _draw(self, candidates: Indices, loop: int) -> Indices:
        stratified = self.options.sampling == "stratified"
        rng = stream(self.context.seed, "validation", loop)
        return draw_validation(candidates, self.context.labels, self.size, stratified, rng)

    def _reads(self, first_step: int, length: int, epochs: int) -> Indices:
        """What the inner steps of a loop read; a loop may reach into later epochs."""
        context, batch = self.context, self.context.recipe.batch_size
        per_epoch = context.steps_per_epoch(len(context.train))
        last_epoch = min((first_step + length - 1) // per_epoch, epochs - 1)
        reads = []
        for epoch in range(first_step // per_epoch, last_epoch + 1):
            begin = max(first_step - epoch * per_epoch, 0)
            end = first_step + length - epoch * per_epoch
            reads.append(context.order(epoch, context.train)[begin * batch : end * batch])
        return np.concatenate(reads)

    def _check_enough(self, length: int) -> None:
        samples = len(self.context.train)
        read = min(length * self.context.recipe.batch_size, samples)
        if samples - read >= self.size:
            return
        raise SettingsError(
            f"overlap: false with outer_loop: {length}: {length} inner steps read {read} of the "
            f"{samples} training samples and leave {samples - read}, but D_val needs {self.size} "
            f"(ratio {self.options.ratio})",
            remedy="use a shorter outer_loop, a smaller ratio, outer_loop: epoch, or overlap: true",
        )
