"""Expand a matrix into cells, with every option of every plugin validated and filled in."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from rsbench.cell import Cell
from rsbench.errors import SettingsError
from rsbench.matrix import MatrixWarning
from rsbench.matrix.cells import CellBuilder
from rsbench.matrix.combinations import all_labels, kept_labels, number_of_labels
from rsbench.matrix.definitions import resolve_definitions
from rsbench.matrix.load import Matrix
from rsbench.matrix.problems import Problems
from rsbench.matrix.rules import check_rules, without_effect

#: More would take years, and hours to list.
MOST_CELLS = 100_000


def expand(matrix: Matrix, seeds: Sequence[int] | None = None) -> tuple[Cell, ...]:
    """Every cell of ``matrix``, ordered by target, backbone, seed, axes and method.

    Labels keep the order of the file, seeds ascend. Neighbouring cells share target and
    backbone, and a sweep that is cut short has whole seeds. Cells at different values of an axis
    may have the same settings: they are trained once, and each has its place in the tables.

    Args:
        matrix: a loaded matrix.
        seeds: used instead of the seeds of the matrix and of its ``include`` blocks.

    Raises:
        MatrixError: an unknown plugin, a wrong option, a label with two meanings, a rule
            with an unknown label, or no cell left.
        SettingsError: ``seeds`` is empty or holds a negative number.

    Warns:
        MatrixWarning: a rule that is valid matches no cell, or an axis changes nothing.
    """
    if seeds is not None and (not seeds or min(seeds) < 0):
        raise SettingsError("seeds must be whole numbers from 0", remedy="for example --seeds 0,1")
    document, problems = matrix.document, Problems(matrix.source)
    definitions = resolve_definitions(document, problems)
    problems.raise_if_any()
    check_rules(matrix, definitions, problems)
    problems.raise_if_any()
    named = number_of_labels(document, seeds)
    if named > MOST_CELLS:
        problems.add(
            (),
            f"the matrix names {named:,} cells before 'exclude'; there may be {MOST_CELLS:,}",
            "give axes fewer values, or fewer seeds",
        )
        problems.raise_if_any()
    kept = kept_labels(document, all_labels(document, seeds))
    if not kept:
        problems.add(("exclude",), "no cell is left", "exclude less")
    builder = CellBuilder(document, definitions, problems)
    cells = tuple(builder.build(labels) for labels in kept)
    problems.raise_if_any()
    for path, text in without_effect(matrix, definitions, cells):
        where, place = matrix.source.where(path), matrix.source.dotted(path)
        warnings.warn(f"{where}: {place} {text}", MatrixWarning, stacklevel=2)
    return cells
