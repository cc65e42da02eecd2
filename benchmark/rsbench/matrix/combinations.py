"""The labels of all cells of a matrix: the product of its axes, with ``include``, in order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rsbench.matrix.entries import MethodEntry, PluginEntry
from rsbench.matrix.labels import Labels, matches
from rsbench.matrix.schema import Block, MatrixDocument


def all_labels(document: MatrixDocument, seeds: Sequence[int] | None = None) -> list[Labels]:
    """The labels of all cells, before ``exclude``, each once.

    Ordered by target, backbone, seed, axes and method: labels by appearance, seeds ascending, so
    that a sweep that is cut short has whole seeds, and a method and its MetaPEFT version are
    neighbours.

    A plain method has no place on an axis that is about MetaPEFT alone (``metapeft_axes``): it
    would be the same cell at each of its values.

    Args:
        document: the matrix.
        seeds: in place of those of the matrix and of its ``include`` blocks.
    """
    found: dict[Labels, None] = {}
    for block in (None, *document.include):
        targets, backbones, used_seeds, methods = _parts(document, block, seeds)
        for target, backbone, seed, (method, places) in itertools.product(
            targets, backbones, used_seeds, _methods_with_places(document, methods, block)
        ):
            labels = Labels(
                target.name, backbone.name, method.name, method.metapeft is not None, seed, places
            )
            found[labels] = None
    return _in_order(found, document)


def number_of_labels(document: MatrixDocument, seeds: Sequence[int] | None = None) -> int:
    """How many labels ``all_labels`` would go through, without going through them."""
    total = 0
    for block in (None, *document.include):
        targets, backbones, used_seeds, methods = _parts(document, block, seeds)
        places = sum(
            math.prod(map(len, axes.values())) for _, axes in _methods(document, methods, block)
        )
        total += len(targets) * len(backbones) * len(used_seeds) * places
    return total


def _parts(
    document: MatrixDocument, block: Block | None, seeds: Sequence[int] | None
) -> tuple[Sequence[PluginEntry], Sequence[PluginEntry], Sequence[int], Sequence[MethodEntry]]:
    """Targets, backbones, seeds and methods of the matrix or of a block."""
    return (
        (block and block.targets) or document.targets,
        (block and block.backbones) or document.backbones,
        seeds or (block and block.seeds) or document.seeds,
        (block and block.methods) or document.methods,
    )


def kept_labels(document: MatrixDocument, labels: Iterable[Labels]) -> list[Labels]:
    """Those of ``labels`` that no ``exclude`` rule matches."""
    return [
        each
        for each in labels
        if not any(matches(conditions, each) for conditions in document.exclude)
    ]


def metapeft_axes(document: MatrixDocument) -> set[str]:
    """The axes that change nothing but options of MetaPEFT.

    Neither their values nor an override that names them state anything for recipe or method.
    """
    named = {
        name
        for override in document.overrides
        if override.recipe.model_fields_set or override.method
        for name in override.when.axes
    }
    return {
        name
        for name, values in document.axes.items()
        if name not in named
        and not any(each.recipe.model_fields_set or each.method for each in values.values())
    }


def _methods_with_places(
    document: MatrixDocument, methods: Sequence[MethodEntry], block: Block | None
) -> Iterator[tuple[MethodEntry, tuple[tuple[str, str], ...]]]:
    """Each method at each of its places on the axes."""
    for method, axes in _methods(document, methods, block):
        for place in itertools.product(*axes.values()):
            yield method, tuple(zip(axes, place, strict=True))


def _methods(
    document: MatrixDocument, methods: Sequence[MethodEntry], block: Block | None
) -> Iterator[tuple[MethodEntry, Mapping[str, Sequence[str]]]]:
    """Each method with the values of the axes that it has a place on."""
    values = _values(document, block)
    only_metapeft = metapeft_axes(document)
    for method in methods:
        yield (
            method,
            {
                name: listed
                for name, listed in values.items()
                if method.metapeft is not None or name not in only_metapeft
            },
        )


def _values(document: MatrixDocument, block: Block | None) -> Mapping[str, Sequence[str]]:
    """The values of each axis that the block's cells have; what the matrix lacks is left out."""
    if block is None or block.axes is None:
        return {name: tuple(values) for name, values in document.axes.items()}
    return {
        name: [value for value in values if value in block.axes[name]]
        for name, values in document.axes.items()
        if name in block.axes
    }


def _in_order(labels: Iterable[Labels], document: MatrixDocument) -> list[Labels]:
    listed = list(labels)
    targets = _ranks(each.target for each in listed)
    backbones = _ranks(each.backbone for each in listed)
    methods = _ranks(each.method_names[-1] for each in listed)
    places = {name: _ranks(values) for name, values in document.axes.items()}

    def key(each: Labels) -> tuple[int, int, int, tuple[int, ...], int]:
        own = dict(each.axes)
        # a cell without a place on an axis is a reference for the others and comes first
        axes = tuple(ranks[own[name]] if name in own else -1 for name, ranks in places.items())
        method = methods[each.method_names[-1]]
        return targets[each.target], backbones[each.backbone], each.seed, axes, method

    return sorted(listed, key=key)


def _ranks(values: Iterable[str]) -> dict[str, int]:
    return {value: rank for rank, value in enumerate(dict.fromkeys(values))}
