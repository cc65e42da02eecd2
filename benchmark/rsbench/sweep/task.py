"""One cell in one worker: call the training, and leave a finished or a failed record."""

from __future__ import annotations

import importlib
import os
import shutil
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rsbench.errors import RsbenchError
from rsbench.folders import Folders
from rsbench.plan import CellRun
from rsbench.record import Failure, Record
from rsbench.store import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

#: Trains one cell; see ``TaskSetup.runner``.
TRAINING = "rsbench.training.run:run_cell"

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class TaskSetup:
    """What all cells of a sweep share; it travels to the workers.

    Attributes:
        folders: where data and caches lie.
        results: the run folder.
        threads: torch threads of one worker.
        runner: ``module:function`` that trains a cell. It is called as ``run_cell(run, folders,
            out, device=, threads=, report=, keep_weights=)``, writes artefacts into the empty
            folder ``out`` and returns the finished record.
        keep_weights: whether cells keep the backbone's own weights where they train them.
    """

    folders: Folders
    results: Path
    threads: int
    runner: str = TRAINING
    keep_weights: bool = False

    def environment(self, device: str) -> dict[str, str]:
        """Variables that must be set before a worker loads torch; see ``torch_environment``."""
        return torch_environment(device, self.threads)


def torch_environment(device: str, threads: int) -> dict[str, str]:
    """Variables that must be set before torch is loaded.

    Args:
        device: "cpu" or "cuda:<index>".
        threads: torch threads of the process.
    """
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    variables = dict.fromkeys(names, str(threads))
    # Idle threads that spin would take the cores of the other workers.
    variables["OMP_WAIT_POLICY"] = "PASSIVE"
    if device == "cpu":
        # The fused attention of torch is the slower one in the backward pass on a CPU.
        variables["TIMM_FUSED_ATTN"] = "0"
    return variables


def execute(run: CellRun, setup: TaskSetup, device: str, report: Report) -> None:
    """Train one cell and commit its record, finished or failed.

    Args:
        run: the cell.
        setup: what all cells share.
        device: "cpu" or "cuda:<index>".
        report: receives the progress of the training.

    Raises:
        OSError: the record cannot be written.
    """
    folder = RunFolder(setup.results)
    with folder.scratch(run.id) as out:
        try:
            record = _train(run, setup, device, out, report)
        # Whatever a cell raises is kept in its record, and the sweep goes on.
        except (Exception, SystemExit) as error:
            record = failed_record(run, describe(error))
            for leftover in out.iterdir():
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        folder.commit(out, record)


def failed_record(run: CellRun, failure: Failure) -> Record:
    """The record of a cell that failed."""
    return Record(id=run.id, status="failed", cell=run.cell, identity=run.identity, failure=failure)


def describe(error: BaseException) -> Failure:
    """Name, message and traceback of ``error``."""
    lines = traceback.format_exception(error)
    return Failure(kind=type(error).__name__, message=str(error), traceback="".join(lines))


def _train(run: CellRun, setup: TaskSetup, device: str, out: Path, report: Report) -> Record:
    runner = load_runner(setup.runner)
    record = runner(
        run,
        setup.folders,
        out,
        device=device,
        threads=setup.threads,
        report=report,
        keep_weights=setup.keep_weights,
    )
    if not isinstance(record, Record) or record.id != run.id or record.status != "finished":
        raise RsbenchError(
            f"{setup.runner} did not return the finished record of the cell {run.id}"
        )
    return record


def load_runner(path: str) -> Callable[..., Any]:
    """Import ``module:function``."""
    module, _, name = path.partition(":")
    runner: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return runner


class EnvironmentVariables:
    """Sets environment variables inside a ``with`` block and restores them after it."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values
        self._before: dict[str, str | None] = {}

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in self._values}
        os.environ.update(self._values)

    def __exit__(self, *unused: object) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
