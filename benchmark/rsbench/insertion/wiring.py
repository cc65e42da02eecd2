"""How inserted modules enter the forward pass: hooks on the network's own modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from rsbench.errors import PositionError
from rsbench.insertion.modules import InsertedModule, PromptModule
from rsbench.insertion.site import Site

Pair = tuple[Site, InsertedModule]


def wire(network: nn.Module, pairs: Sequence[Pair], sites: Sequence[Site]) -> list[RemovableHandle]:
    """Hook every module into ``network``.

    Args:
        network: the network.
        pairs: modules with their sites, in forward order.
        sites: every site of the network, for modules that reach over several blocks.

    Returns:
        Handles that remove the hooks.
    """
    handles: list[RemovableHandle] = []
    by_layer: dict[str, list[Pair]] = {}
    for site, module in pairs:
        if isinstance(module, PromptModule):
            handles += _append_prompts(network, site, module, sites)
        elif site.kind == "branch":
            handles += _add_to_branch(network, site, module)
        else:
            by_layer.setdefault(site.layer, []).append((site, module))
    for layer, found in by_layer.items():
        handles.append(network.get_submodule(layer).register_forward_hook(_adding_hook(found)))
    return handles


def _adding_hook(
    pairs: Sequence[Pair],
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    """A hook that adds the deltas of all sites of one layer at once."""
    ordered = sorted(pairs, key=lambda pair: pair[0].output_start)

    def hook(_layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        pieces: list[Tensor] = []
        filled = 0
        for site, module in ordered:
            if site.output_start > filled:
                pieces.append(_zeros(output, site.output_start - filled))
            filled = site.output_start + site.output_dim
            pieces.append(module(inputs[0], output[..., site.output_start : filled]))
        if filled < output.shape[-1]:
            pieces.append(_zeros(output, output.shape[-1] - filled))
        delta = pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=-1)
        # a bias in float32 must not turn the output of an autocast layer into float32
        return output + delta.to(output.dtype)

    return hook


def _zeros(like: Tensor, width: int) -> Tensor:
    return like.new_zeros((*like.shape[:-1], width))


def _add_to_branch(network: nn.Module, site: Site, module: InsertedModule) -> list[RemovableHandle]:
    """Keep the branch's un-normalised input until its output is there, then add the delta."""
    kept: list[Tensor] = []

    def keep(_norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        kept[:] = inputs[:1]

    def add(_layer: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        delta: Tensor = module(kept.pop(), output)
        return output + delta.to(output.dtype)

    return [
        network.get_submodule(site.source).register_forward_pre_hook(keep),
        network.get_submodule(site.layer).register_forward_hook(add),
    ]


def _attention_dtype(tokens: Tensor) -> torch.dtype:
    """Of the attention's logits: a gate in float32 would turn those of autocast into float32."""
    kind = tokens.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else tokens.dtype


def _still(rope: Tensor, prompts: int) -> Tensor:
    """Rotary positions with rows for ``prompts`` that rotate nothing, as for a class token.

    Args:
        rope: sines, then cosines, shape (..., tokens, 2 * width of a head).
        prompts: number of rows to append.
    """
    rows = rope.new_zeros(*rope.shape[:-2], prompts, rope.shape[-1])
    rows[..., rope.shape[-1] // 2 :] = 1.0
    return torch.cat([rope, rows], dim=-2)


def _append_prompts(
    network: nn.Module, site: Site, module: PromptModule, sites: Sequence[Site]
) -> list[RemovableHandle]:
    """Append at ``site``'s block, gate in every attention up to the last block, then cut off."""
    last_block = site.block if module.last_block is None else module.last_block
    reached = [s for s in sites if s.kind == "tokens" and site.block <= s.block <= last_block]
    length: list[int] = []

    def append(_block: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        tokens = inputs[0]
        length[:] = tokens.shape[1:2]
        prompts = module.tokens().to(tokens.dtype).expand(len(tokens), -1, -1)
        return (torch.cat([tokens, prompts], dim=1), *inputs[1:])

    def gate(
        _attention: nn.Module, inputs: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        tokens = inputs[0]
        prompts = tokens.shape[1] - length[0]
        if keywords.get("rope") is not None:
            keywords = {**keywords, "rope": _still(keywords["rope"], prompts)}
        logits = module.key_logits(length[0], prompts, tokens.device, _attention_dtype(tokens))
        if logits is None:
            return inputs, keywords
        if len(inputs) > 1 or keywords.get("attn_mask") is not None:
            raise PositionError("the attention has a mask of its own: prompts cannot be gated")
        return inputs, {**keywords, "attn_mask": logits}

    def cut(_block: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        return output.narrow(1, 0, length[0])

    entry, end = network.get_submodule(site.layer), network.get_submodule(reached[-1].layer)
    gates = [
        network.get_submodule(each.source).register_forward_pre_hook(gate, with_kwargs=True)
        for each in reached
    ]
    return [
        entry.register_forward_pre_hook(append),
        *gates,
        end.register_forward_hook(cut),
    ]
