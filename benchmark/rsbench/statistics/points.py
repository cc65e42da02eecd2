"""How many test images a point of accuracy stands for, and means over transfers."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rsbench.statistics.outcomes import ClassSet


@dataclass(frozen=True)
class PointsPerImage:
    """What one test image weighs in the mean accuracy of a set of classes.

    Attributes:
        classes: number of classes with test images.
        images: test images of these classes.
        smallest: index of the class with the fewest test images (the lowest index of several).
        smallest_images: its number of test images.
        points_smallest: points by which one image of that class moves the mean.
        points_average: points by which one image moves it on average over the images,
            100 / images.
        images_per_point: average number of images that one point stands for, images / 100.
        smallest_per_point: number of images of the smallest class that one point stands for.
    """

    classes: int
    images: int
    smallest: int
    smallest_images: int
    points_smallest: float
    points_average: float
    images_per_point: float
    smallest_per_point: float


def points_per_image(test_counts: Sequence[int], classes: ClassSet) -> PointsPerImage | None:
    """Weight of one image, None where no class of the set has a test image.

    The mean over G classes gives an image of a class with n images 100 / (G n) points. SAR's tail
    (99 and 82 test images) for example: 0.51 and 0.61 points an image (paper section 7.25).

    Args:
        test_counts: test images of each class.
        classes: which to average over.
    """
    chosen = sorted(set(range(len(test_counts)) if classes is None else classes))
    chosen = [c for c in chosen if test_counts[c] > 0]
    if not chosen:
        return None
    smallest = min(chosen, key=lambda c: test_counts[c])
    images = sum(test_counts[c] for c in chosen)
    few = test_counts[smallest] * len(chosen)
    return PointsPerImage(
        classes=len(chosen),
        images=images,
        smallest=smallest,
        smallest_images=test_counts[smallest],
        points_smallest=100 / few,
        points_average=100 / images,
        images_per_point=images / 100,
        smallest_per_point=few / 100,
    )


def mean_over_targets(values: Sequence[float | None]) -> float | None:
    """Plain mean over transfers (paper section 5); None if one is missing or there are none."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known and len(known) == len(values) else None
