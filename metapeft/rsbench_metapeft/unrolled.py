"""The unrolled hypergradient: through the last K inner steps (sections 2.1 and 9.13).

With ``phi_0`` and its momentum ``v_0`` as they were K inner steps ago, the inner loop made, for
j = 0 ... K-1 and B_j the batch of step j,

    g_j = grad_phi L(phi_j, gamma; B_j) + weight_decay * phi_j
    v_{j+1} = momentum * v_j + g_j
    phi_{j+1} = phi_j - eta_j * v_{j+1}

so that ``phi_K``, which the outer step reads, is a function of gamma, and

    dL/drho = dL(phi_K, gamma; D_val)/drho  +  dL(phi_K, gamma; D_val)/dphi_K * dphi_K/drho.

The first term is the gradient of first order; the second needs the mixed second derivatives of
the inner loss, by backpropagation through the replayed steps. ``phi_0`` and ``v_0`` are
constants.

Where rho moved between these steps (an outer loop with outer steps close together), each step is
replayed at the rho it was taken with, so that the replay still ends at the live phi; the second
term is then the derivative for a shift of rho common to all of them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from rsbench.errors import SettingsError
from rsbench.training.context import TrainingContext
from rsbench_metapeft.hypergradient import Hypergradient
from rsbench_metapeft.modulator import Modulators

Tensors = tuple[Tensor, ...]


@dataclass(frozen=True)
class InnerState:
    """Everything an inner step started from.

    Attributes:
        step: its number.
        indices: the samples it read.
        phi: values of the inner parameters.
        velocities: SGD's momentum buffers; zeros before the first step.
        rhos: values of the rhos.
        learning_rate: eta of this step.
        momentum: of SGD.
        weight_decay: of SGD.
    """

    step: int
    indices: NDArray[np.int64]
    phi: Tensors
    velocities: Tensors
    rhos: Tensors
    learning_rate: float
    momentum: float
    weight_decay: float


class Unrolled(Hypergradient):
    """Replays the last inner steps as a function of rho and differentiates through them.

    The replay reads the same batches with the same augmentation. Attention takes its plain form
    meanwhile: fused attention has no second derivative.

    Args:
        context: the cell being trained.
        modulators: hold the rhos.
        steps: number of inner steps K to go back; near the start of the training, as many as
            there were.

    Raises:
        SettingsError: precision fp16, whose skipped and rescaled steps cannot be replayed.
    """

    def __init__(self, context: TrainingContext, modulators: Modulators, steps: int) -> None:
        super().__init__(context, modulators)
        if getattr(context.fabric.strategy.precision, "scaler", None) is not None:
            raise SettingsError(
                "hypergradient: unrolled cannot replay fp16 steps, whose loss is rescaled",
                remedy="set recipe.precision to bf16 or 32, or hypergradient: first_order",
            )
        self._history: deque[InnerState] = deque(maxlen=steps)
        self._model: nn.Module = context.model.module
        self._names = _names_of(self._model, context.inner_parameters)

    def before_inner(self, step: int, indices: NDArray[np.int64]) -> None:
        """Remember where this inner step starts."""
        (group,) = self.context.optimizer.param_groups
        parameters = self.context.inner_parameters
        state = self.context.optimizer.optimizer.state
        self._history.append(
            InnerState(
                step=step,
                indices=indices.copy(),
                phi=tuple(p.detach().clone() for p in parameters),
                velocities=tuple(_velocity(state.get(p, {}), p) for p in parameters),
                rhos=tuple(rho.detach().clone() for rho in self.modulators.rhos),
                learning_rate=float(group["lr"]),
                momentum=float(group["momentum"]),
                weight_decay=float(group["weight_decay"]),
            )
        )

    def backward(self, batch: tuple[Tensor, Tensor]) -> None:
        """Write the total derivative of the outer loss into ``rho.grad``."""
        rhos = self.modulators.rhos
        with sdpa_kernel(SDPBackend.MATH):
            loss = self._loss(self.replay(), batch)
            gradients = torch.autograd.grad(loss, rhos, materialize_grads=True)
        for rho, gradient in zip(rhos, gradients, strict=True):
            rho.grad = gradient

    def replay(self) -> Tensors:
        """The inner parameters after the remembered steps, as a function of the rhos."""
        phi = tuple(value.requires_grad_() for value in self._history[0].phi)
        velocities = self._history[0].velocities
        for state in self._history:
            batch = self.context.batch(state.indices, "augmentation", state.step)
            # the value that rho had, with the derivative of a shift of today's rho
            rhos = [
                old + (rho - rho.detach())
                for old, rho in zip(state.rhos, self.modulators.rhos, strict=True)
            ]
            with self.modulators.replaying(rhos):
                loss = self._loss(phi, batch)
            gradients = torch.autograd.grad(loss, phi, create_graph=True, materialize_grads=True)
            phi, velocities = _sgd_step(phi, velocities, gradients, state)
        return phi

    def _loss(self, phi: Tensors, batch: tuple[Tensor, Tensor]) -> Tensor:
        images, labels = batch
        parameters = dict(zip(self._names, phi, strict=True))
        with self.context.fabric.autocast():
            logits = functional_call(self._model, parameters, (images,))
        return self.context.loss(logits, labels)


def _sgd_step(
    phi: Tensors, velocities: Tensors, gradients: Tensors, state: InnerState
) -> tuple[Tensors, Tensors]:
    """What torch's SGD does (no dampening, no Nesterov), as a differentiable function."""
    moved = tuple(
        state.momentum * velocity + gradient + state.weight_decay * value
        for value, velocity, gradient in zip(phi, velocities, gradients, strict=True)
    )
    after = tuple(
        value - state.learning_rate * velocity for value, velocity in zip(phi, moved, strict=True)
    )
    return after, moved


def _velocity(state: dict[str, Tensor], parameter: Tensor) -> Tensor:
    """SGD's momentum buffer of a parameter; zeros where it has none yet."""
    buffer = state.get("momentum_buffer")
    return torch.zeros_like(parameter) if buffer is None else buffer.detach().clone()


def _names_of(model: nn.Module, parameters: tuple[nn.Parameter, ...]) -> list[str]:
    """Name in ``model`` of every parameter, in their order."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [names[id(parameter)] for parameter in parameters]
