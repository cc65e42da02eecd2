"""A backbone for every declaration of the catalogue: ``named:in21k_vit_b16`` and so on.

The classes are made when an entry point asks for one, so that a new name is one declaration in
``catalogue.py`` and one line in ``pyproject.toml``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from rsbench.backbone import Normalisation
from rsbench.errors import CheckpointError, MissingWeightsError, SettingsError
from rsbench.pretrained import PretrainedBackbone, WeightsFacts
from rsbench.settings import Settings
from rsbench_baselines.backbones.catalogue import CATALOGUE, PretrainedWeights
from rsbench_baselines.backbones.checkpoint import Checkpoint
from rsbench_baselines.backbones.checkpoint_options import CheckpointOptions
from rsbench_baselines.backbones.file_hash import remembered_hash
from rsbench_baselines.backbones.stored import read_note, weights_folder

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.folders import Folders
    from rsbench.target import Progress


class NamedOptions(Settings):
    """What may differ from the declaration; nothing has to be stated."""

    image_size: Annotated[int, Field(ge=1)] | None = None
    """Side of the input, pixels; None: the declared one (224)."""
    position_resize: Literal["bicubic", "bicubic_antialias"] = "bicubic"
    """How the position table of a ViT is resized to another image size; ``bicubic_antialias`` is
    timm's way, the other one is DINOv2's own."""
    pooling: Literal["class_token", "mean"] = "class_token"
    """Feature of a ViT: its class token, or the mean of the others, behind the last norm. A Swin
    or ConvNeXt has no class token and takes the mean in any case."""
    normalisation: Normalisation | Literal["training"] | None = None
    """Another normalisation than the declared one; ``training``: that of the pretraining, which
    differs for SatMAE (its images' own statistics in place of the released code's 0.5)."""
    weights: str | None = None
    """A weights file of one's own in place of the fetched one; it is read strictly, too."""
    key: str | None = None
    """Where in that file the weights lie, as for ``checkpoint``."""
    prefix: str | None = None
    """What their keys begin with there, as for ``checkpoint``."""


class NamedBackbone(Checkpoint, PretrainedBackbone):
    """Published weights, fetched once with ``rsbench weights fetch NAME``."""

    Options: ClassVar[type[Settings]] = NamedOptions
    kind: ClassVar[str]
    """Name of the entry point, and of the weights file."""
    declared: ClassVar[PretrainedWeights]
    """Declaration in the catalogue."""

    @classmethod
    def open(cls, name: str, options: Any, folders: Folders) -> NamedBackbone:
        """Find the weights and read their facts.

        Raises:
            MissingWeightsError: they were not fetched yet.
            CheckpointError: they are not what was fetched.
            SettingsError: the image size does not fit the network.
        """
        chosen = cls.checkpoint_options(options)
        if options.weights is not None:
            path = folders.resolve(options.weights)
            own = cls._from_a_file(chosen, path.name)
            return cls(name, own, path, remembered_hash(path, folders.cache))
        path = cls.weights_file(folders)
        if not path.is_file():
            raise MissingWeightsError(
                f"the weights of {cls.kind} are not on this machine",
                where=path,
                remedy="fetch them once, or give a file you have with --from",
                command=cls.fetch_command(),
            )
        note, digest = read_note(path), remembered_hash(path, folders.cache)
        if digest != note.sha256:
            raise CheckpointError(
                "the weights are not those that were fetched: their checksum has changed",
                where=path,
                remedy="fetch them again",
                command=cls.fetch_command(),
            )
        if not note.published:
            chosen = cls._from_a_file(chosen, note.source)
        return cls(name, chosen, path, digest)

    @classmethod
    def checkpoint_options(cls, options: NamedOptions) -> CheckpointOptions:
        """The declaration under ``options``.

        Raises:
            SettingsError: the image size or the normalisation does not fit the network.
        """
        declared = cls.declared
        image_size = options.image_size or declared.image_size
        if image_size % declared.multiple:
            raise SettingsError(
                f"{cls.kind}: image_size {image_size} is no multiple of {declared.multiple}",
                remedy=f"take {max(1, round(image_size / declared.multiple)) * declared.multiple}",
            )
        normalisation = cls._normalisation(options)
        wanted = len(declared.bands.bands)
        means, stds = len(normalisation.mean), len(normalisation.std)
        if normalisation.statistics == "fixed" and {means, stds} != {wanted}:
            raise SettingsError(
                f"{cls.kind}: normalisation has {means} means and {stds} stds for {wanted} bands",
                remedy="state one mean and one std for each band",
            )
        return CheckpointOptions(
            architecture=declared.architecture,
            arguments=declared.arguments_at(image_size, options.pooling),
            weights=options.weights or "",
            key=options.key,
            prefix=options.prefix,
            image_size=image_size,
            norm_eps=declared.norm_eps,
            normalisation=normalisation,
            position_resize=options.position_resize,
            ignore_keys=declared.ignore_keys,
            bands=declared.bands.bands,
            quantity=declared.bands.quantity,
            disclaimer=declared.disclaimer,
        )

    @classmethod
    def _normalisation(cls, options: NamedOptions) -> Normalisation:
        declared = cls.declared
        if options.normalisation == "training":
            return declared.training_normalisation or declared.normalisation
        return options.normalisation or declared.normalisation

    @classmethod
    def _from_a_file(cls, options: CheckpointOptions, file: str) -> CheckpointOptions:
        """``options`` that tell the reader of the results whose file it is."""
        if cls.declared.disclaimer:  # says so already
            return options
        told = f"{cls.kind}: the weights are a file of the user's ({file}), not checked against "
        return options.model_copy(update={"disclaimer": told + "the published ones"})

    @classmethod
    def fetch_command(cls) -> str:
        """What brings the weights to this machine."""
        source = "" if cls.declared.source is not None else " --from FILE"
        return f"rsbench weights fetch {cls.kind}{source}"

    @classmethod
    def another_file(cls) -> str:
        """What to do about a file that does not hold these weights."""
        published = cls.declared.published_as
        where = f", as published by {published}" if published else ""
        return f"give the weights of {cls.kind} ({cls.declared.architecture}){where}"

    @classmethod
    def weights_facts(cls) -> WeightsFacts:
        """Size, licence and origin of the weights."""
        declared = cls.declared
        return WeightsFacts(
            parameters=declared.parameters,
            licence=declared.licence,
            source=declared.published_as,
            download_size=declared.download_size,
        )

    @classmethod
    def weights_file(cls, folders: Folders) -> Path:
        """Where the converted weights lie, whether they are there or not."""
        return weights_folder(folders) / f"{cls.kind}.safetensors"

    @classmethod
    def fetch_weights(
        cls, folders: Folders, *, source: Path | None = None, progress: Progress | None = None
    ) -> list[str]:
        """Download the published weights, or take ``source``, convert them and keep them.

        Raises:
            DownloadError: the file cannot be fetched, or is not the published one.
            CheckpointError: the file does not hold these weights.
        """
        from rsbench_baselines.backbones.keeping import fetch_weights

        return fetch_weights(cls, folders, source, progress)

    @classmethod
    def verify_weights(cls, folders: Folders) -> list[str]:
        """Read the kept weights whole and build the network strictly.

        Raises:
            MissingWeightsError: they are not there.
            CheckpointError: they are damaged or do not fit.
        """
        from rsbench_baselines.backbones.keeping import verify_weights

        return verify_weights(cls, folders)

    @classmethod
    def convert_weights(cls, source: Path, out: Path) -> list[str]:
        """Write the weights in ``source`` to ``out`` as this backbone loads them.

        Raises:
            CheckpointError: the file does not hold these weights, or cannot be written.
        """
        from rsbench_baselines.backbones.convert import convert_file

        return convert_file(source, out, cls.native_options(), cls.another_file()).lines()

    @classmethod
    def native_options(cls) -> CheckpointOptions:
        """The network at the size that the published weights are for."""
        return cls.checkpoint_options(NamedOptions(image_size=cls.declared.native_size))


@cache
def named_backbone(kind: str) -> type[NamedBackbone]:
    """The backbone class of a name in the catalogue.

    Raises:
        KeyError: the catalogue has no such name.
    """
    declared = CATALOGUE[kind]
    fields = {
        "__module__": __name__,
        "__doc__": declared.description,
        "kind": kind,
        "declared": declared,
        "description": declared.description,
    }
    return type(kind, (NamedBackbone,), fields)


def __getattr__(name: str) -> type[NamedBackbone]:
    """The class of a name in the catalogue, for entry points and for unpickling."""
    if name not in CATALOGUE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return named_backbone(name)
