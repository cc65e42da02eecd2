"""What moves the inner parameters, and how its rate goes over the training."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from rsbench.settings import Recipe


def make_optimizer(recipe: Recipe, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The recipe's optimiser of these parameters, at its full rate."""
    rate, decay = recipe.scaled_learning_rate, recipe.weight_decay
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    return torch.optim.SGD(parameters, lr=rate, momentum=recipe.momentum, weight_decay=decay)


class Schedule:
    """The share of the full rate at each step: a linear warm-up, then the recipe's schedule.

    Args:
        recipe: the recipe.
        epochs: epochs that the schedule is planned for; beyond them a cosine rises again, which
            the released code's loop makes use of (paper section 2.3, row 12).
        steps_per_epoch: inner steps of each.
    """

    def __init__(self, recipe: Recipe, epochs: int, steps_per_epoch: int) -> None:
        self.recipe, self.epochs, self.steps_per_epoch = recipe, epochs, steps_per_epoch
        planned = epochs * steps_per_epoch
        warm_up = max(1, round(recipe.warm_up * planned)) if recipe.warm_up else 0
        self.warm_up = min(warm_up, planned - 1)
        """Steps at a lower rate than the full one."""

    def share(self, step: int) -> float:
        """The share of the full rate at ``step`` (0-based): it never rises after the warm-up."""
        if step < self.warm_up:
            return (step + 1) / (self.warm_up + 1)
        if self.recipe.schedule == "constant":
            return 1.0
        epoch = step / self.steps_per_epoch
        if self.recipe.schedule_interval == "epoch":
            epoch = math.floor(epoch)
        start = self.warm_up / self.steps_per_epoch
        # the epoch in which the warm-up ends began before it did
        progress = max(0.0, (epoch - start) / (self.epochs - start))
        return 0.5 * (1.0 + math.cos(math.pi * progress))
