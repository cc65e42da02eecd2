"""The learned gammas as tables: their way through the training, and where they ended."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rsbench.insertion import Site


class Trajectory:
    """Collects gammas while a cell is trained.

    Args:
        sites: of the inserted modules, by key, in forward order.
    """

    def __init__(self, sites: Mapping[str, Site]) -> None:
        self.sites = sites
        self._rows: list[dict[str, Any]] = []

    def note(self, inner_step: int, outer_step: int, gammas: Mapping[str, float]) -> None:
        """Add one row per inserted module."""
        for key, gamma in gammas.items():
            site = self.sites[key]
            self._rows.append(
                {
                    "inner_step": inner_step,
                    "outer_step": outer_step,
                    "block": site.block,
                    "position": site.position,
                    "gamma": gamma,
                }
            )

    def tables(self, final: Mapping[str, float]) -> dict[str, pd.DataFrame]:
        """``gamma``: what was noted; ``gamma_final``: block x position.

        Args:
            final: gamma by key of the module at the end of the training.
        """
        return {"gamma": pd.DataFrame(self._rows), "gamma_final": self._final(final)}

    def _final(self, gammas: Mapping[str, float]) -> pd.DataFrame:
        """One row per block, one column per position; empty where there is no module."""
        blocks = sorted({self.sites[key].block for key in gammas})
        positions = list(dict.fromkeys(self.sites[key].position for key in gammas))
        table = pd.DataFrame(np.nan, index=blocks, columns=positions)
        for key, gamma in gammas.items():
            table.loc[self.sites[key].block, self.sites[key].position] = gamma
        return table.rename_axis("block").reset_index()


def log_spread(gammas: Mapping[str, float]) -> float | None:
    """Sample standard deviation of log gamma over the modules.

    None where it has no meaning: below two modules, or where a gamma is not positive.
    """
    values = list(gammas.values())
    if len(values) < 2 or min(values) <= 0.0:
        return None
    return statistics.stdev(math.log(value) for value in values)
