"""What a measurement was made on: processor, cores, memory, and how busy it was."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from rsbench.cores import usable_cores


@dataclass(frozen=True)
class Machine:
    """A computer.

    Attributes:
        processor: name of the processor.
        cores: cores that this process may use.
        memory_gib: main memory, GiB.
        platform: operating system.
    """

    processor: str
    cores: int
    memory_gib: float
    platform: str

    @classmethod
    def here(cls) -> Machine:
        """This one."""
        import psutil

        memory = psutil.virtual_memory().total / 2**30
        return cls(_processor(), usable_cores(), round(memory, 1), platform.platform())


def load_average() -> float | None:
    """Processes that ran or waited for a core, mean of the last minute; None on Windows."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []  # not Linux
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
