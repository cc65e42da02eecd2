"""LoRA as a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rsbench.method import AttachContext, Method, PeftAdapter
from rsbench.settings import Settings
from rsbench_baselines.lora.config import LoraOptions, LoraQueryValueOptions

if TYPE_CHECKING:
    from torch import Tensor, nn

    from rsbench.insertion import Attachment, Site
    from rsbench_baselines.lora.layers import LoraDelta


class Lora(Method):
    """Low-rank additions to the linear layers of a frozen network."""

    Options: ClassVar[type[Settings]] = LoraOptions
    description: ClassVar[str] = "LoRA at all six positions (q, k, v, out, mlp1, mlp2) by default"
    learning_rate: ClassVar[float] = 0.03
    options: LoraOptions

    def attach(
        self, network: nn.Module, sites: Sequence[Site], context: AttachContext
    ) -> Attachment:
        """Insert one low-rank delta per chosen site; at the start all deltas are zero.

        Raises:
            PositionError: a position or block that the backbone does not have.
            SettingsError: a rank above the width of every chosen layer.
        """
        from rsbench.insertion import Attachment, choose_sites

        chosen = choose_sites(sites, "linear", self.options.positions, self.options.blocks)
        self.options.check_rank(min(site.input_dim, site.output_dim) for site in chosen)
        return Attachment(network, {site: self._delta(site, context) for site in chosen})

    def merged_state(self, network: nn.Module, attachment: Attachment) -> dict[str, Tensor]:
        """The network's weights with every delta folded in (check 7)."""
        from rsbench_baselines.lora.merge import merged_state

        return merged_state(network, attachment)

    def peft_adapter(self, network: nn.Module, attachment: Attachment) -> PeftAdapter:
        """The same LoRA in the ``peft`` library's form.

        Raises:
            ExportError: a delta reads its layer's output (``out: sequential``).
        """
        from rsbench_baselines.lora.peft_format import peft_adapter

        return peft_adapter(network, attachment)

    def _delta(self, site: Site, context: AttachContext) -> LoraDelta:
        from rsbench_baselines.lora.layers import LoraDelta, bound_of

        options = self.options
        rank = options.resolved_rank(context.number_of_classes, context.depth)
        reads_output = site.position == "out" and options.out == "sequential"
        input_dim = site.output_dim if reads_output else site.input_dim
        return LoraDelta(
            input_dim,
            site.output_dim,
            rank,
            scale=options.scale_factor(rank),
            bound=bound_of(options.init, input_dim, rank),
            reads_output=reads_output,
            generator=context.generator,
        )


class LoraQueryValue(Lora):
    """LoRA at q and v only: what the released code calls plain LoRA."""

    Options: ClassVar[type[Settings]] = LoraQueryValueOptions
    description: ClassVar[str] = "LoRA at q and v only"
    learning_rate: ClassVar[float] = 0.03
