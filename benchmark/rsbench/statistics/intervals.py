"""An interval, with what it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["images", "seeds", "seeds and images", "pairs"]

ONE_SEED = "one seed: nothing is known about the spread over seeds"
TWO_SEEDS = "two seeds: an interval over seeds is hardly more than a guess"


@dataclass(frozen=True)
class Interval:
    """A 95 % interval unless it was asked for otherwise.

    Attributes:
        low: lower end; percent for an accuracy, points for a difference.
        high: upper end.
        source: the sampling that it accounts for.
        note: what limits it, "" where nothing does.
    """

    low: float
    high: float
    source: Source
    note: str = ""


def source_of(seeds: int) -> Source:
    """What an interval from this number of seeds, on one test set, accounts for."""
    return "images" if seeds == 1 else "seeds and images"


def note_of_seeds(seeds: int) -> str:
    """What a small number of seeds does to an interval over them."""
    return {1: ONE_SEED, 2: TWO_SEEDS}.get(seeds, "")
