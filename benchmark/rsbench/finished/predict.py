"""Label new images with a trained model, read as test images were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rsbench.errors import CellError, ImageError
from rsbench.imagery import NATURAL_COLOUR, RGB
from rsbench.images import read_rgb
from rsbench.imagestore import fit
from rsbench.training.evaluate import BATCH, evaluate
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

    def __init__(self, images: Sequence[NDArray[np.uint8]]) -> None:
        self._images = images
        self.heights = np.array([image.shape[0] for image in images], dtype=np.int32)
        self.widths = np.array([image.shape[1] for image in images], dtype=np.int32)

    def images(self, indices: Sequence[int]) -> list[NDArray[np.uint8]]:
        """Images, each of shape (height, width, 3), uint8."""
        return [self._images[index] for index in indices]


def predict(
    restored: RestoredModel, files: Sequence[Path], top: int
) -> Iterator[Prediction | ImageError]:
    """Label ``files``.

    Args:
        restored: the model.
        files: images.
        top: number of classes per image, at most all of them.

    Yields:
        A prediction or an error for every file, batch by batch; within a batch the errors last.

    Raises:
        CellError: the model was trained on something else than 8-bit pictures.
    """
    _check_pictures(restored)
    for start in range(0, len(files), BATCH):
        images: list[NDArray[np.uint8]] = []
        read: list[Path] = []
        errors: list[ImageError] = []
        for file in files[start : start + BATCH]:
            try:
                images.append(fit(read_rgb(file), restored.stored_side))
                read.append(file)
            except ImageError as error:
                errors.append(error)
        if images:
            yield from _label(restored, read, DecodedImages(images), top)
        yield from errors


def _check_pictures(restored: RestoredModel) -> None:
    view = restored.view
    in_colour = view.bands in (RGB, tuple(NATURAL_COLOUR.values()))  # as a picture's channels are
    if view.full_scale != 255.0 or not (in_colour or len(view.bands) == 1):
        raise CellError(
            f"the cell was trained on the bands {', '.join(view.bands)} with a full scale of "
            f"{view.full_scale:g}; files of pictures alone cannot say theirs",
            remedy="add the images to a target of the same kind and evaluate that",
        )


def _label(
    restored: RestoredModel, files: Sequence[Path], images: DecodedImages, top: int
) -> Iterator[Prediction]:
    indices = np.arange(len(files), dtype=np.int64)
    reader = restored.reader(images, np.zeros(len(files), dtype=np.int64))
    outputs = evaluate(restored.both, reader, indices, restored.view.short_side)
    names = restored.record.class_names
    rows = zip(files, outputs.logits, outputs.probabilities, strict=True)
    for file, logits, probabilities in rows:
        order = np.argsort(-logits, kind="stable")[:top]
        yield Prediction(
            file, tuple(names[c] for c in order), tuple(float(probabilities[c]) for c in order)
        )
