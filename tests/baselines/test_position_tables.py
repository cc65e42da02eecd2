"""Position tables at another image size: which entries are a grid, and of which shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from world import HALVES

from rsbench.errors import CheckpointError
from rsbench.folders import Folders
from rsbench_baselines.backbones.checkpoint import Checkpoint
from rsbench_baselines.backbones.checkpoint_options import CheckpointOptions

TINY = {"embed_dim": 16, "depth": 1, "num_heads": 2}

#: timm model, its patch, and entries of its table beside those of the patches.
MODELS = {
    "vit_small_patch14_reg4_dinov2": (14, 0),
    "deit3_small_patch16_224": (16, 0),
    "vit_small_patch14_dinov2": (14, 1),
    "deit_tiny_distilled_patch16_224": (16, 2),
    "vit_small_patch16_rope_ape_224": (16, 0),
    "eva_giant_patch14_224": (14, 1),
}


def network(name: str, image_size: int | tuple[int, int], **arguments: Any) -> nn.Module:
    torch.manual_seed(0)
    built: nn.Module = timm.create_model(
        name, num_classes=0, img_size=image_size, **(TINY | arguments)
    )
    return built


def opened(folder: Path, name: str, image_size: int, **changes: Any) -> Checkpoint:
    fields = {"architecture": name, "arguments": TINY, "weights": "weights.safetensors",
              "image_size": image_size, "position_resize": "bicubic",
              "normalisation": HALVES}  # fmt: skip
    options = CheckpointOptions.model_validate(fields | changes)
    return Checkpoint.open("mine", options, Folders(base=folder))


def resized(table: Tensor, prefix: int, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
    grid = table[:, prefix:].reshape(1, *old, -1).permute(0, 3, 1, 2)
    grid = functional.interpolate(grid, size=new, mode="bicubic")
    return torch.cat([table[:, :prefix], grid.flatten(2).transpose(1, 2)], dim=1)


@pytest.mark.parametrize("name", list(MODELS))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_the_patches_alone_are_resized(tmp_path: Path, name: str, dtype: torch.dtype) -> None:
    patch, prefix = MODELS[name]
    state = {k: v.to(dtype) for k, v in network(name, 3 * patch).state_dict().items()}
    save_file(state, tmp_path / "weights.safetensors")
    built = opened(tmp_path, name, 5 * patch).build()
    table: Tensor = built.get_parameter("pos_embed")
    expected = resized(state["pos_embed"].float(), prefix, (3, 3), (5, 5))
    assert table.shape[1] == prefix + 25
    torch.testing.assert_close(table, expected)
    assert torch.isfinite(built(torch.zeros(1, 3, 5 * patch, 5 * patch))).all()


@pytest.mark.parametrize("resize", ["none", "bicubic"])
def test_a_table_for_images_that_are_not_square_is_refused(tmp_path: Path, resize: str) -> None:
    name = "vit_small_patch16_224"
    save_file(network(name, (32, 64)).state_dict(), tmp_path / "weights.safetensors")
    message = r"9 entries: 1 for class token and registers, and 8 that are no grid like.*3x3"
    with pytest.raises(CheckpointError, match=rf"{message}[\s\S]*square images only"):
        opened(tmp_path, name, 48, position_resize=resize).build()


def test_patches_that_are_not_square_keep_the_shape_of_their_grid(tmp_path: Path) -> None:
    name, arguments = "vit_small_patch16_224", TINY | {"patch_size": [16, 8]}
    state = network(name, 32, patch_size=(16, 8)).state_dict()
    save_file(state, tmp_path / "weights.safetensors")
    built = opened(tmp_path, name, 64, arguments=arguments).build()
    expected = resized(state["pos_embed"], 1, (2, 4), (4, 8))
    torch.testing.assert_close(built.get_parameter("pos_embed"), expected)


def test_a_class_token_in_a_table_that_has_none_is_told(tmp_path: Path) -> None:
    """The authors' own DINOv2 with registers; timm adds that entry to the class token."""
    name = "vit_small_patch14_reg4_dinov2"
    state = network(name, 42).state_dict()
    state["pos_embed"] = torch.randn(1, 10, 16)
    save_file(state, tmp_path / "weights.safetensors")
    with pytest.raises(CheckpointError, match=r"10 entries: 0 for[\s\S]*no_embed_class"):
        opened(tmp_path, name, 70).build()


def test_dinov3_takes_every_size_that_its_patches_divide(tmp_path: Path) -> None:
    name = "vit_small_patch16_dinov3"
    save_file(network(name, 32).state_dict(), tmp_path / "weights.safetensors")
    assert opened(tmp_path, name, 80).build()(torch.zeros(1, 3, 80, 80)).shape == (1, 16)
    with pytest.raises(CheckpointError, match=r"image_size 50 is not a multiple[\s\S]*48"):
        opened(tmp_path, name, 50).build()
