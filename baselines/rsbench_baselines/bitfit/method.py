"""BitFit as a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from rsbench.method import AttachContext, Method
from rsbench.settings import Settings
from rsbench.where import BlockChoice

if TYPE_CHECKING:
    from torch import Tensor, nn

    from rsbench.insertion import Attachment, Site

Position = Literal["ln1", "qkv", "out", "ln2", "grn", "mlp1", "mlp2"]
POSITIONS: tuple[Position, ...] = ("ln1", "qkv", "out", "ln2", "mlp1", "mlp2")


class BitFitOptions(Settings):
    """Which biases are trained (paper section 1.3)."""

    positions: tuple[Position, ...] = POSITIONS
    """Layers whose bias is trained: both norms, the fused qkv, the projection, both MLP layers;
    on ConvNeXt V2 also ``grn``, the response normalisation."""
    blocks: BlockChoice = "all"
    """Blocks whose biases are trained. The released code ignores this restriction."""
    decay: Literal["bias", "change"] = "bias"
    """What weight decay pulls to zero: the bias (released code) or its change."""


class BitFit(Method):
    """The biases inside the blocks; those of patch embedding and final norm stay frozen."""

    Options: ClassVar[type[Settings]] = BitFitOptions
    description: ClassVar[str] = "BitFit: every bias inside the blocks"
    learning_rate: ClassVar[float] = 0.01
    options: BitFitOptions

    def attach(
        self, network: nn.Module, sites: Sequence[Site], context: AttachContext
    ) -> Attachment:
        """Let every chosen bias be trained; at the start nothing is changed.

        Raises:
            PositionError: a position or block that the backbone does not have.
        """
        from rsbench.insertion import Attachment, choose_sites
        from rsbench_baselines.bitfit.layers import BiasDelta

        chosen = choose_sites(sites, "bias", self.options.positions, self.options.blocks)
        return Attachment(network, {site: BiasDelta(self._start(network, site)) for site in chosen})

    def merged_state(self, network: nn.Module, attachment: Attachment) -> dict[str, Tensor]:
        """The network's weights with every chosen bias as trained, gamma included."""
        from rsbench_baselines.bitfit.layers import merged_state

        return merged_state(network, attachment)

    def _start(self, network: nn.Module, site: Site) -> Tensor:
        bias: Tensor = network.get_submodule(site.layer).get_parameter("bias")
        chosen = bias[site.output_start : site.output_start + site.output_dim]
        return chosen if self.options.decay == "bias" else chosen.new_zeros(chosen.shape)
