"""Full fine-tuning: the whole backbone and the head are trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rsbench.method import AttachContext, Method
from rsbench.settings import Settings

if TYPE_CHECKING:
    from torch import nn

    from rsbench.insertion import Attachment, Site


class Full(Method):
    """Every parameter of the network; its weights are restored when the method is detached."""

    Options: ClassVar[type[Settings]] = Settings
    description: ClassVar[str] = "full fine-tuning: the whole backbone is trained"
    learning_rate: ClassVar[float] = 0.0001
    modulates: ClassVar[bool] = False

    def attach(
        self, network: nn.Module, sites: Sequence[Site], context: AttachContext
    ) -> Attachment:
        """Let every parameter take gradients."""
        from rsbench.insertion import Attachment

        return Attachment(network, {}, trained=network.parameters())
