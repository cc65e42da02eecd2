"""Label the windows of a whole scene, each as the cell's own chips were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rsbench.errors import TargetError
from rsbench.file_reader import Chip, SceneGrid
from rsbench.finished.cell_files import cell_file_reader
from rsbench.finished.predict import evaluate_images
from rsbench.imagestore import fit
from rsbench.target import Progress
from rsbench.training.evaluate import BATCH
from rsbench.training.restore import RestoredModel


@dataclass(frozen=True)
class LabelledMap:
    """What a model says about the windows of a scene.

    Attributes:
        grid: where the windows lie.
        places: row and column in the grid, shape (windows, 2).
        windows: x1, y1, x2, y2 in pixels of the scene, shape (windows, 4); x2 and y2 excluded.
        classes: likeliest class, int64, shape (windows,).
        confidences: softmax of its logit, in [0, 1], shape (windows,).
        left_out: how many places of the grid have no window, by reason.
    """

    grid: SceneGrid
    places: NDArray[np.int64]
    windows: NDArray[np.int64]
    classes: NDArray[np.int64]
    confidences: NDArray[np.float64]
    left_out: Counter[str]

    def __len__(self) -> int:
        return len(self.classes)


def predict_map(
    restored: RestoredModel,
    scene: Path,
    tile: int | None = None,
    step: int | None = None,
    progress: Progress | None = None,
) -> LabelledMap:
    """Label the windows of ``scene``, which is read window by window.

    Args:
        restored: the model.
        scene: a georeferenced raster of the kind that the cell was trained on.
        tile: side of windows in pixels; by default that of the cell's chips.
        step: pixels from one window to the next; by default their side.
        progress: called with (done, total) places of the grid.

    Raises:
        CellError: how files are read is not known, or not as in training.
        TargetError: the cell was not trained on windows, the scene is not of its kind or does not
            decode, or no window of it can be labelled.
    """
    grid = cell_file_reader(restored.record, restored.view).grid(scene, tile, step)
    left_out: Counter[str] = Counter()
    chips = _present(grid, left_out)
    places, windows, classes, confidences = [], [], [], []
    while batch := list(islice(chips, BATCH)):
        outputs = evaluate_images(restored, [fit(i, restored.stored_side) for _, i in batch])
        places += [(chip.row, chip.column) for chip, _ in batch]
        windows += [chip.window for chip, _ in batch]
        classes.append(outputs.predictions)
        confidences.append(outputs.probabilities.max(axis=1))
        if progress is not None:
            progress(len(places) + left_out.total(), grid.shape[0] * grid.shape[1])
    if not places:
        found = "; ".join(f"{count} {reason}" for reason, count in left_out.items())
        raise TargetError(f"no window of the scene can be labelled: {found}", where=scene)
    return LabelledMap(
        grid,
        np.array(places),
        np.array(windows),
        np.concatenate(classes),
        np.concatenate(confidences),
        left_out,
    )


def _present(grid: SceneGrid, left_out: Counter[str]) -> Iterator[tuple[Chip, NDArray[Any]]]:
    """The chips with an image; the others are counted."""
    for chip in grid.chips():
        if isinstance(chip.image, str):
            left_out[chip.image] += 1
        else:
            yield chip, chip.image
