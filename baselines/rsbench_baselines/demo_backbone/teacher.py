"""Teacher of the distillation: DINOv2 ViT-S/14, frozen.

DINOv2 is by Meta AI (Oquab et al., arXiv 2304.07193), Apache-2.0. Its weights are not shipped; the
pretraining script takes them as a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from timm.models.vision_transformer import VisionTransformer

WIDTH = 384
"""Size of a teacher token."""

GRID = 6
"""Patches of the teacher along a side: as many as the student has, so that tokens pair up."""

_SIDE = GRID * 14
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


def load_teacher(path: Path) -> VisionTransformer:
    """Load the teacher for inputs of 84 x 84 pixels.

    Args:
        path: Safetensors file with the keys of timm's `vit_small_patch14_dinov2`.

    Returns:
        The frozen teacher in evaluation mode.

    Raises:
        FileNotFoundError: If the file is absent.
        RuntimeError: If the weights do not fit.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"no teacher weights at {path}: give --teacher a safetensors file of DINOv2 ViT-S/14 "
            "with the keys of timm's vit_small_patch14_dinov2, or ask for --supervised"
        )
    import timm
    from safetensors.torch import load_file

    teacher: VisionTransformer = timm.create_model(
        "vit_small_patch14_dinov2", pretrained=False, img_size=_SIDE, num_classes=0
    )
    weights = {key: value.float() for key, value in load_file(path).items()}
    weights["pos_embed"] = _resize_positions(weights["pos_embed"])
    teacher.load_state_dict(weights)
    return teacher.eval().requires_grad_(False)


def _resize_positions(table: Tensor) -> Tensor:
    """Resize a position table to the grid: bicubic, not antialiased, as DINOv2 does."""
    prefix, grid = table[:, :1], table[:, 1:]
    old = round(grid.shape[1] ** 0.5)
    grid = grid.reshape(1, old, old, -1).permute(0, 3, 1, 2)
    grid = functional.interpolate(grid, size=(GRID, GRID), mode="bicubic", align_corners=False)
    return torch.cat([prefix, grid.flatten(2).transpose(1, 2)], dim=1)


@torch.inference_mode()
def teacher_tokens(
    teacher: VisionTransformer, pictures: NDArray[np.uint8], batch_size: int = 50
) -> Tensor:
    """Compute the tokens of pictures after the final norm.

    Args:
        teacher: Network from `load_teacher`.
        pictures: RGB pictures, shape (N, H, W, 3), values 0 to 255.
        batch_size: Pictures a forward pass.

    Returns:
        Class token, then the patch tokens row by row, shape (N, 37, 384), half precision.
    """
    mean, std = torch.tensor(_MEAN)[:, None, None], torch.tensor(_STD)[:, None, None]
    tokens = []
    for start in range(0, len(pictures), batch_size):
        images = torch.from_numpy(pictures[start : start + batch_size]).permute(0, 3, 1, 2) / 255.0
        images = functional.interpolate(
            images, size=(_SIDE, _SIDE), mode="bicubic", antialias=True, align_corners=False
        )
        with torch.autocast("cpu", dtype=torch.bfloat16):
            tokens.append(teacher.forward_features((images - mean) / std).half())
    return torch.cat(tokens)
