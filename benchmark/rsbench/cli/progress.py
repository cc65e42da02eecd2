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
        in_bytes: whether what is counted are bytes, to be shown with their rate.

    Yields:
        To be called with (done, total); total 0 where it is not known.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TransferSpeedColumn,
    )

    counts = (DownloadColumn(), TransferSpeedColumn()) if in_bytes else (MofNCompleteColumn(),)
    columns = (TextColumn("{task.description}"), BarColumn(), *counts, TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None)
        called = False

        def show(done: int, total: int) -> None:
            nonlocal called
            called = True
            bar.update(task, completed=done, total=total or None)

        try:
            yield show
        finally:
            if not called:  # there was nothing to do
                bar.remove_task(task)
