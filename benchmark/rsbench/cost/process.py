"""Where measurements run: in a child process that can be replaced by a fresh one."""

from __future__ import annotations

import multiprocessing
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from os import getpid
from typing import TYPE_CHECKING, Any, Self

from rsbench.cost.results import Job
from rsbench.orphans import end_with
from rsbench.record import Failure
from rsbench.sweep.task import EnvironmentVariables, describe, load_runner

if TYPE_CHECKING:
    from types import TracebackType


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
        self._pool: ProcessPoolExecutor | None = None

    def call(self, function: str, job: Job) -> Any:
        """Run it in the child; a child that dies is a failure like any other."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                max_workers=1,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=end_with,
                initargs=(getpid(),),
            )
        try:
            with EnvironmentVariables(self._environment):  # the first call starts the child
                future = self._pool.submit(attempt, function, job)
            return future.result()
        except BrokenProcessPool as error:
            self.renew()
            return Failure(
                kind="ProcessDied",
                message=f"the measuring process died (out of memory?): {error}",
                traceback="",
            )

    def renew(self) -> None:
        """End the child."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


def attempt(function: str, job: Job) -> Any:
    """``function(job)``, or why it failed."""
    try:
        return load_runner(function)(job)
    # whatever a variant raises is shown in its row, and the others go on
    except Exception as error:
        return describe(error)
