"""Before a sweep starts: do weights, positions and recipes fit, and is there a remark on them?

A misfit would otherwise show as one failed cell after another. What was found to fit is
remembered in the cache, so that torch is loaded for it only once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from importlib.metadata import version
from typing import TYPE_CHECKING

import rsbench
from rsbench import registry
from rsbench.atomic import write_file
from rsbench.errors import RsbenchError
from rsbench.heldout import check_split, split_train
from rsbench.plan import CellRun, silent
from rsbench.sources import Activity, checked_options

if TYPE_CHECKING:
    from torch import nn

    from rsbench.backbone import Backbone
    from rsbench.cell import Cell
    from rsbench.folders import Folders
    from rsbench.plan import Plan


def check_fit(runs: Iterable[CellRun], folders: Folders, activity: Activity = silent) -> None:
    """Build each distinct backbone once and attach each distinct method to it.

    Args:
        runs: the cells that are about to be trained.
        folders: where weights and the memory of this check lie.
        activity: shows what takes a while.

    Raises:
        CheckpointError: a weights file is damaged or does not fit its architecture.
        PositionError: a method asks for a position or block that the backbone does not have.
        SettingsError: a training strategy cannot train a method.
    """
    for cells in _by_backbone(runs):
        mark = folders.cache / "fits" / _digest(cells)
        if mark.exists():
            continue
        with activity(f"checking that {cells[0].cell.backbone.name} fits its weights"):
            _attach_all([run.cell for run in cells], folders)
        try:
            write_file(mark, b"")
        except OSError as error:
            raise RsbenchError(
                f"the cache cannot be written: {error}",
                where=folders.cache,
                remedy="name another folder with --cache-dir or RSBENCH_CACHE",
            ) from error


def review(plan: Plan, ids: Collection[str]) -> dict[str, list[str]]:
    """Check the recipes of cells that are about to be trained, and ask their training strategies.

    Args:
        plan: the plan that the cells are of.
        ids: the cells.

    Returns:
        Labels of the cells that a remark is about, by remark.

    Raises:
        SettingsError: a strategy cannot train by the recipe of a cell, or the slice that it holds
            out cannot be; the cell or the target is named.
    """
    remarks: dict[str, list[str]] = {}
    samples: dict[tuple[int, str], int] = {}
    for each in plan.cells:
        cell = each.cell
        if each.run is None or each.run.id not in ids:
            continue
        target, _ = plan.stores[each.settings]
        key = (id(target), cell.recipe.model_dump_json())
        if key not in samples:
            split = split_train(target.train.labels, cell.recipe)
            check_split(split, target, cell.recipe)
            samples[key] = len(split.train)
        if cell.metapeft is None:
            continue
        kind = registry.strategy_class(cell.metapeft.kind)
        strategy = kind(checked_options(kind.Options, cell.metapeft))
        try:
            found = strategy.review(samples[key], cell.recipe)
        except RsbenchError as error:
            what = f"{cell.label}: {error.what}"
            raise type(error)(what, where=error.where, remedy=error.remedy) from error
        for remark in found:
            remarks.setdefault(remark, []).append(cell.label)
    return remarks


def _by_backbone(runs: Iterable[CellRun]) -> list[list[CellRun]]:
    """One cell per backbone, method and strategy, grouped by backbone."""
    groups: dict[str, dict[str, CellRun]] = {}
    for run in runs:
        methods = groups.setdefault(run.cell.backbone.model_dump_json(), {})
        strategy = "" if run.cell.metapeft is None else run.cell.metapeft.model_dump_json()
        methods.setdefault(run.cell.method.model_dump_json() + strategy, run)
    return [list(methods.values()) for methods in groups.values()]


def _digest(runs: list[CellRun]) -> str:
    names = ("backbone", "method", "metapeft", "code")
    fields = [[run.identity.get(name) for name in names] for run in runs]
    text = json.dumps([rsbench.__version__, version("torch"), fields], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _attach_all(cells: list[Cell], folders: Folders) -> None:
    backbone = _open(cells[0], folders)
    network = backbone.build()
    for cell in cells:
        try:
            _attach(cell, backbone, network)
        except RsbenchError as error:
            what = f"{cell.full_method} on {cell.backbone.name}: {error.what}"
            raise type(error)(what, where=error.where, remedy=error.remedy) from error


def _attach(cell: Cell, backbone: Backbone, network: nn.Module) -> None:
    """Attach the cell's method, ask its strategy, and detach again."""
    from rsbench.training.model import attach_method, make_method

    attachment = attach_method(make_method(cell), 0, backbone, network, number_of_classes=2)
    try:
        if cell.metapeft is not None:
            strategy = registry.strategy_class(cell.metapeft.kind)
            strategy(checked_options(strategy.Options, cell.metapeft)).check(attachment)
    finally:
        attachment.detach()


def _open(cell: Cell, folders: Folders) -> Backbone:
    kind = registry.backbone_class(cell.backbone.kind)
    return kind.open(cell.backbone.name, checked_options(kind.Options, cell.backbone), folders)
