"""Distance between classes as the published figure is taken to mean it (paper section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rsbench.report.artefact_files import ClassFeatures


def group_distance(features: ClassFeatures, group: Sequence[int]) -> float | None:
    """Mean cosine distance of the group's class centroids to all other centroids.

    For class c: the mean of 1 - cos(mu_c, mu_c') over all tested classes c' other than c; then the
    mean over the classes c of the group.

    Args:
        features: of the trained model, from the test images.
        group: class indices.

    Returns:
        0 for equal centroids, 1 for orthogonal ones; None where no class of the group was
        tested, or no other class was.
    """
    chosen = np.flatnonzero(np.isin(features.classes, group))
    others = len(features.classes) - 1
    if chosen.size == 0 or others < 1:
        return None
    centroids = features.centroids_after.astype(np.float64)
    lengths = np.linalg.norm(centroids, axis=1, keepdims=True)
    unit = centroids / np.where(lengths > 0, lengths, 1.0)
    distances = 1.0 - unit[chosen] @ unit.T
    distances[np.arange(chosen.size), chosen] = 0.0
    return float((distances.sum(axis=1) / others).mean())
