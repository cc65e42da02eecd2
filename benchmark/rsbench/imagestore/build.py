"""Decode a split once, with all cores, into the files of a store."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import shutil
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rsbench.atomic import new_folder
from rsbench.cores import usable_cores
from rsbench.errors import ImageError, RsbenchError
from rsbench.imagestore.decode import Job, begin_worker, decode_chunk, decode_in_worker
from rsbench.imagestore.files import STORE_VERSION, Chunk, Meta, array_digest, write_facts

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.target import Progress, SplitName, Target

#: A split is divided into about this many chunks of at least and at most so many images.
_CHUNKS, _SMALLEST_CHUNK, _LARGEST_CHUNK = 64, 16, 4096
#: Seconds after which other cores are asked for help: starting processes takes one or two.
PATIENCE = 2.0
_MOST_WORKERS = 32
#: Share of the free disk that a store may take.
_MOST_OF_DISK = 0.5
_log = logging.getLogger("rsbench")


class _TooLarge(Exception):
    """The decoded images will not fit on the disk."""


def build(
    target: Target,
    split: SplitName,
    stored_side: int,
    folder: Path,
    progress: Progress | None,
    *,
    keep: bool,
) -> None:
    """Decode ``split`` into ``folder``.

    Where the decoded images would not fit on the disk, they are not kept, and a warning says so.

    Args:
        target: what to decode.
        split: "train" or "test".
        stored_side: images with a longer short side are shrunk to it.
        folder: the store; it must not exist.
        progress: called with (done, total) images.
        keep: whether to keep pixels, or only what is known of the images.

    Raises:
        ImageError: images do not decode, and the target does not say to skip them; all are
            counted and the first few named.
        TargetError: the target yields something else than it lists.
        RsbenchError: a decoding process died.
        OSError: the folder cannot be written.
    """
    count = len(target.samples(split))
    size = min(max(-(-count // _CHUNKS), _SMALLEST_CHUNK), _LARGEST_CHUNK)
    with new_folder(folder) as building:
        job = Job(target, split, stored_side, building, keep, size)
        try:
            chunks = decode_all(job, progress)
        except _TooLarge as error:
            _log.warning("%s", error)
            for file in building.iterdir():
                file.unlink()
            job = replace(job, keep=False)
            chunks = decode_all(job, progress)
        _refuse_bad(target, split, chunks)
        _write(job, chunks)


def _write(job: Job, chunks: list[Chunk]) -> None:
    sizes = np.concatenate([chunk.sizes for chunk in chunks])
    digests = np.concatenate([chunk.digests for chunk in chunks])
    histogram = np.sum([chunk.histogram for chunk in chunks], axis=0)
    imagery = job.target.imagery
    meta = Meta(
        version=STORE_VERSION,
        target=job.target.name,
        content_hash=job.target.content_hash,
        split=job.split,
        stored_side=job.stored_side,
        bands=imagery.bands,
        pixels=imagery.pixels,
        images=len(sizes),
        chunk=job.chunk,
        kept=job.keep,
        shards=tuple((chunk.size, chunk.sha256) for chunk in chunks),
        bad=tuple(pair for chunk in chunks for pair in chunk.bad),
        shrunk=sum(chunk.shrunk for chunk in chunks),
        sizes_sha256=array_digest(sizes),
        digests_sha256=array_digest(digests),
        histogram_sha256=array_digest(histogram),
    )
    write_facts(job.folder, meta, sizes, digests, histogram)


def _refuse_bad(target: Target, split: SplitName, chunks: list[Chunk]) -> None:
    messages = [message for chunk in chunks for _, message in chunk.bad]
    if messages and target.on_bad_image == "error":
        raise bad_images(target, split, messages)


def bad_images(target: Target, split: SplitName, messages: list[str]) -> ImageError:
    """The error for images that do not decode: how many, and the first five."""
    listed = "".join(f"\n  {message}" for message in messages[:5])
    more = "\n  ..." if len(messages) > 5 else ""
    number = "1 image" if len(messages) == 1 else f"{len(messages)} images"
    return ImageError(
        f"{target.name}: {number} of {split} cannot be used:{listed}{more}",
        remedy="restore them from their source"
        + target.advice(
            "on_bad_image",
            ", or leave them out, counted and recorded, with the option 'on_bad_image: skip'",
        ),
    )


def decode_all(job: Job, progress: Progress | None) -> list[Chunk]:
    """All chunks in order: alone for a while, then with the other cores."""
    total = len(job.target.samples(job.split))
    started = time.monotonic()
    chunks: list[Chunk] = []
    while len(chunks) < job.chunks:
        if time.monotonic() - started >= PATIENCE:
            workers = min(usable_cores(), _MOST_WORKERS, job.chunks - len(chunks))
            pickled = _pickled(job) if workers > 1 else None
            if pickled is not None:
                return chunks + _decode_with(job, pickled, workers, len(chunks), progress)
        before = len(chunks) * job.chunk
        chunks.append(decode_chunk(job, len(chunks), _within(progress, before, total)))
        _check_room(job, sum(chunk.size for chunk in chunks), before + len(chunks[-1].sizes), total)
    return chunks


def _within(progress: Progress | None, before: int, total: int) -> ChunkProgress | None:
    return None if progress is None else ChunkProgress(progress, before, total)


class ChunkProgress:
    """Turns the progress within a chunk into that of the split."""

    def __init__(self, progress: Progress, before: int, total: int) -> None:
        self._progress, self._before, self._total = progress, before, total
        self._step = max(1, total // 200)  # a display needs no more

    def __call__(self, done: int) -> None:
        """Report that ``done`` images of this chunk are decoded."""
        done += self._before
        if done % self._step == 0 or done == self._total:
            self._progress(done, self._total)


def _decode_with(
    job: Job, pickled: bytes, workers: int, first: int, progress: Progress | None
) -> list[Chunk]:
    """The chunks from ``first`` on, by other processes."""
    total = len(job.target.samples(job.split))
    done = first * job.chunk
    found: dict[int, Chunk] = {}
    with _pool(pickled, workers) as pool:
        futures = {pool.submit(decode_in_worker, n): n for n in range(first, job.chunks)}
        try:
            for future in as_completed(futures):
                chunk = found[futures[future]] = future.result()
                done += len(chunk.sizes)
                if progress is not None:
                    progress(done, total)
                written = sum(each.size for each in found.values())
                _check_room(job, written, done - first * job.chunk, total)
        except BrokenProcessPool as error:
            raise RsbenchError(
                "a process that decodes images died",
                remedy="see whether memory ran out; a defect in a decoding library ends so, too",
            ) from error
        except BaseException as error:
            # a chunk that is still being written would outlive the folder; Ctrl-C waits for nothing
            pool.shutdown(wait=isinstance(error, Exception), cancel_futures=True)
            raise
    return [found[number] for number in sorted(found)]


def _pool(pickled: bytes, workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=begin_worker,
        initargs=(os.getpid(), pickled),
    )


def _pickled(job: Job) -> bytes | None:
    """The job for other processes; None where this process is to go on alone."""
    if multiprocessing.parent_process() is not None:
        return None  # a worker of a sweep: its neighbours have the other cores
    try:
        return pickle.dumps(job)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        _log.warning(
            "%s cannot be sent to other processes, and is decoded by one alone: %s",
            job.target.name, error,
        )  # fmt: skip
        return None


def _check_room(job: Job, written: int, done: int, total: int) -> None:
    """Stop early where the rest will not fit.

    Raises:
        _TooLarge: the disk would be full before the end.
    """
    if not job.keep:
        return
    free = shutil.disk_usage(job.folder).free
    rest = written / done * (total - done)
    if written + rest > (free + written) * _MOST_OF_DISK:
        raise _TooLarge(
            f"the decoded images of {job.target.name} {job.split} would take about "
            f"{(written + rest) / 1e9:.1f} GB, more than half of what is free on the disk of "
            f"{job.folder.parent}: they are decoded as they are used, which is slower; "
            "recipe.stored_side keeps smaller ones"
        )
