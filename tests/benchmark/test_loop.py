"""The inner loop: order, schedule, early stopping, divergence."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins import MixedPrecision
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


def watch_rates(context: TrainingContext) -> list[float]:
    """The rate of every step to come."""
    rates: list[float] = []
    step = context.optimizer.step

    def watched(*arguments: Any) -> Any:
        rates.append(context.optimizer.param_groups[0]["lr"])
        return step(*arguments)

    context.optimizer.step = watched  # type: ignore[method-assign]
    return rates


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


@pytest.mark.parametrize("interval", ["step", "epoch"])
@pytest.mark.parametrize("schedule", ["cosine", "constant"])
@pytest.mark.parametrize("share", [0.01, 0.25, 0.4])
def test_the_rate_rises_linearly_during_the_warm_up_and_never_after_it(
    interval: str, schedule: str, share: float
) -> None:
    changes = {"warm_up": share, "schedule": schedule, "schedule_interval": interval}
    context = make_context(RECIPE.model_copy(update=changes), rank=2)
    rates = watch_rates(context)
    run(context)
    assert len(rates) == 18
    steps = max(1, round(share * 18))
    rising = [(number + 1) / (steps + 1) * 0.02 for number in range(steps)]
    assert rates[:steps] == pytest.approx(rising)
    assert rates[steps] == pytest.approx(0.02)
    assert rates[steps:] == sorted(rates[steps:], reverse=True)
    assert min(rates) > 0
    if schedule == "constant":
        assert set(rates[steps:]) == {0.02}
    elif interval == "step":
        assert rates[-1] < 0.03 * 0.02
    else:
        assert len(set(rates[steps:])) == len({number // 3 for number in range(steps, 18)})
        assert rates[-1] < 0.2 * 0.02


def test_without_warm_up_the_rate_is_a_cosine_of_steps_or_epochs() -> None:
    for interval, length in (("step", 1), ("epoch", 3)):
        context = make_context(RECIPE.model_copy(update={"schedule_interval": interval}), rank=2)
        rates = watch_rates(context)
        run(context)
        places = [number // length * length / 18 for number in range(18)]
        cosine = [0.02 * 0.5 * (1 + math.cos(math.pi * place)) for place in places]
        assert rates == pytest.approx(cosine)


def test_adamw_trains_with_the_recipes_rate_and_decay() -> None:
    context = make_context(RECIPE.model_copy(update={"optimizer": "adamw"}), rank=2)
    result, optimizer = run(context)
    assert isinstance(optimizer, torch.optim.AdamW)
    assert optimizer.param_groups[0]["weight_decay"] == RECIPE.weight_decay
    assert result.epochs[-1].loss < result.epochs[0].loss


def gradient_of_a_step(context: TrainingContext) -> float:
    """Norm of the gradient that the first step followed, read from where it led."""
    before = [p.detach().clone() for p in context.inner_parameters]
    context.inner_step(context.batch(np.array([0, 12, 18]), "any", 0))
    followed = [
        (p.detach() - old) / RECIPE.learning_rate + RECIPE.weight_decay * old
        for p, old in zip(context.inner_parameters, before, strict=True)
    ]
    return float(torch.cat([each.flatten() for each in followed]).norm())


def test_clipping_bounds_the_norm_of_all_inner_gradients_together() -> None:
    assert gradient_of_a_step(make_context(RECIPE, rank=2)) > 0.02
    clipped = RECIPE.model_copy(update={"gradient_clip": 0.01})
    assert gradient_of_a_step(make_context(clipped, rank=2)) == pytest.approx(0.01, rel=1e-3)


def test_clipping_is_of_the_gradient_that_fp16_has_not_scaled() -> None:
    """At a bound between the gradient and the scaled gradient nothing is clipped."""
    norms = []
    for clip in (None, 100.0):
        context = make_context(RECIPE.model_copy(update={"gradient_clip": clip}), rank=2)
        scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
        fabric = Fabric(accelerator="cpu", plugins=MixedPrecision("16-mixed", "cpu", scaler))
        model, optimizer = fabric.setup(context.model.module, context.optimizer.optimizer)
        scaled = dataclasses.replace(context, fabric=fabric, model=model, optimizer=optimizer)
        norms.append(gradient_of_a_step(scaled))
    assert 1.0 < norms[0] < 100.0 < 256.0 * norms[0]
    assert norms[1] == pytest.approx(norms[0])


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
