"""Before a sweep starts: do weights, positions and recipes fit, and is there a remark on them?

A misfit would otherwise show as one failed cell after another. What was found to fit is
remembered in the cache, so that torch is loaded for it only once.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING

import rsbench
from rsbench import registry
from rsbench.atomic import write_file
from rsbench.errors import PluginError, RsbenchError
from rsbench.foreign import contained
from rsbench.heldout import check_split, split_train
from rsbench.method import FittedMethod
from rsbench.plan import CellRun, silent
from rsbench.sources import Activity, checked_options
from rsbench.wording import counted

if TYPE_CHECKING:
    from torch import nn

    from rsbench.backbone import Backbone
    from rsbench.cell import Cell
    from rsbench.folders import Folders
    from rsbench.plan import Plan

_log = logging.getLogger("rsbench")

#: A training of fewer steps is remarked on: the methods' learning rates were tried on hundreds.
FEW_STEPS = 50


def check_fit(runs: Iterable[CellRun], folders: Folders, activity: Activity = silent) -> None:
    """Build each distinct backbone once and attach each distinct method to it.

    What a plugin raises that is none of rsbench's errors is left to its cells, with a warning.

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
            fits = _attach_all([run.cell for run in cells], folders)
        if not fits:
            continue
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
    remarks: defaultdict[str, list[str]] = defaultdict(list)
    samples: dict[tuple[int, str], int] = {}
    for each in plan.cells:
        cell = each.cell
        if each.run is None or each.run.id not in ids:
            continue
        target, kept_side = plan.stores[each.settings]
        key = (id(target), cell.recipe.model_dump_json())
        if key not in samples:
            split = split_train(target.train.labels, cell.recipe)
            check_split(split, target, cell.recipe)
            samples[key] = len(split.train)
        for remark in _remarks(cell, samples[key], kept_side):
            remarks[remark].append(cell.label)
    return dict(remarks)


def _remarks(cell: Cell, samples: int, kept_side: int) -> Iterator[str]:
    """What to say of a cell with so many training images, kept at this short side at most."""
    recipe = cell.recipe
    if kept_side > recipe.stored_side:
        yield (
            f"images are kept at a short side of {kept_side} pixels, as the test needs, not of "
            f"{recipe.stored_side} (recipe.stored_side)"
        )
    if is_fitted(cell):
        return
    steps = recipe.epochs * math.ceil(samples / recipe.batch_size)
    if steps < FEW_STEPS:
        yield (
            f"{counted(steps, 'training step')} in all ({samples:,} images, batches of "
            f"{recipe.batch_size}, {counted(recipe.epochs, 'epoch')}): rates are meant for many "
            "more; more epochs or a smaller recipe.batch_size give them"
        )
    if cell.metapeft is None:
        return
    kind = registry.strategy_class(cell.metapeft.kind)
    strategy = kind(checked_options(kind.Options, cell.metapeft))
    try:
        with contained(f"reviewing {cell.full_method}"):
            yield from strategy.review(samples, recipe)
    except RsbenchError as error:
        what = f"{cell.label}: {error.what}"
        raise type(error)(what, where=error.where, remedy=error.remedy) from error


def is_fitted(cell: Cell) -> bool:
    """Whether the cell's head is fitted, not trained: such take seconds."""
    return issubclass(registry.method_class(cell.method.kind), FittedMethod)


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


def _attach_all(cells: list[Cell], folders: Folders) -> bool:
    """Whether all went well; where not, a plugin is at fault, and its cells will say so."""
    import torch

    from rsbench.training.isolation import own_state

    with own_state(0, torch.get_num_threads()):
        return _all_fit(cells, folders)


def _all_fit(cells: list[Cell], folders: Folders) -> bool:
    built: tuple[Backbone, nn.Module] | None = None
    failed = False
    for cell in cells:
        try:
            built = built or _built(cell, folders)
            _attach(cell, *built)
        except PluginError as error:
            _log.warning("%s; these cells will fail", error.what)
            built, failed = None, True  # the network may be half changed
    return not failed


def _attach(cell: Cell, backbone: Backbone, network: nn.Module) -> None:
    """Attach the cell's method, ask its strategy, and detach again."""
    from rsbench.training.model import attach_method, make_method

    label = f"{cell.full_method} on {cell.backbone.name}"
    try:
        with contained(f"attaching {label}"):
            attachment = attach_method(make_method(cell), 0, backbone, network, number_of_classes=2)
            try:
                if cell.metapeft is not None:
                    strategy = registry.strategy_class(cell.metapeft.kind)
                    strategy(checked_options(strategy.Options, cell.metapeft)).check(attachment)
            finally:
                attachment.detach()
    except PluginError:
        raise
    except RsbenchError as error:
        what = f"{label}: {error.what}"
        raise type(error)(what, where=error.where, remedy=error.remedy) from error


def _built(cell: Cell, folders: Folders) -> tuple[Backbone, nn.Module]:
    kind = registry.backbone_class(cell.backbone.kind)
    options = checked_options(kind.Options, cell.backbone)
    with contained(f"building {cell.backbone.name}"):
        backbone = kind.open(cell.backbone.name, options, folders)
        return backbone, backbone.build()
