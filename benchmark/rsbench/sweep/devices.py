"""How many workers, with how many threads, on which device."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass

from rsbench.cores import usable_cores
from rsbench.errors import SettingsError

#: More processes than this gain little and cost memory.
MOST_WORKERS = 8

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Resources:
    """What a sweep may use.

    Attributes:
        devices: device of each worker, "cpu" or "cuda:<index>"; one for cells in this process.
        threads: torch threads of each worker.
        in_process: whether cells run in this process (``--workers 0``).
    """

    devices: tuple[str, ...]
    threads: int
    in_process: bool

    def describe(self) -> str:
        """In words, e.g. ``2 workers on cpu, 1 thread each``."""
        where = ", ".join(dict.fromkeys(self.devices))
        threads = f"{self.threads} thread{'s' if self.threads != 1 else ''}"
        if self.in_process:
            return f"this process on {where}, {threads}"
        count = len(self.devices)
        return f"{count} worker{'s' if count != 1 else ''} on {where}, {threads} each"


def choose_resources(workers: int | None, threads: int | None, device: str) -> Resources:
    """Fill in what the user left open.

    Without options a CPU gets min(cores, 8) workers and cores // workers threads each; a
    machine with GPUs gets one worker for each. Neither depends on how many cells are left:
    the number of threads changes the order of sums and with it the last digits, and a resumed
    sweep must give the numbers of an uninterrupted one.

    Args:
        workers: number of processes, 0 for this process, None to choose.
        threads: torch threads of each, None to choose.
        device: "auto", "cpu" or "cuda".

    Raises:
        SettingsError: a number is out of range, or the device is not there.
    """
    if device not in DEVICES:
        raise SettingsError(
            f"--device {device}: unknown", remedy=f"use one of {', '.join(DEVICES)}"
        )
    if (workers is not None and workers < 0) or (threads is not None and threads < 1):
        raise SettingsError("--workers must be 0 or more, and --threads 1 or more")
    gpus = 0 if device == "cpu" else count_gpus()
    if device == "cuda" and gpus == 0:
        raise SettingsError(
            "--device cuda: torch finds no GPU here", remedy="leave it out, or use --device cpu"
        )
    cores = usable_cores()
    usual = gpus or min(cores, MOST_WORKERS)
    count = usual if workers is None else workers
    places = [f"cuda:{index}" for index in range(gpus)] or ["cpu"]
    return Resources(
        devices=tuple(places[n % len(places)] for n in range(max(1, count))),
        threads=threads or max(1, cores // (count or usual)),
        in_process=count == 0,
    )


def count_gpus() -> int:
    """GPUs that torch can use; torch is asked in a process of its own, to keep this one light."""
    if shutil.which("nvidia-smi") is None:
        return 0
    question = "import torch; print(torch.cuda.device_count())"
    answer = subprocess.run(
        [sys.executable, "-c", question], capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        raise SettingsError(
            f"torch cannot be asked for its GPUs: {answer.stderr.strip()[-500:]}",
            remedy="use --device cpu, or see 'rsbench doctor'",
        )
    return int(answer.stdout)
