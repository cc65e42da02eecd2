"""A tiny world on disk for end-to-end tests: images, a split file, weights, a matrix."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file

ARGUMENTS = {"patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2}
TRAIN, TEST = (24, 10, 5), (6, 6, 6)
HALVES = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
"""Normalisation of pictures to -1 to 1."""
CLASSES = ("meadow", "forest", "water")


def write_world(folder: Path) -> Path:
    """Write images, ``split.csv``, ``weights.safetensors`` and ``matrix.yaml``; return the last."""
    from timm.models.vision_transformer import VisionTransformer

    rng = np.random.default_rng(0)
    rows = [("split", "path", "label", "class")]
    for split, counts in (("train", TRAIN), ("test", TEST)):
        for label, count in enumerate(counts):
            for number in range(count):
                path = f"{split}_{label}_{number}.png"
                pixels = rng.normal(60 + 60 * label, 40, (20, 18, 3))
                Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / path)
                rows.append((split, path, str(label), CLASSES[label]))
    with (folder / "split.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    torch.manual_seed(0)
    network = VisionTransformer(img_size=16, num_classes=0, **ARGUMENTS)
    save_file(network.state_dict(), folder / "weights.safetensors")
    path = folder / "matrix.yaml"
    path.write_text(yaml.safe_dump(matrix(), sort_keys=False))
    return path


def matrix() -> dict[str, object]:
    """The matrix as YAML values: one target, one backbone, three variants, two seeds."""
    return {
        "name": "tiny",
        "description": "end-to-end test",
        "targets": [{"name": "plots", "kind": "labelled_list", "file": "split.csv"}],
        "backbones": [
            {
                "name": "tiny_vit",
                "kind": "checkpoint",
                "architecture": "VisionTransformer",
                "arguments": ARGUMENTS,
                "weights": "weights.safetensors",
                "image_size": 16,
                "normalisation": HALVES,
            }
        ],
        "methods": ["linear", "lora", "lora+metapeft"],
        "seeds": [0, 1],
        "recipe": {"epochs": 2, "batch_size": 8, "learning_rate": 0.05},
        "metapeft": {"learning_rate": 0.1},
    }
