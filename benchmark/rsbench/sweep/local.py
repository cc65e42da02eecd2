"""Cells in local worker processes, one cell at a time in each."""

from __future__ import annotations

import multiprocessing
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection as connections
from multiprocessing import resource_tracker
from os import getpid
from typing import TYPE_CHECKING, cast

from rsbench.plan import CellRun
from rsbench.store import RunFolder, explained
from rsbench.sweep import worker as worker_module
from rsbench.sweep.executor import Executor, Handler
from rsbench.sweep.messages import Lost, Recorded
from rsbench.sweep.task import EnvironmentVariables, TaskSetup

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from pathlib import Path

#: Seconds that a worker has to leave after it was asked to.
_PATIENCE = 5.0


@dataclass
class _Worker:
    """One process, our end of its pipe, and the cell that it has."""

    number: int
    process: SpawnProcess
    pipe: Connection
    run: CellRun | None = None


class LocalProcesses(Executor):
    """Worker processes, started when they are first needed and kept between cells.

    Processes are spawned, not forked: torch's threads and CUDA do not survive a fork. A worker
    that dies loses its cell, and the next cell gets a fresh worker.
    """

    def __init__(self, setup: TaskSetup, devices: Sequence[str]) -> None:
        """Start nothing yet.

        Args:
            setup: what all cells share.
            devices: the device of each worker, "cpu" or "cuda:<index>".
        """
        self._setup = setup
        self._devices = devices
        self._workers: dict[int, _Worker] = {}
        self._logs = RunFolder(setup.results).logs

    @property
    def workers(self) -> int:
        """How many processes there can be."""
        return len(self._devices)

    @property
    def free(self) -> int:
        """Workers without a cell, those not started included."""
        return self.workers - sum(each.run is not None for each in self._workers.values())

    def submit(self, run: CellRun) -> None:
        """Give the cell to an idle worker, or to a new one."""
        idle = [each for each in self._workers.values() if each.run is None]
        for each in idle:
            if self._send(each, run):
                return
            self._bury(each)  # it died while it had nothing to do
        self._send(self._start(), run)

    def poll(self, handle: Handler, timeout: float) -> None:
        """Give the messages of all workers to ``handle``, and the end of those that died."""
        pipes = {each.pipe: each for each in self._workers.values()}
        for pipe in connections.wait(list(pipes), timeout):
            self._listen(pipes[cast("Connection", pipe)], handle)

    def close(self) -> None:
        """Stop all workers at once; cells that they have are lost."""
        for each in self._workers.values():
            each.pipe.close()
            each.process.terminate()
        for each in self._workers.values():
            each.process.join(_PATIENCE)
            if each.process.is_alive():
                each.process.kill()
                each.process.join()
            each.process.close()
        self._workers.clear()

    def _send(self, worker: _Worker, run: CellRun) -> bool:
        try:
            worker.pipe.send(run)
        except OSError:
            return False
        worker.run = run
        return True

    def _listen(self, worker: _Worker, handle: Handler) -> None:
        while worker.pipe.poll():
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                lost = self._bury(worker)
                if lost is not None:
                    handle(lost)
                return
            if isinstance(message, Recorded | Lost):
                worker.run = None
            handle(message)

    def _bury(self, worker: _Worker) -> Lost | None:
        """Forget a worker that died; say which cell it took along."""
        del self._workers[worker.number]
        worker.pipe.close()
        worker.process.join()
        code = worker.process.exitcode
        worker.process.close()
        if worker.run is None:
            return None
        reason = f"the worker died, {_ending(code)}; see {self._log(worker.number)}"
        return Lost(worker.number, worker.run.id, "WorkerDied", reason)

    def _start(self) -> _Worker:
        number = next(n for n in range(self.workers) if n not in self._workers)
        device = self._devices[number]
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        log = self._log(number)
        with explained(log.parent):
            log.parent.mkdir(parents=True, exist_ok=True)
        process = context.Process(
            target=worker_module.main,
            args=(theirs, number, getpid(), self._setup, device, log),
            name=f"rsbench-worker-{number}",
        )
        with EnvironmentVariables(self._setup.environment(device)), _without_interrupts():
            process.start()
        theirs.close()
        self._workers[number] = _Worker(number, process, ours)
        return self._workers[number]

    def _log(self, number: int) -> Path:
        return self._logs / f"worker-{number}.log"


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Start children that never see the terminal's Ctrl-C: the parent alone decides.

    A blocked signal stays blocked in a child; here it is delivered after the block. The
    resource tracker of multiprocessing, which unblocks signals, is started before.
    """
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ending(code: int | None) -> str:
    """An exit code in words; negative codes are signals."""
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    hint = " (out of memory?)" if name == "SIGKILL" else ""
    return f"signal {-code} ({name}){hint}"
