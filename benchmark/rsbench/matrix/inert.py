"""Take out of a merged matrix what it took over and has no use for.

A rule about labels that are not there any more is no mistake where a matrix or a stage was laid
over another one. In a file that stands alone it would be one.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

from rsbench.matrix.definitions import resolve_definitions
from rsbench.matrix.load import Matrix
from rsbench.matrix.located import KeyPath
from rsbench.matrix.problems import Problems
from rsbench.matrix.rules import known_labels, without_effect
from rsbench.matrix.schema import value_label


def without_inert(matrix: Matrix) -> dict[str, Any]:
    """The plain values of ``matrix`` without inherited rules that match no cell.

    Raises:
        MatrixError: a plugin is not known.
    """
    problems = Problems(matrix.source)
    definitions = resolve_definitions(matrix.document, problems)
    problems.raise_if_any()
    values: dict[str, Any] = copy.deepcopy(matrix.source.value)
    known = {**known_labels(definitions), **matrix.document.axis_values()}
    inert = {path for path, _ in without_effect(matrix, definitions, (), inherited=True)}
    if ("metapeft",) in inert:
        del values["metapeft"]
    for field in ("overrides", "exclude"):
        if field in values:
            values[field] = _rules(field, values[field], inert, known)
    if "include" in values:
        axes = matrix.document.axis_values()
        blocks = [_block(block, axes) for block in values["include"]]
        values["include"] = [block for block in blocks if block is not None]
    return values


def _rules(
    field: str,
    rules: list[dict[str, Any]],
    inert: Collection[KeyPath],
    known: Mapping[str, Collection[str]],
) -> list[dict[str, Any]]:
    kept = []
    for number, rule in enumerate(rules):
        place: KeyPath = (field, number, "when") if field == "overrides" else (field, number)
        if place in inert:
            continue
        if (field, number, "metapeft") in inert:
            del rule["metapeft"]
            if set(rule) == {"when"}:
                continue
        conditions = rule["when"] if field == "overrides" else rule
        for name in known.keys() & conditions.keys():
            conditions[name] = _known(conditions[name], known[name])
        kept.append(rule)
    return kept


def _known(stated: Any, known: Collection[str]) -> Any:
    if not isinstance(stated, list):
        return stated  # the rule matches a cell, so this is the label of one
    return [each for each in stated if value_label(each) in known]


def _block(block: dict[str, Any], axes: dict[str, tuple[str, ...]]) -> dict[str, Any] | None:
    """An ``include`` block with the axes and values that there are, or None without cells."""
    if block.get("axes") is None:
        return block
    kept: dict[str, Any] = {}
    for name, stated in block["axes"].items():
        if name in axes:
            listed = stated if isinstance(stated, list) else [stated]
            kept[name] = [each for each in listed if value_label(each) in axes[name]]
    return {**block, "axes": kept} if all(kept.values()) else None
