"""The gradient of the outer loss with respect to rho: of first order, or unrolled."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rsbench.training.context import TrainingContext
from rsbench_metapeft.modulator import Modulators


class Hypergradient(ABC):
    """How dL/drho is computed.

    Args:
        context: the cell being trained.
        modulators: hold the rhos.
    """

    def __init__(self, context: TrainingContext, modulators: Modulators) -> None:
        self.context, self.modulators = context, modulators

    def before_inner(self, step: int, indices: NDArray[np.int64]) -> None:  # noqa: B027 - optional
        """Called before every inner step with its number and samples."""

    @abstractmethod
    def backward(self, batch: tuple[Tensor, Tensor]) -> None:
        """Write dL/drho into ``rho.grad`` for images and labels of the outer step.

        Called inside ``Modulators.open``; leaves no gradient anywhere else.
        """


class FirstOrder(Hypergradient):
    """``dL(phi, gamma)/drho`` with phi a constant (section 2.1, check 14).

    Per module: ``dL/dgamma = sum(dL/dy * delta)`` over batch, tokens and channels, where
    ``y = f + gamma * delta``, and ``dL/drho = sigmoid(rho) * dL/dgamma`` (check 4).
    """

    def backward(self, batch: tuple[Tensor, Tensor]) -> None:
        """One forward and backward pass; the gradient of phi is not computed."""
        loss = self.context.loss_of(batch)
        self.context.fabric.backward(loss, inputs=self.modulators.rhos)
