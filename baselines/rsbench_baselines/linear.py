"""Linear probe: only the head is trained, by the same recipe and augmentation (section 9.9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rsbench.method import AttachContext, Method
from rsbench.settings import Settings

if TYPE_CHECKING:
    from torch import nn

    from rsbench.insertion import Attachment, Site


class Linear(Method):
    """Nothing is inserted; the backbone stays as it is."""

    Options: ClassVar[type[Settings]] = Settings
    description: ClassVar[str] = "linear probe: only the head is trained"
    learning_rate: ClassVar[float] = 0.5
    modulates: ClassVar[bool] = False

    def attach(
        self,
        network: nn.Module,
        sites: Sequence[Site],
        context: AttachContext,
    ) -> Attachment:
        """Attach nothing."""
        from rsbench.insertion import Attachment

        return Attachment(network, {})
