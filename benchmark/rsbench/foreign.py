"""Code that is not ours, run so that what it does wrong ends there: exits and exceptions."""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rsbench.errors import PluginError, RsbenchError
from rsbench.system import remedy_for

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def contained(what: str) -> Iterator[None]:
    """Turn whatever a plugin raises, ``sys.exit`` included, into an error that names its line.

    Errors of rsbench pass: plugins raise them to say what is wrong.

    Args:
        what: what is being done, for the message: "reading plots".

    Raises:
        PluginError: something else was raised.
    """
    try:
        yield
    except (RsbenchError, MemoryError):
        raise
    except SystemExit as leaving:
        raise PluginError(
            f"{what}: it called sys.exit({leaving.code!r})",
            where=line_of(leaving),
            remedy="mend the plugin: it must raise an exception in place of that",
        ) from leaving
    except Exception as error:
        raise PluginError(
            f"{what}: {type(error).__name__}: {error}",
            where=line_of(error),
            remedy=remedy_for(error, "mend the plugin; 'rsbench plugin check NAME' tries it alone"),
        ) from error


def line_of(error: BaseException) -> str:
    """``file:line`` where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
