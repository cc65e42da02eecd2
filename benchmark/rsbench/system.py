"""What the machine refuses, as against what is wrong with a file: nothing is deleted for it."""

from __future__ import annotations

import errno
import os
import signal

#: Of the file itself: it is not there, it is a folder, or it is cut short. Libraries that find
#: its content wrong raise without a number.
_OF_THE_FILE = frozenset({None, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EINVAL})
_USED_UP = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_USED_UP_TEXTS = tuple(os.strerror(number) for number in _USED_UP)
_ADVICE = {
    errno.EMFILE: "let a process open more files ('ulimit -n 4096' before the command)",
    errno.ENFILE: "close other programs: the machine has too many files open",
    errno.ENOMEM: "give --workers a smaller number, or close other programs",
    errno.EACCES: "check who may read the file",
    errno.EPERM: "check who may read the file",
    errno.EIO: "check the disk or the network drive; the file may be whole",
    errno.ESTALE: "mount the network drive again",
    errno.ENOSPC: "free space there",
    errno.EDQUOT: "free space there",
    errno.EROFS: "name a folder that can be written",
}
#: Open files that a process may have: more than it ever needs, and cheap to count.
_ENOUGH_FILES = 1 << 16


def of_the_system(error: BaseException) -> bool:
    """Whether reading failed for a reason that says nothing about the file's content."""
    if isinstance(error, OSError):
        return error.errno not in _OF_THE_FILE
    return isinstance(error, MemoryError)


def used_up(error: BaseException | None) -> bool:
    """Whether the machine or the process had no more memory or files to open.

    The error may stand behind another one, and GDAL's have no number.
    """
    while error is not None:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) in _USED_UP:
            return True
        if any(text in str(error) for text in _USED_UP_TEXTS):
            return True
        error = error.__cause__ or error.__context__
    return False


def remedy_for(error: BaseException, damaged: str) -> str:
    """What to do about a file that cannot be read.

    Args:
        error: why not.
        damaged: what to do where its content is wrong.
    """
    if not of_the_system(error):
        return damaged
    number = error.errno if isinstance(error, OSError) else errno.ENOMEM
    return _ADVICE.get(number or 0, "mend the cause; the file itself may be whole")


def interrupt_once() -> None:
    """Let Ctrl-C, and SIGTERM, by which schedulers end a job, interrupt the program once.

    What follows does nothing: it would tear the closing of what is open apart, which takes seconds.
    """

    def interrupt(number: int, frame: object) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    signals = (signal.SIGINT, signal.SIGTERM)
    for each in signals:
        signal.signal(each, interrupt)


def open_more_files() -> None:
    """Let this process and those it starts open as many files as the system allows.

    macOS allows 256 at first, which three targets with their image stores use up.
    """
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    for number in (wanted, 10240):  # macOS says "unlimited" and accepts no more than this
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
        except (OSError, ValueError):
            continue
        return
