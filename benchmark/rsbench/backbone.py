"""What a backbone is: a frozen network, its normalisation, and its insertion positions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import model_validator

from rsbench.imagery import PICTURE, BandInput
from rsbench.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor, nn

    from rsbench.folders import Folders
    from rsbench.insertion import Site


class Normalisation(Settings):
    """Input normalisation ``(x - mean) / std * multiplier + offset`` with x in [0, 1].

    ``statistics: target`` takes mean and standard deviation per channel over all pixels of the
    target's training images (paper section 9.9); then ``mean`` and ``std`` are ignored. Otherwise
    they must be stated: no numbers suit every network.
    """

    statistics: Literal["fixed", "target"] = "fixed"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    multiplier: float = 1.0
    offset: float = 0.0

    @model_validator(mode="after")
    def _stated(self) -> Self:
        if self.statistics == "fixed" and not (self.mean and self.std):
            raise ValueError("state 'mean' and 'std' for each band, or 'statistics: target'")
        return self


@dataclass(frozen=True)
class BackboneInfo:
    """Facts of a backbone that need no network in memory.

    Attributes:
        image_size: side of the square input, pixels.
        normalisation: how input is normalised.
        weights_hash: SHA-256 of the weights file, hexadecimal.
        architecture: every argument that shapes the network (part of a cell's identity).
        disclaimer: what a reader must know ("demo backbone"), or "".
        bands: bands and quantity of the input; pictures in red, green and blue by default.
    """

    image_size: int
    normalisation: Normalisation
    weights_hash: str
    architecture: dict[str, Any]
    disclaimer: str = ""
    bands: BandInput = PICTURE


@dataclass(frozen=True)
class TimmNetwork:
    """How timm alone builds a bare network whose output for images is the features.

    Attributes:
        model: a timm model name, or the dotted name of one of timm's classes.
        arguments: everything that it is called with, as JSON values.
        norm_eps: what the epsilon of every LayerNorm is set to afterwards; None: nothing.
    """

    model: str
    arguments: dict[str, Any]
    norm_eps: float | None = None


class Backbone(ABC):
    """A pretrained network whose weights stay frozen unless a method trains them.

    A plugin subclasses this and registers the class in the entry-point group
    ``rsbench.backbones``. The module that defines it must not import torch at the top.
    """

    Options: ClassVar[type[Settings]] = Settings
    description: ClassVar[str] = ""
    """One line for ``rsbench ls backbones``."""

    def __init__(self, name: str, info: BackboneInfo) -> None:
        self.name = name
        self.info = info

    @classmethod
    @abstractmethod
    def open(cls, name: str, options: Any, folders: Folders) -> Backbone:
        """Find the weights and read their facts, without building the network.

        Raises:
            CheckpointError: the weights file is missing or cannot be read.
        """

    @abstractmethod
    def build(self) -> nn.Module:
        """The network in float32 on the CPU, in evaluation mode, all parameters frozen.

        Raises:
            CheckpointError: the weights do not fit the architecture.
        """

    @abstractmethod
    def features(self, network: nn.Module, images: Tensor) -> Tensor:
        """Features of normalised images.

        Args:
            network: what ``build`` returned, possibly with a method attached.
            images: shape (batch, channels, image_size, image_size), normalised.

        Returns:
            Shape (batch, width).
        """

    @abstractmethod
    def sites(self, network: nn.Module) -> tuple[Site, ...]:
        """Every place where a method may insert a module, in forward order.

        Empty (``NoSites`` says why) where there is none; methods that insert nothing still work.
        """

    def timm_network(self) -> TimmNetwork | None:
        """How the network is built without rsbench, for what ``rsbench export`` writes.

        None, the default, where it is not timm's, or where ``features`` are not its output.
        """
        return None
