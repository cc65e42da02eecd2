"""The rank of low-rank and bottleneck modules: given, or by the rule of the released code."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from rsbench.settings import Settings

Rank = Annotated[int, Field(ge=1)] | Literal["rule"]
Alpha = Annotated[float, Field(gt=0.0)] | Literal["rank"]


class RankOptions(Settings):
    """Width of the inserted module and the fixed factor of its delta (paper section 1.5)."""

    rank: Rank = 8
    """Rank (bottleneck width) r, or ``rule``: from the number of classes and blocks, as in the
    released code."""
    alpha: Alpha = "rank"
    """Scale numerator: the delta is multiplied by alpha / r; ``rank`` makes that 1. The released
    code's is 1."""

    def resolved_rank(self, number_of_classes: int, depth: int) -> int:
        """R for a target of that many classes and a network of that many blocks."""
        return rank_by_rule(number_of_classes, depth) if self.rank == "rule" else self.rank

    def scale_factor(self, rank: int) -> float:
        """Alpha / r."""
        return 1.0 if self.alpha == "rank" else self.alpha / rank


def rank_by_rule(number_of_classes: int, depth: int) -> int:
    """``2 ** max(0, int(log2(C / (2 L))))``, int truncating toward zero (section 1.5)."""
    return int(2 ** max(0, int(math.log2(number_of_classes / (2 * depth)))))
