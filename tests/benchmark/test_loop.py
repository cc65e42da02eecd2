"""The inner loop: order, schedule, early stopping, divergence."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tiny import Images, make_context

from rsbench.errors import DivergedError
from rsbench.settings import Recipe
from rsbench.training.context import TrainingContext
from rsbench.training.loop import Loop, LoopResult
from rsbench.training.plain import Plain

RECIPE = Recipe(epochs=6, batch_size=8, learning_rate=0.02, learning_rate_scaling="none")


def run(
    context: TrainingContext, validate: Callable[[], float] | None = None
) -> tuple[LoopResult, torch.optim.Optimizer]:
    strategy = Plain()
    strategy.begin(context)
    loop = Loop(context, strategy, validate, lambda message: None)
    return loop.run(), context.optimizer.optimizer


def test_training_lowers_the_loss_and_reports_every_epoch() -> None:
    result, _ = run(make_context(RECIPE, rank=2))
    losses = [epoch.loss for epoch in result.epochs]
    assert len(losses) == 6
    assert losses[-1] < losses[0]
    assert result.images == 6 * 21
    assert result.seconds > 0


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others() -> None:
    one, again, other = (run(make_context(RECIPE, rank=2, seed=seed))[0] for seed in (0, 0, 1))
    assert one.epochs == again.epochs
    assert one.epochs != other.epochs


def test_reading_ahead_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images that are decoded at every use are read while the step before is taken."""
    expected, _ = run(make_context(RECIPE, rank=2))
    monkeypatch.setattr(Images, "decoded", False)
    context = make_context(RECIPE, rank=2)
    threads: set[str] = set()
    read = context.reader.train

    def watched(*arguments: Any) -> Any:
        threads.add(threading.current_thread().name)
        return read(*arguments)

    monkeypatch.setattr(context.reader, "train", watched)
    result, _ = run(context)
    assert result.epochs == expected.epochs
    assert all(name.startswith("ahead") for name in threads)


def test_a_constant_schedule_keeps_the_rate() -> None:
    recipe = RECIPE.model_copy(update={"schedule": "constant"})
    result, _ = run(make_context(recipe, rank=2))
    assert {epoch.learning_rate for epoch in result.epochs} == {0.02}


def test_the_square_root_rule_scales_the_rate() -> None:
    assert Recipe().scaled_learning_rate == 0.01
    assert Recipe(batch_size=512).scaled_learning_rate == pytest.approx(0.02)
    assert Recipe(batch_size=32).scaled_learning_rate == pytest.approx(0.005)
    linear = Recipe(batch_size=512, learning_rate_scaling="linear")
    assert linear.scaled_learning_rate == pytest.approx(0.04)


def test_early_stopping_ends_when_three_epochs_gain_too_little() -> None:
    accuracies = iter([0.500, 0.600, 0.601, 0.602, 0.6025, 0.9])
    recipe = RECIPE.model_copy(update={"early_stopping": "on"})
    result, _ = run(make_context(recipe, rank=2), lambda: next(accuracies))
    assert len(result.epochs) == 5  # best of the last three, 0.6025, gains 0.25 points on 0.600


def test_early_stopping_lets_slow_progress_go_on() -> None:
    accuracies = iter([0.50, 0.51, 0.52, 0.53, 0.54, 0.55])
    recipe = RECIPE.model_copy(update={"early_stopping": "on"})
    result, _ = run(make_context(recipe, rank=2), lambda: next(accuracies))
    assert len(result.epochs) == 6


def test_a_loss_that_is_not_finite_names_the_step() -> None:
    context = make_context(RECIPE, rank=2)
    with torch.no_grad():
        for parameter in context.attachment.parameters():
            parameter.fill_(float("nan"))
    with pytest.raises(DivergedError, match=r"became nan at step 0[\s\S]*learning rate"):
        run(context)
