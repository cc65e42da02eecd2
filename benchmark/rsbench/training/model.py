"""The trained network as one module: backbone, inserted modules, head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rsbench import registry
from rsbench.backbone import Backbone
from rsbench.cell import Cell
from rsbench.head import CosineClassifier, Head, LinearClassifier, feature_statistics
from rsbench.insertion import Attachment
from rsbench.method import AttachContext, FittedMethod, Method
from rsbench.settings import Recipe
from rsbench.sources import checked_options
from rsbench.streams import torch_stream


class AdaptedModel(nn.Module):
    """Backbone with a method attached, and the classifier.

    Args:
        backbone: knows how to read features from the network.
        network: the frozen network, hooks of ``attachment`` in place.
        attachment: what the method inserted.
        head: the classifier.
    """

    def __init__(
        self,
        backbone: Backbone,
        network: nn.Module,
        attachment: Attachment,
        head: Head,
    ) -> None:
        super().__init__()
        self.network = network
        self.inserted = attachment.inserted
        self.head = head
        self._backbone = backbone

    def features(self, images: Tensor) -> Tensor:
        """Features, shape (batch, width), of normalised images."""
        return self._backbone.features(self.network, images)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, shape (batch, classes), of normalised images, shape (batch, 3, size, size)."""
        logits: Tensor = self.head(self.features(images))
        return logits

    def both(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features and logits in one pass."""
        features = self.features(images)
        return features, self.head(features)

    def trained_tensors(self, with_backbone: bool = False) -> dict[str, Tensor]:
        """What a cell keeps, by name: inserted modules, and the head with its statistics.

        Args:
            with_backbone: whether parameters of the network itself are among them, where the
                method trains those.
        """
        network = {id(parameter) for parameter in self.network.parameters()}
        trained = {
            name: parameter
            for name, parameter in self.named_parameters()
            if id(parameter) not in network or (with_backbone and parameter.requires_grad)
        }
        return trained | {f"head.{name}": buffer for name, buffer in self.head.named_buffers()}

    def trained_state(self, with_backbone: bool = False) -> dict[str, Tensor]:
        """Copies of ``trained_tensors`` on the CPU."""
        return {
            name: tensor.detach().to("cpu", copy=True)
            for name, tensor in self.trained_tensors(with_backbone).items()
        }


def make_method(cell: Cell) -> Method:
    """The cell's method with its options."""
    kind = registry.method_class(cell.method.kind)
    return kind(checked_options(kind.Options, cell.method))


def empty_head(method: Method, recipe: Recipe, number_of_classes: int, width: int) -> Head:
    """A head of the kind that the method has, to be fitted or loaded."""
    weight = torch.zeros(number_of_classes, width)
    if isinstance(method, FittedMethod):
        statistics = feature_statistics(weight, "standardised")
        return LinearClassifier(weight, torch.zeros(number_of_classes), **statistics)
    statistics = feature_statistics(weight, recipe.head_features)
    return CosineClassifier(weight, recipe.head_scale, **statistics)


def attach_method(
    method: Method, seed: int, backbone: Backbone, network: nn.Module, number_of_classes: int
) -> Attachment:
    """Attach a method to the backbone's network, as for training.

    Args:
        method: the method.
        seed: of the cell; it gives the initial values.
        backbone: knows the sites.
        network: what ``backbone.build`` returned.
        number_of_classes: C.

    Raises:
        PositionError: the method asks for a position or block that is not there.
    """
    sites = backbone.sites(network)
    context = AttachContext(
        number_of_classes=number_of_classes,
        depth=1 + max((site.block for site in sites), default=0),
        generator=torch_stream(seed, "method"),
    )
    return method.attach(network, sites, context)


def count(parameters: list[nn.Parameter]) -> int:
    """Number of scalars."""
    return sum(parameter.numel() for parameter in parameters)
