"""What one outer step does: move gamma, or (control ``fixed``) the method's weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import cast

import numpy as np
import torch
from lightning.fabric.wrappers import _FabricOptimizer
from numpy.typing import NDArray
from torch import Tensor

from rsbench.training.context import TrainingContext
from rsbench_metapeft.config import MetaPEFTOptions
from rsbench_metapeft.hypergradient import Hypergradient
from rsbench_metapeft.modulator import Modulators

Batch = tuple[Tensor, Tensor]


class OuterStep(ABC):
    """One step of the outer loop."""

    def before_inner(self, step: int, indices: NDArray[np.int64]) -> None:  # noqa: B027 - optional
        """Called before every inner step with its number and samples."""

    @abstractmethod
    def take(self, batch: Batch) -> None:
        """Take the step on images and labels."""


class GammaStep(OuterStep):
    """``rho <- Adam(dL/drho)`` with phi at rest; phi takes no gradient (checks 13 and 14).

    Args:
        modulators: what moves.
        optimizer: of the rhos, set up by Fabric.
        hypergradient: how dL/drho is computed.
    """

    def __init__(
        self, modulators: Modulators, optimizer: _FabricOptimizer, hypergradient: Hypergradient
    ) -> None:
        self.modulators, self.optimizer = modulators, optimizer
        self.hypergradient = hypergradient

    def before_inner(self, step: int, indices: NDArray[np.int64]) -> None:
        """Let the hypergradient remember where the inner step starts."""
        self.hypergradient.before_inner(step, indices)

    def take(self, batch: Batch) -> None:
        """Move the modulators."""
        with self.modulators.open():
            self.hypergradient.backward(batch)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)


class WeightStep(OuterStep):
    """An ordinary inner step on phi and the head, at the rate of the moment (section 9.7).

    Args:
        context: the cell being trained.
    """

    def __init__(self, context: TrainingContext) -> None:
        self.context = context

    def take(self, batch: Batch) -> None:
        """Move phi and the head."""
        self.context.inner_step(batch)


def gamma_optimizer(
    options: MetaPEFTOptions, modulators: Modulators, context: TrainingContext
) -> _FabricOptimizer:
    """Adam or SGD on the rhos, set up by Fabric.

    Neither has weight decay: it would pull gamma to softplus(0) (section 2.3, row 7).
    """
    rate, rhos = options.learning_rate, modulators.rhos
    optimizer: torch.optim.Optimizer
    if options.optimizer == "sgd":
        optimizer = torch.optim.SGD(rhos, lr=rate, momentum=options.momentum)
    else:
        optimizer = torch.optim.Adam(rhos, lr=rate)
    return cast("_FabricOptimizer", context.fabric.setup_optimizers(optimizer))
