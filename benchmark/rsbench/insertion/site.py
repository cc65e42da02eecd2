"""Where a module may be inserted: a position in a block of the network (paper section 1.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from rsbench import registry
from rsbench.errors import PositionError
from rsbench.where import BlockChoice, choose_blocks

SiteKind = Literal["linear", "bias", "branch", "tokens"]

#: What a site of each kind is, in the words of an error message.
KINDS: dict[SiteKind, str] = {
    "linear": "a linear layer whose output takes a delta",
    "bias": "a bias",
    "branch": "a residual branch that takes an adapter",
    "tokens": "a token sequence that every attention of the block sees whole",
}


@dataclass(frozen=True)
class Site:
    """One place where a module can be inserted.

    Attributes:
        block: 0-based index of the block, counted over the whole network.
        position: the field's name of the position. By kind, linear: q, k, v, out, mlp1, mlp2;
            bias: ln1, qkv, out, ln2, mlp1, mlp2; branch: attn, ffn; tokens: prompt.
        layer: dotted name of the module whose output the inserted module adds to; for tokens
            that of the block itself.
        input_dim: width of the layer's input; for tokens the number of values in one image
            patch.
        output_dim: number of the layer's output channels that belong to this site; for
            tokens their width.
        output_start: first of these channels. A fused projection holds several sites.
        kind: see ``KINDS``.
        source: branch: dotted name of the module whose input is the branch's own, before its
            normalisation; tokens: that of the attention, which takes ``attn_mask`` and, with
            rotary positions, ``rope``: sines, then cosines, of the tokens behind the prefix.
    """

    block: int
    position: str
    layer: str
    input_dim: int
    output_dim: int
    output_start: int = 0
    kind: SiteKind = "linear"
    source: str = ""

    @property
    def key(self) -> str:
        """Text that names the site in state dicts and tables, e.g. ``block3_q``."""
        return f"block{self.block}_{self.position}"


class NoSites(tuple[Site, ...]):
    """No site at all, and why: methods that insert nothing can use the backbone all the same.

    Attributes:
        why: what the network lacks.
        instead: which networks have sites, as advice.
    """

    why: str
    instead: str

    def __new__(cls, why: str, instead: str) -> Self:
        """An empty tuple with the reason."""
        made = super().__new__(cls)
        made.why, made.instead = why, instead
        return made


def choose_sites(
    sites: Sequence[Site], kind: SiteKind, positions: Sequence[str], blocks: BlockChoice
) -> list[Site]:
    """The sites of one kind at ``positions`` of ``blocks``, in forward order.

    Raises:
        PositionError: a position or block that the backbone does not have; the ones it has
            are listed, or, where it has none, the methods that need none.
    """
    if not sites:
        raise _without_sites(sites)
    fitting = [site for site in sites if site.kind == kind]
    if not fitting:
        raise PositionError(
            f"this backbone has no site for the method: it needs {KINDS[kind]}",
            remedy=f"use a method for what the backbone has: {_summary(sites)}",
        )
    known = list(dict.fromkeys(site.position for site in fitting))
    unknown = [position for position in positions if position not in known]
    if unknown or not positions:
        raise PositionError(
            f"this backbone has no position {', '.join(unknown)}"
            if unknown
            else "no position given",
            remedy=f"choose from: {', '.join(known)}",
        )
    depth = 1 + max(site.block for site in sites)
    chosen = set(choose_blocks(blocks, depth))
    return [site for site in fitting if site.position in positions and site.block in chosen]


def _without_sites(sites: Sequence[Site]) -> PositionError:
    why = f": {sites.why}" if isinstance(sites, NoSites) else ""
    instead = f"; or {sites.instead}" if isinstance(sites, NoSites) else ""
    free = ", ".join(registry.methods_without_modules())
    return PositionError(
        f"this backbone has no insertion sites{why}",
        remedy=f"use a method that inserts nothing ({free}){instead}",
    )


def _summary(sites: Sequence[Site]) -> str:
    """Positions by kind, such as ``linear (mlp1, mlp2), bias (mlp1, mlp2)``."""
    by_kind = {
        kind: list(dict.fromkeys(site.position for site in sites if site.kind == kind))
        for kind in KINDS
    }
    listed = [f"{kind} ({', '.join(found)})" for kind, found in by_kind.items() if found]
    return ", ".join(listed) or "nothing"
