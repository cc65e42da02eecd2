"""Train the tiny ViT with MetaPEFT, and watch what is read; shared by the MetaPEFT tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rsbench.settings import Recipe
from rsbench.strategy import Strategy, StrategyResult
from rsbench.training.context import TrainingContext
from rsbench.training.loop import Loop, LoopResult
from rsbench_metapeft.config import MetaPEFTOptions
from rsbench_metapeft.strategy import MetaPEFT

RECIPE = Recipe(epochs=3, batch_size=4, learning_rate=0.05, learning_rate_scaling="none")


def train(
    context: TrainingContext, strategy: Strategy
) -> tuple[LoopResult, StrategyResult, torch.optim.Optimizer]:
    strategy.begin(context)
    result = Loop(context, strategy, None, lambda message: None).run()
    return result, strategy.finish(), context.optimizer.optimizer


def metapeft(**options: Any) -> MetaPEFT:
    return MetaPEFT(MetaPEFTOptions(**options))


def snapshot(context: TrainingContext) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in context.inner_parameters]


def frozen_sum(context: TrainingContext) -> list[torch.Tensor]:
    return [p.detach().clone() for p in context.model.module.network.parameters()]


def equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def watch_reads(context: TrainingContext) -> list[tuple[str, NDArray[np.int64], int]]:
    """Every batch that will be read: purpose of its random stream, samples, and its number."""
    reads: list[tuple[str, NDArray[np.int64], int]] = []
    original = context.batch

    def batch(indices: NDArray[np.int64], purpose: str, number: int) -> Any:
        reads.append((purpose, np.array(indices), number))
        return original(indices, purpose, number)

    object.__setattr__(context, "batch", batch)
    return reads


def reads_of(
    reads: list[tuple[str, NDArray[np.int64], int]], purpose: str
) -> list[NDArray[np.int64]]:
    return [indices for name, indices, _ in reads if name == purpose]
