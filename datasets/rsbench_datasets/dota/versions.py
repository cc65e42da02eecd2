"""What differs between the versions of DOTA: classes, groups, archives and known counts.

Versions 1.0 and 1.5 have the same scenes; 1.5 annotates very small objects too, and container
cranes. Version 2.0 adds scenes, airports and helipads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from rsbench.groups import ClassGroups, by_names, by_thirds
from rsbench.target import KnownCounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DotaSplit = Literal["train", "val"]
SPLITS: tuple[DotaSplit, ...] = ("train", "val")

CLASSES = (
    "baseball-diamond",
    "basketball-court",
    "bridge",
    "ground-track-field",
    "harbor",
    "helicopter",
    "large-vehicle",
    "plane",
    "roundabout",
    "ship",
    "small-vehicle",
    "soccer-ball-field",
    "storage-tank",
    "swimming-pool",
    "tennis-court",
)
"""Version 1.0 in label order, 0 to 14: the alphabet's, not torchgeo's, whose 0 is plane."""
HEAD = ("large-vehicle", "ship", "small-vehicle")
MEDIUM = ("bridge", "harbor", "plane", "storage-tank", "swimming-pool", "tennis-court")
TAIL = (
    "baseball-diamond",
    "basketball-court",
    "ground-track-field",
    "helicopter",
    "roundabout",
    "soccer-ball-field",
)

_TRAIN_1_0 = (415, 515, 2047, 325, 5983, 630, 16969, 8055, 399, 28068, 26126, 326, 5029, 1736, 2367)
_VAL_1_0 = (214, 132, 464, 144, 2090, 73, 4387, 2531, 179, 8960, 5438, 153, 2888, 440, 760)


@dataclass(frozen=True)
class DotaVersion:
    """One version of DOTA.

    Attributes:
        number: as torchgeo spells it.
        kind: name of the target.
        classes: names in label order; those of version 1.0 keep their labels in the others.
        groups: head, medium and tail where the paper gives them (section 4.1); by default
            rank thirds of the training objects (section 9.9).
        known: what the version is known to hold, all objects counted; None where no count
            was found published.
    """

    number: Literal["1.0", "1.5", "2.0"]
    kind: str
    classes: tuple[str, ...]
    groups: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]] | None = None
    known: KnownCounts | None = None

    @property
    def name(self) -> str:
        """As its authors spell it."""
        return f"DOTA-v{self.number}"

    @property
    def suffix(self) -> str:
        """Ending of the names of files that each version has of its own."""
        return "" if self.number == "1.0" else f"-v{self.number}"

    def annotation_folders(self, split: DotaSplit) -> tuple[str, ...]:
        """Where a folder of ``split`` may keep the oriented boxes, best first."""
        folder = f"labelTxt-v{self.number}"
        torchgeo = f"annotations/version{self.number}"
        nested = (f"{folder}/{self.name}_{split}", f"{folder}/labelTxt", folder, torchgeo)
        return ("labelTxt", *nested) if self.number == "1.0" else (*nested, "labelTxt")

    def class_groups(
        self, class_names: Sequence[str], train_labels: NDArray[np.int64]
    ) -> ClassGroups:
        """The groups, restricted to ``class_names``.

        Args:
            class_names: the classes in use, in label order.
            train_labels: labels of all training objects, indices into ``classes``.
        """
        if self.groups is not None:
            groups = self.groups
        else:
            counts = np.bincount(train_labels, minlength=len(self.classes)).tolist()
            thirds = by_thirds(counts)
            groups = (
                tuple(self.classes[label] for label in thirds.head),
                tuple(self.classes[label] for label in thirds.medium),
                tuple(self.classes[label] for label in thirds.tail),
            )
        chosen = [[name for name in names if name in class_names] for names in groups]
        return by_names(class_names, *chosen)


V1_0 = DotaVersion(
    number="1.0",
    kind="dota",
    classes=CLASSES,
    groups=(HEAD, MEDIUM, TAIL),
    known=KnownCounts(
        source="val: the index that the paper's authors released; train: published statistics",
        train=dict(zip(CLASSES, _TRAIN_1_0, strict=True)),
        test=dict(zip(CLASSES, _VAL_1_0, strict=True)),
        totals={"train": 98_990, "test": 28_853},
    ),
)
V1_5 = DotaVersion(
    number="1.5",
    kind="dota15",
    classes=(*CLASSES, "container-crane"),
    known=KnownCounts(
        source="lines of the released annotation files, as counted by users",
        totals={"train": 210_631, "test": 69_565},
    ),
)
V2_0 = DotaVersion(
    number="2.0",
    kind="dota20",
    classes=(*CLASSES, "container-crane", "airport", "helipad"),
)
