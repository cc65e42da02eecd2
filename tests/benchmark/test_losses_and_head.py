"""Logit adjustment (check 10) and the cosine classifier (check 11)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from rsbench.head import (
    CosineClassifier,
    Head,
    LinearClassifier,
    class_means,
    feature_statistics,
    mean_cosine,
    standardised,
)
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


@pytest.mark.parametrize("kind", ["cosine", "standardised", "linear"])
def test_autocast_does_not_reach_the_head(kind: str) -> None:
    """Logits near 16 would step by 0.125 in bfloat16, and argmax gives ties to the lower class."""
    generator = torch.Generator().manual_seed(1)
    weight, features = (torch.randn(n, 8, generator=generator) for n in (5, 100))
    statistics = feature_statistics(features, "standardised")
    heads: dict[str, Head] = {
        "cosine": CosineClassifier(weight),
        "standardised": CosineClassifier(weight, **statistics),
        "linear": LinearClassifier(weight, torch.zeros(5), **statistics),
    }
    head = heads[kind]
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


def parallel_features() -> tuple[torch.Tensor, torch.Tensor]:
    """Three classes whose features are nearly the same direction, each channel on its own scale."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 40)
    drawn = rng.normal(size=(120, 8)) + 3.0 * np.eye(3, 8)[labels]
    return torch.tensor(500.0 + drawn * np.logspace(-2, 1, 8)).float(), torch.from_numpy(labels)


def test_standardised_features_give_every_channel_the_same_say() -> None:
    features, _ = parallel_features()
    seen = standardised(features, **feature_statistics(features, "standardised"))
    torch.testing.assert_close(seen.mean(dim=0), torch.zeros(8), rtol=0, atol=0.02)
    torch.testing.assert_close(seen.std(dim=0, correction=0), torch.ones(8), rtol=0, atol=0.02)
    centred = standardised(features, **feature_statistics(features, "centred"))
    torch.testing.assert_close(centred, features - features.mean(dim=0), rtol=0, atol=1e-3)
    assert standardised(features, **feature_statistics(features, "raw")) is features


def test_the_head_separates_what_is_nearly_parallel_once_features_are_standardised() -> None:
    features, labels = parallel_features()
    right = {}
    for kind in ("raw", "standardised"):
        statistics = feature_statistics(features, kind)  # type: ignore[arg-type]
        weight = standardised(class_means(features, labels, 3), **statistics)
        predicted = CosineClassifier(weight, **statistics)(features).argmax(dim=1)
        right[kind] = float((predicted == labels).float().mean())
    assert right["raw"] < 0.7 < 0.9 < right["standardised"]


@pytest.mark.parametrize("value", [0.0, 3.0, 1e4])
def test_a_channel_that_hardly_varies_is_not_blown_up(value: float) -> None:
    features, _ = parallel_features()
    features[:, 2] = value
    features[::2, 2] *= 1 + 1e-7  # rounding
    statistics = feature_statistics(features, "standardised")
    seen = standardised(features, **statistics)
    assert seen.isfinite().all()
    assert seen[:, 2].abs().max() < 0.01
    alike = torch.full((5, 3), value)
    assert standardised(alike, **feature_statistics(alike, "standardised")).abs().max() < 0.01


def test_mean_cosine_is_that_of_all_pairs() -> None:
    features = torch.randn(50, 6, generator=torch.Generator().manual_seed(3)) + 1.0
    pairs = functional.cosine_similarity(features[:, None], features[None], dim=-1)
    assert mean_cosine(features) == pytest.approx(pairs.mean().item(), abs=1e-6)
