"""What travels to the measuring process and back; torch is not needed to read it."""

from __future__ import annotations

from dataclasses import dataclass

from rsbench.cell import Cell
from rsbench.folders import Folders

#: What the numbers are, by type of device.
MEANINGS = {
    "cpu": "resident memory of the whole process at its peak, less that before the training loop",
    "cuda": "torch.cuda.max_memory_allocated, less what was allocated before the training loop",
}


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        rounds: that count; one more, before them, is thrown away.
        epochs: that every variant trains in a round.
        images: training images at most, or None for all.
        memory: whether peak memory is measured, too.
    """

    rounds: int = 7
    epochs: int = 1
    images: int | None = None
    memory: bool = True


@dataclass(frozen=True)
class Job:
    """One measurement; it travels to the child.

    Attributes:
        cell: what is trained.
        folders: where data and caches lie.
        device: "cpu" or "cuda:<index>".
        threads: torch threads.
        epochs: to train.
        images: training images at most, or None for all.
    """

    cell: Cell
    folders: Folders
    device: str
    threads: int
    epochs: int = 1
    images: int | None = None


@dataclass(frozen=True)
class Training:
    """One measured training.

    Attributes:
        seconds: wall time of the training loop; loading, attaching and tests excluded.
        steps: inner steps.
        images: images that inner steps read.
        outer_steps: as the strategy reports them, or None.
        trainable: trained scalars, head and modulators included.
        modulators: trained scalars of MetaPEFT.
        precision: as resolved.
        image_size: side of the network's input, pixels.
    """

    seconds: float
    steps: int
    images: int
    outer_steps: int | None
    trainable: int
    modulators: int
    precision: str
    image_size: int


@dataclass(frozen=True)
class PeakMemory:
    """Peak memory above the loaded model.

    Attributes:
        bytes: the difference, or None where it cannot be measured.
        reason: why there is none, or "".
        failed: whether that is because the training failed.
    """

    bytes: int | None
    reason: str = ""
    failed: bool = False
