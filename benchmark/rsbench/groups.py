"""Head, medium and tail groups of classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from rsbench.errors import TargetError
from rsbench.settings import Settings

GROUP_NAMES = ("head", "medium", "tail")


@dataclass(frozen=True)
class ClassGroups:
    """A partition of the class indices; any group may be empty, but not all.

    Attributes:
        head: indices of the frequent classes.
        medium: indices of the classes between.
        tail: indices of the rare classes.
    """

    head: tuple[int, ...]
    medium: tuple[int, ...]
    tail: tuple[int, ...]

    def check(self, number_of_classes: int) -> None:
        """Raise TargetError unless the groups hold each of the classes exactly once."""
        listed = sorted((*self.head, *self.medium, *self.tail))
        if listed != list(range(number_of_classes)):
            raise TargetError(
                f"head/medium/tail must name each of the {number_of_classes} classes once, "
                f"but they name the indices {listed}",
                remedy="list every class in exactly one group",
            )

    def of(self, group: str) -> tuple[int, ...]:
        """Class indices of ``group`` ("head", "medium" or "tail")."""
        indices: tuple[int, ...] = getattr(self, group)
        return indices


def by_names(
    class_names: Sequence[str], head: Iterable[str], medium: Iterable[str], tail: Iterable[str]
) -> ClassGroups:
    """Groups from explicit lists of class names.

    Raises:
        TargetError: a listed class does not exist, or a class is missing or listed twice.
    """
    index = {name: position for position, name in enumerate(class_names)}

    def positions(names: Iterable[str]) -> tuple[int, ...]:
        listed = list(names)
        unknown = [name for name in listed if name not in index]
        if unknown:
            raise TargetError(
                f"the groups list classes that do not exist: {', '.join(unknown)}",
                remedy=f"the classes are: {', '.join(class_names)}",
            )
        return tuple(sorted(index[name] for name in listed))

    groups = ClassGroups(positions(head), positions(medium), positions(tail))
    groups.check(len(class_names))
    return groups


def by_thresholds(train_counts: Sequence[int], many: int = 100, few: int = 20) -> ClassGroups:
    """Groups by training images per class: head > ``many``, tail < ``few`` (paper section 4.3)."""
    head = tuple(c for c, n in enumerate(train_counts) if n > many)
    tail = tuple(c for c, n in enumerate(train_counts) if n < few)
    medium = tuple(c for c, n in enumerate(train_counts) if few <= n <= many)
    return ClassGroups(head, medium, tail)


def by_thirds(train_counts: Sequence[int]) -> ClassGroups:
    """Groups by rank: floor(C/3) most frequent, floor(C/3) rarest, the rest (section 9.9).

    Ties are broken by class index, the lower index counting as the more frequent.
    """
    order = sorted(range(len(train_counts)), key=lambda c: (-train_counts[c], c))
    third = len(order) // 3
    head, tail = order[:third], order[len(order) - third :]
    medium = order[third : len(order) - third]
    return ClassGroups(tuple(sorted(head)), tuple(sorted(medium)), tuple(sorted(tail)))


class GroupRule(Settings):
    """How a matrix states the groups of a target of its own."""

    rule: Literal["thirds", "thresholds", "lists"] = "thirds"
    """By rank thirds, by training counts, or by explicit lists of class names."""
    many: Annotated[int, Field(ge=0)] = 100
    """``thresholds``: head classes have more training images than this."""
    few: Annotated[int, Field(ge=0)] = 20
    """``thresholds``: tail classes have fewer training images than this."""
    head: tuple[str, ...] = ()
    medium: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> GroupRule:
        if self.many < self.few:
            raise ValueError(f"many ({self.many}) must not be below few ({self.few})")
        return self

    def apply(self, class_names: Sequence[str], train_counts: Sequence[int]) -> ClassGroups:
        """The groups of a target with these classes and training counts.

        Raises:
            TargetError: explicit lists do not partition the classes.
        """
        if self.rule == "lists":
            return by_names(class_names, self.head, self.medium, self.tail)
        if self.rule == "thresholds":
            return by_thresholds(train_counts, self.many, self.few)
        return by_thirds(train_counts)
