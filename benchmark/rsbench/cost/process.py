"""Where measurements run: in a child process that can be replaced by a fresh one."""

from __future__ import annotations

import multiprocessing
import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping
from os import getpid
from typing import TYPE_CHECKING, Any, Self

from rsbench.cost.results import Job
from rsbench.orphans import end_with
from rsbench.output import accept_all_letters
from rsbench.record import Failure
from rsbench.sweep.task import EnvironmentVariables, describe, load_runner

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from types import TracebackType

#: Seconds that a child has to leave after it was asked to.
_PATIENCE = 5.0


class Place(ABC):
    """Runs jobs one at a time. A context manager; leaving the block ends its process."""

    @abstractmethod
    def call(self, function: str, job: Job) -> Any:
        """Run one job.

        Args:
            function: ``module:function``; by name, since this process must not load torch.
            job: its argument.

        Returns:
            What it returns, or the ``Failure`` that it ended in.
        """

    @abstractmethod
    def renew(self) -> None:
        """Let the next call run in a fresh process."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.renew()


class ThisProcess(Place):
    """Runs jobs in this process: for tests and debugging."""

    def call(self, function: str, job: Job) -> Any:
        """Run it here."""
        return attempt(function, job)

    def renew(self) -> None:
        """Nothing: there is one process."""


class ChildProcess(Place):
    """Runs jobs in a spawned child, which stays and keeps its caches until it is renewed.

    Args:
        environment: variables that must be set before the child loads torch.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._child: tuple[SpawnProcess, Connection] | None = None

    def call(self, function: str, job: Job) -> Any:
        """Run it in the child; a child that dies is a failure like any other."""
        if self._child is None:
            self._child = self._start()
        process, pipe = self._child
        try:
            pipe.send((function, job))
            return pipe.recv()
        except (EOFError, OSError):
            process.join(_PATIENCE)
            code = process.exitcode
            self.renew()
        message = f"the measuring process died with exit code {code} (out of memory?)"
        return Failure(kind="ProcessDied", message=message, traceback="")

    def renew(self) -> None:
        """End the child at once."""
        if self._child is None:
            return
        process, pipe = self._child
        self._child = None
        pipe.close()
        process.terminate()
        process.join(_PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()

    def _start(self) -> tuple[SpawnProcess, Connection]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, getpid()), name="rsbench-cost")
        with EnvironmentVariables(self._environment):
            process.start()
        theirs.close()
        return process, ours


def _serve(pipe: Connection, parent: int) -> None:
    """The child: run what arrives until the pipe closes."""
    end_with(parent)
    accept_all_letters()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the parent decides, and ends this
    while True:
        try:
            function, job = pipe.recv()
        except EOFError:
            return
        pipe.send(attempt(function, job))


def attempt(function: str, job: Job) -> Any:
    """``function(job)``, or why it failed."""
    try:
        return load_runner(function)(job)
    # whatever a variant raises is shown in its row, and the others go on
    except Exception as error:
        return describe(error)
