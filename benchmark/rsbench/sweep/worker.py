"""The main function of a worker process. It stays alive between cells: its caches stay warm."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rsbench.orphans import end_with
from rsbench.output import accept_all_letters
from rsbench.plan import CellRun
from rsbench.sweep.executor import attempt
from rsbench.sweep.messages import Message, Started
from rsbench.sweep.task import TaskSetup

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path


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
    end_with(parent)
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


def _print_to(log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
    accept_all_letters(encoding="utf-8")
