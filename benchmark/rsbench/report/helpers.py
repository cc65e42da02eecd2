"""Other processes that take over work of a report of very many cells.

What they do is the same as without them, and so are the bytes: a report of few cells, or on one
core, does everything in its own process, at the moment that it is asked for.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import signal
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rsbench.cores import usable_cores
from rsbench.orphans import end_with

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

Result = TypeVar("Result")

#: Cells from which on a process more is worth its start (a second or two of imports).
MANY_CELLS = 1000
#: More processes than this wait for the one that asks them.
MOST_HELPERS = 4


class Promise(Generic[Result]):
    """What a function returns, worked out by a helper or when it is asked for."""

    def __init__(
        self, future: Future[Result] | None, function: Callable[..., Result], arguments: Any
    ) -> None:
        self._future = future
        self._function = function
        self._arguments = arguments

    def result(self) -> Result:
        """What the function returns; it raises what the function raises.

        What no helper has begun, or ended before it was killed, is worked out in this process.
        """
        if self._future is not None and not self._future.cancel():
            try:
                return self._future.result()
            except BrokenProcessPool:
                pass
        return self._function(*self._arguments)


class Helpers:
    """Processes that work for a report; a context that ends them.

    Args:
        processes: how many; with 0 a promise is worked out in this process when it is asked for.
    """

    def __init__(self, processes: int = 0) -> None:
        self.processes = processes
        self._pool = _start(processes) if processes else None

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Promise[Result]:
        """Have a function of a module called.

        Args:
            function: it and what it returns travel between processes.
            arguments: so do they.
        """
        future = None
        if self._pool is not None:
            try:
                # packed here and now: the pool packs in a thread of its own, while this one may
                # already be filling the caches of these very objects
                future = self._pool.submit(_call, pickle.dumps((function, arguments)))
            except BrokenProcessPool:
                self._pool = None
        return Promise(future, function, arguments)

    def __enter__(self) -> Helpers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _call(packed: bytes) -> Any:
    function, arguments = pickle.loads(packed)
    return function(*arguments)


def helpers_for(cells: int) -> Helpers:
    """Helpers for a report of so many cells, on the cores that this process does not use."""
    spare = usable_cores() - 1
    return Helpers(min(spare, MOST_HELPERS) if cells >= MANY_CELLS else 0)


def _start(processes: int) -> ProcessPoolExecutor:
    # A fresh process, not a copy: a copy of one with threads (numpy, pyarrow) may hang.
    return ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(os.getpid(),),
    )


def _begin(parent: int) -> None:
    end_with(parent)
    # Ctrl-C goes to every process of a terminal; the one that asked ends the helpers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()  # as in ``write_report``
