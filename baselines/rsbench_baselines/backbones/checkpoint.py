"""A timm architecture with weights from a local file, declared in a matrix without code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, JsonValue, field_validator

from rsbench.backbone import Backbone, BackboneInfo, Normalisation
from rsbench.settings import Settings
from rsbench_baselines.backbones.file_hash import file_hash

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
    """Weights file: safetensors or a weights-only torch file with timm's keys."""
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
    disclaimer: str = ""
    """What a reader of the results must know about these weights."""

    @field_validator("arguments")
    @classmethod
    def _own_fields(cls, arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
        for name, instead in (("img_size", "image_size"), ("num_classes", None)):
            if name in arguments:
                hint = f"state {instead} beside arguments" if instead else "the head is rsbench's"
                raise ValueError(f"{name} must not be among the arguments: {hint}")
        return arguments


class Checkpoint(Backbone):
    """Feature: the network's own pooled output, normalised.

    ViT: class token or mean after the final norm; Swin: mean after it; ConvNeXt: mean, then norm.
    """

    Options: ClassVar[type[Settings]] = CheckpointOptions
    description: ClassVar[str] = "any timm ViT, Swin or ConvNeXt with a local weights file"

    def __init__(self, name: str, options: CheckpointOptions, path: Path) -> None:
        shape = options.model_dump(
            mode="json",
            include={"architecture", "arguments", "norm_eps", "position_resize", "ignore_keys"},
        )
        info = BackboneInfo(
            image_size=options.image_size,
            normalisation=options.normalisation,
            weights_hash=file_hash(path),
            architecture=shape,
            disclaimer=options.disclaimer,
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
        return cls(name, options, folders.resolve(options.weights))

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
            options.arguments,
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
