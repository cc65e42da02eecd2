"""The demo world as targets: rendered on this machine, read like the real data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from rsbench.atomic import new_folder, remove_folder, write_file
from rsbench.cores import usable_cores
from rsbench.errors import TargetError
from rsbench.settings import Settings
from rsbench.system import remedy_for
from rsbench.target import KnownCounts, Target
from rsbench_datasets.demo_world import WORLD_VERSION
from rsbench_datasets.dota.options import CropOptions
from rsbench_datasets.dota.target import Dota
from rsbench_datasets.files.digests import hash_file
from rsbench_datasets.fusrs.target import Fusrs
from rsbench_datasets.inat2018.target import INat2018, TaxonomyOptions

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.folders import Folders
    from rsbench.target import Progress

#: The world that is reported on. The world and the settings were developed on other seeds (0 to
#: 3, and 101): this one was first rendered when both were frozen.
WORLD_SEED = 7

#: SHA-256 of the files of a world as they were rendered, so that 'prepare' mends a damaged one.
CHECKSUMS = "SHA256SUMS"

DISCLAIMER = "demo data: rendered, not real imagery"


class DemoFusrsOptions(Settings):
    """Options of the demo world's SAR chips, as a matrix states them."""

    world_seed: Annotated[int, Field(ge=0)] = WORLD_SEED
    """Which world: every seed renders other pictures of the same classes and counts."""


class DemoDotaOptions(CropOptions):
    """Options of the demo world's aerial scenes, as a matrix states them."""

    world_seed: Annotated[int, Field(ge=0)] = WORLD_SEED
    """Which world: every seed renders other pictures of the same classes and counts."""


class DemoInatOptions(TaxonomyOptions):
    """Options of the demo world's living things, as a matrix states them."""

    world_seed: Annotated[int, Field(ge=0)] = WORLD_SEED
    """Which world: every seed renders other pictures of the same species and counts."""


def world_folder(world_seed: int, folders: Folders) -> Path:
    """Where the world of ``world_seed`` lies, in the version that this code renders."""
    return folders.data / "demo" / f"seed{world_seed}-v{WORLD_VERSION}"


def render(world_seed: int, folders: Folders, progress: Progress | None = None) -> Path:
    """Render the world where it is not there as it was rendered; return its folder.

    Processes that render at once do the work twice and do each other no harm.

    Raises:
        TargetError: the data folder cannot be read or written.
    """
    folder = world_folder(world_seed, folders)
    from rsbench_datasets.demo_world.world import render_world

    try:
        if _is_whole(folder):
            return folder
        if folder.exists():
            remove_folder(folder)
        with new_folder(folder) as building:
            render_world(building, seed=world_seed, workers=usable_cores(), progress=progress)
            files = sorted(each for each in building.rglob("*") if each.is_file())
            lines = [f"{hash_file(each)}  {each.relative_to(building)}" for each in files]
            write_file(building / CHECKSUMS, "\n".join(lines).encode())
    except OSError as error:
        other = "free space there, or name another folder with --data-dir or RSBENCH_DATA"
        raise TargetError(
            f"the demo world cannot be written: {error}",
            where=folder,
            remedy=remedy_for(error, other),
        ) from error
    return folder


def _is_whole(world: Path) -> bool:
    """Whether every file of a world is as it was rendered.

    Raises:
        OSError: it cannot be read, which is not the world's fault.
    """
    try:
        lines = (world / CHECKSUMS).read_text(encoding="utf-8").splitlines()
        pairs = [line.split("  ", 1) for line in lines]
        return bool(pairs) and all(hash_file(world / name) == digest for digest, name in pairs)
    except (FileNotFoundError, ValueError):
        return False


class RenderedTarget(Target):
    """What the demo targets share: their files are rendered on this machine when needed."""

    prepares_itself: ClassVar[bool] = True
    remedy: ClassVar[str] = "run 'rsbench data prepare demo' (with '--seed' for another world seed)"
    command: ClassVar[str] = "rsbench data prepare demo"
    disclaimer_text: ClassVar[str] = DISCLAIMER
    licence: ClassVar[str] = ""
    homepage: ClassVar[str] = ""
    download_size: ClassVar[str] = ""
    part: ClassVar[str]
    """Folder of this target inside the world."""

    @classmethod
    def root(cls, options: Any, folders: Folders) -> Path:
        """This target's folder in the world that ``options`` name."""
        return world_folder(options.world_seed, folders) / cls.part

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
        """Render the world and index this part; see :meth:`rsbench.target.Target.prepare`.

        Raises:
            TargetError: ``source`` or ``split`` is given, or the data folder cannot be written.
        """
        if source is not None or split is not None:
            raise TargetError(
                "the demo world is rendered, not made from files",
                remedy="leave --from and --split out",
            )
        render(options.world_seed, folders, progress)
        cls.open(cls.part, options, folders)
        return cls.root(options, folders)

    @classmethod
    def known_counts(cls, options: Any) -> KnownCounts | None:
        """None: the counts of the real data set are not those of the demo world."""
        return None


class DemoDota(RenderedTarget, Dota):
    """The demo world's aerial scenes, cropped like DOTA-v1.0."""

    Options: ClassVar[type[CropOptions]] = DemoDotaOptions
    description: ClassVar[str] = "demo world: rendered aerial object crops, 15 classes of DOTA"
    part: ClassVar[str] = "dota"


class DemoFusrs(RenderedTarget, Fusrs):
    """The demo world's SAR chips, in the layout of FUSRS."""

    Options: ClassVar[type[Settings]] = DemoFusrsOptions
    description: ClassVar[str] = "demo world: rendered SAR ship chips, 5 classes of FUSRS"
    part: ClassVar[str] = "fusrs"


class DemoInat(RenderedTarget, INat2018):
    """The demo world's living things: invented species in the format of iNaturalist 2018."""

    Options: ClassVar[type[TaxonomyOptions]] = DemoInatOptions
    description: ClassVar[str] = "demo world: rendered living things, 24 species, as iNaturalist"
    part: ClassVar[str] = "inat"
    streams: ClassVar[bool] = False
