"""What is wrong with the rules of a matrix, and which of them have no effect.

A rule that a matrix takes over from the one that it extends, or that a stage brings along, may
name labels that are not there any more: it then matches nothing, without error or warning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from rsbench import registry
from rsbench.cell import Cell
from rsbench.matrix.combinations import all_labels, kept_labels
from rsbench.matrix.definitions import Definitions
from rsbench.matrix.entries import METAPEFT_SUFFIX
from rsbench.matrix.labels import matches
from rsbench.matrix.load import Matrix
from rsbench.matrix.located import KeyPath
from rsbench.matrix.problems import Problems
from rsbench.matrix.schema import Conditions, MatrixDocument
from rsbench.wording import near_names

Effect = tuple[KeyPath, str]


def check_rules(matrix: Matrix, definitions: Definitions, problems: Problems) -> None:
    """Report labels in conditions, in ``include`` and in ``defaults`` that nothing has."""
    document, known = matrix.document, known_labels(definitions)
    for path, conditions in _rules(document):
        stated = {axis: getattr(conditions, axis) or () for axis in known}
        for axis, labels in stated.items():
            _check_known((*path, axis), axis, labels, known[axis], problems)
        _check_values(document, path, conditions.axes, problems)
    for number, block in enumerate(document.include):
        _check_values(document, ("include", number, "axes"), block.axes or {}, problems)
    kinds = registry.names("rsbench.methods")
    for kind in document.defaults:
        if kind not in kinds and not matrix.source.inherited(("defaults", kind)):
            text = f"there is no kind of method called {kind!r}"
            problems.add(("defaults", kind), text, near_names(kind, kinds))


def known_labels(definitions: Definitions) -> dict[str, list[str]]:
    """Labels by condition: what a rule may name."""
    with_metapeft = [name + METAPEFT_SUFFIX for name in definitions.metapeft]
    return {
        "target": list(definitions.targets),
        "backbone": list(definitions.backbones),
        "method": [*definitions.methods, *with_metapeft],
    }


def _rules(document: MatrixDocument) -> list[tuple[KeyPath, Conditions]]:
    overrides = [
        (("overrides", number, "when"), each.when) for number, each in enumerate(document.overrides)
    ]
    excludes = [(("exclude", number), each) for number, each in enumerate(document.exclude)]
    return [*overrides, *excludes]


def _check_values(
    document: MatrixDocument,
    path: KeyPath,
    stated: dict[str, tuple[str, ...]],
    problems: Problems,
) -> None:
    for name, values in stated.items():
        if name in document.axes:  # names were checked when the matrix was loaded
            _check_known((*path, name), name, values, list(document.axes[name]), problems)


def _check_known(
    path: KeyPath, axis: str, labels: Sequence[str], known: list[str], problems: Problems
) -> None:
    if problems.source.inherited(path):
        return
    for label in labels:
        if label not in known:
            problems.add(
                path, f"no {axis} of this matrix is called {label!r}", near_names(label, known)
            )


def without_effect(
    matrix: Matrix, definitions: Definitions, cells: Sequence[Cell], *, inherited: bool = False
) -> Iterator[Effect]:
    """Rules and axes that change nothing.

    Rules are judged with the seeds that the matrix itself states, and overrides on the cells
    that ``exclude`` leaves.

    Args:
        matrix: the matrix.
        definitions: of its labels.
        cells: its cells.
        inherited: yield those that were taken over from another document, not its own.
    """
    found = [*_rules_without_effect(matrix.document), *_axes_without_effect(matrix, cells)]
    if matrix.document.metapeft and definitions.strategy is None:
        found.append((("metapeft",), "has no effect: no method of this matrix uses MetaPEFT"))
    yield from (each for each in found if matrix.source.inherited(each[0]) == inherited)


def _rules_without_effect(document: MatrixDocument) -> Iterator[Effect]:
    every = all_labels(document)
    kept = kept_labels(document, every)
    for path, conditions in _rules(document):
        cells = kept if path[0] == "overrides" else every
        if not any(matches(conditions, labels) for labels in cells):
            yield path, "matches no cell and has no effect"
    for number, override in enumerate(document.overrides):
        used = any(each.metapeft and matches(override.when, each) for each in kept)
        if override.metapeft and not used:
            path = ("overrides", number, "metapeft")
            yield path, "has no effect: no cell it matches uses MetaPEFT"


def _axes_without_effect(matrix: Matrix, cells: Sequence[Cell]) -> Iterator[Effect]:
    """Axes along which no cell differs from another one."""
    settings = [cell.settings_json() for cell in cells] if matrix.document.axes else []
    for name in matrix.document.axes:
        groups: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for cell, setting in zip(cells, settings, strict=bool(settings)):
            if name in cell.axes:
                groups[_elsewhere(cell, name)][cell.axes[name]] = setting
        several = [each for each in groups.values() if len(each) > 1]
        if not groups:
            yield ("axes", name), "has no effect: no cell has a place on it"
        elif several and all(len(set(each.values())) == 1 for each in several):
            text = "has no effect: cells have the same settings at each of its values"
            yield ("axes", name), text


def _elsewhere(cell: Cell, axis: str) -> str:
    """The cell's label without its place on one axis."""
    others = {name: value for name, value in cell.axes.items() if name != axis}
    return cell.model_copy(update={"axes": others}).label
