"""Read what finished cells keep beside their records (paper section 9.11)."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.copies import TEST_IMAGES
from rsbench.errors import RecordError
from rsbench.recorded import check_recorded, shared_name
from rsbench.report.arrays import read_arrays
from rsbench.report.prediction_files import (
    Calibration,
    Digested,
    PredictionReader,
    Predictions,
    damaged,
    read_predictions,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from rsbench.report.helpers import Helpers, Promise
    from rsbench.report.rows import Row
    from rsbench.store import RunFolder

#: Arrays of ``features.npz``: of the frozen backbone, and of the trained model.
FROZEN = ("classes", "centroids_before", "spreads_before")
ADAPTED = ("centroids_after", "spreads_after")
#: In a published run: the file of ``test_images`` that holds ``FROZEN``.
SHARED = "frozen"
#: Cells whose predictions a helper reads at a time.
_AT_ONCE = 250


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
        self._reader = PredictionReader()
        self._digested: dict[str, Digested] = {}
        self._promised: dict[str, Promise[dict[str, Digested]]] = {}

    def __reduce__(self) -> tuple[object, ...]:
        """Travels to another process without what was read."""
        return type(self), (self._folder,)

    @property
    def folder(self) -> RunFolder:
        """The run."""
        return self._folder

    def expect(self, identifiers: Sequence[str], helpers: Helpers) -> None:
        """Have helpers, where there are any, read the predictions that will be asked for."""
        if not helpers.processes:
            return
        for begin in range(0, len(identifiers), _AT_ONCE):
            part = tuple(identifiers[begin : begin + _AT_ONCE])
            promise = helpers.submit(_digest_all, self._folder, part)
            self._promised.update(dict.fromkeys(part, promise))

    def predictions(self, identifier: str) -> Predictions | None:
        """``predictions.parquet`` of a cell.

        Raises:
            RecordError: the file is damaged.
        """
        path = self._predictions_file(identifier)
        return read_predictions(path) if path.is_file() else None

    def has_predictions(self, identifier: str) -> bool:
        """Whether a cell has ``predictions.parquet``, without reading it."""
        return identifier in self._digested or self._predictions_file(identifier).is_file()

    def correct(self, identifier: str) -> tuple[NDArray[np.int32], NDArray[np.bool_]] | None:
        """True classes of a cell's test images, and which were classified right; kept.

        Raises:
            RecordError: the file is damaged.
        """
        digested = self._digest(identifier)
        return (digested.labels, digested.correct) if digested else None

    def calibration(self, identifier: str) -> Calibration | None:
        """Whether a cell's confidences are right; kept.

        Raises:
            RecordError: the file is damaged.
        """
        digested = self._digest(identifier)
        return digested.calibration if digested else None

    def test_images(self, identifier: str) -> str | None:
        """Digest of the ids and labels of a cell's test images in their order; kept.

        Cells with the same digest can be paired image by image.

        Raises:
            RecordError: the file is damaged.
        """
        digested = self._digest(identifier)
        return digested.images if digested else None

    def _digest(self, identifier: str) -> Digested | None:
        """A cell's predictions, read once for everything that is asked of them for each cell."""
        if identifier not in self._digested and identifier in self._promised:
            self._digested.update(self._promised.pop(identifier).result())
        if identifier not in self._digested:
            found = self._reader.digest(self._predictions_file(identifier))
            if found is None:
                return None
            self._digested[identifier] = found
        return self._digested[identifier]

    def _predictions_file(self, identifier: str) -> Path:
        return self._folder.cell(identifier) / "predictions.parquet"

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
        arrays = self._features(identifier, (*FROZEN, *ADAPTED))
        if arrays is None:
            arrays = self._shared_features(identifier)
        return None if arrays is None else ClassFeatures(**arrays)

    def _shared_features(self, identifier: str) -> dict[str, NDArray[Any]] | None:
        """Those of a published cell, whose frozen part is kept once for all cells of a target."""
        own = self._features(identifier, (*ADAPTED, SHARED))
        if own is None:
            return None
        path = self._folder.path / TEST_IMAGES / str(own.pop(SHARED))
        check_recorded(self._folder.cell(identifier), shared_name(path))
        try:
            frozen = read_arrays(path, FROZEN)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise damaged(path, error) from error
        return None if frozen is None else own | frozen

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
        check_recorded(path.parent, path.name)
        try:
            return read_arrays(path, names)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise damaged(path, error) from error

    def gammas(self, identifier: str) -> pd.DataFrame | None:
        """``gamma.csv``: inner_step, outer_step, block, position, gamma.

        Raises:
            RecordError: the file is damaged.
        """
        path = self._folder.cell(identifier) / "gamma.csv"
        if not path.is_file():
            return None
        import pandas as pd

        check_recorded(path.parent, path.name)
        try:
            return pd.read_csv(path)
        except (OSError, ValueError) as error:
            raise damaged(path, error) from error


def _digest_all(folder: RunFolder, identifiers: Sequence[str]) -> dict[str, Digested]:
    """What is kept of the predictions of cells; of a damaged file nothing.

    Who needs that cell reads the file again, and gets the error.
    """
    reader = PredictionReader()
    found: dict[str, Digested] = {}
    for identifier in identifiers:
        with suppress(RecordError):
            digested = reader.digest(folder.cell(identifier) / "predictions.parquet")
            if digested is not None:
                found[identifier] = digested
    return found
