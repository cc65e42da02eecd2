"""Drive an executor over the cells of a sweep, and keep going when cells fail."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.errors import RsbenchError
from rsbench.plan import CellRun
from rsbench.record import Failure, Record
from rsbench.store import RunFolder, explained
from rsbench.sweep.executor import Executor
from rsbench.sweep.messages import Lost, Message, Recorded, Started, Working
from rsbench.sweep.progress import Display
from rsbench.sweep.task import failed_record

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Seconds between two looks at the clock while nothing happens.
_TICK = 0.25


@dataclass(frozen=True)
class Outcome:
    """How a sweep ended.

    Attributes:
        trained: cells that this sweep trained to the end.
        failed: cells that failed in this sweep.
        interrupted: whether Ctrl-C stopped it.
        stopped: what ended it before its time: records that cannot be written, say.
    """

    trained: int
    failed: int
    interrupted: bool
    stopped: RsbenchError | None = None


def sweep(
    runs: Sequence[CellRun], executor: Executor, folder: RunFolder, display: Display
) -> Outcome:
    """Run every cell once; a failing cell is recorded and the others go on.

    Args:
        runs: the cells, each id once.
        executor: where they run; it is closed at the end.
        folder: where their records go; locked by the caller.
        display: what the user sees.

    Returns:
        What happened. After Ctrl-C all workers are stopped, half-written cells are removed,
        and finished ones are kept.

    Raises:
        RsbenchError: the sweep cannot go on (records cannot be written), and nothing was trained.
    """
    state = _Sweep(runs, executor, folder, display)
    interrupted, stopped = False, None
    with executor, display:
        try:
            state.run()
        except KeyboardInterrupt:
            interrupted = True
        except RsbenchError as error:
            if not state.trained:
                raise
            stopped = error
    folder.clean()
    return Outcome(state.trained, state.failed, interrupted, stopped)


class _Sweep:
    """The cells that wait, those that run, and the counts of those that ended."""

    def __init__(
        self, runs: Sequence[CellRun], executor: Executor, folder: RunFolder, display: Display
    ) -> None:
        self._waiting = deque(runs)
        self._running: dict[str, CellRun] = {}
        self._executor = executor
        self._folder = folder
        self._display = display
        self.trained = 0
        self.failed = 0

    def run(self) -> None:
        while self._waiting or self._running:
            while self._waiting and self._executor.free > 0:
                run = self._waiting.popleft()
                self._running[run.id] = run
                self._executor.submit(run)
            self._executor.poll(self._handle, _TICK)
            self._display.tick()

    def _handle(self, message: Message) -> None:
        if isinstance(message, Started):
            self._display.started(message.worker, self._running[message.id].cell.label)
        elif isinstance(message, Working):
            self._display.working(message.worker, message.values)
        else:
            self._end(message)

    def _end(self, message: Recorded | Lost) -> None:
        run = self._running.pop(message.id)
        record = self._written(run)
        if isinstance(message, Lost) and (record is None or record.status == "failed"):
            record = self._record_loss(run, message)
        if record is None:
            raise RuntimeError(f"{run.id} was reported as recorded and has no record")
        if record.status == "finished":
            self.trained += 1
        else:
            self.failed += 1
        self._display.ended(message.worker, record)

    def _written(self, run: CellRun) -> Record | None:
        """The record that the worker wrote; it may have died right after writing it."""
        return self._folder.record(run.id)

    def _record_loss(self, run: CellRun, lost: Lost) -> Record:
        failure = Failure(kind=lost.kind, message=lost.reason, traceback=lost.traceback)
        record = failed_record(run, failure)
        with explained(self._folder.path):
            self._folder.clean(run.id)
            with self._folder.scratch(run.id) as out:
                self._folder.commit(out, record)
        return record
