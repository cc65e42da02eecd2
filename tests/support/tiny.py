"""Tiny networks, images and contexts shared by the tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rsbench.backbone import Backbone, BackboneInfo, Normalisation
from rsbench.batches import BatchReader
from rsbench.groups import by_thirds
from rsbench.head import CosineClassifier
from rsbench.insertion import Attachment, Site
from rsbench.losses import LogitAdjustedLoss
from rsbench.method import AttachContext
from rsbench.settings import Recipe
from rsbench.streams import torch_stream
from rsbench.training.context import TrainingContext
from rsbench.training.model import AdaptedModel
from rsbench.training.optimizer import make_optimizer
from rsbench.training.precision import make_fabric

IMAGE_SIZE = 16
WIDTH = 16
CLASSES = 3


class TinyBackbone(Backbone):
    """A random two-block ViT: 16 px, patch 8, width 16."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        info = BackboneInfo(
            image_size=IMAGE_SIZE,
            normalisation=Normalisation(mean=(0.5,) * 3, std=(0.5,) * 3),
            weights_hash="0" * 64,
            architecture={},
        )
        super().__init__("tiny", info)
        self.dtype = dtype

    @classmethod
    def open(cls, name: str, options: Any, folders: Any) -> TinyBackbone:
        return cls()

    def build(self) -> nn.Module:
        from timm.models.vision_transformer import VisionTransformer

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = VisionTransformer(
                img_size=IMAGE_SIZE,
                patch_size=8,
                embed_dim=WIDTH,
                depth=2,
                num_heads=2,
                num_classes=0,
            )
            # timm starts biases at zero; random ones make the identities harder to meet
            for parameter in network.parameters():
                nn.init.normal_(parameter, std=0.2)
        return network.to(self.dtype).requires_grad_(False).eval()

    def features(self, network: nn.Module, images: torch.Tensor) -> torch.Tensor:
        pooled: torch.Tensor = network(images)
        return pooled

    def sites(self, network: nn.Module) -> tuple[Site, ...]:
        from rsbench_baselines.backbones.sites.vit import vit_sites

        return vit_sites(network)


class Images:
    """Ragged random images: class c is a patch of its own brightness."""

    decoded = True

    def __init__(self, labels: NDArray[np.int64], seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.heights = rng.integers(14, 22, len(labels)).astype(np.int32)
        self.widths = rng.integers(14, 22, len(labels)).astype(np.int32)
        sizes = zip(self.heights, self.widths, labels, strict=True)
        self._images = [
            np.clip(rng.normal(60 + 60 * label, 30, (h, w, 3)), 0, 255).astype(np.uint8)
            for h, w, label in sizes
        ]

    def __len__(self) -> int:
        return len(self._images)

    def images(self, indices: Sequence[int]) -> list[NDArray[np.uint8]]:
        return [self._images[index] for index in indices]


def images(number: int = 4, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Random normalised images, shape (number, 3, 16, 16)."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(number, 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator, dtype=dtype)


def attach(
    kind: str, network: nn.Module, backbone: Backbone, seed: int = 0, **options: Any
) -> Attachment:
    """Attach the registered method ``kind``."""
    from rsbench.registry import method_class

    method = method_class(kind)
    sites = backbone.sites(network)
    context = AttachContext(CLASSES, 2, torch_stream(seed, "method"))
    return method(method.Options(**options)).attach(network, sites, context)


def randomise(attachment: Attachment, dtype: torch.dtype = torch.float32) -> None:
    """Give every inserted parameter random values."""
    generator = torch.Generator().manual_seed(2)
    attachment.inserted.to(dtype)
    with torch.no_grad():
        for parameter in attachment.parameters():
            values = torch.randn(parameter.shape, generator=generator, dtype=dtype)
            parameter.copy_(0.3 * values)


def long_tailed_labels(counts: Sequence[int] = (12, 6, 3)) -> NDArray[np.int64]:
    """Labels with these counts per class."""
    return np.repeat(np.arange(len(counts)), counts).astype(np.int64)


def make_context(
    recipe: Recipe,
    *,
    method: str = "lora",
    seed: int = 0,
    counts: Sequence[int] = (12, 6, 3),
    **options: Any,
) -> TrainingContext:
    """A cell ready to train: the tiny ViT with a method attached, on generated images."""
    device = torch.device("cpu")
    backbone = TinyBackbone()
    network = backbone.build()
    attachment = attach(method, network, backbone, seed, **options)
    generator = torch_stream(seed, "head")
    head = CosineClassifier(torch.randn(len(counts), WIDTH, generator=generator))
    model = AdaptedModel(backbone, network, attachment, head)
    labels = long_tailed_labels(counts)
    reader = BatchReader(
        Images(labels),
        labels,
        image_size=IMAGE_SIZE,
        normalisation=Normalisation(mean=(0.5,) * 3, std=(0.5,) * 3),
        augmentation=recipe.augmentation,
        device=device,
    )
    fabric = make_fabric(device, "32-true")
    inner = (*attachment.parameters(), *head.parameters())
    optimizer = make_optimizer(recipe, inner)
    return TrainingContext(
        fabric=fabric,
        model=fabric.setup_module(model),
        attachment=attachment,
        inner_parameters=inner,
        optimizer=fabric.setup_optimizers(optimizer),
        loss=LogitAdjustedLoss(counts, recipe.tau),
        reader=reader,
        train=np.arange(len(labels), dtype=np.int64),
        labels=labels,
        groups=by_thirds(counts),
        recipe=recipe,
        seed=seed,
        note=lambda text: None,
    )
