"""Options of chips from maps, as a matrix states them."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from rsbench.groups import GroupRule
from rsbench.settings import Fraction, Settings
from rsbench.target import OnBadImage
from rsbench_datasets.files.pixels import PixelOptions

Metres = Annotated[float, Field(ge=0.0)]
TestFraction = Annotated[float, Field(gt=0.0, lt=1.0)]
Name = Annotated[str, Field(min_length=1)]


class BlockSplit(Settings):
    """Whole squares of ground go to train or to test."""

    by: Literal["blocks"]
    block_metres: Annotated[float, Field(gt=0.0)]
    """Side of the squares."""
    test_fraction: TestFraction = 0.3
    """Share of every class that the test split should have, as nearly as whole squares allow."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the choice of squares."""
    gap_metres: Metres = 0.0
    """Training chips nearer than this to a test chip are left out; those that overlap one
    always are."""
    crs: str | None = None
    """Projected system in metres to draw the squares in; by default the one that the scenes
    share, else a UTM zone."""


class SceneSplit(Settings):
    """Whole scenes go to train or to test."""

    by: Literal["scenes"]
    test_fraction: TestFraction = 0.3
    """Share of every class that the test split should have, as nearly as whole scenes allow."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the choice of scenes."""
    gap_metres: Metres = 0.0
    """Training chips nearer than this to a test chip are left out; those that overlap one
    always are."""


class ColumnSplit(Settings):
    """A column of the labels says what is train and what is test."""

    by: Literal["column"]
    column: Name = "split"
    """The column."""
    train: Name = "train"
    """Its value for training rows."""
    test: Name = "test"
    """Its value for test rows; rows of other values are left out, counted."""
    gap_metres: Metres | None = None
    """Training chips nearer than this to a test chip are left out; 0 leaves out those that
    overlap one, and without a number all stay."""


class RandomSplit(Settings):
    """Single places go to train or to test, whatever lies beside them: neighbours leak."""

    by: Literal["random"]
    test_fraction: TestFraction = 0.3
    """Share of every class that becomes the test split."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the draw."""
    gap_metres: Metres | None = None
    """Training chips nearer than this to a test chip are left out; 0 leaves out those that
    overlap one, and without a number all stay."""


SplitRule = Annotated[
    BlockSplit | SceneSplit | ColumnSplit | RandomSplit, Field(discriminator="by")
]


class NodataRule(Settings):
    """What to do about pixels without data."""

    most: Fraction = 0.2
    """Chips with a larger share of such pixels are left out, counted. Pixels outside the
    scene are such pixels too."""
    value: float | None = None
    """Pixels of this value in every band have no data, besides those that the scene's own
    nodata value, mask or alpha band marks."""


class MapChipsOptions(Settings):
    """Options of chips from maps, as a matrix states them."""

    scenes: Name | Annotated[tuple[Name, ...], Field(min_length=1)]
    """Files, folders (searched for tif, tiff, vrt and jp2) or patterns such as ``s/*.tif``;
    relative to the matrix file."""
    labels: Name
    """Vector file of points, boxes or polygons (GeoPackage, GeoJSON, shapefile); relative to
    the matrix file."""
    layer: str | None = None
    """Layer of the vector file, where it has several."""
    label_column: Name
    """Column that names the class; numbers serve as names."""
    split: SplitRule
    """How train and test are divided."""
    chip_size: Annotated[int, Field(ge=1)] | None = None
    """Side of the square around a point, in pixels. Boxes and polygons keep their bounds, and a
    remark says so, unless ``cut`` is ``middle``."""
    chip_metres: Annotated[float, Field(gt=0.0)] | None = None
    """The same in metres on the ground, in place of ``chip_size``."""
    cut: Literal["bounds", "middle"] = "bounds"
    """What a box or polygon becomes: its bounds in pixels, whatever ``chip_size`` and
    ``chip_metres`` say, or (``middle``) the square of that size around their middle."""
    margin: Annotated[int, Field(ge=0)] = 0
    """Pixels added on each side of the bounds of a box or polygon."""
    margin_metres: Metres = 0.0
    """Metres added there, besides ``margin``."""
    largest: Annotated[int, Field(ge=1)] = 4096
    """Objects whose chip has a longer side than this, in pixels, are left out, counted."""
    edges: Literal["shift", "pad", "skip"] = "shift"
    """A chip that reaches over the edge of its scene is moved inside (and padded where the
    scene is smaller than the chip), padded with pixels without data, or left out, counted."""
    nodata: NodataRule = NodataRule()
    """What to do about pixels without data."""
    pixels: PixelOptions = PixelOptions()
    """What the values in the scenes are; by default 8-bit grey or RGB pictures."""
    coordinates: Literal["map", "pixels"] = "map"
    """Whether the labels are in map coordinates, or in pixels of a scene (column to the right
    and row downwards from the outer corner of the first pixel), as for scenes without any."""
    scene_column: str | None = None
    """With ``coordinates: pixels``: the column that names the scene, unless there is one scene
    only."""
    labels_crs: str | None = None
    """Coordinate system of the labels ("EPSG:4326"), where their file does not state it."""
    scenes_crs: str | None = None
    """Coordinate system of scenes whose file does not state it."""
    bad_rows: Literal["error", "skip"] = "error"
    """Rows without a label or without a usable shape stop the opening, or are left out,
    counted."""
    on_bad_image: OnBadImage = "error"
    """Whether a chip that does not decode stops a run, or is left out, counted and recorded."""
    classes: tuple[str, ...] = ()
    """Labels to use, in label order; by default all, numbers by value (2 before 10)."""
    groups: GroupRule = GroupRule()
    """How the classes divide into head, medium and tail."""
    class_names: dict[str, str] | tuple[str, ...] = ()
    """New class names: label to new name, or all names in label order."""
    disclaimer: str = ""
    """What a reader must know about these numbers."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        sizes = [self.chip_size, self.chip_metres]
        if None not in sizes:
            raise ValueError("give 'chip_size' (pixels) or 'chip_metres', not both")
        if self.cut == "middle" and sizes == [None, None]:
            raise ValueError("'cut: middle' needs 'chip_size' (pixels) or 'chip_metres'")
        twice = [name for name, count in Counter(self.classes).items() if count > 1]
        if twice:
            raise ValueError(f"'classes' has labels listed twice: {', '.join(twice)}")
        if self.pixels.nodata is not None:
            raise ValueError("state 'nodata: {value: ...}' in place of 'pixels: {nodata: ...}'")
        if self.coordinates == "pixels":
            self._check_pixels()
        elif self.scene_column is not None:
            raise ValueError("'scene_column' is for 'coordinates: pixels'")
        return self

    def _check_pixels(self) -> None:
        """Metres and coordinate systems have no meaning in pixel coordinates."""
        given = {
            "chip_metres": self.chip_metres is not None,
            "margin_metres": self.margin_metres > 0.0,
            "labels_crs": self.labels_crs is not None,
            "scenes_crs": self.scenes_crs is not None,
            "split: {by: blocks}": self.split.by == "blocks",
            "gap_metres above 0": bool(self.split.gap_metres),
        }
        wrong = [name for name, is_given in given.items() if is_given]
        if wrong:
            raise ValueError(f"'coordinates: pixels' does not go with: {', '.join(wrong)}")
