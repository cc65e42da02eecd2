"""Whether a row of a run is a reproduction of the paper, and if not, why."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rsbench.published.reproduction import name_of
from rsbench.where import choose_blocks

if TYPE_CHECKING:
    from rsbench.published import Reproduction
    from rsbench.published.reproduction import Allowed, PublishedTarget
    from rsbench.record import Record
    from rsbench.report.rows import Row
    from rsbench.settings import PluginChoice


@dataclass(frozen=True)
class Facts:
    """What a row is, in the words of the published numbers.

    Attributes:
        target: published name of the target.
        backbone: published name of the backbone.
        method: published name of the method; "" for one that the paper does not report.
        metapeft: whether MetaPEFT trained the scales.
        positions: where modules were inserted.
        blocks: indices of the blocks with modules.
        depth: number of blocks.
        scale: alpha / r, or None for a method without.
        standard_scale: whether alpha has a value that the released code uses by default.
        standard_rank: whether the rank is that of the released rule.
        ratio: sampling ratio of MetaPEFT, None for the plain method.
    """

    target: str
    backbone: str
    method: str
    metapeft: bool
    positions: frozenset[str]
    blocks: tuple[int, ...]
    depth: int
    scale: float | None
    standard_scale: bool
    standard_rank: bool
    ratio: float | None


def refusals(row: Row, published: Reproduction) -> tuple[str, ...]:
    """Why the row is no reproduction, one sentence each; empty where it is one.

    Of a row whose target or backbone is another one the settings are not gone through: nothing
    is published that they could differ from.
    """
    record = row.first
    told = dict.fromkeys(text for each in row.records for text in each.disclaimers)
    reasons = [
        *_target(record, published),
        *_backbone(record, published),
        *(f"the record says: {text}" for text in told),
    ]
    if not _stands_in(record, published):
        reasons += _settings(record, published)
    return tuple(dict.fromkeys(reasons))


def _stands_in(record: Record, published: Reproduction) -> bool:
    cell = record.cell
    names = (
        name_of(published.targets, cell.target.kind),
        name_of(published.backbones, cell.backbone.kind),
    )
    return None in names


def _settings(record: Record, published: Reproduction) -> list[str]:
    reasons: list[str] = []
    method = name_of(published.methods, record.cell.method.kind)
    if method is not None:
        options = record.cell.method.options
        allowed = published.methods[method].options
        reasons += _unlike(options, allowed, f"method {record.cell.method.kind}: ")
    if record.cell.metapeft is not None:
        reasons += _unlike(record.cell.metapeft.options, published.metapeft, "metapeft: ")
    reasons += _unlike(record.cell.recipe.model_dump(mode="json"), published.recipe, "recipe: ")
    return reasons


def facts_of(row: Row, published: Reproduction) -> Facts:
    """The facts of a row that is a reproduction."""
    cell = row.first.cell
    target = name_of(published.targets, cell.target.kind) or ""
    backbone = name_of(published.backbones, cell.backbone.kind) or ""
    depth = published.backbones[backbone].depth
    options = cell.method.options
    blocks: Any = options.get("blocks", "all")
    rank, alpha = options.get("rank"), options.get("alpha")
    by_rule = published.targets[target].rank
    return Facts(
        target=target,
        backbone=backbone,
        method=name_of(published.methods, cell.method.kind) or "",
        metapeft=cell.metapeft is not None,
        positions=frozenset(_texts(options.get("positions"))),
        blocks=choose_blocks(tuple(blocks) if isinstance(blocks, list) else blocks, depth),
        depth=depth,
        scale=_scale(alpha, by_rule if rank == "rule" else rank),
        standard_scale=alpha in (None, 1, "rank"),
        standard_rank=rank in (None, "rule", by_rule),
        ratio=None if cell.metapeft is None else _number(cell.metapeft.options.get("ratio")),
    )


def power_of_two(scale: float | None) -> float | None:
    """Binary logarithm of a scale."""
    return math.log2(scale) if scale else None


def _texts(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else []


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _scale(alpha: Any, rank: Any) -> float | None:
    if alpha == "rank":
        return 1.0
    above, below = _number(alpha), _number(rank)
    return above / below if above is not None and below else None


def _target(record: Record, published: Reproduction) -> Iterator[str]:
    choice = record.cell.target
    name = name_of(published.targets, choice.kind)
    if name is None:
        known = ", ".join(kind for part in published.targets.values() for kind in part.kinds)
        yield f"the target {_named(choice)} is none of the paper's ({known})"
        return
    facts = published.targets[name]
    yield from _classes(record, facts)
    yield from _unlike(choice.options, facts.options, f"target {choice.kind}: ")
    epochs = record.cell.recipe.epochs
    if epochs not in facts.epochs:
        few = "fewer" if epochs < min(facts.epochs) else "other"
        yield (
            f"recipe: epochs is {epochs}, {few} than the published "
            f"{_alternatives(facts.epochs)} on {choice.kind}"
        )


def _named(choice: PluginChoice) -> str:
    """The label that tables have, with the kind where that is another word."""
    return choice.name if choice.name == choice.kind else f"{choice.name} ({choice.kind})"


def _classes(record: Record, facts: PublishedTarget) -> Iterator[str]:
    kind, classes = record.cell.target.kind, len(record.class_names)
    if classes != facts.classes:
        yield f"target {kind}: {classes} classes; in the paper {facts.classes}"
        return
    sizes = tuple(len(record.groups.get(name, ())) for name in ("head", "medium", "tail"))
    if facts.groups is not None and sizes != facts.groups:
        found, wanted = (" / ".join(map(str, each)) for each in (sizes, facts.groups))
        yield f"target {kind}: {found} head / medium / tail classes; in the paper {wanted}"


def _backbone(record: Record, published: Reproduction) -> Iterator[str]:
    choice = record.cell.backbone
    target = name_of(published.targets, record.cell.target.kind)
    wanted = list(published.backbones) if target is None else [published.transfers[target]]
    kinds = [kind for name in wanted for kind in published.backbones[name].kinds]
    if choice.kind not in kinds:
        where = "in the paper" if target is None else f"on {target} in the paper"
        yield (
            f"the backbone {_named(choice)} stands in for another one: {where} it is "
            f"{' or '.join(kinds)}"
        )
        return
    name = name_of(published.backbones, choice.kind)
    if name is not None:
        allowed = published.backbones[name].options
        yield from _unlike(choice.options, allowed, f"backbone {choice.kind}: ")


def _unlike(options: Any, allowed: Allowed, owner: str) -> list[str]:
    """A sentence for each field without one of its allowed values."""
    found = {path: _field(options, path) for path in allowed}
    return [
        f"{owner}{path} is {_shown(found[path])}; in the paper {_alternatives(values)}"
        for path, values in allowed.items()
        if found[path] not in values
    ]


def _field(options: Any, path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    for name in path.split("."):
        options = options.get(name) if isinstance(options, dict) else None
    return options


def _alternatives(values: Any) -> str:
    return " or ".join(_shown(each) for each in values if each is not None) or "the declared one"


def _shown(value: Any) -> str:
    if value is None:
        return "not stated"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value)
