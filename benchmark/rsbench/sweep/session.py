"""One ``rsbench run`` from the matrix to the table."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

import rsbench
from rsbench.alarms import Floors
from rsbench.errors import NotPreparedError, RsbenchError
from rsbench.folders import Folders
from rsbench.matrix.resolved import copy_of
from rsbench.missing import missing_table
from rsbench.plan import Plan, PlannedCell, State, build_stores, plan_cells, state_of
from rsbench.preflight import check_fit, is_fitted, review
from rsbench.report.console import print_results
from rsbench.report.notes import shortened
from rsbench.report.write import write_report
from rsbench.store import RunFolder, RunIndex
from rsbench.sweep.devices import Resources
from rsbench.sweep.engine import Outcome, sweep
from rsbench.sweep.executor import Executor, InProcess
from rsbench.sweep.local import LocalProcesses
from rsbench.sweep.log import kept
from rsbench.sweep.progress import Activities, display_for
from rsbench.sweep.task import TRAINING, TaskSetup
from rsbench.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.cell import Cell
    from rsbench.matrix.load import Matrix
    from rsbench.plan import CellRun

#: What a shell expects of a program that Ctrl-C ended: 128 + SIGINT.
INTERRUPTED = 130


@dataclass(frozen=True)
class Session:
    """What one call of ``rsbench run`` is to do.

    Attributes:
        matrix: the matrix.
        cells: all its cells.
        selected: those to run now.
        folder: where the results go.
        folders: where data and caches lie.
        runner: ``module:function`` that trains one cell (see ``TaskSetup``).
        console: where to print.
        gamma_from: the cell whose gammas every MetaPEFT cell has, frozen, or "".
        available: whether cells whose data or weights are not here are left out.
        figures: whether the report at the end has figures and a page, or tables alone.
        command: the command line that trains the cells, without folders and machine options.
    """

    matrix: Matrix
    cells: Sequence[Cell]
    selected: Sequence[Cell]
    folder: RunFolder
    folders: Folders = field(default_factory=Folders)
    runner: str = TRAINING
    console: Console = field(default_factory=Console)
    gamma_from: str = ""
    available: bool = False
    figures: bool = True
    command: str = ""

    def show(self) -> int:
        """``--dry-run``: print the cells and what is known of them; train nothing.

        Returns:
            Exit code: 0, or 2 where an input is missing or wrong, as the run itself would end.

        Raises:
            RsbenchError: weights, positions or blocks do not fit; the list is printed before.
            RecordError: a record is damaged.
        """
        self.folder.check_usable(self.matrix.name, self.gamma_from)
        self._announce()
        plan = plan_cells(self.cells, self.folders, selected=self.selected, prepare=False)
        if self.available:
            plan = self._leave_out(plan)
        shown = [each for each in plan.cells if each.selected]
        states = [state_of(each, self.folder) for each in shown]
        lacking: list[Cell] = []
        for each, state in zip(shown, states, strict=True):
            if each.run or each.cell.target.name in plan.unprepared:
                identifier = each.run.id if each.run else "-" * 16
                self._print(f"{identifier}  {_STATES[state]:<17}  {each.cell.label}")
            else:
                lacking.append(each.cell)
        self._print_lacking(lacking)
        for name in plan.unprepared:
            self._print(f"not ready: {name} (the run prepares it by itself)")
        self._print(_counts(shown, states))
        if "to run" in states:
            self._print(
                "images are decoded, and those that cannot be read found, by the run itself"
            )
        waiting = [
            each.run
            for each, state in zip(shown, states, strict=True)
            if each.run and state != "finished"
        ]
        if waiting and self.runner == TRAINING:
            self._check(plan, waiting, Activities(self.console))
        try:
            plan.check()
        except RsbenchError as error:
            self._print(f"not ready: {error}")
            return error.exit_code
        return 0

    def _print_lacking(self, cells: Sequence[Cell]) -> None:
        """One line for the cells of a target and a backbone that cannot be opened yet."""
        pairs = Counter(f"{cell.target.name} / {cell.backbone.name}" for cell in cells)
        for pair, number in pairs.items():
            self._print(f"{'-' * 16}  {_STATES['unknown']:<17}  {pair}: {counted(number, 'cell')}")

    def run(self, resources: Resources, keep_weights: bool = False) -> int:
        """Run what is not finished, and build the tables.

        Args:
            resources: where cells run.
            keep_weights: whether cells keep the backbone's own weights where they train them.

        Returns:
            Exit code: 0, 1 if a cell failed, 130 after Ctrl-C.

        Raises:
            RsbenchError: something is wrong that no cell can run without; nothing was trained.
            ResultsFolderError: the folder cannot be used.
            RecordError: a record in it is damaged.
        """
        with self.folder.locked(self.matrix.name, self.gamma_from):
            self._announce()
            plan, finished = self._prepare()
            with kept(self.console, self.folder.logs / "run.log"):
                return self._work(plan, finished, resources, keep_weights)

    def _work(
        self, plan: Plan, finished: set[str], resources: Resources, keep_weights: bool
    ) -> int:
        """Train, report and print."""
        runs = plan.runs()
        waiting = sorted(
            (each for each in runs if each.id not in finished),
            key=lambda run: not is_fitted(run.cell),
        )
        found = len(runs) - len(waiting)
        if keep_weights and found:
            self._print(
                f"--keep-weights acts on cells that are trained now: {found} finished cells "
                "stay as they are (give --out a new folder to train them again)"
            )
        outcome = Outcome(0, 0, interrupted=False)
        if waiting:
            activity = Activities(self.console)
            if self.runner == TRAINING:
                self._check(plan, waiting, activity)
            build_stores(plan, [each.id for each in waiting], self.folders, activity)
            self._print(
                f"{counted(len(waiting), 'cell')} to train, {found} found finished; "
                f"{resources.describe()}"
            )
            executor = self._executor(resources, keep_weights)
            floors = Floors(self.folder.record(each) for each in sorted(finished))
            display = display_for(self.console, len(waiting), floors)
            outcome = sweep(waiting, executor, self.folder, display)
        if outcome.interrupted:
            return self._interrupted(plan)
        if outcome.stopped is not None:
            return self._without_report(outcome, outcome.stopped)
        try:
            written = write_report(self.folder, figures=self.figures)
        except RsbenchError as error:
            if not outcome.trained:
                raise
            return self._without_report(outcome, error)
        print_results(written.report.results, self.console)
        self._print(written.text)
        if not self.figures:
            self._print(
                f"no figures and no page, as asked; 'rsbench report {self.folder.path}' makes them"
            )
            if (self.folder.path / "report.html").exists():
                self._print("left as they were, from an earlier report: figures/, report.html")
        self._print(
            f"trained {counted(outcome.trained, 'cell')}, found {found} finished, "
            f"{outcome.failed} failed"
        )
        return 1 if outcome.failed else 0

    def _without_report(self, outcome: Outcome, error: RsbenchError) -> int:
        """Say why there is no report, and that what was trained is safe."""
        self._print(f"Error: {error}")
        self._print(
            f"trained {counted(outcome.trained, 'cell')}, {outcome.failed} failed; they are kept, "
            "but no report was made; the same command goes on"
        )
        return 1

    def _check(self, plan: Plan, waiting: Sequence[CellRun], activity: Activities) -> None:
        """Whether what is to be trained fits; what there is to say about it is printed.

        Raises:
            RsbenchError: weights, positions, blocks or recipes do not fit.
        """
        remarks = review(plan, {each.id for each in waiting})
        check_fit(waiting, self.folders, activity)
        for remark, labels in remarks.items():
            self._print(f"note: {remark}\n  {counted(len(labels), 'cell')}: {shortened(labels, 5)}")

    def _source(self) -> str:
        """Whose gammas are used, for the console and the tables."""
        return f"+MetaPEFT: gammas of {self.gamma_from}, frozen" if self.gamma_from else ""

    def _announce(self) -> None:
        if self.gamma_from:
            self._print(self._source())

    def _prepare(self) -> tuple[Plan, set[str]]:
        """Open the inputs, read the records, write ``run.json``.

        Returns:
            The plan, and the ids of its finished cells.
        """
        activity = Activities(self.console)
        plan = plan_cells(self.cells, self.folders, selected=self.selected, activity=activity)
        if self.available:
            plan = self._leave_out(plan)
        plan.check()
        states = {each.run.id: state_of(each, self.folder) for each in plan.cells if each.run}
        self.folder.write_index(self._index(plan), copy_of(self.matrix, self.folder.path))
        return plan, {identifier for identifier, state in states.items() if state == "finished"}

    def _leave_out(self, plan: Plan) -> Plan:
        """``--available``: the plan without the cells that lack data or weights, which are named.

        Raises:
            NotPreparedError: no cell is left.
        """
        rest, out = plan.without_missing()
        if not out:
            return plan
        missing = [problem for problem in plan.problems if problem.missing]
        if not any(each.selected for each in rest.cells):
            rest.check()
            raise NotPreparedError(
                "nothing of this matrix can be trained on this machine yet:\n\n"
                f"{missing_table(missing)}\n",
                remedy="get what one of its cells needs",
            )
        self._print(f"{counted(len(out), 'cell')} left out (--available); not on this machine:\n")
        self._print(missing_table(missing) + "\n")
        return rest

    def _index(self, plan: Plan) -> RunIndex:
        before = self.folder.read_index() if self.folder.index_file.exists() else None
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return RunIndex(
            matrix=self.matrix.name,
            matrix_file=self.matrix.file.name,
            disclaimer=" ".join(text for text in (self.matrix.disclaimer, self._source()) if text),
            gamma_from=self.gamma_from,
            base=os.path.relpath(self.matrix.base, self.folder.path),
            command=self.command,
            rsbench=rsbench.__version__,
            created=before.created if before else now,
            updated=now,
            axes=self.matrix.document.axis_values(),
            axis_numbers=self.matrix.document.axis_numbers(),
            cells=plan.listed(before.cells if before else ()),
        )

    def _executor(self, resources: Resources, keep_weights: bool) -> Executor:
        setup = TaskSetup(
            self.folders, self.folder.path, resources.threads, self.runner, keep_weights
        )
        if resources.in_process:
            return InProcess(setup, resources.devices[0])
        return LocalProcesses(setup, resources.devices)

    def _interrupted(self, plan: Plan) -> int:
        """Count on disk: a worker may have finished a cell that nobody was told of any more."""
        selected = {each.settings: each for each in plan.cells if each.selected}
        states = [state_of(each, self.folder) for each in selected.values()]
        self._print(
            f"interrupted: {states.count('finished')} of {len(states)} cells are finished; "
            "the same command trains the rest"
        )
        return INTERRUPTED

    def _print(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _counts(shown: Sequence[PlannedCell], states: Sequence[State]) -> str:
    """How many cells are in each state; what several values of an axis share counts once."""
    once = {each.settings: state for each, state in zip(shown, states, strict=True)}
    found = list(once.values())
    counts = ", ".join(f"{found.count(state)} {_STATES[state]}" for state in dict.fromkeys(found))
    shared = len(shown) - len(once)
    also = f" ({counted(shared, 'line')} above: the same under another label)" if shared else ""
    return f"{counted(len(once), 'cell')}: {counts}{also}"


_STATES = {
    "finished": "finished",
    "failed": "failed before",
    "to run": "to run",
    "unknown": "not prepared",
}


def open_session(
    matrix: str,
    *,
    on: str | None = None,
    out: Path | None = None,
    seeds: Sequence[int] | None = None,
    only: Sequence[str] = (),
    data: Path | None = None,
    cache: Path | None = None,
    gamma_from: str | None = None,
    available: bool = False,
    figures: bool = True,
    runner: str = TRAINING,
    console: Console | None = None,
) -> Session:
    """Read the matrix and decide where everything lies; nothing is written.

    Args:
        matrix: name of a shipped matrix or path of a file.
        on: a stage to lay over it, by name or path of a file.
        out: run folder; None for ``results/<matrix name>``, with gammas taken from a cell
            ``results/<matrix name>-gammas-<start of its id>``.
        seeds: seeds in place of those of the matrix.
        only: ``key=value`` texts that select cells.
        data: folder of prepared data sets; None for the default.
        cache: folder of decoded images; None for the default.
        gamma_from: ``RUN/CELL`` whose final gammas every MetaPEFT cell gets, frozen.
        available: leave out cells whose data or weights are not here.
        figures: whether the report at the end has figures and a page, or tables alone.
        runner: ``module:function`` that trains one cell.
        console: where to print.

    Raises:
        MatrixError: the matrix is wrong.
        SettingsError: an option is wrong.
        CellError: ``gamma_from`` is no finished cell with gammas.
    """
    from rsbench.finished.freeze import take_gammas
    from rsbench.matrix.expand import expand
    from rsbench.matrix.load import load_matrix
    from rsbench.matrix.select import filter_cells, parse_only

    loaded = load_matrix(matrix, on)
    cells = expand(loaded, seeds)
    selected = filter_cells(cells, parse_only(only)) if only else cells
    given = None if gamma_from is None else take_gammas(gamma_from)
    if given is not None:
        cells, selected = given.freeze(cells), given.freeze(selected)
    name = loaded.name + (given.suffix if given else "")
    folders = Folders(base=loaded.base).placed(data, cache)
    return Session(
        matrix=loaded,
        cells=cells,
        selected=selected,
        folder=RunFolder(out if out is not None else Path("results") / name),
        folders=folders,
        runner=runner,
        console=console or Console(),
        gamma_from=given.source if given else "",
        available=available,
        figures=figures,
        command=_command(matrix, on, seeds, gamma_from),
    )


def _command(
    matrix: str, on: str | None, seeds: Sequence[int] | None, gamma_from: str | None
) -> str:
    parts = ["rsbench", "run", "--matrix", matrix]
    parts += ["--on", on] if on else []
    parts += ["--seeds", ",".join(map(str, seeds))] if seeds else []
    parts += ["--gamma-from", gamma_from] if gamma_from else []
    return shlex.join(parts)
