"""The interface of executors, and the simplest one: cells run in this process."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from rsbench.plan import CellRun
from rsbench.sweep.messages import Lost, Message, Recorded, Started, Working
from rsbench.sweep.task import EnvironmentVariables, TaskSetup, describe, execute

if TYPE_CHECKING:
    from types import TracebackType

Handler = Callable[[Message], None]

#: Seconds between two progress messages of a cell.
_PAUSE = 0.2


class Executor(ABC):
    """Runs cells somewhere: in this process, in local processes, later on other machines.

    The engine submits a cell while ``free`` is positive and polls; every submitted cell ends
    in exactly one ``Recorded`` or ``Lost`` message. It is a context manager; leaving the block
    stops whatever is still running at once.
    """

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many cells can run at the same time."""

    @property
    @abstractmethod
    def free(self) -> int:
        """How many cells can be submitted now."""

    @abstractmethod
    def submit(self, run: CellRun) -> None:
        """Take one cell; call it only while ``free`` is positive."""

    @abstractmethod
    def poll(self, handle: Handler, timeout: float) -> None:
        """Give what has happened to ``handle``; wait up to ``timeout`` seconds for something."""

    @abstractmethod
    def close(self) -> None:
        """Stop everything at once."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class InProcess(Executor):
    """One cell at a time in this process (``--workers 0``): for debugging and tests.

    ``poll`` trains the submitted cell to its end, whatever its timeout.
    """

    def __init__(self, setup: TaskSetup, device: str) -> None:
        self._setup = setup
        self._device = device
        self._waiting: deque[CellRun] = deque()

    @property
    def workers(self) -> int:
        """One."""
        return 1

    @property
    def free(self) -> int:
        """One while nothing is submitted."""
        return 1 - len(self._waiting)

    def submit(self, run: CellRun) -> None:
        """Keep the cell for the next poll."""
        self._waiting.append(run)

    def poll(self, handle: Handler, timeout: float) -> None:
        """Train the submitted cell."""
        del timeout
        if not self._waiting:
            return
        run = self._waiting.popleft()
        handle(Started(0, run.id))
        with EnvironmentVariables(self._setup.environment(self._device)):
            handle(attempt(run, self._setup, self._device, 0, handle))

    def close(self) -> None:
        """Forget what was submitted."""
        self._waiting.clear()


def attempt(
    run: CellRun, setup: TaskSetup, device: str, worker: int, handle: Handler
) -> Recorded | Lost:
    """Train one cell and say how it ended; used by every executor where the cell runs."""
    report = _Reporter(Working(worker, run.id, {}), handle)
    try:
        execute(run, setup, device, report)
    except OSError as error:
        failure = describe(error)
        reason = f"the record cannot be written: {failure.message}"
        return Lost(worker, run.id, failure.kind, reason, failure.traceback)
    return Recorded(worker, run.id)


class _Reporter:
    """Passes progress on, not more often than a display can use, and every new phase at once."""

    def __init__(self, template: Working, handle: Handler) -> None:
        self._template = template
        self._handle = handle
        self._phase: Any = None
        self._time = 0.0

    def __call__(self, values: dict[str, Any]) -> None:
        now = time.monotonic()
        if values.get("phase") == self._phase and now - self._time < _PAUSE:
            return
        self._phase, self._time = values.get("phase"), now
        self._handle(replace(self._template, values=dict(values)))
