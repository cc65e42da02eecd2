"""The trained network as one module: frozen backbone, inserted modules, head."""

from __future__ import annotations

from torch import Tensor, nn

from rsbench.backbone import Backbone
from rsbench.head import CosineClassifier
from rsbench.insertion import Attachment


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

    def trained_state(self, with_backbone: bool = False) -> dict[str, Tensor]:
        """What was trained: inserted modules and head, by name, on the CPU.

        Args:
            with_backbone: whether parameters of the network itself are among them, where the
                method trains those.
        """
        network = {id(parameter) for parameter in self.network.parameters()}
        return {
            name: parameter.detach().to("cpu", copy=True)
            for name, parameter in self.named_parameters()
            if id(parameter) not in network or (with_backbone and parameter.requires_grad)
        }


def count(parameters: list[nn.Parameter]) -> int:
    """Number of scalars."""
    return sum(parameter.numel() for parameter in parameters)
