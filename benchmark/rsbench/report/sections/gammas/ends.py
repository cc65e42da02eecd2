"""Where the gammas of a row ended, as a grid of positions by blocks."""

from __future__ import annotations

import math
import re
import statistics
import textwrap
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Measure
from rsbench.report.modulators import LEARNED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

#: Names of modules; "block3" alone is one gamma for all positions of a block.
_MODULE = re.compile(r"block(\d+)(?:_(.+))?")

#: Letters of a line in a title.
_LINE = 30

Place = tuple[int, str]
"""Block from 0, and position."""


@dataclass(frozen=True)
class GammaRow:
    """A row with gammas by module.

    Attributes:
        row: the cells.
        by_seed: last gamma of each module, one mapping for each seed that has them.
    """

    row: Row
    by_seed: tuple[Mapping[Place, float], ...]

    @property
    def control(self) -> str:
        """What was done with gamma: "learned", "joint", "random", ..."""
        return self.row.gamma.control if self.row.gamma else ""

    @property
    def title(self) -> str:
        """The method with what was done instead of learning; below it, in short lines, its axes."""
        return "\n".join([self._name, *textwrap.wrap(self.row.setting, _LINE)])

    @property
    def title_with_seeds(self) -> str:
        """The title with the number of seeds that gammas are averaged over."""
        number = len(self.by_seed)
        seeds = f"{number} {'seed' if number == 1 else 'seeds'}"
        first = f"{self._name}, {seeds}"
        lines = [first] if len(first) <= _LINE else [self._name, seeds]
        return "\n".join([*lines, *textwrap.wrap(self.row.setting, _LINE)])

    @property
    def _name(self) -> str:
        control = "" if self.control == LEARNED else f", {self.control}"
        return f"{self.row.full_method}{control}"

    @cached_property
    def positions(self) -> tuple[str, ...]:
        """Positions that have modules, in order."""
        return tuple(dict.fromkeys(position for _, position in self.by_seed[0]))

    @property
    def blocks(self) -> int:
        """Blocks from the first to the last with a module."""
        return 1 + max(block for block, _ in self.by_seed[0])

    def grid(self, blocks: int) -> NDArray[np.float64]:
        """Geometric mean over the seeds, shape (positions, blocks); not-a-number: no module."""
        import numpy as np

        values = np.full((len(self.positions), blocks), np.nan)
        for number, position in enumerate(self.positions):
            for block in range(blocks):
                if (block, position) in self.by_seed[0]:
                    logs = [math.log(each[block, position]) for each in self.by_seed]
                    values[number, block] = math.exp(statistics.fmean(logs))
        return values

    def share(self, third: int, blocks: int) -> Measure:
        """Gamma of the modules in a third of the blocks, percent of the sum over all modules."""
        return self._over_seeds(
            lambda gammas: 100 * math.fsum(_in(gammas, third, blocks)) / math.fsum(gammas.values())
        )

    def mean_log(self, third: int, blocks: int) -> Measure:
        """Mean natural logarithm of gamma in a third of the blocks; undefined without modules."""
        if not self.modules(third, blocks):
            return Measure(None)
        return self._over_seeds(
            lambda gammas: statistics.fmean(math.log(v) for v in _in(gammas, third, blocks))
        )

    def modules(self, third: int, blocks: int) -> int:
        """How many modules a third of the blocks has."""
        return len(_in(self.by_seed[0], third, blocks))

    def _over_seeds(self, value: Callable[[Mapping[Place, float]], float]) -> Measure:
        values = [value(each) for each in self.by_seed]
        deviation = statistics.stdev(values) if len(values) > 1 else None
        return Measure(statistics.fmean(values), deviation)


def third_of(block: int, blocks: int) -> int:
    """0, 1 or 2: the third of ``blocks`` that a block is in; earlier thirds are never smaller."""
    return min(3 * block // blocks, 2) if blocks >= 3 else min(block, 2)


def _in(gammas: Mapping[Place, float], third: int, blocks: int) -> list[float]:
    return [value for (block, _), value in gammas.items() if third_of(block, blocks) == third]


def gamma_rows(results: RunResults) -> tuple[GammaRow, ...]:
    """The rows whose records tell gammas by block: two modules or more (VPT-shallow has one)."""
    found = []
    for row in results.rows:
        if row.gamma is None:
            continue
        by_seed = [_modules(record.strategy.get("gamma")) for record in row.records]
        known = [each for each in by_seed if len(each) > 1 and each.keys() == by_seed[0].keys()]
        if known:
            found.append(GammaRow(row, tuple(known)))
    return tuple(found)


def _modules(gammas: object) -> dict[Place, float]:
    """Gammas by block and position; empty where one has another name or is not positive."""
    if not isinstance(gammas, dict):
        return {}
    found = {}
    for name, value in gammas.items():
        match = _MODULE.fullmatch(str(name))
        if match is None or not isinstance(value, int | float) or value <= 0:
            return {}
        found[int(match[1]), match[2] or "all"] = float(value)
    return found


def blocks_of(rows: Sequence[GammaRow], backbone: str) -> int:
    """Blocks of a backbone, as far as any row of the run has modules in them."""
    return max((each.blocks for each in rows if each.row.backbone == backbone), default=1)
