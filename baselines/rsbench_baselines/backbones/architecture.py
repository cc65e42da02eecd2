"""Build timm networks without weights: by timm's model name or by class."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import timm
from timm.models import is_model_in_modules
from timm.models.convnext import ConvNeXt
from timm.models.eva import Eva
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from rsbench.errors import CheckpointError

#: Classes that a matrix may name instead of a timm model.
CLASSES = {kind.__name__: kind for kind in (VisionTransformer, SwinTransformer, ConvNeXt, Eva)}


def empty_network(
    name: str,
    arguments: dict[str, Any],
    *,
    image_size: int,
    norm_eps: float | None,
    path: Path,
) -> nn.Module:
    """A network without its classifier, with timm's random initial weights.

    Args:
        name: a timm model name, or one of ``CLASSES``.
        arguments: of the model or class.
        image_size: side of the input, pixels. A ConvNeXt does not depend on it.
        norm_eps: epsilon of every LayerNorm, or None for the architecture's own.
        path: the weights file, to name in messages.

    Raises:
        CheckpointError: timm has no such model, it does not take these arguments, or the
            images are too small for it or do not divide into its patches.
    """
    try:
        network = _build(name, complete_arguments(name, arguments, image_size))
    except (RuntimeError, TypeError, ValueError, LookupError, AssertionError) as error:
        raise CheckpointError(
            f"timm cannot build {name!r} with {arguments}: {error}",
            where=path,
            remedy="name a timm VisionTransformer, SwinTransformer or ConvNeXt (for instance "
            "timm.list_models('vit*'), or one of the classes "
            f"{', '.join(CLASSES)}) and arguments that it takes",
        ) from error
    _check_image_size(network, image_size, path)
    for module in network.modules():
        if norm_eps is not None and isinstance(module, nn.LayerNorm):
            module.eps = norm_eps
    return network


def complete_arguments(name: str, arguments: dict[str, Any], image_size: int) -> dict[str, Any]:
    """Every argument that ``name`` is built with; a ConvNeXt takes images of any size."""
    any_size = name == ConvNeXt.__name__ or is_model_in_modules(name, ("convnext",))
    return {"num_classes": 0, **({} if any_size else {"img_size": image_size}), **arguments}


def _build(name: str, arguments: dict[str, Any]) -> nn.Module:
    if name in CLASSES:
        inspect.signature(CLASSES[name]).bind(**arguments)
        by_class: nn.Module = CLASSES[name](**arguments)
        return by_class
    by_name: nn.Module = timm.create_model(name, pretrained=False, **arguments)
    return by_name


def _check_image_size(network: nn.Module, image_size: int, path: Path) -> None:
    """What would only show in the first forward pass."""
    if isinstance(network, ConvNeXt):  # it halves its feature map to nothing
        smallest = int(network.feature_info[-1]["reduction"])
        if image_size < smallest:
            raise CheckpointError(
                f"image_size {image_size} is too small: this ConvNeXt needs {smallest} pixels",
                where=path,
                remedy=f"set image_size to {smallest} or more",
            )
    patch = getattr(getattr(network, "patch_embed", None), "patch_size", ())
    for side in patch if isinstance(patch, tuple) else (patch,):
        if image_size % side:  # timm would leave out a strip at the right and at the bottom
            raise CheckpointError(
                f"image_size {image_size} is not a multiple of the patch's {side} pixels",
                where=path,
                remedy=f"set image_size to {max(1, round(image_size / side)) * side}",
            )
