"""A timm architecture with weights from a local file, declared in a matrix without code."""

from __future__ import annotations

import inspect
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, JsonValue, field_validator

from rsbench.backbone import Backbone, BackboneInfo, Normalisation
from rsbench.errors import CheckpointError
from rsbench.settings import Settings
from rsbench_baselines.backbones.file_hash import file_hash

if TYPE_CHECKING:
    from torch import Tensor, nn

    from rsbench.folders import Folders
    from rsbench.insertion import Site


class CheckpointOptions(Settings):
    """Which network, which weights, and how its input is normalised."""

    architecture: str
    """A timm model name, or ``VisionTransformer`` for the class itself."""
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    """Arguments of the architecture, such as patch_size, class_token, global_pool."""
    weights: str
    """Weights file: safetensors or a weights-only torch file with timm's keys."""
    image_size: Annotated[int, Field(ge=1)]
    """Side of the input, pixels."""
    norm_eps: Annotated[float, Field(gt=0.0)] | None = None
    """LayerNorm epsilon, or None for the architecture's own."""
    normalisation: Normalisation = Normalisation()
    """How input in [0, 1] is normalised."""
    position_resize: Literal["none", "bicubic", "bicubic_antialias"] = "none"
    """How a position table of another grid is resized; ``none`` makes that an error."""
    ignore_keys: tuple[str, ...] = ()
    """Prefixes of keys in the file that are left out, such as ``head.``."""
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
    """Feature: the network's own pooled output (class token or mean) after the final norm."""

    Options: ClassVar[type[Settings]] = CheckpointOptions
    description: ClassVar[str] = "any timm VisionTransformer with a local weights file, from YAML"

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
        from rsbench_baselines.backbones.weights import (
            fit_position_table,
            load_strictly,
            read_weights,
        )

        network = self._empty_network()
        weights = read_weights(self.path)
        kept = {k: v for k, v in weights.items() if not k.startswith(self.options.ignore_keys)}
        fitted = fit_position_table(kept, network, self.options.position_resize, self.path)
        load_strictly(network, fitted, self.path)
        return network.requires_grad_(False).eval()

    def features(self, network: nn.Module, images: Tensor) -> Tensor:
        """Pooled features, shape (batch, width)."""
        pooled: Tensor = network(images)
        return pooled

    def sites(self, network: nn.Module) -> tuple[Site, ...]:
        """Positions q, k, v, out, mlp1 and mlp2 of every block."""
        from rsbench_baselines.backbones.sites.vit import vit_sites

        return vit_sites(network)

    def _empty_network(self) -> nn.Module:
        import timm
        from timm.models.vision_transformer import VisionTransformer
        from torch import nn

        arguments: dict[str, Any] = {"img_size": self.options.image_size, "num_classes": 0}
        arguments |= self.options.arguments
        if self.options.norm_eps is not None:
            arguments["norm_layer"] = partial(nn.LayerNorm, eps=self.options.norm_eps)
        name = self.options.architecture
        try:
            if name == "VisionTransformer":
                inspect.signature(VisionTransformer).bind(**arguments)
                network: nn.Module = VisionTransformer(**arguments)
            else:
                network = timm.create_model(name, pretrained=False, **arguments)
        except (RuntimeError, TypeError, ValueError, AssertionError) as error:
            raise CheckpointError(
                f"timm cannot build {name!r} with {self.options.arguments}: {error}",
                where=self.path,
                remedy="name a timm VisionTransformer (timm.list_models('vit*'), or the class "
                "VisionTransformer itself) and arguments that it takes",
            ) from error
        return network
