"""One ``rsbench cost``: from the matrix to the table."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from rsbench.cost.machine import Machine, load_average
from rsbench.cost.measuring import Measuring
from rsbench.cost.process import ChildProcess, Place
from rsbench.cost.report import Report, print_report, write_report
from rsbench.cost.results import Effort
from rsbench.cost.summary import summarise
from rsbench.cost.variants import Variant, choose_variants
from rsbench.plan import build_stores, plan_cells
from rsbench.store import explained
from rsbench.sweep.progress import Activities
from rsbench.sweep.task import TaskSetup

if TYPE_CHECKING:
    from rsbench.folders import Folders
    from rsbench.sweep.devices import Resources
    from rsbench.sweep.session import Session


def run_cost(
    session: Session,
    out: Path,
    effort: Effort,
    resources: Resources,
    *,
    place: Place | None = None,
    messages: Console | None = None,
) -> int:
    """Measure the selected variants of a matrix, print the table and write it.

    Args:
        session: the matrix, its selected cells, folders and console.
        out: the CSV file; what it was measured on goes beside it as JSON.
        effort: how much is measured.
        resources: device and threads.
        place: where trainings run; None for a child process.
        messages: for progress; None for standard error.

    Returns:
        Exit code: 0, or 1 if a variant failed.

    Raises:
        RsbenchError: an input is not there; nothing was measured.
        ResultsFolderError: ``out`` cannot be written.
    """
    activity = Activities(messages or Console(stderr=True))
    with explained(out.parent):
        out.parent.mkdir(parents=True, exist_ok=True)
    variants = choose_variants(session.selected)
    _prepare(variants, session.folders, activity)
    setup = TaskSetup(session.folders, out.parent, resources.threads)
    started, load_before = datetime.now(UTC), load_average()
    with (
        place or ChildProcess(setup.environment(resources.devices[0])) as process,
        activity(f"measuring {len(variants)} variants") as progress,
    ):
        measuring = Measuring(variants, effort, session.folders, resources, process, progress)
        environment = measuring.environment()
        measured = measuring.run()
    report = Report(
        matrix=session.matrix.name,
        effort=effort,
        machine=Machine.here(),
        load=(load_before, load_average()),
        environment=environment,
        started=started.isoformat(timespec="seconds"),
        measured=tuple(measured),
        rows=summarise(measured),
    )
    with explained(out.parent):
        write_report(report, out)
    print_report(report, session.console)
    session.console.print(f"written: {out}", markup=False, highlight=False, soft_wrap=True)
    return 1 if report.failed else 0


def _prepare(variants: tuple[Variant, ...], folders: Folders, activity: Activities) -> None:
    """Render, decode and check the inputs as a sweep does."""
    plan = plan_cells([each.cell for each in variants], folders, activity=activity)
    plan.check()
    build_stores(plan, [run.id for run in plan.runs()], folders, activity)
