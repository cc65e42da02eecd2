"""What a method is: which parameters are trained, and where modules are inserted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from rsbench.settings import Settings

if TYPE_CHECKING:
    import torch
    from torch import nn

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


class Method(ABC):
    """A way to adapt a frozen network.

    A plugin subclasses this and registers the class in the entry-point group
    ``rsbench.methods``. The module that defines it must not import torch at the top.
    """

    Options: ClassVar[type[Settings]] = Settings
    description: ClassVar[str] = ""
    """One line for ``rsbench ls methods``."""
    modulates: ClassVar[bool] = True
    """Whether it inserts modules that MetaPEFT can scale (paper section 9.5)."""

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
