"""Decoded images of one split: kept in memory-mapped files, or decoded as they are used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from rsbench.cores import usable_cores
from rsbench.errors import ImageError
from rsbench.imagestore.files import check_shards, read_meta, read_sizes, shard_file
from rsbench.imagestore.fit import fit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rsbench.target import SplitName, Target

#: Images that one thread decodes at a time while streaming.
_PORTION = 8


@dataclass(frozen=True, eq=False)
class ImageSet(ABC):
    """What stored and streamed images have in common.

    Attributes:
        folder: where the store lies.
        heights: int32, shape (images,), pixels; 0 for an image that does not decode.
        widths: int32, shape (images,), pixels.
        bands: names of the channels.
        bad: message by index of each image that does not decode.
        shrunk: how many were shrunk to the stored side.
        decoded: whether pixels are kept; else images are decoded at every use.
    """

    decoded: ClassVar[bool]
    folder: Path
    heights: NDArray[np.int32]
    widths: NDArray[np.int32]
    bands: tuple[str, ...]
    bad: dict[int, str]
    shrunk: int

    def __len__(self) -> int:
        return len(self.heights)

    @abstractmethod
    def images(self, indices: Sequence[int]) -> list[NDArray[Any]]:
        """Images, each of shape (height, width, bands)."""

    def image(self, index: int) -> NDArray[Any]:
        """One image, shape (height, width, bands)."""
        return self.images([index])[0]


@dataclass(frozen=True, eq=False)
class ImageStore(ImageSet):
    """Images as views of memory-mapped files, without any decoding.

    Attributes:
        offsets: int64, shape (images + 1,): where images start in the chain of all files,
            counted in values.
        shards: the files, read-only.
        chunk: images per file.
    """

    decoded: ClassVar[bool] = True
    offsets: NDArray[np.int64]
    shards: tuple[NDArray[Any], ...]
    chunk: int

    def __reduce__(self) -> tuple[object, ...]:
        # Other processes map the files again instead of receiving a copy of every pixel.
        return (load, (self.folder,))

    def images(self, indices: Sequence[int]) -> list[NDArray[Any]]:
        """Read-only views, each of shape (height, width, bands)."""
        return [self._view(index) for index in indices]

    def _view(self, index: int) -> NDArray[Any]:
        number = index // self.chunk
        base = self.offsets[number * self.chunk]
        start, stop = int(self.offsets[index] - base), int(self.offsets[index + 1] - base)
        shape = (int(self.heights[index]), int(self.widths[index]), len(self.bands))
        return self.shards[number][start:stop].reshape(shape)


@dataclass(frozen=True, eq=False)
class StreamedImages(ImageSet):
    """Images that are decoded at every use, by several threads; nothing but sizes is kept.

    Attributes:
        target: decodes them.
        split: of the target.
        stored_side: as of the store they stand for.
    """

    decoded: ClassVar[bool] = False
    target: Target
    split: SplitName
    stored_side: int

    def images(self, indices: Sequence[int]) -> list[NDArray[Any]]:
        """Images, each of shape (height, width, bands), as a store would hold them.

        Raises:
            ImageError: an image that could be read when the sweep began no longer can.
        """
        portions = [indices[i : i + _PORTION] for i in range(0, len(indices), _PORTION)]
        return list(chain.from_iterable(self._threads.map(self._decode, portions)))

    def _decode(self, indices: Sequence[int]) -> list[NDArray[Any]]:
        decoded: dict[int, NDArray[Any]] = {}
        ordered = sorted(set(indices))  # targets read ascending indices fastest
        for index, image in zip(ordered, self.target.read_many(self.split, ordered), strict=True):
            if isinstance(image, ImageError):
                raise image
            decoded[index] = fit(image, self.stored_side)
        return [decoded[index] for index in indices]

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(usable_cores(), thread_name_prefix="decode")


def load(folder: Path, *, thorough: bool = False) -> ImageStore:
    """Open the store in ``folder``.

    Args:
        folder: the store.
        thorough: whether every byte of it is checked.

    Raises:
        OSError, ValueError, KeyError, TypeError, EOFError: it is missing or damaged.
    """
    meta = read_meta(folder)
    sizes = read_sizes(folder)
    check_shards(folder, meta.shards, thorough)
    dtype = np.dtype(meta.pixels)
    offsets = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes.astype(np.int64).prod(axis=1) * len(meta.bands), out=offsets[1:])
    if len(sizes) != meta.images or offsets[-1] * dtype.itemsize != sum(n for n, _ in meta.shards):
        raise ValueError("the sizes do not add up to the pixels")
    heights, widths = np.ascontiguousarray(sizes.T)
    return ImageStore(
        folder=folder,
        heights=heights,
        widths=widths,
        bands=meta.bands,
        bad=dict(meta.bad),
        shrunk=meta.shrunk,
        offsets=offsets,
        shards=tuple(
            _mapped(shard_file(folder, number), dtype)
            if size
            else np.empty(0, dtype)  # an empty file cannot be mapped
            for number, (size, _) in enumerate(meta.shards)
        ),
        chunk=meta.chunk,
    )


def _mapped(file: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    """A file as an array; numpy's own map holds a file open for each of hundreds of chunks."""
    import pyarrow

    with pyarrow.memory_map(str(file)) as opened:
        return np.frombuffer(opened.read_buffer(), dtype)


def load_streamed(
    folder: Path, target: Target, split: SplitName, stored_side: int
) -> StreamedImages:
    """Open what is known of images that are streamed.

    Raises:
        OSError, ValueError, KeyError, TypeError, EOFError: it is missing or damaged.
    """
    meta = read_meta(folder)
    heights, widths = np.ascontiguousarray(read_sizes(folder).T)
    return StreamedImages(
        folder=folder,
        heights=heights,
        widths=widths,
        bands=meta.bands,
        bad=dict(meta.bad),
        shrunk=meta.shrunk,
        target=target,
        split=split,
        stored_side=stored_side,
    )
