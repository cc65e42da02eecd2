"""The scene data sets that have a declaration, as targets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from rsbench.errors import TargetError
from rsbench.settings import Settings
from rsbench.target import KnownCounts, SplitName
from rsbench_datasets.files.file_target import FileTarget, groups_by_rule
from rsbench_datasets.files.pixels import PixelOptions
from rsbench_datasets.torchgeo_scenes import catalogue
from rsbench_datasets.torchgeo_scenes.division import share
from rsbench_datasets.torchgeo_scenes.index import SceneIndex, choose_classes, scene_index
from rsbench_datasets.torchgeo_scenes.listing import list_folders
from rsbench_datasets.torchgeo_scenes.opening import Request
from rsbench_datasets.torchgeo_scenes.options import (
    EuroSatBandsOptions,
    EuroSatOptions,
    SceneOptions,
    SplitOptions,
    UndividedOptions,
)
from rsbench_datasets.torchgeo_scenes.preparing import absent, not_prepared, prepare_files
from rsbench_datasets.torchgeo_scenes.samples import check_complete, file_index, parts

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.folders import Folders
    from rsbench.target import Progress
    from rsbench_datasets.torchgeo_scenes.catalogue import SceneSet

SENTINEL2_SCALE = 10_000.0
"""Digital number of EuroSAT's files that stands for a reflectance of 1."""


class SceneTarget(FileTarget):
    """A data set with a declaration: ``class X(SceneTarget, scene=...)``.

    Sample ids are the paths of the images below the folder that holds all of them, such as
    ``Forest/Forest_1.tif``. Labels and their order are torchgeo's.
    """

    scene: ClassVar[SceneSet]
    kind: ClassVar[str]
    """Its entry-point name, for messages."""

    def __init_subclass__(cls, scene: SceneSet, kind: str = "", **more: Any) -> None:
        """Take over from the declaration what ``rsbench data ls`` shows."""
        super().__init_subclass__(**more)
        cls.scene, cls.kind = scene, kind or scene.name
        cls.description = vars(cls).get("description", scene.title)
        cls.licence, cls.homepage = scene.licence, scene.homepage
        cls.download_size = scene.download_size

    @classmethod
    def root(cls, options: Any, folders: Folders) -> Path:
        """The folder that torchgeo is given."""
        given: str | None = options.root
        folder = folders.data / cls.scene.name if given is None else folders.resolve(given)
        return folder.absolute()

    @classmethod
    def splits(cls, options: Any) -> tuple[str, ...]:
        """Train and test split as torchgeo calls them; ("",) to divide a single one."""
        if not cls.scene.splits:
            return ("",)
        return "train", getattr(options, "test_split", cls.scene.splits[-1])

    @classmethod
    def open(cls, name: str, options: Any, folders: Folders) -> SceneTarget:
        """Open the set; see :meth:`rsbench.target.Target.open`.

        torchgeo is asked for the images only when the folder has changed.

        Raises:
            NotPreparedError: the files are not there.
            ImageError: an image is empty.
            TargetError: the files do not agree with each other.
        """
        return cls._open(name, options, folders, None)

    @classmethod
    def _open(
        cls, name: str, options: Any, folders: Folders, progress: Progress | None
    ) -> SceneTarget:
        scene, root, splits = cls.scene, cls.root(options, folders), cls.splits(options)
        if absent(scene, root):
            raise not_prepared(scene, root, cls.kind)
        listed = choose_classes(cls._listed(root, splits, folders), options.classes, root)
        index = file_index(listed, *parts(name, listed, splits, options), root)
        return cls(
            name,
            index,
            groups_by_rule(options.groups, index),
            folders,
            disclaimer="",
            pixels=cls.pixels(options),
            on_bad_image=options.on_bad_image,
            progress=progress,
        )

    @classmethod
    def _listed(cls, root: Path, splits: tuple[str, ...], folders: Folders) -> SceneIndex:
        scene = cls.scene
        if scene.images:
            listing = list_folders(root, scene.images)
            return SceneIndex(listing.class_names, {"": listing})
        request = Request(scene.dataset, root, scene.arguments)
        return scene_index(request, splits, folders, partial(check_complete, scene, root))

    @classmethod
    def prepare(
        cls,
        options: Any,
        folders: Folders,
        *,
        source: Path | None = None,
        split: str | None = None,
        progress: Progress | None = None,
    ) -> Path:
        """Fetch or link the files and list them; see :meth:`rsbench.target.Target.prepare`.

        Raises:
            NotPreparedError: files are missing that no command fetches.
            DownloadError: a file cannot be fetched, checked or unpacked.
            TargetError: ``source`` holds nothing of the set, or ``split`` is given.
        """
        if split is not None:
            raise TargetError(f"{cls.kind} is prepared as a whole", remedy="leave --split out")
        root = cls.root(options, folders)
        prepare_files(cls.scene, root, source, progress)
        cls._open(cls.kind, options, folders, progress)
        return root

    @classmethod
    def known_counts(cls, options: Any) -> KnownCounts | None:
        """See :meth:`rsbench.target.Target.known_counts`; None for a part of the set."""
        scene = cls.scene
        if options.long_tail is not None or options.classes:
            return None
        if scene.per_class:  # a single split, divided class by class
            classes = scene.totals[""] // scene.per_class
            tested = classes * share(scene.per_class, options.test_fraction)
            divided: dict[SplitName, int] = {"train": scene.totals[""] - tested, "test": tested}
            return KnownCounts(source=scene.source, totals=divided)
        if not scene.totals or not scene.splits:
            return None
        train, test = cls.splits(options)
        totals: dict[SplitName, int] = {"train": scene.totals[train], "test": scene.totals[test]}
        return KnownCounts(source=scene.source, totals=totals)


class EuroSat(SceneTarget, scene=catalogue.EUROSAT):
    """EuroSAT as pictures: B04, B03 and B02 of the 13-band files, stretched to 8 bits.

    The default stretch is that of the authors' RGB release, 0 to 2750. That release is JPEG, and
    keeps the value 0 for missing data; so pictures are alike and not the same.
    """

    Options: ClassVar[type[Settings]] = EuroSatOptions

    @classmethod
    def pixels(cls, options: Any) -> PixelOptions:
        """Red, green and blue as 8-bit values."""
        names = {"B04": "red", "B03": "green", "B02": "blue"}
        return PixelOptions(
            bands=tuple(names.get(band, band) for band in catalogue.SENTINEL2_BANDS),
            use=("red", "green", "blue"),
            stretch=options.stretch,
            clip_limit=1.0,  # clouds and snow may fill an image
        )


class EuroSatBands(SceneTarget, scene=catalogue.EUROSAT, kind="eurosat_ms"):
    """EuroSAT with its 13 Sentinel-2 bands as reflectance at the top of the atmosphere."""

    Options: ClassVar[type[Settings]] = EuroSatBandsOptions
    description: ClassVar[str] = "EuroSAT with its 13 Sentinel-2 bands, 10 classes, 64 px"

    @classmethod
    def pixels(cls, options: Any) -> PixelOptions:
        """Digital numbers as they are, 10000 standing for a reflectance of 1."""
        return PixelOptions(
            bands=catalogue.SENTINEL2_BANDS,
            use=options.bands,
            quantity="reflectance",
            full_scale=SENTINEL2_SCALE,
        )


class UcMerced(SceneTarget, scene=catalogue.UCMERCED):
    """UC Merced land use; a few images are smaller than 256 pixels and stay so."""

    Options: ClassVar[type[Settings]] = SplitOptions


class Resisc45(SceneTarget, scene=catalogue.RESISC45):
    """NWPU-RESISC45."""

    Options: ClassVar[type[Settings]] = SplitOptions


class PatternNet(SceneTarget, scene=catalogue.PATTERNNET):
    """PatternNet, which comes without splits."""

    Options: ClassVar[type[Settings]] = UndividedOptions


class FireRisk(SceneTarget, scene=catalogue.FIRE_RISK):
    """FireRisk; its val split is reported on, as it has no test split."""

    Options: ClassVar[type[Settings]] = SceneOptions


class Advance(SceneTarget, scene=catalogue.ADVANCE):
    """The images of ADVANCE, which come without splits."""

    Options: ClassVar[type[Settings]] = UndividedOptions


class MillionAid(SceneTarget, scene=catalogue.MILLION_AID):
    """The labelled part of Million-AID, which comes without splits."""

    Options: ClassVar[type[Settings]] = UndividedOptions
