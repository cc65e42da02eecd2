"""VPT-shallow and VPT-deep as methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from rsbench.errors import PositionError
from rsbench.method import AttachContext, Method
from rsbench.settings import Settings
from rsbench.where import BlockChoice

if TYPE_CHECKING:
    import torch
    from torch import nn

    from rsbench.insertion import Attachment, Site
    from rsbench_baselines.vpt.layers import Prompts


class VptOptions(Settings):
    """Number of prompts and the blocks that see them (paper section 1.3)."""

    prompts: Annotated[int, Field(ge=1, le=1000)] = 10
    """Prompts per sequence; published ones are up to 200."""
    blocks: BlockChoice = "all"
    """Deep: blocks that get prompts of their own. Shallow: a run of blocks; prompts enter at the
    first and are cut off after the last."""


class VptDeep(Method):
    """Every chosen block gets new prompts, which are cut off behind it."""

    Options: ClassVar[type[Settings]] = VptOptions
    description: ClassVar[str] = "VPT-deep: 10 trained tokens per block"
    learning_rate: ClassVar[float] = 0.02
    unmergeable: ClassVar[str] = (
        "its prompts are tokens beside those of the image, which no weights of the backbone hold"
    )
    options: VptOptions

    def attach(
        self, network: nn.Module, sites: Sequence[Site], context: AttachContext
    ) -> Attachment:
        """Append prompts at every chosen block.

        Raises:
            PositionError: a block that the backbone does not have, or a backbone without a
                token sequence.
        """
        from rsbench.insertion import Attachment, choose_sites

        chosen = choose_sites(sites, "tokens", ("prompt",), self.options.blocks)
        modules = {site: self._prompts(site, None, context.generator) for site in chosen}
        return Attachment(network, modules, sites=sites)

    def _prompts(self, site: Site, last_block: int | None, generator: torch.Generator) -> Prompts:
        from rsbench_baselines.vpt.layers import Prompts

        return Prompts(
            self.options.prompts,
            site.output_dim,
            site.input_dim,
            last_block=last_block,
            generator=generator,
        )


class VptShallow(VptDeep):
    """One set of prompts that enters before the first block and flows through all."""

    description: ClassVar[str] = "VPT-shallow: 10 trained tokens that flow through all blocks"
    learning_rate: ClassVar[float] = 0.05

    def attach(
        self, network: nn.Module, sites: Sequence[Site], context: AttachContext
    ) -> Attachment:
        """Append prompts at the first chosen block, and cut them off after the last.

        Raises:
            PositionError: the blocks are no run, the backbone does not have them, or it has no
                token sequence.
        """
        from rsbench.insertion import Attachment, choose_sites

        chosen = choose_sites(sites, "tokens", ("prompt",), self.options.blocks)
        first, last = chosen[0], chosen[-1]
        if last.block - first.block != len(chosen) - 1:
            raise PositionError(
                f"vpt_shallow: blocks {self.options.blocks!r} are no run of neighbours",
                remedy="its prompts flow from block to block: write for example blocks: 3-5, or "
                "use vpt_deep",
            )
        prompts = self._prompts(first, last.block, context.generator)
        return Attachment(network, {first: prompts}, sites=sites)
