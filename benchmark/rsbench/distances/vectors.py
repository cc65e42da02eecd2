"""Classes as vectors: the distance of two classes is 1 minus the inner product of theirs.

With m the mean of the unit features x of a class, g the point that is taken for the origin
(zero, or the mean of all m), c = m - g, and s^2 = 1 - 2 m.g + |g|^2 the mean squared length of
x - g, the vector of a class is

* c / |c| for distances of centroids: 1 - cos(c, c');
* c / s for distances of pairs of images: c.c' is the mean inner product over all pairs of an
  image of one class and one of the other. With the origin at zero, s = 1 and that is the mean
  cosine, exactly. Elsewhere images have no common length, and what is averaged is the inner
  product over the root mean square lengths.

Means over many classes come from sums of vectors, so that no matrix of all pairs of classes is
needed: iNaturalist 2018 has 8,142.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Form = Literal["centroids", "pairs"]
FORMS: tuple[Form, ...] = get_args(Form)

#: A centroid this short is zero but for rounding (features are stored in single precision).
SHORTEST = 1e-7


def class_vectors(centroids: ArrayLike, form: Form, centred: bool = False) -> NDArray[np.float64]:
    """The vector of each class.

    Args:
        centroids: mean of the unit features of each class, shape (classes, width).
        form: "centroids" or "pairs".
        centred: whether the mean of the centroids is the origin.

    Returns:
        Shape (classes, width). A class whose centroid lies in the origin has no direction: for
        "centroids" its row is not-a-number, as are its distances in ``distance_matrix``; means
        leave it out.
    """
    moved, squares = _moved(centroids, centred)
    scale = np.linalg.norm(moved, axis=1) if form == "centroids" else np.sqrt(squares)
    undefined = scale < SHORTEST
    scale[undefined] = 1.0
    vectors = moved / scale[:, None]
    vectors[undefined] = np.nan
    return vectors


def class_spreads(
    centroids: ArrayLike, counts: ArrayLike, form: Form, centred: bool = False
) -> NDArray[np.float64]:
    """Spread inside each class, in the unit of the distances.

    For "centroids", 1 - |c| / s: the mean of 1 - cosine between an image and its centroid, with
    the origin at zero. It is too small where images are few, which "pairs" is not: 1 minus the
    mean over the pairs of two different images, (n^2 |c|^2 / s^2 - n) / (n (n - 1)).

    Args:
        centroids: mean of the unit features of each class, shape (classes, width).
        counts: number of images behind each, shape (classes,).
        form: "centroids" or "pairs".
        centred: whether the mean of the centroids is the origin.

    Returns:
        Shape (classes,); not-a-number for a class of one image, and where the centroid has no
        direction.
    """
    moved, squares = _moved(centroids, centred)
    number = np.asarray(counts, dtype=np.float64)
    length = np.linalg.norm(moved, axis=1)
    undefined = (number < 2) | (squares < SHORTEST**2)
    if form == "centroids":
        undefined |= length < SHORTEST
    number = np.where(undefined, 2.0, number)
    share = length**2 / np.where(undefined, 1.0, squares)
    within = np.sqrt(share) if form == "centroids" else (number * share - 1.0) / (number - 1.0)
    return np.where(undefined, np.nan, 1.0 - within)


def _moved(centroids: ArrayLike, centred: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centroids seen from the origin, and the mean squared length of their images."""
    means = np.asarray(centroids, dtype=np.float64)
    if not centred or not len(means):
        return means, np.ones(len(means))
    origin = means.mean(axis=0)
    squares = 1.0 - 2.0 * means @ origin + origin @ origin
    return means - origin, np.maximum(squares, 0.0)


def distance_matrix(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of every two classes, shape (classes, classes); symmetric.

    The diagonal is zero: a class is not compared with itself (its spread says how wide it is).
    """
    matrix = 1.0 - vectors @ vectors.T
    matrix = (matrix + matrix.T) / 2.0
    np.fill_diagonal(matrix, 0.0)
    return matrix


def mean_distances(
    vectors: NDArray[np.float64], groups: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Mean distance of each class to the other ones.

    Args:
        vectors: from ``class_vectors``, shape (classes, width).
        groups: number of each class's group, shape (classes,), to compare it with the other
            classes of its group alone; None for all other ones.

    Returns:
        Shape (classes,); not-a-number for a class that has no other one, or no direction.
    """
    known = ~np.isnan(vectors).any(axis=1)
    numbers = None if groups is None else np.asarray(groups)
    parts = [known] if numbers is None else [known & (numbers == n) for n in np.unique(numbers)]
    means = np.full(len(vectors), np.nan)
    for members in parts:
        chosen = vectors[members]
        if len(chosen) > 1:
            itself = np.einsum("ij,ij->i", chosen, chosen)
            means[members] = 1.0 - (chosen @ chosen.sum(axis=0) - itself) / (len(chosen) - 1)
    return means
