"""Label new images with a trained model, read as the cell's own were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rsbench.errors import BandError, MisfitImageError, TargetError
from rsbench.file_reader import FileReader
from rsbench.finished.cell_files import cell_file_reader
from rsbench.foreign import contained
from rsbench.imagestore import fit
from rsbench.training.evaluate import BATCH, Outputs, evaluate
from rsbench.training.restore import RestoredModel


@dataclass(frozen=True)
class Prediction:
    """The likeliest classes of one image.

    Attributes:
        file: the image.
        classes: names, the likeliest first.
        confidences: softmax of the logits, in [0, 1], in the same order.
    """

    file: Path
    classes: tuple[str, ...]
    confidences: tuple[float, ...]


class DecodedImages:
    """Decoded images in memory, in the form that batches are cut from."""

    decoded: ClassVar[bool] = True

    def __init__(self, images: Sequence[NDArray[Any]]) -> None:
        self._images = images
        self.heights = np.array([image.shape[0] for image in images], dtype=np.int32)
        self.widths = np.array([image.shape[1] for image in images], dtype=np.int32)

    def images(self, indices: Sequence[int]) -> list[NDArray[Any]]:
        """Images, each of shape (height, width, bands)."""
        return [self._images[index] for index in indices]


def predict(
    restored: RestoredModel, files: Sequence[Path], top: int
) -> Iterator[Prediction | TargetError]:
    """Label ``files``.

    Args:
        restored: the model.
        files: images of the kind that the cell was trained on.
        top: number of classes per image, at most all of them.

    Yields:
        A prediction or an error for every file, batch by batch; within a batch the errors last.

    Raises:
        CellError: how files are read is not known, or not as in training.
    """
    file_reader = cell_file_reader(restored.record, restored.view)
    for start in range(0, len(files), BATCH):
        images: list[NDArray[Any]] = []
        read: list[Path] = []
        errors: list[TargetError] = []
        for file in files[start : start + BATCH]:
            try:
                images.append(fit(_read(file, file_reader), restored.stored_side))
                read.append(file)
            except TargetError as error:
                errors.append(error)
        if images:
            yield from _ranked(restored, read, evaluate_images(restored, images), top)
        yield from errors


def evaluate_images(restored: RestoredModel, images: Sequence[NDArray[Any]]) -> Outputs:
    """Features and logits of images, shrunk to ``stored_side``; the labels are 0.

    Args:
        restored: the model.
        images: shape (height, width, bands) each, as the target stores them.
    """
    indices = np.arange(len(images), dtype=np.int64)
    reader = restored.reader(DecodedImages(images), np.zeros_like(indices))
    return evaluate(restored.both, reader, indices, restored.view.short_side)


def _read(file: Path, reader: FileReader) -> NDArray[Any]:
    """The image; of one that does not fit, what the cell's files are is the remedy."""
    try:
        with contained(f"reading {file}"):
            return reader.read(file)
    except (BandError, MisfitImageError) as error:
        raise type(error)(
            error.what,
            where=error.where or file,
            remedy=f"label files like those of the cell: {'; '.join(reader.steps)}",
        ) from error


def _ranked(
    restored: RestoredModel, files: Sequence[Path], outputs: Outputs, top: int
) -> Iterator[Prediction]:
    names = restored.record.class_names
    rows = zip(files, outputs.logits, outputs.probabilities, strict=True)
    for file, logits, probabilities in rows:
        order = np.argsort(-logits, kind="stable")[:top]
        yield Prediction(
            file, tuple(names[c] for c in order), tuple(float(probabilities[c]) for c in order)
        )
