"""Options of scene data sets, as a matrix states them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from rsbench.groups import GroupRule
from rsbench_datasets.files.file_target import FileOptions
from rsbench_datasets.files.pixels import PixelOptions
from rsbench_datasets.long_tail import LongTailOptions
from rsbench_datasets.torchgeo_scenes.catalogue import SENTINEL2_BANDS

OWN_ARGUMENTS = frozenset({"root", "split", "download", "checksum", "transforms"})
"""Arguments of torchgeo's classes that have options of their own, or none."""
RELEASED_STRETCH = (0.0, 2750.0)
"""Digital numbers that EuroSAT's authors mapped to 8 bits for their RGB release."""


class SceneOptions(FileOptions):
    """What all scene data sets share."""

    root: str | None = None
    """Folder with the files as torchgeo lays them out; by default one in the data folder."""
    classes: tuple[str, ...] = ()
    """Classes to use, in label order; by default all, in torchgeo's order."""
    long_tail: LongTailOptions | None = None
    """Thin the training set to a long tail; the test set stays as it is."""
    groups: GroupRule = GroupRule()
    """How the classes divide into head, medium and tail."""

    @field_validator("classes")
    @classmethod
    def _once(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(classes)) != len(classes):
            raise ValueError("a class is listed twice")
        return classes


class SplitOptions(SceneOptions):
    """Options of a set that comes with train, val and test lists."""

    test_split: Literal["test", "val"] = "test"
    """Which images to report on; those of the other of the two are left out."""


class UndividedOptions(SceneOptions):
    """Options of a set that comes without splits."""

    test_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    """Share of every class that becomes the test split."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of that division."""


class EuroSatOptions(SplitOptions):
    """Options of EuroSAT as pictures."""

    stretch: tuple[float, float] = RELEASED_STRETCH
    """Digital numbers (reflectance times 10000) that become 0 and 255; others are clipped."""

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.stretch[0] >= self.stretch[1]:
            raise ValueError("'stretch' runs from low to high")
        return self


class EuroSatBandsOptions(SplitOptions):
    """Options of EuroSAT with its spectral bands."""

    bands: Annotated[tuple[str, ...], Field(min_length=1)] = SENTINEL2_BANDS
    """Bands to keep, in this order."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = [band for band in self.bands if band not in SENTINEL2_BANDS]
        if unknown:
            raise ValueError(
                f"'bands' names {', '.join(unknown)}; EuroSAT has {', '.join(SENTINEL2_BANDS)}"
            )
        if len(set(self.bands)) != len(self.bands):
            raise ValueError("'bands' names a band twice")
        return self


class AnySceneOptions(SceneOptions):
    """Options of a torchgeo data set that has no kind of its own."""

    dataset: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")]
    """Class in ``torchgeo.datasets``: EuroSATSpatial, CopernicusBenchEuroSATS1, ..."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Arguments of that class besides root, split, download and checksum."""
    train_split: str | None = None
    """torchgeo's name of the split to train on; None where the class has no splits."""
    test_split: str | None = None
    """torchgeo's name of the split to report on."""
    test_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Share of every class that becomes the test split, in place of ``test_split``."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of that division."""
    pixels: PixelOptions = PixelOptions()
    """Bands of the files and meaning of their values; by default 8-bit grey or RGB pictures."""
    disclaimer: str = ""
    """What a reader must know about these numbers."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.test_split is None) == (self.test_fraction is None):
            raise ValueError("give either 'test_split' or 'test_fraction'")
        if self.test_split is not None and self.train_split is None:
            raise ValueError("give 'train_split' with 'test_split'")
        if self.test_split is not None and self.test_split == self.train_split:
            raise ValueError("'train_split' and 'test_split' are the same: that is no test")
        own = OWN_ARGUMENTS & set(self.arguments)
        if own:
            raise ValueError(f"'arguments' must not hold {', '.join(sorted(own))}")
        return self
