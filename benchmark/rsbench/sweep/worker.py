"""The main function of a worker process. It stays alive between cells: its caches stay warm."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from rsbench.plan import CellRun
from rsbench.sweep.executor import attempt
from rsbench.sweep.messages import Message, Started
from rsbench.sweep.task import TaskSetup

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

_PR_SET_PDEATHSIG = 1


def main(
    connection: Connection, number: int, parent: int, setup: TaskSetup, device: str, log: Path
) -> None:
    """Run the cells that arrive through ``connection`` until it closes.

    Args:
        connection: brings a CellRun at a time, takes the messages.
        number: number of this worker.
        parent: process id of the sweep; this process ends when that one does.
        setup: what all cells share.
        device: "cpu" or "cuda:<index>".
        log: file for what libraries print, which would garble the live progress.
    """
    _end_with(parent)
    _print_to(log)

    def send(message: Message) -> None:
        try:
            connection.send(message)
        except OSError:
            # Nobody listens any more. An exception would pass for a failure of the cell.
            os._exit(1)

    while True:
        try:
            run: CellRun = connection.recv()
        except EOFError:
            return
        send(Started(number, run.id))
        send(attempt(run, setup, device, number, send))


def _end_with(parent: int) -> None:
    """End this process when the sweep dies, even by SIGKILL: by the kernel, else by a thread."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it died before the line above
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def _print_to(log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
