"""From the cells of a matrix to what must be run: open the inputs once, hash, compare."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from rsbench import registry
from rsbench.cell import Cell, cell_id, identity
from rsbench.errors import PluginError
from rsbench.missing import check_problems
from rsbench.sources import Activity, Problem, Sources

if TYPE_CHECKING:
    from rsbench.backbone import Backbone
    from rsbench.folders import Folders
    from rsbench.store import ListedCell, RunFolder
    from rsbench.target import Progress, Target

_log = logging.getLogger("rsbench")

State = Literal["finished", "failed", "to run", "unknown"]


def silent(title: str) -> AbstractContextManager[Progress]:
    """The activity that shows nothing."""
    del title
    return nullcontext(_ignore)


def _ignore(done: int, total: int) -> None:
    """Take the counts of a step that is not shown."""


@dataclass(frozen=True)
class CellRun:
    """One cell that can be run: its inputs are known and hashed.

    Attributes:
        cell: the cell.
        id: its content hash.
        identity: the fields that were hashed.
    """

    cell: Cell
    id: str
    identity: dict[str, Any]


@dataclass(frozen=True)
class PlannedCell:
    """One cell of the matrix.

    Attributes:
        cell: the cell, with its labels; cells at different values of an axis may have the same
            settings, and then the same id.
        settings: digest of its settings.
        selected: whether this call is to run it (``--only`` may leave it out).
        run: the cell with its id, or None where an input cannot be opened.
    """

    cell: Cell
    settings: str
    selected: bool
    run: CellRun | None


@dataclass(frozen=True)
class Plan:
    """What a sweep would do.

    Attributes:
        cells: every cell of the matrix, in its order.
        problems: why inputs of selected cells cannot be used, each once.
        unprepared: targets of selected cells that a run would prepare first.
        stores: the target and the longest short side (pixels) of each decoded-image store that the
            cells need, by settings digest.
    """

    cells: tuple[PlannedCell, ...]
    problems: tuple[Problem, ...]
    unprepared: tuple[str, ...]
    stores: dict[str, tuple[Target, int]]

    def check(self) -> None:
        """Raise all problems together, before any work starts; see ``check_problems``."""
        check_problems(self.problems)

    def without_missing(self) -> tuple[Plan, tuple[PlannedCell, ...]]:
        """The plan without the cells whose data or weights are not here, and those cells.

        What is here but wrong stays a problem.
        """
        lacking = {(each.kind, each.name) for each in self.problems if each.missing}
        out = [
            each
            for each in self.cells
            if each.selected
            and each.run is None
            and lacking & {("target", each.cell.target.name), ("backbone", each.cell.backbone.name)}
        ]
        left_out = {each.settings for each in out}
        cells = tuple(
            replace(each, selected=False) if each.settings in left_out else each
            for each in self.cells
        )
        problems = tuple(each for each in self.problems if not each.missing)
        return replace(self, cells=cells, problems=problems), tuple(out)

    def runs(self) -> tuple[CellRun, ...]:
        """The selected cells that can be run, each id once, in order."""
        found = {each.run.id: each.run for each in self.cells if each.selected and each.run}
        return tuple(found.values())

    def listed(self, before: Iterable[ListedCell] = ()) -> tuple[ListedCell, ...]:
        """The cells for ``run.json``.

        Args:
            before: the list so far; a cell whose inputs are not here now keeps its id.
        """
        from rsbench.store import ListedCell

        known = {each.settings: each.id for each in before}
        rows: dict[tuple[Any, ...], int] = {}
        listed = []
        for each in self.cells:
            seedless = each.cell.model_copy(update={"seed": 0})
            row = (settings_digest(seedless), *seedless.axes.items())
            listed.append(
                ListedCell(
                    id=each.run.id if each.run else known.get(each.settings),
                    label=each.cell.label,
                    row=rows.setdefault(row, len(rows)),
                    settings=each.settings,
                    target=each.cell.target.name,
                    backbone=each.cell.backbone.name,
                    method=each.cell.method.name,
                    metapeft=each.cell.metapeft is not None,
                    full_method=each.cell.full_method,
                    seed=each.cell.seed,
                    axes=each.cell.axes,
                )
            )
        return tuple(listed)


def plan_cells(
    cells: Sequence[Cell],
    folders: Folders,
    *,
    selected: Sequence[Cell] | None = None,
    prepare: bool = True,
    activity: Activity = silent,
) -> Plan:
    """Open every distinct target and backbone once and hash the cells.

    Args:
        cells: all cells of the matrix.
        folders: where data and caches lie.
        selected: those of ``cells`` that are to run; None for all. The inputs of the others are
            opened where that is possible, so that ``run.json`` can list them.
        prepare: render the targets that prepare themselves where selected cells need them.
        activity: shows the preparation.

    Returns:
        The plan; inputs that cannot be opened are among its problems (see ``Plan.check``).
    """
    chosen = None if selected is None else {_labelled_digest(each) for each in selected}
    sources = Sources(folders, activity if prepare else None)
    ordered = sorted(
        ((chosen is None or _labelled_digest(cell) in chosen, cell) for cell in cells),
        key=lambda pair: not pair[0],
    )
    planned: dict[str, PlannedCell] = {}
    stores: dict[str, tuple[Target, int]] = {}
    for wanted, cell in ordered:
        digest = settings_digest(cell)
        opened = sources.of(cell, wanted)
        run = None
        if opened is not None:
            target, backbone = opened
            run = cell_run(cell, target, backbone)
            stores[digest] = (target, cell.recipe.stored_short_side(backbone.info.image_size))
        planned[_labelled_digest(cell)] = PlannedCell(cell, digest, wanted, run)
    in_order = tuple(planned[key] for key in map(_labelled_digest, cells))
    return Plan(in_order, tuple(sources.problems), tuple(sources.unprepared), stores)


def cell_run(cell: Cell, target: Target, backbone: Backbone) -> CellRun:
    """The cell with its id, now that its inputs are known."""
    fields = identity(cell, target.content_hash, backbone.info, code_of(cell))
    return CellRun(cell, cell_id(fields), fields)


def code_of(cell: Cell) -> dict[str, str]:
    """Digests of the plugin files that the cell's plugins come from; {} for installed ones."""
    choices = {
        "rsbench.datasets": cell.target,
        "rsbench.backbones": cell.backbone,
        "rsbench.methods": cell.method,
        "rsbench.strategies": cell.metapeft,
    }
    digests = {
        group: registry.code_digest(group, choice.kind) if choice else ""
        for group, choice in choices.items()
    }
    return {group: digest for group, digest in digests.items() if digest}


def settings_digest(cell: Cell) -> str:
    """First 16 hexadecimal digits of the SHA-256 of the cell's settings, data left aside.

    Labels of axes do not enter: cells that differ in nothing else have the same digest.
    """
    return hashlib.sha256(cell.settings_json().encode()).hexdigest()[:16]


def _labelled_digest(cell: Cell) -> str:
    """Tells apart cells of the same settings at different values of an axis."""
    return "/".join([settings_digest(cell), *(f"{n}={value}" for n, value in cell.axes.items())])


def state_of(planned: PlannedCell, folder: RunFolder) -> State:
    """What the run folder knows about a cell.

    Raises:
        RecordError: its record is damaged.
    """
    if planned.run is None:
        return "unknown"
    record = folder.record(planned.run.id)
    if record is None:
        return "to run"
    return record.status


def build_stores(
    plan: Plan, ids: Collection[str], folders: Folders, activity: Activity = silent
) -> None:
    """Decode the images that cells need, once, before several workers would at a time.

    What was decoded before is checked to the last byte.

    Args:
        plan: the plan that the cells are of.
        ids: the cells that are about to run.
        folders: where the stores lie.
        activity: shows the decoding.

    Raises:
        ImageError: an image is missing or does not decode. What a plugin raises otherwise is left
            to the cells of its target, with a warning.
    """
    from rsbench.imagestore import open_store

    needed = {
        (id(target), side): target
        for target, side in (
            plan.stores[each.settings] for each in plan.cells if each.run and each.run.id in ids
        )
    }
    for (_, side), target in needed.items():
        try:
            for split in ("train", "test"):
                with activity(f"decoding {target.name} {split}") as progress:
                    open_store(target, split, side, folders, progress, thorough=True)
        except PluginError as error:  # others have their images: it ends with the target's cells
            _log.warning("%s; the cells of %s will fail", error.what, target.name)
