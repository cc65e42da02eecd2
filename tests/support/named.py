"""A named backbone of tiny size, declared as those of the catalogue are."""

from __future__ import annotations

from typing import Any

from mae_layout import TINY

from rsbench_baselines.backbones.catalogue import FMOW_RGB, PretrainedWeights
from rsbench_baselines.backbones.mae import DECODER_KEYS
from rsbench_baselines.backbones.named import NamedBackbone


def tiny_kind(**changes: Any) -> type[NamedBackbone]:
    """A ViT of the size ``mae_layout.TINY``, from a checkpoint in MAE's layout."""
    declared: dict[str, Any] = {
        "description": "tiny",
        "architecture": "VisionTransformer",
        "arguments": {
            "patch_size": TINY.patch,
            "embed_dim": TINY.width,
            "depth": TINY.depth,
            "num_heads": TINY.heads,
        },
        "source": None,
        "licence": "",
        "parameters": 9_968,
        "download_size": "",
        "normalisation": FMOW_RGB,
        "image_size": TINY.image,
        "native_size": TINY.image,
        "multiple": TINY.patch,
        "norm_eps": 1e-6,
        "ignore_keys": DECODER_KEYS,
    }
    weights = PretrainedWeights(**{**declared, **changes})
    return type("tiny", (NamedBackbone,), {"kind": "tiny", "declared": weights})
