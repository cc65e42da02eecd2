"""The embedded demo world: three small long-tailed data sets, rendered on demand.

The world stands in for the real data sets in the demo. It is written in their genuine
on-disk formats (DOTA-v1.0 as torchgeo reads it, the FUSRS release, and iNaturalist 2018), so
that the demo runs through the same loaders as real data. Nothing in it is real imagery.

Usage::

    python -m rsbench_datasets.demo_world --out DIR --seed 0

This module is light: it holds names and counts only. Rendering lives in
:mod:`rsbench_datasets.demo_world.world`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from rsbench_datasets.demo_world.species import SPECIES, SPECIES_NAMES
from rsbench_datasets.dota.versions import CLASSES

WORLD_VERSION = 2
"""Version of the worlds: raise it whenever a change alters any rendered byte or adds a part.
Version 2 added ``inat``; the bytes of ``dota`` and ``fusrs`` are those of version 1."""

DOTA_CLASSES = CLASSES
"""The 15 classes of DOTA-v1.0, spelled as in its annotation files."""

FUSRS_CLASSES = ("cargo", "other", "fishing", "tanker", "dredger")
"""The five classes of FUSRS v1.7, in the order of their ids."""

_DOTA_TRAIN = MappingProxyType(
    {
        "ship": 300,
        "small-vehicle": 227,
        "large-vehicle": 172,
        "plane": 130,
        "harbor": 98,
        "storage-tank": 74,
        "tennis-court": 56,
        "bridge": 42,
        "swimming-pool": 32,
        "helicopter": 24,
        "basketball-court": 18,
        "baseball-diamond": 14,
        "roundabout": 11,
        "soccer-ball-field": 8,
        "ground-track-field": 6,
    }
)
_DOTA_VAL = MappingProxyType(dict.fromkeys(DOTA_CLASSES, 100))
_FUSRS_TRAIN = MappingProxyType(
    {"cargo": 362, "other": 159, "fishing": 76, "tanker": 30, "dredger": 23}
)
_FUSRS_TEST = MappingProxyType(dict.fromkeys(FUSRS_CLASSES, 200))
_INAT_TRAIN = MappingProxyType({species.name: species.train for species in SPECIES})
_INAT_VAL = MappingProxyType(dict.fromkeys(SPECIES_NAMES, 20))


@dataclass(frozen=True)
class WorldSpec:
    """How many objects of each class the world holds.

    The defaults follow the long tail of the real data sets: DOTA from 300 to 6 objects a
    class in the real order of frequencies (paper, section 4.1), FUSRS in the real ratios
    (section 4.2). The test splits are balanced.
    """

    dota_train: Mapping[str, int] = field(default_factory=lambda: _DOTA_TRAIN)
    """Objects of each class in the train split of DOTA."""
    dota_val: Mapping[str, int] = field(default_factory=lambda: _DOTA_VAL)
    """Objects of each class in the val split of DOTA, which serves as the test set."""
    fusrs_train: Mapping[str, int] = field(default_factory=lambda: _FUSRS_TRAIN)
    """Chips of each class in the train split of FUSRS."""
    fusrs_test: Mapping[str, int] = field(default_factory=lambda: _FUSRS_TEST)
    """Chips of each class in the test split of FUSRS."""
    inat_train: Mapping[str, int] = field(default_factory=lambda: _INAT_TRAIN)
    """Photographs of each species in the train split of iNaturalist."""
    inat_val: Mapping[str, int] = field(default_factory=lambda: _INAT_VAL)
    """Photographs of each species in its val split, which serves as the test set."""
    objects_per_scene: int = 22
    """Mean number of objects in a DOTA scene."""

    def __post_init__(self) -> None:
        """Refuse unknown classes and negative counts.

        Raises:
            ValueError: if a class is unknown, a count negative, or scenes would be empty.
        """
        checks = (
            ("dota_train", DOTA_CLASSES),
            ("dota_val", DOTA_CLASSES),
            ("fusrs_train", FUSRS_CLASSES),
            ("fusrs_test", FUSRS_CLASSES),
            ("inat_train", SPECIES_NAMES),
            ("inat_val", SPECIES_NAMES),
        )
        for name, classes in checks:
            for label, count in getattr(self, name).items():
                if label not in classes:
                    raise ValueError(f"{name}: unknown class {label!r}; use {', '.join(classes)}")
                if count < 0:
                    raise ValueError(f"{name}[{label!r}] is {count}; counts must not be negative")
        if self.objects_per_scene < 1:
            raise ValueError(
                f"objects_per_scene is {self.objects_per_scene}; it must be at least 1"
            )


DEFAULT_SPEC = WorldSpec()
"""The world that the demo uses."""
