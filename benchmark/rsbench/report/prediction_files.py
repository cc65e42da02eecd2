"""``predictions.parquet`` of finished cells, read fast enough for thousands of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.copies import RESTORE, TEST_IMAGES, how_to_mend
from rsbench.errors import RecordError
from rsbench.recorded import check_recorded, shared_name
from rsbench.system import remedy_for

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pyarrow.parquet import FileMetaData, ParquetFile

#: Metadata of its predictions: the file there that holds the ids of their rows.
SHARED_IDS = b"test_images"
_NUMBERS = ["label", "prediction", "confidence"]


@dataclass(frozen=True)
class Predictions:
    """What a cell said about its test images, in the order of the target's test split.

    Attributes:
        labels: true classes, int32, shape (images,).
        predictions: predicted classes, int32, shape (images,).
        confidences: highest softmax probability, float32, shape (images,); None in a published run
            that leaves them out.
        images: ids of the images.
    """

    labels: NDArray[np.int32]
    predictions: NDArray[np.int32]
    confidences: NDArray[np.float32] | None
    images: tuple[str, ...]

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Which images were classified right, shape (images,)."""
        return np.asarray(self.labels == self.predictions)


@dataclass(frozen=True)
class Calibration:
    """Whether a cell's confidences tell how often it is right, as fractions of 1.

    Attributes:
        error: expected calibration error (``metrics.calibration_error``).
        excess: mean confidence minus accuracy: above 0 the model is too sure of itself.
    """

    error: float
    excess: float


@dataclass(frozen=True)
class Digested:
    """What is kept of a cell's predictions.

    Attributes:
        labels: true classes, shape (images,); cells of a target share the array.
        correct: which images were classified right, shape (images,).
        calibration: of the confidences; None where they were left out.
        images: digest of the ids and labels of the images in their order.
    """

    labels: NDArray[np.int32]
    correct: NDArray[np.bool_]
    calibration: Calibration | None
    images: str


def read_predictions(path: Path) -> Predictions:
    """Everything in the file.

    Raises:
        RecordError: the file is damaged.
    """
    import pyarrow

    try:
        raw = path.read_bytes()
        check_recorded(path.parent, path.name, raw)
        with _opened(raw) as file:
            return Predictions(*_numbers(file), _image_ids(file, path))
    except (OSError, KeyError, pyarrow.ArrowException) as error:
        raise damaged(path, error) from error


class PredictionReader:
    """Reads one file after the other, and remembers what most of them have in common."""

    def __init__(self) -> None:
        self._labels: dict[bytes, NDArray[np.int32]] = {}
        self._hashes: dict[bytes, hashlib.blake2b] = {}

    def digest(self, path: Path) -> Digested | None:
        """Read a file, but keep little of it; None where there is no file.

        Raises:
            RecordError: the file is damaged.
        """
        import pyarrow

        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise damaged(path, error) from error
        check_recorded(path.parent, path.name, raw)
        try:
            with _opened(raw) as file:
                labels, predictions, confidences = _numbers(file)
                ids = self._hash_of_ids(file, raw, path)
            calibration = (
                None if confidences is None else _calibration(labels, predictions, confidences)
            )
        except (OSError, KeyError, ValueError, pyarrow.ArrowException) as error:
            raise damaged(path, error) from error
        ids.update(labels.tobytes())
        shared = self._labels.setdefault(labels.tobytes(), labels)
        return Digested(shared, labels == predictions, calibration, ids.hexdigest())

    def _hash_of_ids(self, file: ParquetFile, raw: bytes, path: Path) -> hashlib.blake2b:
        """Hash of the ids, to be continued; files with the same bytes of ids decode them once."""
        shared = _shared_ids(file, path)
        key = _bytes_of_ids(file.metadata, raw) if shared is None else str(shared).encode()
        if key not in self._hashes:
            text = "\n".join((*_image_ids(file, path), "")).encode()
            self._hashes[key] = hashlib.blake2b(text, digest_size=16)
        return self._hashes[key].copy()


def damaged(path: Path, error: Exception) -> RecordError:
    """The error for a file of a finished cell, or of all cells of a target, that cannot be read."""
    shared = path.parent.name == TEST_IMAGES
    whose = "that cells of a published run share" if shared else "of a finished cell"
    return RecordError(
        f"the file {whose} cannot be read: {error}",
        where=path,
        remedy=remedy_for(error, RESTORE if shared else how_to_mend(path.parent)),
    )


def _opened(raw: bytes) -> ParquetFile:
    import pyarrow
    import pyarrow.parquet

    # from memory and without read-ahead: no hand-over between threads, twice as fast for little
    # files
    return pyarrow.parquet.ParquetFile(pyarrow.BufferReader(raw), pre_buffer=False)


def _numbers(file: ParquetFile) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
    """Labels, predictions, and the confidences where they are kept."""
    table = file.read(columns=_NUMBERS, use_threads=False)
    # the arrays themselves: a column of chunks would load pandas for this
    arrays = {name: table.column(name).combine_chunks().to_numpy() for name in table.column_names}
    return arrays["label"], arrays["prediction"], arrays.get("confidence")


def _image_ids(file: ParquetFile, path: Path) -> tuple[str, ...]:
    shared = _shared_ids(file, path)
    if shared is not None:
        return _read_shared_ids(shared)
    return tuple(file.read(columns=["id"], use_threads=False).column("id").to_pylist())


def _read_shared_ids(path: Path) -> tuple[str, ...]:
    import pyarrow

    try:
        with _opened(path.read_bytes()) as file:
            return _image_ids(file, path)
    except (OSError, KeyError, pyarrow.ArrowException) as error:
        raise damaged(path, error) from error


def _shared_ids(file: ParquetFile, path: Path) -> Path | None:
    """The file of a published run that names the test images of all cells of a target."""
    name = (file.schema_arrow.metadata or {}).get(SHARED_IDS)
    if name is None:
        return None
    shared: Path = path.parents[2] / TEST_IMAGES / name.decode()
    check_recorded(path.parent, shared_name(shared))
    return shared


def _bytes_of_ids(metadata: FileMetaData, raw: bytes) -> bytes:
    """Digest of the column "id" as it is stored, and of how it is stored."""
    found = hashlib.blake2b(digest_size=16)
    position = metadata.schema.names.index("id")
    for number in range(metadata.num_row_groups):
        column = metadata.row_group(number).column(position)
        starts = (column.dictionary_page_offset, column.data_page_offset)
        start = min(each for each in starts if each is not None)
        storage = (column.compression, column.encodings, column.num_values)
        found.update(repr(storage).encode())
        found.update(raw[start : start + column.total_compressed_size])
    return found.digest()


def _calibration(
    labels: NDArray[np.int32], predictions: NDArray[np.int32], confidences: NDArray[np.float32]
) -> Calibration:
    from rsbench.metrics import calibration_error

    error = calibration_error(labels.astype(np.int64), predictions.astype(np.int64), confidences)
    excess = confidences.astype(np.float64).mean() - (labels == predictions).mean()
    return Calibration(error, float(excess))
