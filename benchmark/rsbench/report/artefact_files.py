"""Read what finished cells keep beside their records (paper section 9.11)."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.errors import RecordError
from rsbench.report.arrays import read_arrays

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from rsbench.report.rows import Row
    from rsbench.store import RunFolder

_NUMBERS = ("label", "prediction", "confidence")


@dataclass(frozen=True)
class Predictions:
    """What a cell said about its test images, in the order of the target's test split.

    Attributes:
        labels: true classes, int32, shape (images,).
        predictions: predicted classes, int32, shape (images,).
        confidences: highest softmax probability, float32, shape (images,).
        images: ids of the images.
    """

    labels: NDArray[np.int32]
    predictions: NDArray[np.int32]
    confidences: NDArray[np.float32]
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
class ClassFeatures:
    """Test features of a cell by class, L2-normalised per image before they are averaged.

    Attributes:
        classes: indices of the classes that were tested, ascending, shape (classes,).
        centroids_before: mean unit features of the frozen backbone, shape (classes, width);
            not normalised again, so their length tells the spread.
        centroids_after: the same of the trained model.
        spreads_before: mean of 1 - cosine between the images of a class and its centroid.
        spreads_after: the same of the trained model.
    """

    classes: NDArray[np.int64]
    centroids_before: NDArray[np.float32]
    centroids_after: NDArray[np.float32]
    spreads_before: NDArray[np.float32]
    spreads_after: NDArray[np.float32]


@dataclass(frozen=True)
class ImageFeatures:
    """Test features of the trained model, image by image.

    Attributes:
        features: float32, shape (images, width), not normalised.
        labels: true classes, shape (images,).
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int32]


class ArtefactFiles:
    """The files of the cells of a run. None is returned where a cell does not have one."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._correct: dict[str, tuple[NDArray[np.int32], NDArray[np.bool_]]] = {}
        self._calibrations: dict[str, Calibration] = {}
        self._labels: dict[int, NDArray[np.int32]] = {}
        self._images: dict[str, str] = {}

    def predictions(self, identifier: str) -> Predictions | None:
        """``predictions.parquet`` of a cell.

        Raises:
            RecordError: the file is damaged.
        """
        path = self._folder.cell(identifier) / "predictions.parquet"
        if not path.is_file():
            return None
        import pyarrow
        import pyarrow.parquet

        try:
            # three times as fast as read_table, which looks for partitions
            with pyarrow.parquet.ParquetFile(path) as file:
                table = file.read(columns=[*_NUMBERS, "id"], use_threads=False)
            labels, predictions, confidences = (table.column(n).to_numpy() for n in _NUMBERS)
            images = tuple(table.column("id").to_pylist())
        except (OSError, pyarrow.ArrowException) as error:
            raise _damaged(path, error) from error
        return Predictions(labels, predictions, confidences, images)

    def correct(self, identifier: str) -> tuple[NDArray[np.int32], NDArray[np.bool_]] | None:
        """True classes of a cell's test images, and which were classified right; kept."""
        if identifier not in self._correct:
            self._keep(identifier)
        return self._correct.get(identifier)

    def calibration(self, identifier: str) -> Calibration | None:
        """Whether a cell's confidences are right; kept.

        Raises:
            RecordError: the file is damaged.
        """
        if identifier not in self._calibrations:
            self._keep(identifier)
        return self._calibrations.get(identifier)

    def test_images(self, identifier: str) -> str | None:
        """Digest of the ids and labels of a cell's test images in their order; kept.

        Cells with the same digest can be paired image by image.
        """
        if identifier not in self._images:
            self._keep(identifier)
        return self._images.get(identifier)

    def _keep(self, identifier: str) -> None:
        """Read a cell's predictions once for everything that is asked of them for each cell."""
        read = self.predictions(identifier)
        if read is None:
            return
        # cells of a target share one array of labels: thousands of cells fit into memory
        labels = self._labels.setdefault(hash(read.labels.tobytes()), read.labels)
        same = np.array_equal(labels, read.labels)
        self._correct[identifier] = (labels if same else read.labels, read.correct)
        self._images[identifier] = _digest(read)
        try:
            self._calibrations[identifier] = _calibration(read)
        except ValueError as error:
            raise _damaged(self._folder.cell(identifier) / "predictions.parquet", error) from error

    def outcomes(self, row: Row) -> tuple[NDArray[np.int32], NDArray[np.bool_]] | None:
        """True classes (images,) and right or wrong (seeds, images) of a row.

        None where a cell has no predictions, or the seeds were not tested on the same images.
        """
        parts = [self.correct(identifier) for identifier in row.ids]
        known = [part for part in parts if part is not None]
        if not known or len(known) < len(parts):
            return None
        labels = known[0][0]
        if any(not np.array_equal(labels, each) for each, _ in known):
            return None
        return labels, np.stack([right for _, right in known])

    def class_features(self, identifier: str) -> ClassFeatures | None:
        """Centroids and spreads from ``features.npz`` of a cell.

        Raises:
            RecordError: the file is damaged.
        """
        arrays = self._features(identifier, list(ClassFeatures.__dataclass_fields__))
        return None if arrays is None else ClassFeatures(**arrays)

    def image_features(self, identifier: str) -> ImageFeatures | None:
        """Features image by image from ``features.npz``; None where they were not kept.

        Raises:
            RecordError: the file is damaged.
        """
        arrays = self._features(identifier, ("features_after", "labels"))
        if arrays is None:
            return None
        return ImageFeatures(arrays["features_after"].astype(np.float32), arrays["labels"])

    def has_image_features(self, identifier: str) -> bool:
        """Whether features were kept image by image, without reading them.

        Raises:
            RecordError: the file is damaged.
        """
        return self._features(identifier, ("labels",)) is not None

    def _features(self, identifier: str, names: Sequence[str]) -> dict[str, NDArray[Any]] | None:
        path = self._folder.cell(identifier) / "features.npz"
        if not path.is_file():
            return None
        try:
            return read_arrays(path, names)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise _damaged(path, error) from error

    def gammas(self, identifier: str) -> pd.DataFrame | None:
        """``gamma.csv``: inner_step, outer_step, block, position, gamma.

        Raises:
            RecordError: the file is damaged.
        """
        return self._csv(identifier, "gamma.csv")

    def final_gammas(self, identifier: str) -> pd.DataFrame | None:
        """``gamma_final.csv``: the last gammas, by block and position.

        Raises:
            RecordError: the file is damaged.
        """
        return self._csv(identifier, "gamma_final.csv")

    def _csv(self, identifier: str, name: str) -> pd.DataFrame | None:
        path = self._folder.cell(identifier) / name
        if not path.is_file():
            return None
        import pandas as pd

        try:
            return pd.read_csv(path)
        except (OSError, ValueError) as error:
            raise _damaged(path, error) from error


def _digest(read: Predictions) -> str:
    text = "\n".join(read.images).encode()
    return hashlib.blake2b(text + b"\n" + read.labels.tobytes(), digest_size=16).hexdigest()


def _calibration(read: Predictions) -> Calibration:
    from rsbench.metrics import calibration_error

    labels, predictions = (each.astype(np.int64) for each in (read.labels, read.predictions))
    error = calibration_error(labels, predictions, read.confidences)
    excess = read.confidences.astype(np.float64).mean() - read.correct.mean()
    return Calibration(error, float(excess))


def _damaged(path: object, error: Exception) -> RecordError:
    return RecordError(
        f"the file of a finished cell cannot be read: {error}",
        where=str(path),
        remedy="delete the cell's folder and run the sweep again: only this cell is redone",
    )
