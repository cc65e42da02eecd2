"""Pretraining of the demo backbone: labels of the source world, and tokens of the teacher."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from rsbench_baselines.demo_backbone.augment import (
    AugmentConfig,
    centre_view,
    crop,
    distort,
    draw_crops,
)
from rsbench_baselines.demo_backbone.network import IMAGE_SIZE, build_network
from rsbench_baselines.demo_backbone.pool import Pool
from rsbench_baselines.demo_backbone.teacher import GRID

if TYPE_CHECKING:
    from timm.models.vision_transformer import VisionTransformer


@dataclass(frozen=True)
class PretrainConfig:
    """Settings of a pretraining run.

    Attributes:
        seed: Seed of the pool, the initial weights, the order and the views.
        num_classes: Source classes.
        pool_images: Source images drawn; each is seen many times, always in another view.
        steps: Optimiser steps.
        batch_size: Views a step.
        muon_rate: Peak learning rate of the matrices inside the blocks (Muon).
        adam_rate: Peak learning rate of everything else (AdamW).
        weight_decay: Decoupled weight decay of all matrices.
        label_weight: Weight of the cross entropy on source labels.
        teacher_weight: Weight of each teacher loss, class token and patch tokens.
        components: Principal components of the patch tokens that the student predicts.
        augment: Strength of the views.
    """

    seed: int = 7
    num_classes: int = 320
    pool_images: int = 10_000
    steps: int = 1800
    batch_size: int = 128
    muon_rate: float = 0.02
    adam_rate: float = 2e-3
    weight_decay: float = 0.05
    label_weight: float = 0.3
    teacher_weight: float = 1.0
    components: int = 64
    augment: AugmentConfig = field(default_factory=AugmentConfig)


class Student(nn.Module):
    """The network with the three linear heads of pretraining, which are thrown away after it."""

    def __init__(self, num_classes: int, teacher_width: int, components: int) -> None:
        """Draw the initial weights from torch's global generator.

        Args:
            num_classes: Source classes.
            teacher_width: Size of the teacher's class token.
            components: Components of its patch tokens.
        """
        super().__init__()
        self.network: VisionTransformer = build_network()
        width = self.network.num_features
        self.labels = nn.Linear(width, num_classes)
        self.class_token = nn.Linear(width, teacher_width)
        self.patch_tokens = nn.Linear(width, components)

    def forward(self, views: Tensor) -> Tensor:
        """Return class and patch tokens after the final norm, shape (B, 37, 128), float32."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            tokens: Tensor = self.network.forward_features(views)
        return tokens.float()


@dataclass(frozen=True)
class Losses:
    """Losses of one step, scalars; the teacher losses are zero without a teacher."""

    labels: Tensor
    class_token: Tensor
    patch_tokens: Tensor


def train(
    pool: Pool,
    config: PretrainConfig,
    report: Callable[[int, Losses, nn.Module], None],
) -> Student:
    """Pretrain a student on a pool.

    Args:
        pool: Source images, with teacher targets or without.
        config: Settings.
        report: Called after each step with the number of steps done, the losses and the network.

    Returns:
        The student in evaluation mode.

    Raises:
        ValueError: If the pool holds less than one batch.
    """
    if len(pool) < config.batch_size:
        raise ValueError(
            f"the pool has {len(pool)} images, less than one batch of {config.batch_size}: "
            "raise the number of pool images or lower the batch size"
        )
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    width = 1 if pool.class_targets is None else pool.class_targets.shape[1]
    student = Student(config.num_classes, width, config.components).train()
    optimisers = _build_optimisers(student, config)
    for step, indices in enumerate(_batches(len(pool), config, generator)):
        _set_rates(optimisers, _schedule(step, config.steps))
        losses = _losses(student, pool, indices, generator, config)
        total = config.label_weight * losses.labels + config.teacher_weight * (
            losses.class_token + losses.patch_tokens
        )
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        report(step + 1, losses, student.network)
    return student.eval()


@torch.inference_mode()
def accuracy(student: Student, pictures: Tensor, labels: Tensor) -> float:
    """Return the share of source images whose class the student's head names.

    Args:
        student: Trained student.
        pictures: RGB images, shape (N, 3, H, W), uint8.
        labels: Classes, shape (N,).

    Returns:
        Accuracy in [0, 1].
    """
    correct = 0
    for start in range(0, len(labels), 250):
        chunk = slice(start, start + 250)
        tokens = student(centre_view(_normalise(pictures[chunk]), IMAGE_SIZE))
        named = student.labels(tokens[:, 0]).argmax(dim=1)
        correct += int((named == labels[chunk]).sum())
    return correct / len(labels)


def _normalise(pictures: Tensor) -> Tensor:
    return pictures.float() / 127.5 - 1.0


def _batches(count: int, config: PretrainConfig, generator: torch.Generator) -> list[Tensor]:
    """Return the image numbers of every step: one random order of the pool after another."""
    per_epoch = count // config.batch_size
    batches: list[Tensor] = []
    while len(batches) < config.steps:
        order = torch.randperm(count, generator=generator)[: per_epoch * config.batch_size]
        batches.extend(order.reshape(per_epoch, config.batch_size))
    return batches[: config.steps]


def _schedule(step: int, steps: int) -> float:
    """Return the share of the peak rate: a short linear rise, then half a cosine to zero."""
    rise = max(1.0, min(100.0, 0.1 * steps))
    return min(1.0, (step + 1) / rise) * 0.5 * (1.0 + math.cos(math.pi * step / steps))


def _build_optimisers(student: Student, config: PretrainConfig) -> list[torch.optim.Optimizer]:
    matrices = [value for value in student.network.blocks.parameters() if value.ndim == 2]
    inside = {id(value) for value in matrices}
    others = [value for value in student.parameters() if id(value) not in inside]
    groups = [
        {"params": [v for v in others if v.ndim == 2], "weight_decay": config.weight_decay},
        {"params": [v for v in others if v.ndim != 2], "weight_decay": 0.0},
    ]
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.Muon(matrices, lr=config.muon_rate, weight_decay=config.weight_decay),
        torch.optim.AdamW(groups, lr=config.adam_rate, betas=(0.9, 0.98)),
    ]
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["peak"] = group["lr"]
    return optimisers


def _set_rates(optimisers: list[torch.optim.Optimizer], share: float) -> None:
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = share * group["peak"]


def _losses(
    student: Student,
    pool: Pool,
    indices: Tensor,
    generator: torch.Generator,
    config: PretrainConfig,
) -> Losses:
    matrices = draw_crops(len(indices), generator, config.augment)
    views = crop(_normalise(pool.pictures[indices]), matrices, IMAGE_SIZE)
    tokens = student(distort(views, generator, config.augment))
    labels = functional.cross_entropy(
        student.labels(tokens[:, 0]), pool.labels[indices], label_smoothing=0.1
    )
    if pool.class_targets is None or pool.patch_targets is None:
        return Losses(labels, torch.zeros(()), torch.zeros(()))
    class_token = _distance(student.class_token(tokens[:, 0]), pool.class_targets[indices])
    # The same crop of the teacher's map: what the teacher saw where the student looks.
    targets = crop(pool.patch_targets[indices].float(), matrices, GRID).flatten(2).transpose(1, 2)
    return Losses(labels, class_token, _distance(student.patch_tokens(tokens[:, 1:]), targets))


def _distance(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error, bent to linear beyond two standard deviations."""
    return 2.0 * functional.smooth_l1_loss(prediction, target, beta=2.0)
