"""Write LoRA deltas as a LoRA of Hugging Face's ``peft`` library (paper section 9.13).

That library adds ``alpha / r * B A x`` to a linear layer's output, with A: (r, d_in) and
B: (d_out, r), one pair and one alpha per layer. Ours are stored transposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rsbench.errors import ExportError
from rsbench.insertion import Attachment, Site
from rsbench.method import PeftAdapter
from rsbench_baselines.lora.layers import LoraDelta

Pair = tuple[Site, LoraDelta]


def peft_adapter(network: nn.Module, attachment: Attachment) -> PeftAdapter:
    """The LoRA in ``attachment``, for ``peft.PeftModel.from_pretrained`` on the bare network.

    A layer with one delta keeps A and B as they are, and its alpha is ``gamma * scale * r``. A
    fused projection gets one pair of the summed rank: its A stacks those of its positions, its
    B is zero except for one block per position, with ``gamma * scale`` multiplied in, because
    one alpha serves the whole layer.

    Args:
        network: the network that the modules are attached to.
        attachment: holds LoraDelta modules.

    Raises:
        ExportError: a delta reads its layer's output.
    """
    tensors: dict[str, Tensor] = {}
    ranks: dict[str, int] = {}
    alphas: dict[str, float] = {}
    for layer, pairs in _by_layer(attachment).items():
        width = network.get_submodule(layer).get_parameter("weight").shape[0]
        down, up, alphas[layer] = (
            _single(pairs[0], width) if len(pairs) == 1 else _fused(pairs, width)
        )
        ranks[layer] = down.shape[0]
        tensors[f"base_model.model.{layer}.lora_A.weight"] = down
        tensors[f"base_model.model.{layer}.lora_B.weight"] = up
    return PeftAdapter(_config(ranks, alphas), tensors)


def _by_layer(attachment: Attachment) -> dict[str, list[Pair]]:
    found: dict[str, list[Pair]] = {}
    for site, module in attachment.modules():
        if not isinstance(module, LoraDelta):
            raise TypeError(f"{site.key} holds a {type(module).__name__}, not a LoraDelta")
        if module.reads_output:
            raise ExportError(
                f"the delta at {site.key} is sequential: it reads the output of {site.layer}, and "
                "a peft LoRA reads a layer's input",
                remedy="use --to merged, or train with out: parallel",
            )
        found.setdefault(site.layer, []).append((site, module))
    return found


def _single(pair: Pair, width: int) -> tuple[Tensor, Tensor, float]:
    """A, B and alpha of a layer with one delta, in its rows of the layer's output."""
    site, module = pair
    with torch.no_grad():
        factor = float(module.factor())
    down = module.down.detach().T
    return down, _placed(module.up.detach().T, site.output_start, width), factor * down.shape[0]


def _fused(pairs: Sequence[Pair], width: int) -> tuple[Tensor, Tensor, float]:
    """A, B and alpha of a layer with several deltas, their factors multiplied into B."""
    down = torch.cat([module.down.detach().T for _, module in pairs])
    with torch.no_grad():
        blocks = [
            (module.up.double().T * module.factor()).to(module.up.dtype) for _, module in pairs
        ]
    placed = [
        _placed(block, site.output_start, width)
        for block, (site, _) in zip(blocks, pairs, strict=True)
    ]
    return down, torch.cat(placed, dim=1), float(down.shape[0])


def _placed(block: Tensor, start: int, width: int) -> Tensor:
    """``block`` at rows ``start`` and following of ``width`` rows, the others zero."""
    if len(block) == width:
        return block
    rows = block.new_zeros(width, block.shape[1])
    rows[start : start + len(block)] = block
    return rows


def _config(ranks: dict[str, int], alphas: dict[str, float]) -> dict[str, Any]:
    """``adapter_config.json``: the first layer's rank and alpha, and what deviates from them."""
    rank, alpha = next(iter(ranks.values())), next(iter(alphas.values()))
    return {
        "peft_type": "LORA",
        "task_type": None,
        "base_model_name_or_path": None,
        "inference_mode": True,
        "r": rank,
        "lora_alpha": alpha,
        "rank_pattern": {layer: r for layer, r in ranks.items() if r != rank},
        "alpha_pattern": {layer: a for layer, a in alphas.items() if a != alpha},
        "target_modules": list(ranks),
        "modules_to_save": None,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "init_lora_weights": True,
        "use_rslora": False,
        "use_dora": False,
    }
