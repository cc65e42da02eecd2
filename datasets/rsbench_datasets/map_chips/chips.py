"""Make the chips of a target: place them in scenes, and divide them into train and test."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rsbench.errors import TargetError
from rsbench_datasets.class_folders import natural_order
from rsbench_datasets.map_chips.footprints import Footprints, footprints
from rsbench_datasets.map_chips.placement import Outcome, Placement, place_chips, reasons
from rsbench_datasets.map_chips.split import ChipsToDivide, Division, divide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rsbench.target import SplitName
    from rsbench_datasets.map_chips.headers import Scene
    from rsbench_datasets.map_chips.labels import Places
    from rsbench_datasets.map_chips.options import MapChipsOptions

_log = logging.getLogger("rsbench")


@dataclass(frozen=True)
class Chips:
    """The chips of both splits, in the order in which they are read fastest.

    Attributes:
        scene: index of the scene of each chip, int64, shape (chips,).
        windows: x1, y1, x2, y2 in pixels of the scene, int64, shape (chips, 4); x2 and y2
            excluded. They may reach outside.
        labels: class index of each chip, int64, shape (chips,).
        test: which chips are of the test split, bool, shape (chips,).
        class_names: labels as they are written in the vector file, in label order.
        remarks: what a reader of the numbers must know.
    """

    scene: NDArray[np.int64]
    windows: NDArray[np.int64]
    labels: NDArray[np.int64]
    test: NDArray[np.bool_]
    class_names: tuple[str, ...]
    remarks: tuple[str, ...]

    def of(self, split: SplitName) -> Chips:
        """The chips of one split."""
        return self.select(self.test if split == "test" else ~self.test)

    def select(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> Chips:
        """Some of the chips, by a mask or by their indices."""
        return replace(
            self,
            scene=self.scene[which],
            windows=self.windows[which],
            labels=self.labels[which],
            test=self.test[which],
        )

    def ids(self, scenes: Sequence[Scene]) -> tuple[str, ...]:
        """``<label>/<scene>_<x1>_<y1>_<x2>_<y2>`` for each chip."""
        rows = zip(self.labels.tolist(), self.scene.tolist(), self.windows.tolist(), strict=True)
        return tuple(
            f"{self.class_names[label]}/{scenes[scene].name}_{'_'.join(map(str, window))}"
            for label, scene, window in rows
        )


def make_chips(places: Places, scenes: Sequence[Scene], options: MapChipsOptions) -> Chips:
    """Place and divide.

    Args:
        places: rows of the vector file.
        scenes: all scenes.
        options: how.

    Raises:
        ImageError: a scene does not decode, unless such chips are to be skipped.
        TargetError: no place has a chip, a class has no training chip, or the places cannot be
            divided.
    """
    placement = place_chips(places, scenes, options)
    placed = np.flatnonzero(placement.outcome == Outcome.PLACED)
    if not len(placed):
        raise _nothing(places, placement, options)
    names = [places.names[index] for index in placed]
    class_names = options.classes or tuple(sorted(set(names), key=natural_order))
    number = {name: label for label, name in enumerate(class_names)}
    labels = np.array([number[name] for name in names], dtype=np.int64)
    order = _order(placement.scene[placed], placement.windows[placed], labels)
    kept = placed[order]
    chips = ChipsToDivide(
        file=places.file,
        labels=labels[order],
        class_names=class_names,
        scene=placement.scene[kept],
        splits=tuple(places.splits[index] for index in kept) if places.splits else (),
        ground=_ground(placement, kept, scenes, options),
    )
    division = divide(chips, options.split)
    _check_trained(chips, division)
    left_out = (
        *places.remarks,
        *(f"{places.file.name}: {remark}" for remark in _left_out(placement, options)),
        *_unsized(places, placed, options),
        *_repeated(len(placed) - len(kept)),
        *_without_chips(places, class_names),
    )
    for remark in left_out:
        _log.warning("%s", remark)
    remarks = (*left_out, *division.remarks, *_untested(chips, division))
    both = Chips(
        chips.scene, placement.windows[kept], chips.labels, division.test, class_names, remarks
    )
    return both.select(division.train | division.test)


def _ground(
    placement: Placement, kept: NDArray[np.int64], scenes: Sequence[Scene], options: MapChipsOptions
) -> Footprints:
    crs = options.split.crs if options.split.by == "blocks" else None
    return footprints(scenes, placement.scene[kept], placement.windows[kept], crs)


def _order(
    scene: NDArray[np.int64], windows: NDArray[np.int64], labels: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Indices scene after scene, row after row; of equal windows with equal labels the first."""
    keys = np.column_stack([scene, windows[:, [1, 0, 3, 2]], labels])
    first: NDArray[np.int64] = np.unique(keys, axis=0, return_index=True)[1]
    return first


def _left_out(placement: Placement, options: MapChipsOptions) -> list[str]:
    counts = np.bincount(placement.outcome, minlength=len(Outcome))
    return [
        f"{counts[outcome]} of {len(placement.outcome)} places {reason}; they are left out"
        for outcome, reason in reasons(options).items()
        if counts[outcome]
    ]


def _unsized(places: Places, placed: NDArray[np.int64], options: MapChipsOptions) -> list[str]:
    """That a size was given, and boxes and polygons do not follow it."""
    option = "chip_size" if options.chip_size is not None else "chip_metres"
    if options.cut == "middle" or getattr(options, option) is None:
        return []
    count = np.count_nonzero(~places.is_point[placed])
    return [
        f"{places.file.name}: {count} boxes and polygons keep their bounds: '{option}' is for "
        "points, unless 'cut: middle' is set"
    ] * bool(count)


def _repeated(count: int) -> list[str]:
    return [f"{count} chips repeat another chip's pixels and label; they are left out"] * bool(
        count
    )


def _without_chips(places: Places, class_names: tuple[str, ...]) -> list[str]:
    absent = sorted(set(places.names) - set(class_names), key=natural_order)
    return [f"labels without a chip, which are no classes: {', '.join(absent)}"] * bool(absent)


def _absent(chips: ChipsToDivide, side: NDArray[np.bool_]) -> list[str]:
    counts = np.bincount(chips.labels[side], minlength=len(chips.class_names))
    return [chips.class_names[label] for label in np.flatnonzero(counts == 0)]


def _untested(chips: ChipsToDivide, division: Division) -> list[str]:
    absent = _absent(chips, division.test)
    return [f"classes without a test chip: {', '.join(absent)}"] * bool(absent)


def _check_trained(chips: ChipsToDivide, division: Division) -> None:
    absent = _absent(chips, division.train)
    if absent:
        raise TargetError(
            f"classes without a training chip: {', '.join(absent)}",
            where=chips.file,
            remedy="leave them out with the option 'classes', or change the split (smaller "
            "blocks, a smaller gap or test share, another seed); remarks so far: "
            + ("; ".join(division.remarks) or "none"),
        )


def _nothing(places: Places, placement: Placement, options: MapChipsOptions) -> TargetError:
    found = "; ".join(_left_out(placement, options))
    remedy = "change the options 'edges', 'nodata' or 'largest', or check the scenes"
    if (placement.outcome == Outcome.NO_SCENE).all():
        remedy = (
            "check that labels and scenes are of one region and state the right coordinate systems"
        )
    return TargetError(f"no labelled place has a chip: {found}", where=places.file, remedy=remedy)
