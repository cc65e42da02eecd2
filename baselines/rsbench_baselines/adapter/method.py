"""Adapter and AdaptFormer as methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from rsbench.method import AttachContext, Method
from rsbench.settings import Settings
from rsbench.where import BlockChoice
from rsbench_baselines.ranks import RankOptions

if TYPE_CHECKING:
    from torch import nn

    from rsbench.insertion import Attachment, Site
    from rsbench_baselines.adapter.layers import BottleneckDelta

Position = Literal["attn", "ffn"]


class AdapterOptions(RankOptions):
    """Where the bottleneck modules go and how wide they are (paper sections 1.3 to 1.5)."""

    positions: tuple[Position, ...] = ("ffn",)
    """Residual branches that get a module: ``ffn`` (paper), ``attn``, or both."""
    blocks: BlockChoice = "all"
    """Blocks that get one: all, [0, 1], 3-5, last:4, all but 9-11."""
    norm: bool = True
    """Whether the module has a LayerNorm at its input, as in the released code."""


class AdaptFormerOptions(AdapterOptions):
    """AdaptFormer's options."""

    scale: Literal["fixed", "learned"] = "fixed"
    """Whether alpha / r is fixed or only the start value of a trained scalar (released code).
    Fixed by default, plain and with MetaPEFT: a learned one would duplicate gamma (9.3)."""


class Adapter(Method):
    """Sequential: reads a residual branch's output and adds to it, before the residual sum."""

    Options: ClassVar[type[Settings]] = AdapterOptions
    description: ClassVar[str] = "Adapter: sequential bottleneck on the MLP's output"
    learning_rate: ClassVar[float] = 0.003
    unmergeable: ClassVar[str] = (
        "its bottleneck is nonlinear, so that no weights of the backbone compute the same"
    )
    reads_output: ClassVar[bool] = True
    options: AdapterOptions

    def attach(
        self, network: nn.Module, sites: Sequence[Site], context: AttachContext
    ) -> Attachment:
        """Insert one bottleneck per chosen branch; at the start all deltas are zero.

        Raises:
            PositionError: a position or block that the backbone does not have.
            SettingsError: a rank above the width of every chosen branch.
        """
        from rsbench.insertion import Attachment, choose_sites

        chosen = choose_sites(sites, "branch", self.options.positions, self.options.blocks)
        self.options.check_rank(site.output_dim for site in chosen)
        return Attachment(network, {site: self._delta(site, context) for site in chosen})

    def _delta(self, site: Site, context: AttachContext) -> BottleneckDelta:
        import torch
        from torch import nn

        from rsbench_baselines.adapter.layers import BottleneckDelta

        rank = self.options.resolved_rank(context.number_of_classes, context.depth)
        scale: float | nn.Parameter = self.options.scale_factor(rank)
        if self.learns_scale:
            scale = nn.Parameter(torch.tensor(scale))
        return BottleneckDelta(
            site.output_dim,
            rank,
            scale=scale,
            reads_output=self.reads_output,
            norm=self.options.norm,
            generator=context.generator,
        )

    @property
    def learns_scale(self) -> bool:
        """Whether the scale is a trained scalar."""
        return False


class AdaptFormer(Adapter):
    """Parallel: reads a residual branch's un-normalised input, adds to its output."""

    Options: ClassVar[type[Settings]] = AdaptFormerOptions
    description: ClassVar[str] = "AdaptFormer: bottleneck parallel to LayerNorm and MLP"
    learning_rate: ClassVar[float] = 0.003
    reads_output: ClassVar[bool] = False
    options: AdaptFormerOptions

    @property
    def learns_scale(self) -> bool:
        """Whether the scale is a trained scalar."""
        return self.options.scale == "learned"
