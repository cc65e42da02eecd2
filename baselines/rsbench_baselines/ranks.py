"""The rank of low-rank and bottleneck modules: given, or by the rule of the released code."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from rsbench.errors import SettingsError
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

    def check_rank(self, widths: Iterable[int]) -> None:
        """Refuse a stated rank that no layer is wide enough for, before anything is made of it.

        Args:
            widths: largest rank that means anything in each layer.

        Raises:
            SettingsError: it is.
        """
        widest = max(widths)
        if self.rank != "rule" and self.rank > widest:
            raise SettingsError(
                f"rank {self.rank:,} is larger than the width of the widest layer, {widest:,}",
                remedy=f"a rank of at most {widest}; usual ones are 1 to 64",
            )

    def scale_factor(self, rank: int) -> float:
        """Alpha / r."""
        return 1.0 if self.alpha == "rank" else self.alpha / rank


def rank_by_rule(number_of_classes: int, depth: int) -> int:
    """``2 ** max(0, int(log2(C / (2 L))))``, int truncating toward zero (section 1.5)."""
    return int(2 ** max(0, int(math.log2(number_of_classes / (2 * depth)))))
