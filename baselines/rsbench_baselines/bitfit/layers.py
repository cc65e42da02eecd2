"""The change of one bias."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rsbench.insertion import Attachment, InsertedModule


class BiasDelta(InsertedModule):
    """``b = b0 + gamma * db``: db is trained, starts at zero, and is added to the output.

    A layer's bias enters its output as a sum, so adding ``gamma * db`` to the output is the
    same function as changing the bias itself (paper sections 1.3 and 9.6).

    Args:
        width: number of values of the bias.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.delta = nn.Parameter(torch.zeros(width))

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """``gamma * db``, shape (width,)."""
        return self.delta * self.factor()


def merged_state(network: nn.Module, attachment: Attachment) -> dict[str, Tensor]:
    """Copies of the network's parameters and buffers, ``gamma * db`` added to the biases.

    Args:
        network: the network that the modules are attached to; it is not changed.
        attachment: holds BiasDelta modules.
    """
    state = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    for site, module in attachment.modules():
        if not isinstance(module, BiasDelta):
            raise TypeError(f"{site.key} holds a {type(module).__name__}, not a BiasDelta")
        rows = slice(site.output_start, site.output_start + site.output_dim)
        with torch.no_grad():
            state[f"{site.layer}.bias"][rows] += module.delta * module.factor()
    return state
