"""What a method is: which parameters are trained, and where modules are inserted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rsbench.errors import ExportError
from rsbench.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from rsbench.head import LinearClassifier
    from rsbench.insertion import Attachment, Site


@dataclass(frozen=True)
class AttachContext:
    """What a method may know when it attaches.

    Attributes:
        number_of_classes: C, for rules such as the rank rule (paper section 1.5).
        depth: number of blocks L.
        generator: random stream for initial values, on the CPU.
    """

    number_of_classes: int
    depth: int
    generator: torch.Generator


@dataclass(frozen=True)
class PeftAdapter:
    """A LoRA in the form that Hugging Face's ``peft`` library loads.

    Attributes:
        config: content of ``adapter_config.json``.
        tensors: content of ``adapter_model.safetensors``.
    """

    config: dict[str, Any]
    tensors: dict[str, Tensor]


class Method(ABC):
    """A way to adapt a frozen network.

    A plugin subclasses this and registers the class in the entry-point group
    ``rsbench.methods``. The module that defines it must not import torch at the top.
    """

    Options: ClassVar[type[Settings]] = Settings
    description: ClassVar[str] = ""
    """One line for ``rsbench ls methods``."""
    learning_rate: ClassVar[float] = 0.01
    """SGD's rate for a batch of 128 images that works on an unknown backbone; cells have it where
    their matrix states no ``recipe.learning_rate``."""
    modulates: ClassVar[bool] = True
    """Whether it inserts modules that MetaPEFT can scale (paper section 9.5)."""
    unmergeable: ClassVar[str] = "the method does not say how"
    """Why ``merged_state`` refuses where a method leaves it as it is."""

    def __init__(self, options: Any) -> None:
        self.options = options

    @abstractmethod
    def attach(
        self, network: nn.Module, sites: Sequence[Site], context: AttachContext
    ) -> Attachment:
        """Insert this method's modules into ``network`` and return the handle to them.

        Nothing of the network's source or parameters changes; ``Attachment.detach`` removes
        every trace.

        Raises:
            PositionError: a requested position or block does not exist; the ones that do
                are listed.
        """

    def merged_state(self, network: nn.Module, attachment: Attachment) -> dict[str, Tensor]:
        """The network's state dict with everything that was trained folded in, gammas included.

        The network itself stays as it is. This default serves methods that insert nothing:
        the linear probe, and full fine-tuning, whose weights are the network's own.

        Args:
            network: the network that the method is attached to.
            attachment: what ``attach`` returned.

        Raises:
            ExportError: no weights of the bare network compute the same.
        """
        if attachment.inserted:
            raise ExportError(
                f"the method cannot be folded into the backbone's weights: {self.unmergeable}",
                remedy="use --to safetensors: the inserted modules as they are",
            )
        return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

    def peft_adapter(self, network: nn.Module, attachment: Attachment) -> PeftAdapter:
        """What was trained as a LoRA of the ``peft`` library, gammas included.

        Args:
            network: the network that the method is attached to.
            attachment: what ``attach`` returned.

        Raises:
            ExportError: that format cannot express it exactly.
        """
        raise ExportError(
            "the method cannot be written as a peft LoRA: that format holds low-rank additions to "
            "linear layers and nothing else",
            remedy="use --to safetensors: what was trained as it is"
            if attachment.inserted
            else "use --to merged: timm weights and a head, which load.py loads without rsbench",
        )


class FittedMethod(Method):
    """A method whose head is fitted to the frozen features; nothing is trained step by step.

    The record of such a cell has no epochs. Of the recipe only what makes the test images, the
    held-out slice and the logit adjustment has an effect.
    """

    modulates: ClassVar[bool] = False

    def attach(
        self, network: nn.Module, sites: Sequence[Site], context: AttachContext
    ) -> Attachment:
        """Attach nothing: the features stay those of the backbone."""
        from rsbench.insertion import Attachment

        return Attachment(network, {})

    @abstractmethod
    def fit(
        self,
        features: NDArray[np.float32],
        labels: NDArray[np.int64],
        adjustment: NDArray[np.float64],
        note: Callable[[str], None],
    ) -> LinearClassifier:
        """The head, fitted to the training images as the test will see them.

        Args:
            features: of the frozen backbone, shape (images, width).
            labels: classes, shape (images,). ``rsbench cost`` passes few images, in which
                classes may be missing; a sweep never does.
            adjustment: what the loss adds to the logits while it is minimised, tau * log prior;
                zeros for plain cross-entropy; shape (classes,).
            note: adds a line to the record's notes.
        """
