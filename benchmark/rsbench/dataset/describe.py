"""Counts, groups, sizes and channel statistics of a data set, as numbers and as files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.atomic import write_file
from rsbench.dataset.contact_sheet import contact_sheet
from rsbench.dataset.histogram import class_histogram
from rsbench.dataset.survey import Survey, survey
from rsbench.fetch.space import readable
from rsbench.groups import GROUP_NAMES
from rsbench.imagestore.statistics import histogram_statistics
from rsbench.leaks import leak_remarks
from rsbench.sources import Activity
from rsbench.spreadsheet import csv_text
from rsbench.target import SPLITS
from rsbench.value_remarks import value_remarks

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.target import SplitName, Target


@dataclass(frozen=True)
class Description:
    """A target and what its images are.

    Attributes:
        target: the target.
        surveys: of each split.
        stored_side: short side that a sweep shrinks longer ones to, pixels.
    """

    target: Target
    surveys: dict[SplitName, Survey]
    stored_side: int

    @property
    def imbalance(self) -> float:
        """Largest number of training samples of a class divided by the smallest."""
        counts = self.target.train.counts(self.target.number_of_classes)
        return float(counts.max() / counts.min())

    @property
    def decoded_bytes(self) -> int:
        """What the decoded images of both splits take, none of them shrunk."""
        pixels = sum(
            int(each.sizes.astype(np.int64).prod(axis=1).sum()) for each in self.surveys.values()
        )
        imagery = self.target.imagery
        return pixels * imagery.channels * np.dtype(imagery.dtype).itemsize

    def as_json(self) -> dict[str, Any]:
        """Everything but the samples, as JSON values."""
        target = self.target
        counts = {s: target.samples(s).counts(target.number_of_classes).tolist() for s in SPLITS}
        groups = {name: list(target.groups.of(name)) for name in GROUP_NAMES}
        return {
            "name": target.name,
            "content_hash": target.content_hash,
            "classes": list(target.class_names),
            "counts": counts,
            "groups": groups,
            "imbalance": self.imbalance,
            "bands": list(target.imagery.bands),
            "quantity": target.imagery.quantity,
            "pixels": target.imagery.pixels,
            "full_scale": target.imagery.full_scale,
            "images": {split: self._images(split) for split in SPLITS},
            "decoded_bytes": self.decoded_bytes,
            "disclaimer": target.disclaimer,
            "remarks": list(target.remarks),
        }

    def lines(self) -> list[str]:
        """The facts beside the classes, as lines of text."""
        target = self.target
        found = [
            f"{target.number_of_classes:,} classes, imbalance {self.imbalance:.1f} to 1; "
            + ", ".join(f"{name} {len(target.groups.of(name))}" for name in GROUP_NAMES),
            f"bands {', '.join(target.imagery.bands)}: {target.imagery.quantity} in "
            f"{target.imagery.pixels}, {target.imagery.full_scale:g} stands for 1",
        ]
        for split in SPLITS:
            images = self._images(split)
            heights, widths = images["height_min_median_max"], images["width_min_median_max"]
            found.append(
                f"{split}: {images['number']:,} images, heights {_range(heights)}, widths "
                f"{_range(widths)} pixels; mean {_numbers(images['mean'])}, "
                f"deviation {_numbers(images['std'])}"
            )
            if images["unreadable"]:
                found.append(
                    f"{split}: {len(images['unreadable'])} images cannot be read; the counts of "
                    "the classes include them"
                )
            problem = self.surveys[split].problem(target)
            found += [f"{split} WRONG VALUES: {problem}"] if problem else []
            found += [f"{split} UNREADABLE: {message}" for message in images["unreadable"]]
        found += [self._kept(), f"content hash {target.content_hash}"]
        return [*found, *target.remarks, *([target.disclaimer] if target.disclaimer else [])]

    def _kept(self) -> str:
        """How a sweep keeps the images."""
        size = f"decoded they take {readable(self.decoded_bytes)}"
        if self.target.streams:
            return f"{size}; this kind of target decodes them at every use"
        side = self.stored_side
        large = sum(int((each.sizes.min(axis=1) > side).sum()) for each in self.surveys.values())
        kept = f"{size}; a sweep keeps them decoded if that is at most half of the free disk"
        shrunk = f"; those with a short side above {side} pixels are shrunk to it ({large:,})"
        return kept + (shrunk if large else "")

    def _images(self, split: SplitName) -> dict[str, Any]:
        found = self.surveys[split]
        sizes = found.readable_sizes()
        mean, deviation = histogram_statistics(found.histogram, self.target.imagery.full_scale)
        sides = {
            name: np.percentile(sizes[:, axis], (0, 50, 100)).tolist() if len(sizes) else []
            for axis, name in enumerate(("height", "width"))
        }
        return {
            "number": len(found.sizes),
            "unreadable": [message for _, message in found.bad],
            **{f"{name}_min_median_max": values for name, values in sides.items()},
            "mean": list(mean),
            "std": list(deviation),
        }


def _range(low_middle_high: list[float]) -> str:
    if not low_middle_high:
        return "unknown"
    low, middle, high = low_middle_high
    return f"{low:g}" if low == high else f"{low:g} to {high:g} (median {middle:g})"


def _numbers(values: list[float]) -> str:
    return " ".join(f"{value:.4f}" for value in values)


def describe(target: Target, stored_side: int, activity: Activity) -> Description:
    """Decode both splits and describe them.

    Args:
        target: the target.
        stored_side: short side that a sweep shrinks longer ones to, pixels.
        activity: shows the decoding.

    Raises:
        TargetError: the target yields something that is no image.
    """
    surveys: dict[SplitName, Survey] = {}
    for split in SPLITS:
        with activity(f"decoding {target.name} {split}") as progress:
            found = surveys[split] = survey(target, split, progress)
        target.add_remarks(value_remarks(target.name, split, target.imagery, found.histogram))
    digests = (surveys[split].digests for split in SPLITS)
    target.add_remarks(leak_remarks(target.name, *digests))
    return Description(target, surveys, stored_side)


def write_description(description: Description, folder: Path) -> list[Path]:
    """Write ``description.json``, ``manifest.csv``, ``classes.png`` and ``samples.png``.

    Raises:
        OSError: the folder cannot be written.
    """
    target = description.target
    bad = {index for index, _ in description.surveys["train"].bad}
    contents = {
        "description.json": (json.dumps(description.as_json(), indent=1) + "\n").encode(),
        "manifest.csv": manifest(target).encode(),
        "classes.png": class_histogram(target),
        "samples.png": contact_sheet(target, bad),
    }
    for name, content in contents.items():
        write_file(folder / name, content)
    return [folder / name for name in contents]


def manifest(target: Target) -> str:
    """Every sample as CSV: split, id, label, class."""
    rows: list[tuple[object, ...]] = [("split", "id", "label", "class")]
    for split in SPLITS:
        samples = target.samples(split)
        for name, label in zip(samples.ids, samples.labels.tolist(), strict=True):
            rows.append((split, name, label, target.class_names[label]))
    return csv_text(rows)
