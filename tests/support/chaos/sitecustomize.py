"""A disk that fails, for every Python process that has this folder on its path.

``CHAOS_SYNCED``: a file that lists what the disk was asked to keep (see ``campaign.cut_power``).
``CHAOS_FULL``: after so many such requests of a process the disk is full.
"""

import errno
import os

_synced = os.environ.get("CHAOS_SYNCED")
_left = int(os.environ.get("CHAOS_FULL", "-1"))
_roots = os.environ.get("CHAOS_ROOTS", "").split(os.pathsep)
_fsync, _sync = os.fsync, os.sync


def _note(*stats: os.stat_result) -> None:
    lines = "".join(f"{s.st_ino} {s.st_size} {s.st_mtime_ns}\n" for s in stats)
    if _synced:
        descriptor = os.open(_synced, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, lines.encode())
        os.close(descriptor)


def _use_up() -> None:
    global _left
    if _left == 0:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    _left -= 1


def fsync(descriptor: int) -> None:
    """Keep a file."""
    _use_up()
    _fsync(descriptor)
    _note(os.fstat(descriptor))


def sync() -> None:
    """Keep all files."""
    _sync()
    tops = [each for root in _roots for each in os.walk(root)]
    _note(*(os.lstat(os.path.join(top, name)) for top, _, names in tops for name in names))


if _synced or _left >= 0:
    os.fsync, os.sync = fsync, sync  # type: ignore[assignment]
