"""Peak memory of a piece of work, above what was in use before it."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

import torch

from rsbench.cost.results import PeakMemory

_PROC = Path("/proc/self")


def peak_of(work: Callable[[], object], device: torch.device) -> PeakMemory:
    """Do ``work`` and say how much memory it took at its peak.

    Args:
        work: called once, whether or not its memory can be measured.
        device: whose memory; the CPU's is that of this process (Linux only).
    """
    return _cuda_peak(work, device) if device.type == "cuda" else _process_peak(work)


def _cuda_peak(work: Callable[[], object], device: torch.device) -> PeakMemory:
    gc.collect()
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    work()
    torch.cuda.synchronize(device)
    return PeakMemory(torch.cuda.max_memory_allocated(device) - before)


def _process_peak(work: Callable[[], object]) -> PeakMemory:
    give_back_free_memory()
    reason, before = "", 0
    try:
        (_PROC / "clear_refs").write_text("5")  # Linux: the peak is the present from now on
        before = _resident("VmRSS")
    except OSError as error:
        reason = f"not measured: the peak of this process cannot be read here ({error.strerror})"
    work()
    return PeakMemory(None, reason) if reason else PeakMemory(_resident("VmHWM") - before)


def give_back_free_memory() -> None:
    """Return freed memory to the system, which else would hide what the work takes anew."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)


def _resident(field: str) -> int:
    """Bytes of ``VmRSS`` (now) or ``VmHWM`` (peak) of this process."""
    for line in (_PROC / "status").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == field:
            return int(rest.split()[0]) * 1024
    raise OSError(0, f"{_PROC / 'status'} has no {field}")
