"""Which cells of a matrix are compared, which pairs they form, and in which order they run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rsbench import registry
from rsbench.cell import Cell
from rsbench.matrix.labels import Labels
from rsbench.report.rows import differences, flat
from rsbench.sources import checked_options

#: What the recipe may change without changing the cost of a step.
_FREE = {
    *("epochs", "learning_rate", "reference_batch", "learning_rate_scaling", "schedule"),
    *("schedule_interval", "warm_up", "momentum", "weight_decay", "tau", "head_scale", "head_init"),
    *("head_features", "early_stopping_patience", "early_stopping_gain"),
}


@dataclass(frozen=True)
class Variant:
    """One method on one target and backbone, plain or with MetaPEFT.

    Attributes:
        cell: the cell that is trained.
        detail: options in which it differs from variants of the same labels, or "".
        plain: number of its plain partner in the list of variants, for MetaPEFT with one.
        expected: training time as a multiple of the plain method's that the strategy counts on
            (paper section 9.1: 1 + ratio), or None where it makes no statement.
    """

    cell: Cell
    detail: str = ""
    plain: int | None = None
    expected: float | None = None

    @property
    def name(self) -> str:
        """The method as in a matrix, such as ``lora+metapeft``."""
        return Labels.of(self.cell).method_names[-1]

    @property
    def label(self) -> str:
        """Short text for messages."""
        label = f"{self.cell.target.name} / {self.cell.backbone.name} / {self.name}"
        return f"{label} ({self.detail})" if self.detail else label


def choose_variants(cells: Sequence[Cell]) -> tuple[Variant, ...]:
    """Each distinct backbone, target, method and MetaPEFT once, at its lowest seed.

    A plain method is followed by its MetaPEFT variants: partners are neighbours in time.

    Args:
        cells: of a matrix, in its order.
    """
    lowest: dict[tuple[str, ...], Cell] = {}
    for cell in cells:
        known = lowest.setdefault(_choices(cell), cell)
        if cell.seed < known.seed:
            lowest[_choices(cell)] = cell
    ordered = _pairs_together(list(lowest.values()))
    details = differences(
        [(c.target.name, c.backbone.name, c.method.name, str(c.metapeft is None)) for c in ordered],
        [_settings(cell) for cell in ordered],
    )
    places = {_work(cell): place for place, cell in enumerate(ordered) if cell.metapeft is None}
    return tuple(
        Variant(
            cell=cell,
            detail=detail,
            plain=None if cell.metapeft is None else places.get(_work(cell)),
            expected=expected_cost(cell),
        )
        for cell, detail in zip(ordered, details, strict=True)
    )


def expected_cost(cell: Cell) -> float | None:
    """What the cell's training strategy says of its own cost."""
    if cell.metapeft is None:
        return None
    kind = registry.strategy_class(cell.metapeft.kind)
    return kind(checked_options(kind.Options, cell.metapeft)).expected_cost()


def round_order(variants: int, number: int) -> list[int]:
    """The order in which round ``number`` trains the variants.

    It begins with another variant each time, and every second round runs backwards, so that
    each of two neighbours is as often the first.
    """
    start = number % variants if variants else 0
    order = [*range(start, variants), *range(start)]
    return order[::-1] if number % 2 else order


def _pairs_together(cells: list[Cell]) -> list[Cell]:
    first: dict[tuple[str, ...], int] = {}
    for place, cell in enumerate(cells):
        first.setdefault(_work(cell), place)
    return sorted(cells, key=lambda cell: (first[_work(cell)], cell.metapeft is not None))


def _choices(cell: Cell) -> tuple[str, ...]:
    """Everything but the seed and the recipe."""
    metapeft = "" if cell.metapeft is None else cell.metapeft.model_dump_json()
    return (
        *(each.model_dump_json() for each in (cell.target, cell.backbone, cell.method)),
        metapeft,
    )


def _work(cell: Cell) -> tuple[str, ...]:
    """What partners must have in common: the choices, and what a step's cost depends on."""
    return (*_choices(cell)[:3], cell.recipe.model_dump_json(exclude=_FREE))


def _settings(cell: Cell) -> dict[str, object]:
    return flat(cell.model_dump(mode="json", include={"target", "backbone", "method", "metapeft"}))
