"""The change of one bias."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rsbench.insertion import Attachment, InsertedModule


class BiasDelta(InsertedModule):
    """``b0 + gamma * (b - b0)`` in place of a bias b0; b is trained and starts at b0.

    A layer's bias enters its output as a sum, so adding ``gamma * (b - b0)`` to the output is the
    same function as changing the bias itself (paper sections 1.3 and 9.6).

    Args:
        start: b0, shape (width,). Weight decay pulls b to zero; with zeros in place of the
            layer's bias, what is trained is the change, and weight decay pulls that to zero.
    """

    start: Tensor

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.bias = nn.Parameter(start.detach().clone())
        self.register_buffer("start", start.detach().clone(), persistent=False)

    def change(self) -> Tensor:
        """``gamma * (b - b0)``, shape (width,)."""
        return (self.bias - self.start) * self.factor()

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """What is added to the layer's output, shape (width,)."""
        return self.change()


def merged_state(network: nn.Module, attachment: Attachment) -> dict[str, Tensor]:
    """Copies of the network's parameters and buffers, every bias as trained, gamma included.

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
            state[f"{site.layer}.bias"][rows] += module.change()
    return state
