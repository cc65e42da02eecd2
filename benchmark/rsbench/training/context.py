"""What a training strategy sees of the cell being trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from lightning.fabric import Fabric
from lightning.fabric.wrappers import _FabricModule, _FabricOptimizer
from numpy.typing import NDArray
from torch import Tensor, nn

from rsbench.batches import BatchReader
from rsbench.groups import ClassGroups
from rsbench.insertion import Attachment
from rsbench.settings import Recipe
from rsbench.streams import stream


@dataclass(frozen=True)
class TrainingContext:
    """Everything that the inner loop trains with.

    Attributes:
        fabric: device and precision.
        model: the adapted model, set up by Fabric: images to logits.
        attachment: the inserted modules.
        inner_parameters: phi and the head: what the inner optimiser owns.
        optimizer: that optimiser, as set up by Fabric.
        loss: logits and labels to a scalar; the same in both loops.
        reader: batches of the target's train split.
        train: indices into that split that may be trained on (held-out slice excluded).
        labels: labels of the whole train split.
        groups: head, medium and tail classes.
        recipe: the recipe.
        seed: the cell's seed.
        note: adds a line to the record's notes.
    """

    fabric: Fabric
    model: _FabricModule
    attachment: Attachment
    inner_parameters: tuple[nn.Parameter, ...]
    optimizer: _FabricOptimizer
    loss: Callable[[Tensor, Tensor], Tensor]
    reader: BatchReader
    train: NDArray[np.int64]
    labels: NDArray[np.int64]
    groups: ClassGroups
    recipe: Recipe
    seed: int
    note: Callable[[str], None]

    def order(self, epoch: int, pool: NDArray[np.int64]) -> NDArray[np.int64]:
        """The order in which the inner steps of ``epoch`` read ``pool``."""
        return stream(self.seed, "order", epoch).permutation(pool)

    def batch(self, indices: NDArray[np.int64], purpose: str, number: int) -> tuple[Tensor, Tensor]:
        """Augmented training images and their labels, on the training device.

        Args:
            indices: samples of the train split.
            purpose: name of the random stream of the augmentation.
            number: position in that stream; the same one gives the same views.
        """
        return self.reader.train(indices, stream(self.seed, purpose, number))

    def loss_of(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Loss of the model on images and labels."""
        images, labels = batch
        return self.loss(self.model(images), labels)

    def inner_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """One step of the inner optimiser on images and labels.

        Returns:
            The loss before it, detached.
        """
        loss = self.loss_of(batch)
        self.fabric.backward(loss)
        if self.recipe.gradient_clip is not None:
            # a gradient that is not finite is fp16's to skip, or shows in the next loss
            self.fabric.clip_gradients(
                self.model,
                self.optimizer,
                max_norm=self.recipe.gradient_clip,
                error_if_nonfinite=False,
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def steps_per_epoch(self, samples: int) -> int:
        """Inner steps that one pass over ``samples`` takes; the last batch may be smaller."""
        return -(-samples // self.recipe.batch_size)
