"""Logit adjustment (check 10) and the cosine classifier (check 11)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from rsbench.head import CosineClassifier, class_means
from rsbench.losses import LogitAdjustedLoss

LOGITS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).float()
LABELS = torch.tensor([0, 1, 2, 3, 0, 1])
COUNTS = (50, 20, 5, 1)


def test_equal_counts_give_cross_entropy() -> None:
    loss = LogitAdjustedLoss((7, 7, 7, 7))(LOGITS, LABELS)
    torch.testing.assert_close(loss, functional.cross_entropy(LOGITS, LABELS))


def test_tau_zero_gives_cross_entropy() -> None:
    loss = LogitAdjustedLoss(COUNTS, tau=0.0)(LOGITS, LABELS)
    torch.testing.assert_close(loss, functional.cross_entropy(LOGITS, LABELS))


def test_scaling_all_counts_changes_nothing() -> None:
    """A constant added to log pi cancels in the softmax."""
    scaled = tuple(9 * n for n in COUNTS)
    one, other = LogitAdjustedLoss(COUNTS), LogitAdjustedLoss(scaled)
    torch.testing.assert_close(one(LOGITS, LABELS), other(LOGITS, LABELS))


def test_tau_one_is_balanced_softmax() -> None:
    counts = torch.tensor(COUNTS, dtype=torch.float64)
    weighted = counts * LOGITS.double().exp()
    expected = -(weighted[range(6), LABELS] / weighted.sum(dim=1)).log().mean()
    loss = LogitAdjustedLoss(COUNTS)(LOGITS, LABELS)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)


def test_logits_ignore_the_feature_norm_and_stay_within_the_scale() -> None:
    generator = torch.Generator().manual_seed(1)
    head = CosineClassifier(torch.randn(5, 8, generator=generator), scale=25.0)
    features = torch.randn(100, 8, generator=generator)
    logits = head(features)
    torch.testing.assert_close(head(37.0 * features), logits)
    assert logits.abs().max() <= 25.0 + 1e-4


def test_autocast_does_not_reach_the_head() -> None:
    """Logits near 16 would step by 0.125 in bfloat16, and argmax gives ties to the lower class."""
    generator = torch.Generator().manual_seed(1)
    head = CosineClassifier(torch.randn(5, 8, generator=generator))
    features = torch.randn(100, 8, generator=generator)
    expected = head(features)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = head(features)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, expected, rtol=0, atol=0)


def test_class_means_make_a_nearest_centroid_classifier() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 60)
    labels[:3] = [0, 1, 2]
    features = rng.normal(size=(60, 8)).astype(np.float32) + 2 * np.eye(3, 8)[labels]
    means = class_means(torch.from_numpy(features.astype(np.float32)), torch.from_numpy(labels), 3)
    expected = np.stack([features[labels == c].mean(axis=0) for c in range(3)])
    np.testing.assert_allclose(means.numpy(), expected, rtol=1e-5)
    predictions = CosineClassifier(means)(torch.from_numpy(features.astype(np.float32))).argmax(1)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    centroids = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    nearest = (unit @ centroids.T).argmax(axis=1)
    assert predictions.tolist() == nearest.tolist()
