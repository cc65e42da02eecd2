"""Memory of a worker: what one training step frees serves the next one."""

from __future__ import annotations

import ctypes
import sys

#: Parameters of glibc's ``mallopt`` (malloc.h).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
#: Largest threshold that glibc takes on 64-bit machines, bytes.
_LARGEST_MMAP_THRESHOLD = 32 * 1024**2
#: Free memory at the end of the heap from which on it goes back to the system, bytes.
_TRIM_AT = 1024**3


def keep_freed_memory() -> bool:
    """Let this process keep freed blocks below 32 MiB for its next allocations.

    A training step frees and takes the same blocks again and again. By default glibc gives the
    larger ones back to the system each time, and every return costs page faults: an eighth of the
    time of a demo cell on two cores. A process holds on to about its peak memory instead.

    Returns:
        Whether it is so; False where the C library is another one.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = ((_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD), (_TRIM_THRESHOLD, _TRIM_AT))
    return all(mallopt(parameter, value) == 1 for parameter, value in wanted)
