"""The files of a store, and how they are checked.

A store lies under ``folders.cache / "images" / <key>``:

* ``pixels-00000.bin``, ...: the images of one chunk after the other, rows of pixels, each the
  bands of one pixel (missing where the images are streamed);
* ``sizes.npy``: int32, shape (images, 2), height and width; 0 for an image that does not decode;
* ``histogram.npy``: int64, shape (bands, levels): how often each value occurs;
* ``store.json``: what the store was made from, and the sums of these files;
* ``seen.json``: size and time of the pixel files when they were last checked.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.atomic import write_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

STORE_VERSION = 4
"""Raise it when the pixels or the files of a store change."""

_META, _SEEN = "store.json", "seen.json"
_SIZES, _DIGESTS, _HISTOGRAM = "sizes.npy", "digests.npy", "histogram.npy"
_BLOCK = 8 << 20
_log = logging.getLogger("rsbench")


@dataclass(frozen=True)
class Chunk:
    """What became of the images of one chunk.

    Attributes:
        sizes: int32, shape (images, 2), height and width.
        digests: uint64, shape (images,), equal for equal pixels; 0 where an image does not decode.
        bad: index in the split and message of each image that does not decode.
        shrunk: how many were shrunk.
        size: bytes of pixels.
        sha256: their digest, hexadecimal.
        histogram: int64, shape (bands, levels).
    """

    sizes: NDArray[np.int32]
    digests: NDArray[np.uint64]
    bad: tuple[tuple[int, str], ...]
    shrunk: int
    size: int
    sha256: str
    histogram: NDArray[np.int64]


@dataclass(frozen=True)
class Meta:
    """The content of ``store.json``."""

    version: int
    target: str
    content_hash: str
    split: str
    stored_side: int
    bands: tuple[str, ...]
    pixels: str
    images: int
    chunk: int
    """Images per chunk; the last one may have fewer."""
    kept: bool
    """Whether the pixels are kept; else images are decoded as they are used."""
    shards: tuple[tuple[int, str], ...]
    """Bytes and SHA-256 of each pixel file."""
    bad: tuple[tuple[int, str], ...]
    shrunk: int
    """Images that were shrunk to ``stored_side``."""
    sizes_sha256: str
    digests_sha256: str
    histogram_sha256: str


def shard_file(folder: Path, number: int) -> Path:
    """The pixel file of chunk ``number``."""
    return folder / f"pixels-{number:05d}.bin"


def array_digest(array: NDArray[Any]) -> str:
    """SHA-256 of type, shape and values."""
    head = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()


def write_facts(
    folder: Path,
    meta: Meta,
    sizes: NDArray[np.int32],
    digests: NDArray[np.uint64],
    histogram: NDArray[np.int64],
) -> None:
    """Write everything but the pixels, which lie there already."""
    np.save(folder / _SIZES, sizes)
    np.save(folder / _DIGESTS, digests)
    np.save(folder / _HISTOGRAM, histogram)
    write_file(folder / _META, json.dumps(asdict(meta), indent=1).encode())
    remember(folder, range(len(meta.shards) if meta.kept else 0))


def read_meta(folder: Path) -> Meta:
    """Read ``store.json``.

    Raises:
        OSError, ValueError, KeyError, TypeError: it is missing or damaged.
    """
    content = json.loads((folder / _META).read_bytes())
    pairs = {name: tuple((a, b) for a, b in content[name]) for name in ("shards", "bad")}
    meta = Meta(**{**content, **pairs, "bands": tuple(content["bands"])})
    if meta.version != STORE_VERSION:
        raise ValueError(f"it has version {meta.version}")
    return meta


def read_sizes(folder: Path) -> NDArray[np.int32]:
    """Height and width of each image, shape (images, 2).

    Raises:
        OSError, ValueError, KeyError, TypeError, EOFError: it is missing or damaged.
    """
    return _checked(folder, _SIZES, read_meta(folder).sizes_sha256)


def read_digests(folder: Path) -> NDArray[np.uint64]:
    """See ``Chunk.digests``, of all images.

    Raises:
        OSError, ValueError, KeyError, TypeError, EOFError: it is missing or damaged.
    """
    return _checked(folder, _DIGESTS, read_meta(folder).digests_sha256)


def read_histogram(folder: Path) -> NDArray[np.int64]:
    """How often each stored value occurs, shape (bands, levels).

    Raises:
        OSError, ValueError, KeyError, TypeError, EOFError: it is missing or damaged.
    """
    return _checked(folder, _HISTOGRAM, read_meta(folder).histogram_sha256)


def _checked(folder: Path, name: str, sha256: str) -> NDArray[Any]:
    array: NDArray[Any] = np.load(folder / name, allow_pickle=False)
    if array_digest(array) != sha256:
        raise ValueError(f"{name} is not the file that was written")
    return array


def check_shards(folder: Path, shards: Sequence[tuple[int, str]], thorough: bool) -> None:
    """Refuse pixel files that are not the ones that were written.

    Reading gigabytes at every opening would cost more than it is worth: a file whose size and
    time are as they were at the last check is taken to be that file.

    Args:
        folder: the store.
        shards: bytes and SHA-256 of each pixel file.
        thorough: whether every byte is read, whatever size and time say.

    Raises:
        OSError, ValueError: a file is missing or is another one.
    """
    known = _known(folder)
    checked = False
    for number, (size, sha256) in enumerate(shards):
        file = shard_file(folder, number)
        stat = file.stat()
        if stat.st_size != size:
            raise ValueError(f"{file.name} has {stat.st_size} bytes in place of {size}")
        if thorough or known.get(file.name) != [stat.st_size, stat.st_mtime_ns]:
            if _digest(file) != sha256:
                raise ValueError(f"{file.name} is not the file that was written")
            checked = True
    if checked:
        try:
            remember(folder, range(len(shards)))
        except OSError as error:  # a read-only cache is checked at every opening
            _log.debug("cannot remember that %s was checked: %s", folder, error)


def remember(folder: Path, numbers: Iterable[int]) -> None:
    """Note size and time of pixel files that are known to be right.

    Raises:
        OSError: the folder cannot be written.
    """
    files = [shard_file(folder, number) for number in numbers]
    stats = {file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in files}
    write_file(folder / _SEEN, json.dumps(stats).encode())


def _known(folder: Path) -> dict[str, list[int]]:
    try:
        content = json.loads((folder / _SEEN).read_bytes())
        return content if isinstance(content, dict) else {}
    except (OSError, ValueError):  # then every file is checked
        return {}


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb", buffering=0) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
