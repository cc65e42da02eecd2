"""From the cells of a matrix to what must be run: open the inputs once, hash, compare."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import ValidationError

from rsbench import registry
from rsbench.cell import Cell, cell_id, identity
from rsbench.errors import NotPreparedError, RsbenchError, SettingsError
from rsbench.settings import PluginChoice, Settings

if TYPE_CHECKING:
    from rsbench.backbone import Backbone
    from rsbench.folders import Folders
    from rsbench.store import ListedCell, RunFolder
    from rsbench.target import Progress, Target

Input = TypeVar("Input")

State = Literal["finished", "failed", "to run", "unknown"]

Activity = Callable[[str], "AbstractContextManager[Progress]"]
"""Shows one long step: ``with activity("rendering demo") as progress: progress(done, total)``."""


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
        cell: the cell.
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
        problems: why inputs of selected cells cannot be opened, each once.
        unprepared: targets of selected cells that a run would prepare first.
        stores: the target and the short side (pixels) of each decoded-image store that the
            cells need, by settings digest.
    """

    cells: tuple[PlannedCell, ...]
    problems: tuple[RsbenchError, ...]
    unprepared: tuple[str, ...]
    stores: dict[str, tuple[Target, int]]

    def check(self) -> None:
        """Raise all problems together, before any work starts.

        Raises:
            RsbenchError: the only problem as it is, or one error that lists several.
        """
        if len(self.problems) == 1:
            raise self.problems[0]
        if self.problems:
            listed = "\n".join(f"{n}. {each}" for n, each in enumerate(self.problems, start=1))
            raise RsbenchError(
                f"{len(self.problems)} inputs of the matrix cannot be opened:\n{listed}",
                remedy="mend each of them, or leave cells out with --only",
            )

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
        rows: dict[str, int] = {}
        listed = []
        for each in self.cells:
            row = settings_digest(each.cell.model_copy(update={"seed": 0}))
            listed.append(
                ListedCell(
                    id=each.run.id if each.run else known.get(each.settings),
                    label=each.cell.label,
                    row=rows.setdefault(row, len(rows)),
                    settings=each.settings,
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
        selected: the cells to run; None for all. The inputs of the others are opened where
            that is possible, so that ``run.json`` can list them.
        prepare: render the targets that prepare themselves where selected cells need them.
        activity: shows the preparation.

    Returns:
        The plan; inputs that cannot be opened are among its problems (see ``Plan.check``).
    """
    chosen = None if selected is None else {settings_digest(each) for each in selected}
    inputs = _Inputs(folders, activity if prepare else None)
    ordered = sorted(
        ((settings_digest(cell), cell) for cell in cells),
        key=lambda pair: chosen is not None and pair[0] not in chosen,
    )
    planned: dict[str, PlannedCell] = {}
    for digest, cell in ordered:
        wanted = chosen is None or digest in chosen
        planned[digest] = PlannedCell(cell, digest, wanted, inputs.run_of(cell, wanted))
    stores = {
        digest: inputs.store_of(each.cell)
        for digest, each in planned.items()
        if each.selected and each.run
    }
    in_order = tuple(planned[digest] for digest in map(settings_digest, cells))
    return Plan(in_order, tuple(inputs.problems), tuple(inputs.unprepared), stores)


def settings_digest(cell: Cell) -> str:
    """First 16 hexadecimal digits of the SHA-256 of the cell's settings, data left aside."""
    return hashlib.sha256(cell.model_dump_json().encode()).hexdigest()[:16]


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

    Args:
        plan: the plan that the cells are of.
        ids: the cells that are about to run.
        folders: where the stores lie.
        activity: shows the decoding.

    Raises:
        ImageError: an image is missing or does not decode.
    """
    from rsbench.imagestore import open_store

    needed = {
        (id(target), short_side): target
        for target, short_side in (
            plan.stores[each.settings] for each in plan.cells if each.run and each.run.id in ids
        )
    }
    for (_, short_side), target in needed.items():
        for split in ("train", "test"):
            with activity(f"decoding {target.name} {split} at {short_side} px") as progress:
                open_store(target, split, short_side, folders, progress)


class _Inputs:
    """Targets and backbones by their settings, opened on first use; failures kept."""

    def __init__(self, folders: Folders, activity: Activity | None) -> None:
        self._folders = folders
        self._activity = activity
        self._targets: dict[str, Target | None] = {}
        self._backbones: dict[str, Backbone | None] = {}
        self.problems: list[RsbenchError] = []
        self.unprepared: list[str] = []

    def run_of(self, cell: Cell, wanted: bool) -> CellRun | None:
        target = self._target(cell.target, wanted)
        backbone = self._backbone(cell.backbone, wanted)
        if target is None or backbone is None:
            return None
        fields = identity(cell, target.content_hash, backbone.info)
        return CellRun(cell, cell_id(fields), fields)

    def store_of(self, cell: Cell) -> tuple[Target, int]:
        target = self._targets[_key(cell.target)]
        backbone = self._backbones[_key(cell.backbone)]
        if target is None or backbone is None:
            raise ValueError(f"the inputs of {cell.label} were not opened")
        return target, cell.recipe.test_short_side(backbone.info.image_size)

    def _target(self, choice: PluginChoice, wanted: bool) -> Target | None:
        if _key(choice) not in self._targets:
            self._targets[_key(choice)] = self._attempt(
                lambda: self._open_target(choice, wanted), wanted
            )
        return self._targets[_key(choice)]

    def _backbone(self, choice: PluginChoice, wanted: bool) -> Backbone | None:
        if _key(choice) not in self._backbones:
            self._backbones[_key(choice)] = self._attempt(
                lambda: self._open_backbone(choice), wanted
            )
        return self._backbones[_key(choice)]

    def _attempt(self, opening: Callable[[], Input | None], wanted: bool) -> Input | None:
        try:
            return opening()
        except RsbenchError as error:
            if wanted:
                self.problems.append(error)
            return None

    def _open_target(self, choice: PluginChoice, wanted: bool) -> Target | None:
        kind = registry.target_class(choice.kind)
        options = checked_options(kind.Options, choice)
        try:
            return kind.open(choice.name, options, self._folders)
        except NotPreparedError:
            if not (wanted and kind.prepares_itself):
                raise
        if self._activity is None:
            self.unprepared.append(choice.name)
            return None
        with self._activity(f"preparing {choice.name}") as progress:
            kind.prepare(options, self._folders, progress=progress)
        return kind.open(choice.name, options, self._folders)

    def _open_backbone(self, choice: PluginChoice) -> Backbone:
        kind = registry.backbone_class(choice.kind)
        return kind.open(choice.name, checked_options(kind.Options, choice), self._folders)


def checked_options(model: type[Settings], choice: PluginChoice) -> Settings:
    """The options of a plugin, validated.

    Raises:
        SettingsError: an option has a wrong name, type or value.
    """
    try:
        return model.model_validate(choice.options)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"{choice.name}: option {field}: {first['msg']}",
            remedy=f"options of {choice.kind}: {', '.join(model.model_fields) or 'none'}",
        ) from error


def _key(choice: PluginChoice) -> str:
    return choice.model_dump_json()
