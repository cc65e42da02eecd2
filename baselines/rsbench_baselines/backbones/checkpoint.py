"""A timm architecture with weights from a local file, declared in a matrix without code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rsbench.backbone import Backbone, BackboneInfo, TimmNetwork
from rsbench.settings import Settings
from rsbench_baselines.backbones.checkpoint_options import CheckpointOptions
from rsbench_baselines.backbones.file_hash import remembered_hash

if TYPE_CHECKING:
    from torch import Tensor, nn

    from rsbench.folders import Folders
    from rsbench.insertion import Site


class Checkpoint(Backbone):
    """Feature: the network's own pooled output, normalised.

    ViT: class token or mean after the final norm; Swin: mean after it; ConvNeXt: mean, then norm.
    Networks of other timm families can be built, too; those without sites take the methods that
    insert nothing.
    """

    Options: ClassVar[type[Settings]] = CheckpointOptions
    description: ClassVar[str] = "any timm ViT, DINOv3, Swin or ConvNeXt with a local weights file"

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
        from rsbench_baselines.backbones.reading import read_stored
        from rsbench_baselines.backbones.weights import load_strictly, network_weights

        options = self.options
        network = empty_network(
            options.architecture,
            options.network_arguments,
            image_size=options.image_size,
            norm_eps=options.norm_eps,
            path=self.path,
        )
        weights = network_weights(read_stored(self.path), network, options, self.path)
        load_strictly(network, weights, options.position_resize, self.path)
        return network.requires_grad_(False).eval()

    def features(self, network: nn.Module, images: Tensor) -> Tensor:
        """Pooled features, shape (batch, width)."""
        pooled: Tensor = network(images)
        return pooled

    def sites(self, network: nn.Module) -> tuple[Site, ...]:
        """The sites that the network's family has (``backbones.sites``), in forward order."""
        from rsbench_baselines.backbones.sites.dispatch import sites_of

        return sites_of(network)

    def timm_network(self) -> TimmNetwork:
        """The call of timm that ``build`` makes."""
        from rsbench_baselines.backbones.architecture import CLASSES, complete_arguments

        name, options = self.options.architecture, self.options
        kind = CLASSES.get(name)
        return TimmNetwork(
            model=name if kind is None else f"{kind.__module__}.{kind.__qualname__}",
            arguments=complete_arguments(name, options.network_arguments, options.image_size),
            norm_eps=options.norm_eps,
        )
