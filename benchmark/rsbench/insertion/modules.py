"""What a method inserts: modules whose effect one modulator scales."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class InsertedModule(nn.Module):
    """Base of what a method inserts: computes an addition to a layer's output.

    Args:
        scale: fixed or trained factor of the delta (alpha / r), gamma apart.

    Attributes:
        gamma: callable that returns the modulator's value (a tensor without dimensions, or one
            value per output channel), or None for the plain method, where gamma is 1. It is no
            registered parameter, so that the modulator never ends in the same optimiser as the
            module.
        scale: as given.
    """

    def __init__(self, scale: float | nn.Parameter = 1.0) -> None:
        super().__init__()
        self.gamma: Callable[[], Tensor] | None = None
        self.scale = scale

    def factor(self) -> Tensor | float:
        """``gamma * scale``: a float where neither is a tensor."""
        return self.scale if self.gamma is None else self.gamma() * self.scale

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """The scaled delta, gamma included.

        Args:
            inputs: what the layer (or branch) read, shape (..., input_dim).
            outputs: what it wrote at this site, shape (..., output_dim).

        Returns:
            What is added to ``outputs``: a shape that broadcasts to theirs.
        """
        raise TypeError(f"{type(self).__name__} does not define forward")


class PromptModule(InsertedModule):
    """Base of prompts: tokens appended at the end of the sequence, gated by gamma.

    In every attention that sees the prompts, ``log gamma`` is added to the logits of their
    keys, so that each prompt's weight ``exp(logit)`` is multiplied by gamma before the softmax
    normalises: gamma = 1 is plain prompt tuning, and gamma -> 0 removes the prompts exactly,
    because nothing else reads them (they are cut off after the last block they flow through).

    Args:
        last_block: block after which the prompts are cut off; None: after the block where
            they enter.
    """

    def __init__(self, last_block: int | None = None) -> None:
        super().__init__()
        self.last_block = last_block

    def tokens(self) -> Tensor:
        """The prompts, shape (number, width)."""
        raise TypeError(f"{type(self).__name__} does not define tokens")

    def key_logits(
        self, tokens: int, prompts: int, device: torch.device, dtype: torch.dtype
    ) -> Tensor | None:
        """What is added to the attention logits, shape (1, 1, 1, tokens + prompts).

        Args:
            tokens: length of the sequence without prompts.
            prompts: number of prompts behind it.
            device: of the result.
            dtype: of the result; log gamma is computed in float32 or better first.

        Returns:
            Zeros, and log gamma for the prompts; None for the plain method.
        """
        if self.gamma is None:
            return None
        gate = self.gamma().log().to(dtype).expand(prompts)
        return torch.cat([torch.zeros(tokens, device=device, dtype=dtype), gate]).view(1, 1, 1, -1)
