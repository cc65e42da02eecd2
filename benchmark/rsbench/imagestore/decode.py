"""Decode one chunk of a split: in this process or in a worker."""

from __future__ import annotations

import hashlib
import pickle
import signal
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.errors import ImageError, MisfitImageError, RsbenchError, TargetError
from rsbench.foreign import contained
from rsbench.imagestore.files import Chunk, shard_file
from rsbench.imagestore.fit import fit
from rsbench.system import used_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rsbench.imagery import Imagery
    from rsbench.target import SplitName, Target

_COUNT_AT = 1 << 20  # values that are counted at a time

Pickled = bytes


@dataclass(frozen=True)
class Job:
    """What is decoded, and where it goes.

    Attributes:
        target: reads the images.
        split: which of its splits.
        stored_side: pixels.
        folder: where the pixel files are written.
        keep: whether they are written at all.
        chunk: images per file.
    """

    target: Target
    split: SplitName
    stored_side: int
    folder: Path
    keep: bool
    chunk: int

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return -(-len(self.target.samples(self.split)) // self.chunk)


class Histogram:
    """Counts values by band; memory for a few images at a time."""

    def __init__(self, imagery: Imagery) -> None:
        levels = np.iinfo(imagery.dtype).max + 1
        self.counts = np.zeros((imagery.channels, levels), dtype=np.int64)
        self._waiting: list[NDArray[Any]] = []
        self._values = 0

    def add(self, image: NDArray[Any]) -> None:
        """Count the values of an image of shape (height, width, bands)."""
        self._waiting.append(image.reshape(-1, image.shape[2]))
        self._values += image.size
        if self._values >= _COUNT_AT:
            self.flush()

    def flush(self) -> None:
        """Count what waits."""
        if not self._waiting:
            return
        pixels = np.concatenate(self._waiting)
        for band, counts in enumerate(self.counts):
            counts += np.bincount(pixels[:, band], minlength=len(counts))
        self._waiting, self._values = [], 0


def decode_chunk(job: Job, number: int, done: Callable[[int], None] | None = None) -> Chunk:
    """Decode chunk ``number``, write its pixels, and say what became of it.

    Args:
        job: what is decoded.
        number: chunk, from 0.
        done: called with the number of images decoded so far in this chunk.

    Raises:
        RsbenchError: the machine has no more memory, or files to open.
        MisfitImageError: an image is of another kind than the target says.
        TargetError: the target yields something that is no image, or too few or too many.
        OSError: the pixels cannot be written.
    """
    ids = job.target.samples(job.split).ids
    indices = range(number * job.chunk, min((number + 1) * job.chunk, len(ids)))
    sizes = np.zeros((len(indices), 2), dtype=np.int32)
    digests = np.zeros(len(indices), dtype=np.uint64)
    bad: list[tuple[int, str]] = []
    histogram, digest, written, shrunk = Histogram(job.target.imagery), hashlib.sha256(), 0, 0
    path = shard_file(job.folder, number)
    with path.open("wb") if job.keep else nullcontext() as stream:
        pairs = zip_longest(indices, _read(job, indices))
        for place, (index, image) in enumerate(pairs):
            if index is None or image is None:
                raise _wrong_number(job, len(indices), image is None)
            if isinstance(image, MisfitImageError):
                raise image
            if isinstance(image, ImageError):
                if used_up(image):  # not the image's fault: nothing is kept about it
                    raise RsbenchError(
                        f"{job.target.name}: the images cannot be read: {_one_line(image)}",
                        remedy="let a process open more files ('ulimit -n 4096'), give --workers "
                        "a smaller number, or close other programs",
                    )
                bad.append((index, _one_line(image)))
            else:
                _check_image(job.target, ids[index], image)
                fitted = np.ascontiguousarray(fit(image, job.stored_side))
                sizes[place] = fitted.shape[:2]
                shrunk += fitted.shape != image.shape
                digests[place] = _digest(fitted)
                histogram.add(fitted)
                if stream is not None:
                    digest.update(fitted.data)
                    written += stream.write(fitted.data)
            if done is not None:
                done(place + 1)
    histogram.flush()
    sha256, counts = digest.hexdigest(), histogram.counts
    return Chunk(sizes, digests, tuple(bad), shrunk, written, sha256, counts)


def _digest(image: NDArray[Any]) -> int:
    """Equal for equal pixels, never 0."""
    found = hashlib.sha256(repr(image.shape).encode())
    found.update(image.data)
    return int.from_bytes(found.digest()[:8]) or 1


def begin_worker(parent: int, pickled: Pickled) -> None:
    """Make a spawned process ready for :func:`decode_in_worker`."""
    from rsbench.orphans import end_with

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends us
    end_with(parent)
    global _job
    _job = pickle.loads(pickled)


def decode_in_worker(number: int) -> Chunk:
    """Decode one chunk of the job that :func:`begin_worker` was given."""
    if _job is None:
        raise RuntimeError("the worker was not made ready")
    return decode_chunk(_job, number)


_job: Job | None = None


def _one_line(error: ImageError) -> str:
    return error.what if error.where is None else f"{error.where}: {error.what}"


def _read(job: Job, indices: Sequence[int]) -> Iterator[NDArray[Any] | ImageError]:
    with contained(f"reading {job.split} of {job.target.name}"):
        yield from job.target.read_many(job.split, indices)


def _wrong_number(job: Job, listed: int, fewer: bool) -> TargetError:
    return TargetError(
        f"{job.target.name}: asked for {listed} samples of {job.split}, "
        f"read_many yields {'fewer' if fewer else 'more'}",
        remedy="mend read_many of the target's plugin",
    )


def _check_image(target: Target, sample: str, image: NDArray[Any]) -> None:
    imagery = target.imagery
    shape = (image.ndim, image.shape[-1] if image.ndim else 0)
    if image.dtype != imagery.dtype or shape != (3, imagery.channels) or 0 in image.shape:
        raise TargetError(
            f"{target.name}: sample {sample!r} reads as {image.dtype} of shape {image.shape}; "
            f"it must be {imagery.pixels} of shape (height, width, {imagery.channels})",
            remedy="mend read and read_many of the target's plugin, or the imagery it states",
        )
