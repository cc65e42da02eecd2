"""Make a long tail out of a balanced training set, by an exponential fall of class sizes.

Class sizes fall from the largest to the smallest by a constant factor from rank to rank, as in
CIFAR100-LT (Cui et al., 2019).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from rsbench.errors import TargetError
from rsbench.settings import Settings
from rsbench.streams import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Floor of a product such as 500 * 100 ** -1, which may come out a hair below a whole number.
_ROUNDING = 1e-9
#: Imbalances nearer to the one asked for than this share of it are as asked for.
_NEAR = 0.02
_SHOWN = 10


class LongTailOptions(Settings):
    """How a training set is thinned to a long tail, as a matrix states it."""

    imbalance: Annotated[float, Field(ge=1.0)]
    """Samples of the first-ranked class divided by those of the last; 1 keeps classes equal.
    Classes that have too few stay as they are, and a remark tells the imbalance that results."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the samples that stay, and of the ranks where ``order`` is ``random``."""
    order: Literal["given", "count", "random"] = "given"
    """How classes are ranked, the first having most samples: ``given``, in label order;
    ``count``, by the samples they have, most first, ties in label order; ``random``, by lot."""
    largest: Annotated[int, Field(ge=1)] | None = None
    """Samples of the first-ranked class; by default all that it has."""


def long_tail(
    labels: NDArray[np.int64], class_names: Sequence[str], options: LongTailOptions
) -> NDArray[np.int64]:
    """Which samples of a training set form its long tail.

    The samples of a class are drawn at random without replacement. With one seed and order, the
    samples of a steeper tail are among those of a flatter one, so that tails of several
    imbalances differ in size only.

    Args:
        labels: class index per sample, int64, shape (samples,).
        class_names: names in label order; they say how many classes there are.
        options: imbalance, seed and ranks.

    Returns:
        Indices into ``labels``, ascending, int64.

    Raises:
        TargetError: a class has no sample, or the first-ranked class has too few.
    """
    available = np.bincount(labels, minlength=len(class_names))
    sizes = long_tail_sizes(available.tolist(), class_names, options)
    kept = [
        stream(options.seed, "long_tail", label).permutation(np.flatnonzero(labels == label))[:size]
        for label, size in enumerate(sizes)
    ]
    return np.sort(np.concatenate(kept)).astype(np.int64)


def long_tail_sizes(
    available: Sequence[int], class_names: Sequence[str], options: LongTailOptions
) -> tuple[int, ...]:
    """Samples per class of the long tail.

    The class of rank ``k`` of ``C`` keeps ``floor(largest * imbalance ** (-k / (C - 1)))``
    samples, or all of them where it has fewer.

    Args:
        available: samples per class, in label order.
        class_names: names in label order.
        options: imbalance and ranks.

    Returns:
        One number of samples per class, in label order, each at least 1.

    Raises:
        TargetError: a class has no sample, or the first-ranked class has too few.
    """
    wanted = _wanted_sizes(available, class_names, options)
    return tuple(min(pair) for pair in zip(wanted, available, strict=True))


def long_tail_remarks(
    name: str, available: Sequence[int], class_names: Sequence[str], options: LongTailOptions
) -> tuple[str, ...]:
    """What to tell a reader where the long tail is not the one that was asked for; () where it is.

    Args:
        name: label of the target.
        available: samples per class before thinning, in label order.
        class_names: names in label order.
        options: imbalance and ranks.

    Raises:
        TargetError: a class has no sample, or the first-ranked class has too few.
    """
    wanted = _wanted_sizes(available, class_names, options)
    kept = [min(pair) for pair in zip(wanted, available, strict=True)]
    imbalance = max(kept) / min(kept)
    short = [
        f"{class_name} ({has} of {asked} wanted)"
        for class_name, has, asked in zip(class_names, kept, wanted, strict=True)
        if has < asked
    ]
    off = len(kept) > 1 and abs(imbalance - options.imbalance) > _NEAR * options.imbalance
    if not short and not off:
        return ()
    more = f", and {len(short) - _SHOWN} classes more" if len(short) > _SHOWN else ""
    reason = f"too few images of {', '.join(short[:_SHOWN])}{more}"
    return (
        f"{name}: long tail: {options.imbalance:.3g} to 1 was asked for, {imbalance:.3g} to 1 is "
        f"what there is: {reason if short else 'numbers of images are rounded down'}",
    )


def _wanted_sizes(
    available: Sequence[int], class_names: Sequence[str], options: LongTailOptions
) -> list[int]:
    """Samples per class that the options ask for, in label order, whether there are so many."""
    without = [name for name, count in zip(class_names, available, strict=True) if count == 0]
    if without:
        raise TargetError(
            f"no long tail can be made: classes without a training sample: {', '.join(without)}",
            remedy="add samples of these classes",
        )
    ranked = _ranked(available, options)
    largest = _largest(available[ranked[0]], class_names[ranked[0]], options)
    steps = max(len(ranked) - 1, 1)
    sizes = [0] * len(ranked)
    for rank, label in enumerate(ranked):
        sizes[label] = int(largest * options.imbalance ** (-rank / steps) + _ROUNDING)
    return sizes


def _ranked(available: Sequence[int], options: LongTailOptions) -> list[int]:
    """Class indices, the one with most samples first."""
    labels = range(len(available))
    if options.order == "count":
        return sorted(labels, key=lambda label: (-available[label], label))
    if options.order == "random":
        drawn: list[int] = stream(options.seed, "long_tail_ranks").permutation(len(labels)).tolist()
        return drawn
    return list(labels)


def _largest(available: int, class_name: str, options: LongTailOptions) -> int:
    """Samples of the first-ranked class."""
    largest = available if options.largest is None else options.largest
    if largest > available:
        raise TargetError(
            f"the long tail asks for {largest} samples of {class_name!r}, which has {available}",
            remedy=f"set 'largest' to {available} at most, or rank the classes with 'order: count'",
        )
    if largest < options.imbalance:
        raise TargetError(
            f"an imbalance of {options.imbalance:g} needs as many samples of the first-ranked "
            f"class, and {class_name!r} has {largest}: the last-ranked would be left with none",
            remedy=f"set 'imbalance' to {largest} at most",
        )
    return largest
