"""The labels of a cell, and the conditions that match them."""

from __future__ import annotations

from dataclasses import dataclass

from rsbench.cell import Cell
from rsbench.matrix.entries import METAPEFT_SUFFIX
from rsbench.matrix.schema import Conditions


@dataclass(frozen=True)
class Labels:
    """What a cell is called on each axis.

    Attributes:
        target: label of the target.
        backbone: label of the backbone.
        method: label of the method, without ``+metapeft``.
        metapeft: whether MetaPEFT trains the scales.
        seed: the seed.
        axes: name and value of each further axis that the cell has a place on, in order.
    """

    target: str
    backbone: str
    method: str
    metapeft: bool
    seed: int
    axes: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, cell: Cell) -> Labels:
        """The labels of ``cell``."""
        return cls(
            cell.target.name,
            cell.backbone.name,
            cell.method.name,
            cell.metapeft is not None,
            cell.seed,
            tuple(cell.axes.items()),
        )

    @property
    def method_names(self) -> tuple[str, ...]:
        """Names that mean this cell's method: ``lora`` and, with MetaPEFT, ``lora+metapeft``."""
        return (self.method, self.method + METAPEFT_SUFFIX) if self.metapeft else (self.method,)


def matches(conditions: Conditions, labels: Labels) -> bool:
    """Whether every condition that is stated holds."""
    values = dict(labels.axes)
    return (
        (conditions.target is None or labels.target in conditions.target)
        and (conditions.backbone is None or labels.backbone in conditions.backbone)
        and (conditions.method is None or any(n in conditions.method for n in labels.method_names))
        and (conditions.metapeft is None or labels.metapeft == conditions.metapeft)
        and (conditions.seed is None or labels.seed in conditions.seed)
        and all(values.get(name) in accepted for name, accepted in conditions.axes.items())
    )
