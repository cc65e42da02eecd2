"""The prompts of one block, or of a run of blocks."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from rsbench.insertion import PromptModule


class Prompts(PromptModule):
    """Trained tokens without position embedding, appended behind the image's (section 1.3).

    They start uniform within sqrt(6 / (3 p p + d)) for patches of side p (section 1.4). How
    gamma gates them is said in ``PromptModule``.

    Args:
        number: how many.
        width: d.
        patch_values: 3 p p.
        last_block: block after which they are cut off; None: after the one they enter.
        generator: random stream.
    """

    def __init__(
        self,
        number: int,
        width: int,
        patch_values: int,
        *,
        last_block: int | None,
        generator: torch.Generator,
    ) -> None:
        super().__init__(last_block)
        bound = math.sqrt(6.0 / (patch_values + width))
        self.prompts = nn.Parameter(torch.empty(number, width))
        with torch.no_grad():
            self.prompts.uniform_(-bound, bound, generator=generator)

    def tokens(self) -> Tensor:
        """The prompts, shape (number, width)."""
        return self.prompts
