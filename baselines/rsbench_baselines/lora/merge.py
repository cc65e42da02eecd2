"""Fold LoRA deltas, gamma included, into the weights they were added to (check 7)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rsbench.insertion import Attachment
from rsbench_baselines.lora.layers import LoraDelta


def merged_state(network: nn.Module, attachment: Attachment) -> dict[str, Tensor]:
    """The network's state dict with every LoRA delta folded in; the network is not changed.

    With ``D = gamma * scale * (A B)^T``: a parallel delta gives ``W + D`` on its rows, a
    sequential one (the released code's ``out``) gives ``(I + D) W`` and ``(I + D) b``.

    Args:
        network: the network that the modules are attached to.
        attachment: holds LoraDelta modules.

    Returns:
        Copies of all parameters and buffers, by name.
    """
    state = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    for site, module in attachment.modules():
        if not isinstance(module, LoraDelta):
            raise TypeError(f"{site.key} holds a {type(module).__name__}, which cannot be merged")
        rows = slice(site.output_start, site.output_start + site.output_dim)
        weight, bias = state[f"{site.layer}.weight"], state.get(f"{site.layer}.bias")
        delta = _matrix(module).to(weight.dtype)
        if not module.reads_output:
            weight[rows] += delta
            continue
        weight[rows] += delta @ weight[rows]
        if bias is not None:
            bias[rows] += delta @ bias[rows]
    return state


def _matrix(module: LoraDelta) -> Tensor:
    """``gamma * scale * (A B)^T``, shape (d_out, d_in), in float64."""
    with torch.no_grad():
        factor = module.factor()
        product: Tensor = (module.down.double() @ module.up.double()).T * factor
        return product
