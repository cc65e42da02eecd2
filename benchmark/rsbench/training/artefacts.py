"""The files a finished cell keeps beside its record (paper section 9.11)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from rsbench.strategy import StrategyResult
from rsbench.training.evaluate import Outputs

#: Per-image features are kept for at most this many test images.
MOST_FEATURES = 5000
#: Before the module's key in the names of the gammas in ``adapter.safetensors``.
GAMMA_PREFIX = "gamma."


def write_predictions(folder: Path, ids: list[str], outputs: Outputs) -> None:
    """``predictions.parquet``: id, label, prediction, confidence, logit of the label."""
    rows = np.arange(len(outputs.labels))
    frame = pd.DataFrame(
        {
            "id": ids,
            "label": outputs.labels.astype(np.int32),
            "prediction": outputs.predictions.astype(np.int32),
            "confidence": outputs.probabilities.max(axis=1).astype(np.float32),
            "label_logit": outputs.logits[rows, outputs.labels],
        }
    )
    frame.to_parquet(folder / "predictions.parquet", index=False)


def write_features(folder: Path, outputs: Outputs, before: NDArray[np.float32]) -> None:
    """``features.npz``: class centroids and spreads before and after adaptation.

    Features are L2-normalised per image first (paper section 5). A spread is the mean of
    1 - cosine between a class's images and its centroid. Per-image features of the adapted
    model are kept in half precision for at most 5,000 images.

    Args:
        folder: where to write.
        outputs: of the adapted model.
        before: features of the frozen backbone for the same images, shape (samples, width).
    """
    arrays: dict[str, NDArray[np.generic]] = {"classes": np.unique(outputs.labels)}
    for name, features in (("before", before), ("after", outputs.features)):
        centroids, spreads = class_statistics(features, outputs.labels)
        arrays[f"centroids_{name}"] = centroids
        arrays[f"spreads_{name}"] = spreads
    if len(outputs.labels) <= MOST_FEATURES:
        arrays["features_after"] = outputs.features.astype(np.float16)
        arrays["labels"] = outputs.labels.astype(np.int32)
    np.savez(folder / "features.npz", **arrays)  # type: ignore[arg-type]


def class_statistics(
    features: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Centroids (classes, width) and spreads (classes,) of the classes that occur, in order."""
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    centroids, spreads = [], []
    for label in np.unique(labels):
        members = unit[labels == label]
        centroid = members.mean(axis=0)
        direction = centroid / max(float(np.linalg.norm(centroid)), 1e-12)
        centroids.append(centroid)
        spreads.append(float(np.mean(1.0 - members @ direction)))
    return np.stack(centroids).astype(np.float32), np.asarray(spreads, dtype=np.float32)


def write_adapter(folder: Path, state: dict[str, Tensor], result: StrategyResult) -> None:
    """``adapter.safetensors``: what was trained, the head and the final gammas included."""
    from safetensors.torch import save

    gammas = {f"{GAMMA_PREFIX}{key}": gamma for key, gamma in result.gammas.items()}
    tensors = {name: tensor.contiguous() for name, tensor in (state | gammas).items()}
    # written by ourselves: the library's own files can be read by their owner alone
    (folder / "adapter.safetensors").write_bytes(save(tensors))


def write_tables(folder: Path, result: StrategyResult) -> None:
    """Tables of the training strategy as CSV (MetaPEFT: ``gamma.csv``)."""
    for name, frame in result.tables.items():
        frame.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g")
