"""The bi-level loop: checks 13 to 17 of the specification."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from bilevel import RECIPE, equal, frozen_sum, metapeft, reads_of, snapshot, train, watch_reads
from tiny import make_context, randomise

from rsbench.errors import SettingsError
from rsbench.insertion import InsertedModule
from rsbench.training.plain import Plain
from rsbench_metapeft.config import MetaPEFTOptions
from rsbench_metapeft.paper import PaperMode
from rsbench_metapeft.timetable import Timetable


def test_check_13_each_loop_moves_only_its_own_parameters() -> None:
    context = make_context(RECIPE, rank=2)
    randomise(context.attachment)  # A moves only where B is not zero
    mode = PaperMode(MetaPEFTOptions(), context)
    rhos = mode.modulators.rhos
    network, rho = frozen_sum(context), [r.detach().clone() for r in rhos]
    # inner step: phi and head move, gamma does not
    phi = snapshot(context)
    context.fabric.backward(context.loss_of(context.batch(np.array([0, 12, 18]), "any", 0)))
    context.optimizer.step()
    context.optimizer.zero_grad()
    assert all(not torch.equal(a, b) for a, b in zip(phi, snapshot(context), strict=True))
    assert equal(rho, rhos)
    assert all(r.grad is None for r in rhos)  # it would end in the next outer step
    # outer step: the reverse, and phi gets no gradient at all
    phi = snapshot(context)
    mode.step.take(context.batch(np.array([1, 13]), "any", 1))
    assert equal(phi, snapshot(context))
    assert all(not torch.equal(a, b) for a, b in zip(rho, rhos, strict=True))
    assert all(p.grad is None for p in context.inner_parameters)
    assert equal(network, frozen_sum(context))
    owned = {id(p) for p in context.inner_parameters}
    assert owned.isdisjoint({id(r) for r in rhos})
    assert owned.isdisjoint({id(p) for p in context.model.module.network.parameters()})


def test_check_14_the_outer_gradient_is_of_first_order() -> None:
    """It equals autograd at the phi just reached, taken as a constant."""
    context = make_context(RECIPE, rank=2)
    strategy = metapeft(learning_rate=0.0)
    train(context, strategy)
    modulators, step = strategy.mode.modulators, strategy.mode.step
    batch = context.batch(np.array([0, 5, 14, 20]), "any", 0)
    # gradients of inner steps must not add up in rho until the outer step
    context.fabric.backward(context.loss_of(batch))
    assert all(rho.grad is None for rho in modulators.rhos)
    with modulators.open():
        expected = torch.autograd.grad(context.loss_of(batch), modulators.rhos)
    assert any(gradient.abs() > 0 for gradient in expected)
    received: list[torch.Tensor | None] = []
    original = step.optimizer.step
    step.optimizer.step = lambda: (received.extend(r.grad for r in modulators.rhos), original())[1]
    step.take(batch)
    torch.testing.assert_close(tuple(received), expected)


def test_check_14_without_an_outer_rate_the_run_equals_the_plain_method() -> None:
    plain = make_context(RECIPE, rank=2)
    plain_result, _, _ = train(plain, Plain())
    meta = make_context(RECIPE, rank=2)
    meta_result, result, _ = train(meta, metapeft(learning_rate=0.0))
    assert result.summary["outer_steps"] == 3
    assert [e.loss for e in plain_result.epochs] == [e.loss for e in meta_result.epochs]
    for one, other in zip(plain.inner_parameters, meta.inner_parameters, strict=True):
        assert torch.equal(one, other)


def test_check_15_inner_batches_of_an_epoch_are_distinct_and_cover_train() -> None:
    context = make_context(RECIPE, rank=2)
    reads = watch_reads(context)
    train(context, Plain())
    seen = reads_of(reads, "augmentation")
    assert len(seen) == 3 * 6
    for epoch in range(3):
        together = np.concatenate(seen[6 * epoch : 6 * epoch + 6])
        np.testing.assert_array_equal(np.sort(together), np.arange(21))
    assert not np.array_equal(np.concatenate(seen[:6]), np.concatenate(seen[6:12]))


def test_check_16_changing_gamma_changes_test_logits() -> None:
    """The released code's modulators never reach its test: this must not come back."""
    context = make_context(RECIPE, rank=2)
    strategy = metapeft(learning_rate=0.2)
    train(context, strategy)
    images, _ = context.reader.test(np.arange(8), 18)
    with torch.no_grad():
        learned = context.model(images)
        assert torch.equal(context.model(images), learned)
        for rho in strategy.mode.modulators.rhos:
            rho += 1.0
        assert (context.model(images) - learned).abs().max() > 1e-3


def test_check_17_no_weight_decay_on_rho_and_a_rate_that_never_rises() -> None:
    context = make_context(RECIPE, rank=2)
    strategy = metapeft()
    result, _, _ = train(context, strategy)
    (group,) = strategy.mode.step.optimizer.param_groups
    assert group["weight_decay"] == 0
    assert {id(p) for p in group["params"]} == {id(r) for r in strategy.mode.modulators.rhos}
    rates = [epoch.learning_rate for epoch in result.epochs]
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[-1] < 0.02 * RECIPE.learning_rate


@pytest.mark.parametrize("interval", ["step", "epoch"])
@pytest.mark.parametrize("overlap", [True, False])
def test_check_17_the_schedule_spans_the_real_number_of_steps(interval: str, overlap: bool) -> None:
    recipe = RECIPE.model_copy(update={"schedule_interval": interval})
    context = make_context(recipe, rank=2)
    result, _, _ = train(context, metapeft(overlap=overlap, ratio=0.4))
    assert len(result.epochs) == recipe.epochs
    changes = result.steps if interval == "step" else recipe.epochs
    last = RECIPE.learning_rate * 0.5 * (1 + math.cos(math.pi * (1 - 1 / changes)))
    assert result.epochs[-1].learning_rate == pytest.approx(last)


def test_outer_steps_are_spread_evenly_over_a_loop() -> None:
    """11 inner steps and 4 outer steps."""
    timetable = Timetable()
    timetable.start(first_step=7, length=11, planned=4)
    taken = np.cumsum([timetable.due_after(7 + step) for step in range(11)])
    assert taken.tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4]
    assert [timetable.ends_with(step) for step in (7, 16, 17)] == [False, False, True]


def test_a_ratio_of_a_fifth_costs_a_fifth_more_steps() -> None:
    counts = (120, 60, 20)
    recipe = RECIPE.model_copy(update={"batch_size": 10})
    _, result, _ = train(make_context(recipe, rank=2, counts=counts), metapeft())
    assert result.summary["outer_steps"] == 12  # a fifth of 3 epochs of 20 steps


def test_more_outer_batches_than_a_pass_recycle_the_validation_set() -> None:
    recipe = RECIPE.model_copy(update={"epochs": 2})
    _, result, _ = train(make_context(recipe, rank=2), metapeft(outer_batches=5))
    assert result.summary["outer_steps"] == 10


def test_outer_loops_of_a_number_of_inner_steps() -> None:
    recipe = RECIPE.model_copy(update={"epochs": 2})  # 12 inner steps
    _, result, _ = train(make_context(recipe, rank=2), metapeft(outer_loop=4, outer_batches=2))
    assert result.summary["outer_loops"] == 3
    assert result.summary["outer_steps"] == 6


def test_the_trajectory_starts_at_one_and_ends_at_the_saved_gammas() -> None:
    _, result, _ = train(make_context(RECIPE, rank=2), metapeft(learning_rate=0.1))
    table = result.tables["gamma"]
    assert list(table.columns) == ["inner_step", "outer_step", "block", "position", "gamma"]
    assert (table[table.inner_step == 0].gamma == 1.0).all()
    last = table[table.inner_step == 18].gamma.tolist()
    assert last == pytest.approx(list(result.summary["gamma"].values()))
    assert len(last) == result.modulators == 12
    assert len(result.gammas) == 12
    assert any(abs(value - 1.0) > 0.05 for value in last)


def test_a_method_without_modules_is_refused() -> None:
    context = make_context(RECIPE, method="linear")
    with pytest.raises(SettingsError, match="nothing to modulate"):
        metapeft().check(context.attachment)
    with pytest.raises(SettingsError, match="nothing to modulate"):
        metapeft().begin(context)


def test_the_plain_method_has_no_modulation() -> None:
    module = InsertedModule()
    assert module.factor() == module.scale
