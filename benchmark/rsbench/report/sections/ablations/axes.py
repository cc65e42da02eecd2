"""The further axes of a matrix: their values in order, as numbers where they are numbers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rsbench.store import RunIndex

#: Axes whose numbers count blocks: columns of a heatmap, never the abscissa of several lines.
DEPTHS = ("depth", "block", "blocks", "layer", "layers")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_POWER = re.compile(r"(\d+)\^(-?\d+)")


@dataclass(frozen=True)
class StudyAxis:
    """An axis on which the cells of a study differ.

    Attributes:
        name: as in the matrix.
        values: labels, in the order of the matrix.
        numbers: the same as numbers; None where one of them is none.
    """

    name: str
    values: tuple[str, ...]
    numbers: tuple[float, ...] | None

    @property
    def title(self) -> str:
        """The name for readers."""
        return self.name.replace("_", " ")

    @property
    def is_depth(self) -> bool:
        """Whether its numbers count blocks."""
        return self.name in DEPTHS

    @property
    def is_numeric(self) -> bool:
        """Whether a curve over it means something: three numbers or more."""
        return self.numbers is not None and len(set(self.numbers)) >= 3

    @property
    def log(self) -> int:
        """2 where all numbers are powers of 2, 10 where they span a factor of 8, else 0."""
        if self.numbers is None or min(self.numbers) <= 0:
            return 0
        if all(math.log2(number).is_integer() for number in self.numbers):
            return 2
        return 10 if max(self.numbers) >= 8 * min(self.numbers) else 0

    def number(self, value: str) -> float:
        """The number of one value; only on numeric axes."""
        return (self.numbers or ())[self.values.index(value)]

    @property
    def ordered(self) -> tuple[str, ...]:
        """Values by number, or as in the matrix."""
        if self.numbers is None:
            return self.values
        pairs = sorted(zip(self.numbers, self.values, strict=True))
        return tuple(value for _, value in pairs)

    @property
    def texts(self) -> tuple[str, ...]:
        """The ordered values as marks of a figure: fractions of 2 as powers of 2."""
        if self.log != 2 or self.numbers is None or min(self.numbers) > 0.5:
            return self.ordered
        exponents = [f"{math.log2(number):.0f}" for number in sorted(self.numbers)]
        return tuple(f"2{exponent.translate(_RAISED)}" for exponent in exponents)


def study_axis(index: RunIndex, name: str, present: Iterable[str]) -> StudyAxis:
    """The axis ``name`` with those of its values that are ``present``."""
    found = set(present)
    known = index.axes.get(name, ())
    values = tuple(each for each in (*known, *sorted(found - set(known))) if each in found)
    stated = dict(zip(known, index.axis_numbers.get(name, ()), strict=False))
    numbers = [stated.get(value, _number(value)) for value in values]
    complete = tuple(number for number in numbers if number is not None)
    return StudyAxis(name, values, complete if len(complete) == len(values) else None)


def _number(text: str) -> float | None:
    """The number that a label is: "0.5", "2^3"; None where it is none."""
    power = _POWER.fullmatch(text)
    try:
        number = float(power[1]) ** int(power[2]) if power else float(text)
    except (ValueError, OverflowError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) else None
