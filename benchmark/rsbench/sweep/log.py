"""A file that keeps what is printed, for the time after the terminal is gone."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, TextIO, cast

from rich.console import Console, ConsoleRenderable, NewLine, RenderHook
from rich.control import Control

from rsbench.output import READABLE, Lasting
from rsbench.store import explained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def kept(console: Console, file: Path) -> Iterator[None]:
    """Within the block, append to ``file`` what is printed on ``console``, without live lines.

    Raises:
        ResultsFolderError: the file cannot be opened; later failures end nothing.
    """

    def complain(error: Exception) -> None:
        console.print(f"{file} cannot be written any more: {error}", markup=False, soft_wrap=True)

    with explained(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = file.open("a", encoding="utf-8", errors=READABLE)
    with stream:
        log = Console(file=cast("TextIO", Lasting(stream, complain)), width=120, no_color=True)
        log.print(f"--- {datetime.now().astimezone().isoformat(timespec='seconds')}")
        console.push_render_hook(_Copy(log))
        try:
            yield
        except BaseException as error:
            log.print(f"{type(error).__name__}: {error}", markup=False, soft_wrap=True)
            raise
        finally:
            console.pop_render_hook()


class _Copy(RenderHook):
    """Sees all that is printed, before live lines are added to it."""

    def __init__(self, log: Console) -> None:
        self._log = log

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        for each in renderables:
            if not isinstance(each, Control | NewLine):
                self._log.print(each, end=getattr(each, "end", ""), soft_wrap=True)
        return renderables
