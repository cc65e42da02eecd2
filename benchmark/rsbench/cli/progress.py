"""A progress bar for commands, on standard error, so that standard output holds results alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rsbench.target import Progress


@contextmanager
def progress_bar(title: str, *, in_bytes: bool = False) -> Iterator[Progress]:
    """Show a bar while the block runs.

    Args:
        title: what is being done.
        in_bytes: whether bytes are counted, to be shown with their rate; else a percentage is.

    Yields:
        To be called with (done, total); total 0 where it is not known.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TransferSpeedColumn,
    )

    counts = (DownloadColumn(), TransferSpeedColumn()) if in_bytes else (TaskProgressColumn(),)
    columns = (TextColumn("{task.description}"), BarColumn(), *counts, TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None)
        try:
            yield lambda done, total: bar.update(task, completed=done, total=total or None)
        finally:
            if bar.tasks[0].total is None and not bar.tasks[0].completed:  # nothing was done
                bar.remove_task(task)
