"""What a published number is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

Certainty = Literal["printed", "read off", "inferred", "computed"]
CERTAINTIES: tuple[str, ...] = get_args(Certainty)
#: What an accuracy or a distance is the mean over; "" where there is nothing to choose.
METRICS = ("", "head", "medium", "tail", "mean")
#: The target of numbers that are means over the three transfers.
AVERAGE = "average"


@dataclass(frozen=True)
class Setting:
    """What a published number is of. Empty fields are not stated, or do not matter.

    Attributes:
        target: kind of the target, or "average" for the three transfers together.
        backbone: name of a published backbone in ``reproduction.yaml``.
        method: name of a method in ``reproduction.yaml``.
        metapeft: whether MetaPEFT trained the scales; None where it does not matter.
        positions: each reading of where modules are inserted, as a set of positions; empty
            for a method without a choice.
        blocks: each reading of the blocks, as a matrix would state them, 0-based; empty means
            all blocks.
        scale_log2: binary logarithm of the scale alpha / r, or None.
        ratio: share of the training samples in D_val, or None.
    """

    target: str = ""
    backbone: str = ""
    method: str = ""
    metapeft: bool | None = None
    positions: tuple[frozenset[str], ...] = ()
    blocks: tuple[str, ...] = ()
    scale_log2: int | None = None
    ratio: float | None = None


@dataclass(frozen=True)
class PublishedNumber:
    """One number of the paper, or a gap where it has one that is not known.

    Attributes:
        id: ``table/.../metric``; unique, stable.
        table: name of its table.
        setting: what it is of.
        quantity: what was measured: "accuracy", "gain", "distance", ...
        metric: one of ``METRICS``.
        unit: of value and uncertainty.
        value: the number, or None for a gap.
        uncertainty: half the width of the range that it may lie in; None for a gap.
        tolerance: how far a reproduction may lie from the value (at least the uncertainty);
            None for a gap.
        certainty: how the number is known; "" for a gap.
        source: where it is from.
        relative_to: id of the number whose setting it is compared with (gains, drops), or "".
        note: what a reader must know; for a gap, what is missing.
    """

    id: str
    table: str
    setting: Setting
    quantity: str
    metric: str
    unit: str
    value: float | None
    uncertainty: float | None
    tolerance: float | None
    certainty: Certainty | Literal[""]
    source: str
    relative_to: str = ""
    note: str = ""

    @property
    def is_gap(self) -> bool:
        """Whether there is no value."""
        return self.value is None


@dataclass(frozen=True)
class Quantity:
    """What can be published.

    Attributes:
        unit: "%", "points", ...
        definition: what it is, in one line.
    """

    unit: str
    definition: str


@dataclass(frozen=True)
class PublishedTable:
    """A table or figure of the paper.

    Attributes:
        name: short name, the first part of its numbers' ids.
        title: one line for readers.
        where: the table or figure, in short.
        notes: doubts and contradictions about all its numbers.
        numbers: in the order of the file.
    """

    name: str
    title: str
    where: str
    notes: tuple[str, ...]
    numbers: tuple[PublishedNumber, ...]


@dataclass(frozen=True)
class Published:
    """Everything that is known of the paper's results.

    Attributes:
        tables: in the order of ``tables.yaml``.
        quantities: by name.
    """

    tables: tuple[PublishedTable, ...]
    quantities: Mapping[str, Quantity]

    @cached_property
    def numbers(self) -> tuple[PublishedNumber, ...]:
        """The numbers and gaps of all tables."""
        return tuple(number for table in self.tables for number in table.numbers)

    @cached_property
    def by_id(self) -> Mapping[str, PublishedNumber]:
        """The numbers and gaps by their ids."""
        return {number.id: number for number in self.numbers}

    def table(self, name: str) -> PublishedTable:
        """The table called ``name``; raises KeyError where there is none."""
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(name)
