"""What MetaPEFT says of a recipe before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest
from bilevel import RECIPE, equal, metapeft, snapshot, train
from tiny import make_context

from rsbench.errors import SettingsError
from rsbench_metapeft.recipes import planned_outer_steps


@pytest.mark.parametrize(
    "options",
    [{"hypergradient": "unrolled"}, {"mode": "released"}],
    ids=["unrolled", "released"],
)
@pytest.mark.parametrize(
    ("changes", "named"),
    [({"optimizer": "adamw"}, "optimizer: adamw"), ({"gradient_clip": 1.0}, "gradient_clip")],
)
def test_what_replays_or_follows_plain_sgd_refuses_other_steps(
    options: dict[str, Any], changes: dict[str, Any], named: str
) -> None:
    recipe = RECIPE.model_copy(update=changes)
    with pytest.raises(SettingsError, match=f"plain SGD; the recipe has {named}"):
        metapeft(**options).review(21, recipe)
    context = make_context(recipe, method="lora_qv", rank=2)
    with pytest.raises(SettingsError, match="plain SGD"):
        metapeft(**options).begin(context)
    assert metapeft().review(10**6, recipe) == ()


def test_an_extra_step_of_fixed_is_clipped_like_any_inner_step() -> None:
    recipe = RECIPE.model_copy(update={"gradient_clip": 0.01})
    one, other = (make_context(recipe, rank=2) for _ in range(2))
    strategy = metapeft(gamma="fixed")
    strategy.begin(one)
    indices = [0, 3, 14, 19]
    strategy.mode.step.take(one.batch(indices, "any", 0))
    other.inner_step(other.batch(indices, "any", 0))
    assert equal(snapshot(one), snapshot(other))
    free = make_context(RECIPE, rank=2)
    free.inner_step(free.batch(indices, "any", 0))
    assert not equal(snapshot(one), snapshot(free))


@pytest.mark.parametrize("gamma", ["learned", "joint", "fixed"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_first_order_and_its_controls_train_with_either_optimizer(
    gamma: str, optimizer: str
) -> None:
    recipe = RECIPE.model_copy(update={"optimizer": optimizer, "gradient_clip": 1.0})
    result, outcome, _ = train(make_context(recipe, rank=2), metapeft(gamma=gamma))
    assert outcome.summary["outer_steps"] > 0
    assert result.epochs[-1].loss < result.epochs[0].loss


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ratio": 0.4},
        {"ratio": 0.4, "overlap": False},
        {"outer_batches": 5},
        {"outer_loop": 4},
        {"outer_loop": 4, "outer_batches": 1, "warm_up_epochs": 1},
        {"outer_loop": 2, "overlap": False},
        {"outer_loop": 4, "overlap": False, "val_source": "fixed", "ratio": 0.4},
        {"warm_up_epochs": 2, "outer_batches": 4},
        {"gamma": "joint"},
    ],
    ids=str,
)
def test_the_outer_steps_that_are_planned_are_those_that_are_taken(options: Any) -> None:
    context = make_context(RECIPE, rank=2)
    strategy = metapeft(**options)
    planned = planned_outer_steps(strategy.options, len(context.train), RECIPE)
    _, outcome, _ = train(context, strategy)
    assert outcome.summary["outer_steps"] == planned


def test_a_bound_on_the_travel_below_one_is_said_before_and_after_the_training() -> None:
    notes: list[str] = []
    context = make_context(RECIPE, rank=2)
    object.__setattr__(context, "note", notes.append)
    (remark,) = metapeft(learning_rate=0.1).review(21, RECIPE)
    assert "learning rate x outer steps = 0.3 < 1" in remark
    assert "metapeft.learning_rate" in remark
    train(context, metapeft(learning_rate=0.1))
    assert notes == [remark]


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": 0.5},
        {"learning_rate": 0.01, "optimizer": "sgd"},
        {"gamma": "fixed"},
        {"gamma": "random", "spread": 0.3},
        {"mode": "released"},
    ],
    ids=str,
)
def test_nothing_is_said_where_gamma_can_travel_or_adam_does_not_move_it(options: Any) -> None:
    assert metapeft(**options).review(21, RECIPE) == ()
