"""The trained network as one module: backbone, inserted modules, head."""

from __future__ import annotations

from torch import Tensor, nn

from rsbench import registry
from rsbench.backbone import Backbone
from rsbench.cell import Cell
from rsbench.head import CosineClassifier
from rsbench.insertion import Attachment
from rsbench.method import AttachContext, Method
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
        head: CosineClassifier,
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

    def trained_parameters(self, with_backbone: bool = False) -> dict[str, nn.Parameter]:
        """What is trained, by name: inserted modules and head.

        Args:
            with_backbone: whether parameters of the network itself are among them, where the
                method trains those.
        """
        network = {id(parameter) for parameter in self.network.parameters()}
        return {
            name: parameter
            for name, parameter in self.named_parameters()
            if id(parameter) not in network or (with_backbone and parameter.requires_grad)
        }

    def trained_state(self, with_backbone: bool = False) -> dict[str, Tensor]:
        """Copies of ``trained_parameters`` on the CPU."""
        return {
            name: parameter.detach().to("cpu", copy=True)
            for name, parameter in self.trained_parameters(with_backbone).items()
        }


def attach_method(
    cell: Cell, backbone: Backbone, network: nn.Module, number_of_classes: int
) -> tuple[Method, Attachment]:
    """Attach the cell's method to the backbone's network, as for training.

    Args:
        cell: names the method and its options; its seed gives the initial values.
        backbone: knows the sites.
        network: what ``backbone.build`` returned.
        number_of_classes: C.

    Raises:
        PositionError: the method asks for a position or block that is not there.
    """
    chosen = cell.method
    kind = registry.method_class(chosen.kind)
    method = kind(checked_options(kind.Options, chosen))
    sites = backbone.sites(network)
    context = AttachContext(
        number_of_classes=number_of_classes,
        depth=1 + max((site.block for site in sites), default=0),
        generator=torch_stream(cell.seed, "method"),
    )
    return method, method.attach(network, sites, context)


def count(parameters: list[nn.Parameter]) -> int:
    """Number of scalars."""
    return sum(parameter.numel() for parameter in parameters)
