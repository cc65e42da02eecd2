"""Decode every image of a split once, into a memory-mapped file of raw pixels.

The images keep their own sizes ("ragged"): training reads views of them, without decoding,
and resizes on the device. A store lies under ``folders.cache / "images" / <key>``:

* ``pixels.bin``: all images one after the other, uint8, rows of RGB triplets;
* ``sizes.npy``: int32, shape (images, 2), height and width;
* ``store.json``: what the store was made from, and what the two files must measure;
* ``statistics.json``: channel mean and deviation, once they have been asked for.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image

from rsbench.atomic import new_folder, remove_folder, write_file
from rsbench.errors import ImageError, RsbenchError, TargetError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rsbench.folders import Folders
    from rsbench.target import Progress, SplitName, Target

STORE_VERSION = 1
"""Raise it when the pixels or the files of a store change."""
LONGEST = 4
"""The long side is at most this many times the short side."""

Channels = tuple[float, float, float]
"""One number for each of red, green and blue."""

_PIXELS, _SIZES, _META, _STATISTICS = "pixels.bin", "sizes.npy", "store.json", "statistics.json"
_BLOCK = 3 << 20  # bytes at a time: whole pixels, and little memory
_log = logging.getLogger("rsbench")


@dataclass(frozen=True, eq=False)
class ImageStore:
    """The decoded images of one split.

    Attributes:
        folder: where the store lies.
        heights: int32, shape (images,), pixels.
        widths: int32, shape (images,), pixels.
        offsets: int64, shape (images + 1,): image ``i`` is ``pixels[offsets[i]:offsets[i + 1]]``.
        pixels: uint8, memory-mapped and read-only: all images, flat.
    """

    folder: Path
    heights: NDArray[np.int32]
    widths: NDArray[np.int32]
    offsets: NDArray[np.int64]
    pixels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.heights)

    def __reduce__(self) -> tuple[object, ...]:
        # Other processes map the file again instead of receiving a copy of every pixel.
        return (_reopen, (self.folder,))

    def image(self, index: int) -> NDArray[np.uint8]:
        """A read-only view of one image: uint8, shape (height, width, 3), RGB."""
        start, stop = int(self.offsets[index]), int(self.offsets[index + 1])
        shape = (int(self.heights[index]), int(self.widths[index]), 3)
        return self.pixels[start:stop].reshape(shape)


def open_store(
    target: Target,
    split: SplitName,
    short_side: int,
    folders: Folders,
    progress: Progress | None = None,
) -> ImageStore:
    """The store of ``split``, built first where it is absent or damaged.

    Processes that build the same store at once do the work twice and do each other no harm.

    Args:
        target: where the images come from; its content hash names the store.
        split: "train" or "test".
        short_side: images with a longer short side are shrunk to it; see :func:`fit`.
        folders: the cache to keep the store in.
        progress: called with (done, total) images while the store is built.

    Raises:
        ImageError: an image is missing or does not decode.
        TargetError: the target yields another number of images than it lists.
        RsbenchError: the cache cannot be written.
    """
    if short_side < 1:
        raise RsbenchError(f"the short side of stored images is {short_side}; use 1 or more")
    folder = folders.cache / "images" / store_key(target, split, short_side)
    count = len(target.samples(split))
    for _ in range(3):  # another process may replace a damaged store under our hands
        store = _load(folder, count)
        if store is not None:
            return store
        try:
            _build(target, split, short_side, folder, progress)
        except OSError as error:
            raise RsbenchError(
                f"the decoded images cannot be written: {error}",
                where=folder,
                remedy="free space there, or set RSBENCH_CACHE to a folder that has some",
            ) from error
    raise RsbenchError(
        "the store of decoded images is damaged again as soon as it is written",
        where=folder,
        remedy="check the disk, or set RSBENCH_CACHE to a folder on another one",
    )


def store_key(target: Target, split: SplitName, short_side: int) -> str:
    """Name of a store's folder: a digest over everything its pixels depend on."""
    made_from = [STORE_VERSION, target.content_hash, split, short_side]
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:32]


def fit(image: NDArray[np.uint8], short_side: int) -> NDArray[np.uint8]:
    """Shrink ``image`` to what training needs of it; small images stay as they are.

    A strip longer than ``LONGEST`` times its short side keeps its middle only. The cut is
    symmetric to the pixel, so the centre square that the test looks at (no longer than the
    short side) is the same with and without it. Then a short side longer than ``short_side`` is
    shrunk to it (Pillow's bilinear filter, which averages when it shrinks), aspect kept.

    Args:
        image: uint8, shape (height, width, 3).
        short_side: pixels.

    Returns:
        uint8, shape (height', width', 3).
    """
    image = _middle(_middle(image, axis=0), axis=1)
    height, width = image.shape[:2]
    shortest = min(height, width)
    if shortest <= short_side:
        return image
    size = (round(width * short_side / shortest), round(height * short_side / shortest))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def channel_statistics(store: ImageStore) -> tuple[Channels, Channels]:
    """Mean and standard deviation of each channel over all pixels, in [0, 1].

    They are exact (counted, not summed up in floats) and kept beside the store.
    """
    file = store.folder / _STATISTICS
    known = _read_statistics(file)
    if known is not None:
        return known
    counts = np.zeros((3, 256), dtype=np.int64)
    for start in range(0, len(store.pixels), _BLOCK):
        block = store.pixels[start : start + _BLOCK].reshape(-1, 3)
        for channel in range(3):
            counts[channel] += np.bincount(block[:, channel], minlength=256)
    levels = np.arange(256) / 255.0
    share = counts / counts.sum(axis=1, keepdims=True)
    mean = share @ levels
    deviation = np.sqrt((share * (levels - mean[:, None]) ** 2).sum(axis=1))
    result = (_channels(mean.tolist()), _channels(deviation.tolist()))
    try:
        write_file(file, json.dumps({"mean": result[0], "std": result[1]}).encode())
    except OSError as error:
        _log.warning("cannot keep the channel statistics in %s: %s", file, error)
    return result


def _channels(values: list[float]) -> Channels:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _read_statistics(file: Path) -> tuple[Channels, Channels] | None:
    try:
        content = json.loads(file.read_bytes())
        return _channels(content["mean"]), _channels(content["std"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("the channel statistics %s are damaged and are made anew (%s)", file, error)
        return None


def _middle(image: NDArray[np.uint8], axis: int) -> NDArray[np.uint8]:
    """The middle of ``axis`` where it is a strip's long side, else the whole."""
    length, other = image.shape[axis], image.shape[1 - axis]
    keep = LONGEST * other
    keep += (length - keep) % 2  # as many pixels go on either side: the centre stays put
    if length <= keep:
        return image
    start = (length - keep) // 2
    return image.take(range(start, start + keep), axis=axis)


def _build(
    target: Target, split: SplitName, short_side: int, folder: Path, progress: Progress | None
) -> None:
    with new_folder(folder) as building:
        with (building / _PIXELS).open("wb") as stream:
            sizes = _stream(target, split, short_side, stream, progress)
        np.save(building / _SIZES, sizes)
        meta = {
            "version": STORE_VERSION,
            "target": target.name,
            "content_hash": target.content_hash,
            "split": split,
            "short_side": short_side,
            "images": len(sizes),
            "bytes": int(sizes.astype(np.int64).prod(axis=1).sum()) * 3,
            "sizes_sha256": _digest(sizes),
        }
        write_file(building / _META, json.dumps(meta, indent=1).encode())


def _stream(
    target: Target,
    split: SplitName,
    short_side: int,
    stream: BinaryIO,
    progress: Progress | None,
) -> NDArray[np.int32]:
    """Write every image to ``stream``; return heights and widths, shape (images, 2)."""
    ids = target.samples(split).ids
    sizes = np.zeros((len(ids), 2), dtype=np.int32)
    step = max(1, len(ids) // 200)  # a display needs no more
    pairs = enumerate(zip_longest(ids, target.read_many(split, range(len(ids)))))
    for index, (sample, image) in pairs:
        if sample is None or image is None:
            raise TargetError(
                f"{target.name}: {split} lists {len(ids)} samples, "
                f"but read_many yields {'fewer' if image is None else 'more'}",
                remedy="mend read_many of the target's plugin",
            )
        if isinstance(image, ImageError):
            raise image
        _check_image(target, sample, image)
        fitted = fit(image, short_side)
        sizes[index] = fitted.shape[:2]
        stream.write(np.ascontiguousarray(fitted).data)
        if progress is not None and ((index + 1) % step == 0 or index + 1 == len(ids)):
            progress(index + 1, len(ids))
    return sizes


def _check_image(target: Target, sample: str, image: NDArray[np.uint8]) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise TargetError(
            f"{target.name}: sample {sample!r} reads as {image.dtype} of shape {image.shape}; "
            "it must be uint8 of shape (height, width, 3)",
            remedy="mend read and read_many of the target's plugin",
        )


def _load(folder: Path, count: int | None) -> ImageStore | None:
    """The store in ``folder``; None where there is none, or a damaged one was taken away."""
    if not folder.is_dir():
        return None
    try:
        return _open(folder, count)
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        _log.warning("the image store %s is damaged and is built anew (%s)", folder, error)
        remove_folder(folder)
        return None


def _reopen(folder: Path) -> ImageStore:
    return _open(folder, None)


def _open(folder: Path, count: int | None) -> ImageStore:
    meta = json.loads((folder / _META).read_bytes())
    sizes: NDArray[np.int32] = np.load(folder / _SIZES, allow_pickle=False)
    size = (folder / _PIXELS).stat().st_size
    if size != meta["bytes"]:
        raise ValueError(f"{_PIXELS} has {size} bytes in place of {meta['bytes']}")
    if _digest(sizes) != meta["sizes_sha256"]:
        raise ValueError(f"{_SIZES} is not the file that was written")
    if count is not None and len(sizes) != count:
        raise ValueError(f"it holds {len(sizes)} images in place of {count}")
    offsets = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes.astype(np.int64).prod(axis=1) * 3, out=offsets[1:])
    if offsets[-1] != size:
        raise ValueError(f"the sizes add up to {offsets[-1]} bytes, not {size}")
    pixels = np.memmap(folder / _PIXELS, dtype=np.uint8, mode="r")
    heights, widths = np.ascontiguousarray(sizes.T)
    return ImageStore(folder, heights, widths, offsets, pixels)


def _digest(sizes: NDArray[np.int32]) -> str:
    return hashlib.sha256(f"{sizes.dtype.str}{sizes.shape}".encode() + sizes.tobytes()).hexdigest()
