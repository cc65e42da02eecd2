"""Options of LoRA and the rank rule."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from rsbench.settings import Settings
from rsbench.where import BlockChoice

Position = Literal["q", "k", "v", "out", "mlp1", "mlp2"]
POSITIONS: tuple[Position, ...] = ("q", "k", "v", "out", "mlp1", "mlp2")


class LoraOptions(Settings):
    """Where LoRA is inserted and how its delta is formed (paper sections 1.3 to 1.5)."""

    positions: tuple[Position, ...] = POSITIONS
    """Positions that get a module."""
    blocks: BlockChoice = "all"
    """Blocks that get one: all, [0, 1], 3-5, last:4, all but 9-11."""
    rank: Annotated[int, Field(ge=1)] | Literal["rule"] = "rule"
    """Rank r, or ``rule``: from the number of classes and blocks (section 1.5)."""
    alpha: Annotated[float, Field(gt=0.0)] | Literal["rank"] = 1.0
    """Scale numerator: the delta is multiplied by alpha / r; ``rank`` makes that 1."""
    init: Literal["released", "canonical"] = "released"
    """A uniform within 1/sqrt(r) (released code) or within 1/sqrt(d_in); B is zero."""
    out: Literal["parallel", "sequential"] = "parallel"
    """Whether the out delta reads the projection's input (figure 2b) or its output (code)."""


class LoraQueryValueOptions(LoraOptions):
    """LoRA at the positions that the released code calls plain LoRA."""

    positions: tuple[Position, ...] = ("q", "v")


def rank_by_rule(number_of_classes: int, depth: int) -> int:
    """``2 ** max(0, int(log2(C / (2 L))))``, int truncating toward zero (section 1.5)."""
    return int(2 ** max(0, int(math.log2(number_of_classes / (2 * depth)))))
