"""Distances per class, and as means over groups of classes, in every variant of the definition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rsbench.distances.vectors import FORMS, Form, class_spreads, class_vectors, mean_distances


@dataclass(frozen=True)
class Variant:
    """What the paper leaves open about its distance (section 5).

    Attributes:
        form: distances between centroids, or means over pairs of images.
        others: a class is compared with all other classes, or with those of its own group.
        centred: whether the mean of the centroids is taken for the origin.
    """

    form: Form = "centroids"
    others: Literal["all", "group"] = "all"
    centred: bool = False


#: The working definition of paper section 5.
DEFAULT = Variant()
#: All eight; the default comes first.
VARIANTS = tuple(
    Variant(form, others, centred)
    for form in FORMS
    for others in ("all", "group")
    for centred in (False, True)
)


@dataclass(frozen=True)
class GroupDistances:
    """Means over the classes of a group; None where no class of it has the value.

    Attributes:
        distance: mean over its classes of the mean distance to the other ones, 0 to 2.
        spread: mean over its classes of the spread inside a class, 0 to 2.
        ratio: distance over spread; None also where there is no spread.
    """

    distance: float | None
    spread: float | None
    ratio: float | None


@dataclass(frozen=True)
class ClassDistances:
    """How far each class lies from the other ones, in one variant.

    Attributes:
        classes: indices of the classes, ascending.
        distance: mean distance of each class to the other ones; None for a class without
            another one, or whose centroid is zero.
        spread: spread inside each class; None for a class of one image, or whose centroid is
            zero.
    """

    classes: tuple[int, ...]
    distance: tuple[float | None, ...]
    spread: tuple[float | None, ...]

    @property
    def ratio(self) -> tuple[float | None, ...]:
        """Distance over spread of each class."""
        return tuple(_ratio(d, s) for d, s in zip(self.distance, self.spread, strict=True))

    @cached_property
    def _places(self) -> dict[int, int]:
        return {each: place for place, each in enumerate(self.classes)}

    @cached_property
    def by_class(self) -> dict[int, float | None]:
        """The distance by class index."""
        return dict(zip(self.classes, self.distance, strict=True))

    def over(self, classes: Sequence[int] | None = None) -> GroupDistances:
        """Means over some classes, or all; classes without the value are left out."""
        if classes is None:
            distance, spread = _mean(self.distance), _mean(self.spread)
        else:
            places = self._places
            chosen = [places[each] for each in classes if each in places]
            distance = _mean([self.distance[place] for place in chosen])
            spread = _mean([self.spread[place] for place in chosen])
        return GroupDistances(distance, spread, _ratio(distance, spread))


def class_distances(
    classes: Sequence[int] | NDArray[np.integer],
    centroids: ArrayLike,
    counts: ArrayLike,
    groups: Sequence[Sequence[int]],
    variant: Variant = DEFAULT,
) -> ClassDistances:
    """Distances and spreads of the classes of one set of features.

    Args:
        classes: indices of the classes that have features, ascending, shape (classes,).
        centroids: mean of the unit features of each of them, shape (classes, width).
        counts: number of images of each of them, shape (classes,).
        groups: the class indices of each group; only ``others="group"`` needs them. A class
            that no group names is compared with no other one then.
        variant: which definition.
    """
    indices = [int(each) for each in classes]
    vectors = class_vectors(centroids, variant.form, variant.centred)
    parts = None if variant.others == "all" else _group_numbers(indices, groups)
    return ClassDistances(
        tuple(indices),
        _known(mean_distances(vectors, parts)),
        _known(class_spreads(centroids, counts, variant.form, variant.centred)),
    )


def _group_numbers(indices: Sequence[int], groups: Sequence[Sequence[int]]) -> list[int]:
    """Number of each class's group; classes without one get numbers of their own, below zero."""
    number = {each: place for place, group in enumerate(groups) for each in group}
    return [number.get(each, -1 - place) for place, each in enumerate(indices)]


def _known(values: NDArray[np.float64]) -> tuple[float | None, ...]:
    return tuple(None if value != value else value for value in values.tolist())


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _ratio(distance: float | None, spread: float | None) -> float | None:
    """None where one of them is unknown, or the spread is zero but for rounding."""
    if distance is None or spread is None or spread < 1e-6:
        return None
    return distance / spread
