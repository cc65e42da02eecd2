"""Options of LoRA."""

from __future__ import annotations

from typing import Literal

from rsbench.where import BlockChoice
from rsbench_baselines.ranks import RankOptions

Position = Literal["q", "k", "v", "out", "mlp1", "mlp2"]
POSITIONS: tuple[Position, ...] = ("q", "k", "v", "out", "mlp1", "mlp2")


class LoraOptions(RankOptions):
    """Where LoRA is inserted and how its delta is formed (paper sections 1.3 to 1.5)."""

    positions: tuple[Position, ...] = POSITIONS
    """Positions that get a module."""
    blocks: BlockChoice = "all"
    """Blocks that get one: all, [0, 1], 3-5, last:4, all but 9-11."""
    init: Literal["released", "canonical"] = "canonical"
    """A uniform within 1/sqrt(d_in), or within 1/sqrt(r) (released code); B is zero. The latter
    makes the first steps of a small rank so large that wide networks can fall to chance."""
    out: Literal["parallel", "sequential"] = "parallel"
    """Whether the out delta reads the projection's input (figure 2b) or its output (code)."""


class LoraQueryValueOptions(LoraOptions):
    """LoRA at the positions that the released code calls plain LoRA."""

    positions: tuple[Position, ...] = ("q", "v")
