"""What is printed: a letter that the terminal lacks, or a terminal that is gone, ends nothing."""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Name of the error handler that writes ``_SUBSTITUTES``, and "?" for everything else.
READABLE = "rsbench.readable"
_SUBSTITUTES = {
    "±": "+/-",
    "×": "x",  # noqa: RUF001 - a multiplication sign is meant
    "–": "-",  # noqa: RUF001 - an en dash is meant
    "−": "-",  # noqa: RUF001 - a minus sign is meant
    "…": "...",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "γ": "gamma",  # noqa: RUF001 - the Greek letter is meant
}


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(_SUBSTITUTES.get(letter, "?") for letter in letters), error.end


codecs.register_error(READABLE, _substitute)


def accept_all_letters(encoding: str | None = None) -> None:
    """Let both standard streams write what their encoding lacks as something readable.

    Args:
        encoding: a new one for both; theirs by default.
    """
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # a stand-in of tests may have none
        if reconfigure is not None:
            reconfigure(encoding=encoding, errors=READABLE)


class Lasting:
    """A text stream that drops what it can no longer write: the work goes on without it.

    Args:
        stream: where to write.
        complain: is told of the first failure.
    """

    def __init__(self, stream: TextIO, complain: Callable[[Exception], object]) -> None:
        self._stream = stream
        self._complain = complain
        self.broken = False

    def write(self, text: str) -> int:
        """Write, unless an earlier call failed."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush, unless an earlier call failed."""
        self._try(self._stream.flush)

    def _try(self, action: Callable[[], object]) -> None:
        if self.broken:
            return
        try:
            action()
        # ValueError: the stream was closed
        except (OSError, ValueError) as error:
            self.broken = True
            _discard(self._stream)
            self._complain(error)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # there is no way around this object
            raise AttributeError(name)
        return getattr(self._stream, name)


def _discard(stream: TextIO) -> None:
    """What the stream still holds would fail again when Python ends: let it go nowhere."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        pass  # no stream of the operating system


@contextmanager
def lasting_streams() -> Iterator[Lasting]:
    """Standard output and standard error never raise within the block.

    Gives standard output, which knows afterwards whether it broke; standard error says so then.
    """

    def complain(error: Exception) -> None:
        errors.write(f"standard output cannot be written any more: {error}\n")
        errors.flush()

    # a stream that was closed before Python began is None
    errors = Lasting(sys.stderr or io.StringIO(), lambda _: None)
    output = Lasting(sys.stdout or io.StringIO(), complain)
    with redirect_stdout(cast("TextIO", output)), redirect_stderr(cast("TextIO", errors)):
        yield output
