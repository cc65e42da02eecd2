"""What the user sees of a sweep: live lines on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rsbench.alarms import Floors, below
from rsbench.record import Record
from rsbench.target import Progress as Counter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType


class Display(ABC):
    """Receives what happens in a sweep. A context manager around the sweep."""

    def __init__(self, console: Console, total: int, floors: Floors) -> None:
        """Show nothing yet.

        Args:
            console: where to print.
            total: cells of this sweep.
            floors: what trained cells are held against.
        """
        self.console = console
        self.total = total
        self.floors = floors
        self.ended_cells = 0
        self.failed_cells = 0
        self._told: set[str] = set()

    @abstractmethod
    def started(self, worker: int, label: str) -> None:
        """A worker took the cell with this label."""

    def working(self, worker: int, values: dict[str, Any]) -> None:
        """The training of a worker reports; for the values see ``messages.Working``.

        The same note of many cells is printed once.
        """
        del worker
        note = values.get("note")
        if note and note not in self._told:
            self._told.add(note)
            self.console.print(Text(note, style="yellow"), soft_wrap=True)

    def ended(self, worker: int, record: Record) -> None:
        """A cell finished or failed."""
        del worker
        self.ended_cells += 1
        self.failed_cells += record.status == "failed"
        line = f"[{self.ended_cells}/{self.total}] {ending(record)}"
        self.console.print(Text(line, style="red" if record.failure else ""), soft_wrap=True)
        for warning in (*record.alarms, *self._below(record)):
            self.console.print(Text(f"  warning: {warning}", style="yellow"), soft_wrap=True)

    def _below(self, record: Record) -> Iterator[str]:
        """What is now known to lie below a fitted cell: this cell, or those that ended before."""
        for each in self.floors.add(record):
            floor = self.floors.above(each)
            if floor is not None:
                which = "" if each is record else f"{each.cell.label} is "
                yield which + below(floor)

    def tick(self) -> None:  # noqa: B027 - a display may have nothing to do
        """Called several times a second."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None


class PlainDisplay(Display):
    """One line per ended cell: for logs and pipes."""

    def started(self, worker: int, label: str) -> None:
        """Print nothing."""


class LiveDisplay(Display):
    """An overall bar with the time left, and one line per worker; ended cells scroll above."""

    def __init__(self, console: Console, total: int, floors: Floors) -> None:
        super().__init__(console, total, floors)
        self._lines: dict[int, _Line] = {}
        self._begin = time.monotonic()
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    def started(self, worker: int, label: str) -> None:
        """Begin the line of this worker."""
        self._lines[worker] = _Line(label)

    def working(self, worker: int, values: dict[str, Any]) -> None:
        """Bring the line of this worker up to date."""
        super().working(worker, values)
        if worker in self._lines:
            self._lines[worker].values.update(values)

    def ended(self, worker: int, record: Record) -> None:
        """Scroll the cell up and drop its line."""
        self._lines.pop(worker, None)
        super().ended(worker, record)

    def tick(self) -> None:
        """Bring the lines up to date; they are redrawn a few times a second."""
        self._live.update(self._render())

    def refresh(self) -> None:
        """Redraw now."""
        self._live.refresh()

    def __enter__(self) -> Self:
        self._begin = time.monotonic()
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.update("")
        self._live.stop()

    def _render(self) -> RenderableType:
        done = self.ended_cells + sum(line.share for line in self._lines.values())
        elapsed = time.monotonic() - self._begin
        overall = Table.grid(padding=(0, 1))
        overall.add_row(
            ProgressBar(total=self.total, completed=done, width=30),
            f"{self.ended_cells}/{self.total} cells",
            Text(f"{self.failed_cells} failed" if self.failed_cells else "", style="red"),
            f"{duration(elapsed)} elapsed",
            time_left(elapsed, done, self.total),
        )
        workers = Table.grid(padding=(0, 1))
        for worker, line in sorted(self._lines.items()):
            workers.add_row(f"worker {worker}", line.label, line.text)
        return Group(overall, workers)


class _Line:
    """The state of one worker."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.values: dict[str, Any] = {"phase": "load"}

    @property
    def share(self) -> float:
        """Share of the cell that is done: as reported, else from its whole epochs."""
        if self.values["phase"] == "test":
            return 1.0
        if "fraction" in self.values:
            return float(self.values["fraction"])
        epochs = self.values.get("epochs")
        return max(0, self.values.get("epoch", 0) - 1) / epochs if epochs else 0.0

    @property
    def text(self) -> str:
        parts = [str(self.values["phase"])]
        if "epoch" in self.values and self.values["phase"] == "train":
            parts.append(f"epoch {self.values['epoch']}/{self.values.get('epochs', '?')}")
        if "loss" in self.values:
            parts.append(f"loss {self.values['loss']:.3f}")
        if "images_per_second" in self.values:
            parts.append(f"{self.values['images_per_second']:.0f} images/s")
        return ", ".join(parts)


def display_for(console: Console, total: int, floors: Floors) -> Display:
    """Live on a terminal, plain elsewhere."""
    kind = LiveDisplay if console.is_terminal else PlainDisplay
    return kind(console, total, floors)


def ending(record: Record) -> str:
    """One line on a cell that ended, e.g. ``finished a / b / lora / seed 0 in 9 s: mean 61.0``."""
    label = record.cell.label
    if record.failure is not None:
        message = record.failure.message.strip().splitlines() or [""]
        return f"FAILED {label}: {record.failure.kind}: {message[0]}"
    line = f"finished {label}"
    if record.timing is not None:
        line += f" in {duration(record.timing.total_seconds)}"
    if record.metrics is not None:
        values = {name: getattr(record.metrics, name) for name in ("head", "medium", "tail")}
        values["mean"] = record.metrics.mean_class
        shown = (f"{k} {100 * v:.1f}" for k, v in values.items() if v is not None)
        line += ": " + ", ".join(shown)
    return line


def duration(seconds: float) -> str:
    """Seconds in words: ``9 s``, ``2 min 5 s``, ``1 h 20 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def time_left(elapsed: float, done: float, total: float) -> str:
    """How long the rest takes if it goes on like this, or "" while nobody can know."""
    if done <= 0:
        return ""
    return f"about {duration(elapsed * (total - done) / done)} left"


class Activities:
    """Shows long steps before the sweep (rendering, decoding): call it with a title."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def __call__(self, title: str) -> Iterator[Counter]:
        """A bar on a terminal; elsewhere one line when the step has taken a while."""
        if not self._console.is_terminal:
            yield self._plain(title)
            return
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
        with RichProgress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task(title, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    def _plain(self, title: str) -> Counter:
        printed = False

        def show(done: int, total: int) -> None:
            nonlocal printed
            if not printed and done < total:
                self._console.print(f"{title} ...", soft_wrap=True)
                printed = True

        return show
