"""A timm architecture with weights from a local file, declared in a matrix without code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from rsbench.backbone import Backbone, BackboneInfo, Normalisation
from rsbench.imagery import RGB, BandInput, Quantity
from rsbench.settings import Settings
from rsbench_baselines.backbones.file_hash import remembered_hash

if TYPE_CHECKING:
    from torch import Tensor, nn

    from rsbench.folders import Folders
    from rsbench.insertion import Site


class CheckpointOptions(Settings):
    """Which network, which weights, and how its input is normalised."""

    architecture: str
    """A timm model name (``swin_base_patch4_window7_224``, ``convnext_base``), or one of timm's
    classes themselves: ``VisionTransformer``, ``SwinTransformer``, ``ConvNeXt``."""
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    """Arguments of the architecture, such as patch_size, class_token, global_pool; for a Swin
    at another image size than it was trained at ``always_partition: true``, which keeps its
    windows."""
    weights: str
    """Weights file with timm's keys: safetensors, or a weights-only torch file, where they may
    lie under ``model`` or ``state_dict``."""
    image_size: Annotated[int, Field(ge=1)]
    """Side of the input, pixels."""
    norm_eps: Annotated[float, Field(gt=0.0)] | None = None
    """Epsilon of every LayerNorm, or None for the architecture's own."""
    normalisation: Normalisation = Normalisation()
    """How input in [0, 1] is normalised."""
    position_resize: Literal["none", "bicubic", "bicubic_antialias"] = "none"
    """How a position table of another grid is resized; ``none`` makes that an error. Swin and
    ConvNeXt have no such table."""
    ignore_keys: tuple[str, ...] = ()
    """Prefixes of keys in the file that are left out, such as ``head.``; for a ConvNeXt
    ``head.fc.``, because its last normalisation lies under ``head.`` too."""
    bands: tuple[str, ...] = RGB
    """Bands in the order of the input channels, such as ``B02``, ``B03`` of Sentinel-2."""
    quantity: Quantity = "display"
    """What the values must be; ``reflectance`` is 1.0 where everything is reflected."""
    disclaimer: str = ""
    """What a reader of the results must know about these weights."""

    @field_validator("arguments")
    @classmethod
    def _own_fields(cls, arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
        instead = {"img_size": "state image_size", "in_chans": "state bands"}
        for name in ("img_size", "in_chans", "num_classes"):
            if name in arguments:
                hint = (
                    f"{instead[name]} beside them" if name in instead else "the head is rsbench's"
                )
                raise ValueError(f"{name} must not be among the arguments: {hint}")
        return arguments

    @model_validator(mode="after")
    def _one_number_per_band(self) -> Self:
        fixed = self.normalisation.statistics == "fixed"
        numbers = {len(self.normalisation.mean), len(self.normalisation.std)}
        if fixed and numbers != {len(self.bands)}:
            raise ValueError(
                f"normalisation needs one mean and one std for each of the {len(self.bands)} bands"
            )
        return self

    @property
    def band_input(self) -> BandInput:
        """Bands and quantity of the input."""
        return BandInput(bands=self.bands, quantity=self.quantity)

    @property
    def network_arguments(self) -> dict[str, JsonValue]:
        """``arguments`` with the number of input channels, where it is not the usual three."""
        channels = len(self.bands)
        return self.arguments if channels == len(RGB) else {**self.arguments, "in_chans": channels}

    @property
    def identity(self) -> dict[str, Any]:
        """Every option that shapes the network, as JSON values."""
        return self.model_dump(
            mode="json",
            include={"architecture", "arguments", "norm_eps", "position_resize", "ignore_keys"},
        )


class Checkpoint(Backbone):
    """Feature: the network's own pooled output, normalised.

    ViT: class token or mean after the final norm; Swin: mean after it; ConvNeXt: mean, then norm.
    """

    Options: ClassVar[type[Settings]] = CheckpointOptions
    description: ClassVar[str] = "any timm ViT, Swin or ConvNeXt with a local weights file"

    def __init__(
        self, name: str, options: CheckpointOptions, path: Path, weights_hash: str
    ) -> None:
        """Keep the options.

        Args:
            name: label in tables.
            options: network, normalisation, bands.
            path: weights file.
            weights_hash: SHA-256 that identifies the weights.
        """
        info = BackboneInfo(
            image_size=options.image_size,
            normalisation=options.normalisation,
            weights_hash=weights_hash,
            architecture=options.identity,
            disclaimer=options.disclaimer,
            bands=options.band_input,
        )
        super().__init__(name, info)
        self.options = options
        self.path = path

    @classmethod
    def open(cls, name: str, options: Any, folders: Folders) -> Checkpoint:
        """Find and hash the weights.

        Raises:
            CheckpointError: the file is missing.
        """
        path = folders.resolve(options.weights)
        return cls(name, options, path, remembered_hash(path, folders.cache))

    @classmethod
    def convert(cls, source: Path, out: Path, options: CheckpointOptions) -> list[str]:
        """Write the weights in ``source`` to ``out`` as safetensors, once the network takes them.

        Returns:
            What was done, one line each.

        Raises:
            CheckpointError: they do not fit, or ``out`` cannot be written.
        """
        from rsbench_baselines.backbones.convert import convert_file

        return convert_file(source, out, options).lines()

    def build(self) -> nn.Module:
        """The network with its weights, frozen, in float32.

        Raises:
            CheckpointError: unknown architecture or arguments, or weights that do not fit.
        """
        from rsbench_baselines.backbones.architecture import empty_network
        from rsbench_baselines.backbones.weights import (
            fit_position_table,
            load_strictly,
            read_weights,
        )
        from rsbench_baselines.backbones.windows import fit_windows

        options = self.options
        network = empty_network(
            options.architecture,
            options.network_arguments,
            image_size=options.image_size,
            norm_eps=options.norm_eps,
            path=self.path,
        )
        weights = read_weights(self.path)
        kept = {k: v for k, v in weights.items() if not k.startswith(options.ignore_keys)}
        fitted = fit_position_table(kept, network, options.position_resize, self.path)
        load_strictly(network, fit_windows(fitted, network, self.path), self.path)
        return network.requires_grad_(False).eval()

    def features(self, network: nn.Module, images: Tensor) -> Tensor:
        """Pooled features, shape (batch, width)."""
        pooled: Tensor = network(images)
        return pooled

    def sites(self, network: nn.Module) -> tuple[Site, ...]:
        """The sites that the network's family has (``backbones.sites``), in forward order.

        Raises:
            PositionError: there is no table for the family; the supported ones are listed.
        """
        from rsbench_baselines.backbones.sites.dispatch import sites_of

        return sites_of(network)
