"""The network of the demo backbone and its shipped weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rsbench.atomic import write_file

if TYPE_CHECKING:
    from timm.models.vision_transformer import VisionTransformer

WEIGHTS = Path(__file__).with_name("demo_vit.safetensors")
"""Shipped weights: plain timm keys, half precision, no classifier."""

IMAGE_SIZE = 48
"""Height and width of the input, pixels."""

MEAN = (0.5, 0.5, 0.5)
"""Mean that an RGB input in [0, 1] is normalised with."""

STD = (0.5, 0.5, 0.5)
"""Standard deviation that an RGB input in [0, 1] is normalised with."""

ARCHITECTURE: dict[str, Any] = {
    "img_size": IMAGE_SIZE,
    "patch_size": 8,
    "embed_dim": 128,
    "depth": 6,
    "num_heads": 4,
    "mlp_ratio": 4.0,
    "class_token": True,
    "qkv_bias": True,
    "num_classes": 0,
    "global_pool": "token",
}
"""Arguments of timm's `VisionTransformer`; LayerNorm eps is 1e-6, timm's own default."""


def build_network(**changes: Any) -> VisionTransformer:
    """Build the network with random weights.

    Args:
        changes: Arguments of timm's `VisionTransformer` that replace those of `ARCHITECTURE`.

    Returns:
        The network. It maps images, shape (B, 3, 48, 48), to the class token after the final
        norm, shape (B, 128).
    """
    from functools import partial

    from timm.models.vision_transformer import VisionTransformer
    from torch import nn

    norm_layer: Any = partial(nn.LayerNorm, eps=1e-6)
    return VisionTransformer(**{**ARCHITECTURE, "norm_layer": norm_layer, **changes})


def load_network(path: Path = WEIGHTS) -> VisionTransformer:
    """Build the network and load pretrained weights in single precision.

    Args:
        path: Safetensors file with plain timm keys.

    Returns:
        The network in evaluation mode.

    Raises:
        FileNotFoundError: If the file is absent.
        RuntimeError: If a weight is missing, unexpected or of another shape.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"no demo weights at {path}: make them with "
            f"python -m rsbench_baselines.demo_backbone.pretrain --out {path} --teacher FILE"
        )
    from safetensors.torch import load_file

    network = build_network()
    network.load_state_dict({key: value.float() for key, value in load_file(path).items()})
    return network.eval()


def save_weights(network: VisionTransformer, path: Path) -> None:
    """Write the weights in half precision, without a classifier.

    Args:
        network: Network from `build_network`.
        path: File to write; its folder is made. The file appears whole or not at all.
    """
    from safetensors.torch import save

    weights = {
        key: value.detach().half().contiguous()
        for key, value in network.state_dict().items()
        if not key.startswith("head.")
    }
    write_file(path, save(weights))
