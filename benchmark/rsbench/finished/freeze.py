"""Give the MetaPEFT cells of a matrix the final gammas of a finished cell, frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rsbench import registry
from rsbench.cell import Cell
from rsbench.errors import SettingsError
from rsbench.finished.find import find_cell
from rsbench.finished.gammas import read_gammas


@dataclass(frozen=True)
class GivenGammas:
    """The final gammas of a finished cell, for other cells.

    Attributes:
        values: by key of the inserted module.
        source: that cell in words, for tables and messages.
        suffix: what the name of the run folder ends in.
    """

    values: dict[str, float]
    source: str
    suffix: str

    def freeze(self, cells: Sequence[Cell]) -> tuple[Cell, ...]:
        """``cells``, those with MetaPEFT with these gammas; plain cells as they are.

        The gammas are options of these cells and so part of their ids. Every other option of
        the strategy is at its default.

        Raises:
            SettingsError: none of the cells uses MetaPEFT.
        """
        if not any(cell.metapeft for cell in cells):
            raise SettingsError(
                "--gamma-from: none of the cells uses MetaPEFT",
                remedy="use a matrix with a method such as lora+metapeft, and do not leave its "
                "cells out with --only",
            )
        return tuple(self._frozen(cell) for cell in cells)

    def _frozen(self, cell: Cell) -> Cell:
        if cell.metapeft is None:
            return cell
        strategy = registry.strategy_class(cell.metapeft.kind)
        options = strategy.frozen_options(self.values).model_dump(mode="json")
        chosen = cell.metapeft.model_copy(update={"options": options})
        return cell.model_copy(update={"metapeft": chosen})


def take_gammas(reference: str) -> GivenGammas:
    """The gammas of the cell that ``reference`` (``RUN/CELL``) names.

    Raises:
        CellError: it is no finished cell with gammas.
    """
    cell = find_cell(reference)
    return GivenGammas(read_gammas(cell).values, cell.title, f"-gammas-{cell.record.id[:8]}")
