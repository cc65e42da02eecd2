"""Test features in a plane: principal components by numpy, with a sign that is fixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Most images that are drawn (and that the components are computed from).
MOST_IMAGES = 1500


@dataclass(frozen=True)
class Plane:
    """Images in the plane of the two directions in which they vary most.

    Attributes:
        points: shape (images, 2).
        labels: true class of each image, shape (images,).
        explained: share of the variance along each axis, 0 to 1.
        images: how many test images there are; more than points where they are many.
    """

    points: NDArray[np.float64]
    labels: NDArray[np.int64]
    explained: tuple[float, float]
    images: int

    def centroids(self) -> dict[int, tuple[float, float]]:
        """Mean of the points of each class, by class index."""
        return {
            int(each): tuple(self.points[self.labels == each].mean(axis=0).tolist())
            for each in np.unique(self.labels)
        }


def thin_out(labels: NDArray[np.integer], most: int = MOST_IMAGES) -> NDArray[np.intp]:
    """Indices of at most about ``most`` images, the same share of each class, evenly spaced.

    Every class keeps at least one image, so that many classes can exceed ``most``.
    """
    number = len(labels)
    if number <= most:
        return np.arange(number)
    kept = []
    for each in np.unique(labels):
        members = np.flatnonzero(labels == each)
        size = max(1, int(len(members) * most / number))
        kept.append(members[np.linspace(0, len(members) - 1, size).round().astype(int)])
    return np.sort(np.concatenate(kept))


def project(features: NDArray[np.floating], labels: NDArray[np.integer]) -> Plane:
    """Principal components of unit features; each axis points to where its largest weight is.

    Args:
        features: of the test images, shape (images, width); scaled to length 1 here, as for the
            distances.
        labels: true classes, shape (images,).
    """
    chosen = thin_out(labels)
    rows = np.asarray(features[chosen], dtype=np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(lengths > 0, lengths, 1.0)
    rows = rows - rows.mean(axis=0)
    _, strengths, directions = np.linalg.svd(rows, full_matrices=False)
    axes = np.zeros((2, rows.shape[1]))
    axes[: len(directions[:2])] = directions[:2]
    # the sign of a component is arbitrary: rounding would turn figures over
    largest = np.abs(axes).argmax(axis=1)
    signs = np.sign(axes[np.arange(2), largest])
    axes *= np.where(signs == 0, 1.0, signs)[:, None]
    squares = np.append(strengths**2, [0.0, 0.0])
    total = squares.sum() or 1.0
    explained = (float(squares[0] / total), float(squares[1] / total))
    return Plane(rows @ axes.T, np.asarray(labels)[chosen].astype(np.int64), explained, len(labels))
