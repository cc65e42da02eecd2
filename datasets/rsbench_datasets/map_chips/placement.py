"""Which scene each place is taken from, and which pixels of it.

A place lies in a scene when the middle of its bounds does. Of several such scenes it is taken
from the one whose chip has the smallest share without data; then from the one whose edge cuts
off, or would cut off, the least; then from the first by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from rsbench_datasets.map_chips.finding import Named, OnMap
from rsbench_datasets.map_chips.reading import nodata_shares
from rsbench_datasets.map_chips.windows import at_edges, chip_windows, outside_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rsbench_datasets.map_chips.headers import Scene
    from rsbench_datasets.map_chips.labels import Places
    from rsbench_datasets.map_chips.options import MapChipsOptions


class Outcome(IntEnum):
    """How far a place came in the scene that did best; the last one has a chip."""

    NO_SCENE = 0
    TOO_LARGE = 1
    CUT = 2
    UNREADABLE = 3
    NODATA = 4
    PLACED = 5


def reasons(options: MapChipsOptions) -> dict[Outcome, str]:
    """Why places have no chip, in words that follow their number."""
    return {
        Outcome.NO_SCENE: "lie in no scene",
        Outcome.TOO_LARGE: f"would have a chip of more than {options.largest} pixels a side",
        Outcome.CUT: "have a chip that reaches over the edge of its scene",
        Outcome.UNREADABLE: "have a chip that does not decode",
        Outcome.NODATA: f"have a chip with more than {options.nodata.most:.0%} without data",
    }


@dataclass(frozen=True)
class Placement:
    """Where the chips of places are cut.

    Attributes:
        outcome: an :class:`Outcome` per place, shape (places,).
        scene: index of the scene, shape (places,); -1 without a chip.
        windows: x1, y1, x2, y2 in pixels of that scene, shape (places, 4).
    """

    outcome: NDArray[np.int64]
    scene: NDArray[np.int64]
    windows: NDArray[np.int64]


def place_chips(places: Places, scenes: Sequence[Scene], options: MapChipsOptions) -> Placement:
    """Find the chip of every place.

    Raises:
        ImageError: a scene does not open or decode, unless such chips are to be skipped.
        TargetError: coordinate systems cannot be converted, or a row names an unknown scene.
    """
    find = Named(places, scenes) if options.coordinates == "pixels" else OnMap(places)
    count = len(places)
    outcome = np.full(count, int(Outcome.NO_SCENE))
    chosen = np.full(count, -1)
    windows = np.zeros((count, 4), dtype=np.int64)
    best = np.full((count, 2), np.inf)  # share without data, then share outside
    for index, scene in enumerate(scenes):
        members, bounds = find.in_scene(scene)
        if not len(members):
            continue
        wanted = chip_windows(scene, bounds, places.is_point[members], options)
        found, fitted, rank = try_windows(scene, wanted, options)
        outcome[members] = np.maximum(outcome[members], found)
        won = (found == Outcome.PLACED) & _is_less(rank, best[members])
        winners = members[won]
        chosen[winners], windows[winners], best[winners] = index, fitted[won], rank[won]
    return Placement(outcome, chosen, windows)


def _is_less(ranks: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether rows (two columns) come before ``others`` row by row; equal ones do not."""
    equal = ranks[:, 0] == others[:, 0]
    less: NDArray[np.bool_] = (ranks[:, 0] < others[:, 0]) | (equal & (ranks[:, 1] < others[:, 1]))
    return less


def try_windows(
    scene: Scene, wanted: NDArray[np.int64], options: MapChipsOptions
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """How far each wanted window comes in a scene.

    Returns:
        Outcome, shape (windows,), window, shape (windows, 4), and rank (shares without data and
        outside), shape (windows, 2).

    Raises:
        ImageError: the scene does not decode, unless such chips are to be skipped.
    """
    fitted, outside = at_edges(wanted, scene, options.edges)
    outcome = np.full(len(wanted), int(Outcome.PLACED))
    if options.edges == "skip":
        outcome[outside > 0] = Outcome.CUT
    longest = (wanted[:, 2:] - wanted[:, :2]).max(axis=1)
    outcome[longest > options.largest] = Outcome.TOO_LARGE
    share = np.zeros(len(wanted))
    possible = outcome == Outcome.PLACED
    share[possible] = _shares(scene, fitted[possible], options)
    outcome[possible & (share > options.nodata.most)] = Outcome.NODATA
    outcome[np.isnan(share)] = Outcome.UNREADABLE
    return outcome, fitted, np.stack([share, outside], axis=1)


def _shares(
    scene: Scene, windows: NDArray[np.int64], options: MapChipsOptions
) -> NDArray[np.float64]:
    """Share without data per window, NaN where it is unreadable and to be skipped."""
    if not scene.may_lack_data:
        return outside_share(windows, scene)
    order = np.lexsort((windows[:, 0], windows[:, 1]))  # as rows lie in the file
    shares = np.empty(len(windows))
    shares[order], errors = nodata_shares(scene, windows[order], options.nodata.value)
    if errors and options.on_bad_image == "error":
        raise errors[0]
    return shares
