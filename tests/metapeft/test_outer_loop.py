"""The bi-level loop: checks 13 to 17 of the specification."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tiny import make_context, randomise

from rsbench.errors import SettingsError
from rsbench.insertion import InsertedModule
from rsbench.settings import Recipe
from rsbench.strategy import Strategy, StrategyResult
from rsbench.training.context import TrainingContext
from rsbench.training.loop import Loop, LoopResult
from rsbench.training.plain import Plain
from rsbench_metapeft.config import MetaPEFTOptions
from rsbench_metapeft.outer import OuterLoop
from rsbench_metapeft.sampling import draw_validation
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


def test_check_13_each_loop_moves_only_its_own_parameters() -> None:
    context = make_context(RECIPE, rank=2)
    randomise(context.attachment)  # A moves only where B is not zero
    outer = OuterLoop(MetaPEFTOptions(outer_batches=0), context)
    sgd = torch.optim.SGD(context.inner_parameters, lr=0.1)
    network = frozen_sum(context)
    pool = outer.before_epoch(0)
    # inner step: phi and head move, gamma does not
    phi, rho = snapshot(context), [r.detach().clone() for r in outer.rhos]
    images, labels = context.reader.train(pool[[0, 12, 18]], np.random.default_rng(0))
    context.fabric.backward(context.loss(context.model(images), labels))
    sgd.step()
    sgd.zero_grad()
    assert all(not torch.equal(a, b) for a, b in zip(phi, snapshot(context), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(rho, outer.rhos, strict=True))
    # outer step: the reverse, and phi gets no gradient at all
    phi = snapshot(context)
    outer._outer_step()
    assert all(torch.equal(a, b) for a, b in zip(phi, snapshot(context), strict=True))
    assert all(not torch.equal(a, b) for a, b in zip(rho, outer.rhos, strict=True))
    assert all(p.grad is None or not p.grad.any() for p in context.inner_parameters)
    assert all(torch.equal(a, b) for a, b in zip(network, frozen_sum(context), strict=True))
    owned = {id(p) for p in context.inner_parameters}
    assert owned.isdisjoint({id(r) for r in outer.rhos})
    assert owned.isdisjoint({id(p) for p in context.model.module.network.parameters()})


def test_check_14_the_outer_gradient_is_of_first_order() -> None:
    """It equals autograd at the phi just reached, taken as a constant."""
    context = make_context(RECIPE, rank=2)
    strategy = metapeft(learning_rate=0.0)
    train(context, strategy)
    outer = strategy._outer
    batch = outer._next_batch()
    outer._order = np.concatenate([batch, outer._order])
    from rsbench.streams import stream

    images, labels = context.reader.train(
        batch, stream(context.seed, "outer augmentation", outer.outer_steps)
    )
    # gradients of inner steps must not add up in rho until the outer step
    context.fabric.backward(context.loss(context.model(images), labels))
    outer._open_to_gradients(True)
    loss = context.loss(context.model(images), labels)
    expected = torch.autograd.grad(loss, outer.rhos)
    outer._open_to_gradients(False)
    assert any(gradient.abs() > 0 for gradient in expected)
    received: list[torch.Tensor | None] = []
    step = outer.optimizer.step
    outer.optimizer.step = lambda: (received.extend(rho.grad for rho in outer.rhos), step())[1]
    outer._outer_step()
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


def test_check_15_validation_draws() -> None:
    train_indices = np.arange(100, 353)
    labels = np.repeat([0, 1, 2], [200, 130, 23])
    for stratified in (False, True):
        draws = [
            draw_validation(train_indices, labels, 0.2, stratified, np.random.default_rng(seed))
            for seed in (0, 0, 1)
        ]
        assert [len(each) for each in draws] == [round(0.2 * 253)] * 3
        assert all(len(np.unique(each)) == len(each) for each in draws)
        assert all(np.isin(each, train_indices).all() for each in draws)
        np.testing.assert_array_equal(draws[0], draws[1])
        assert not np.array_equal(draws[0], draws[2])


def test_stratified_draws_give_every_class_its_share() -> None:
    labels = np.repeat(np.arange(5), [300, 100, 37, 12, 6])
    train_indices = np.arange(len(labels))
    counts = np.stack([
        np.bincount(labels[draw_validation(train_indices, labels, 0.2, True,
                                           np.random.default_rng(seed))], minlength=5)
        for seed in range(200)
    ])  # fmt: skip
    expected = 0.2 * np.bincount(labels)
    assert (np.abs(counts - expected) < 1.0 + 1e-6).all()
    np.testing.assert_allclose(counts.mean(axis=0), expected, atol=0.12)


def test_check_15_loops_differ_are_audited_and_reproducible() -> None:
    audits = []
    for _ in range(2):
        context = make_context(RECIPE, rank=2)
        _, result, _ = train(context, metapeft())
        audits.append(result.summary["validation_audit"])
    loops = audits[0]["loops"]
    assert audits[0] == audits[1]
    assert len(loops) == 3
    assert len({loop["hash"] for loop in loops}) == 3
    assert all(loop["samples"] == round(0.2 * 21) for loop in loops)
    assert all(loop["head"] + loop["medium"] + loop["tail"] == 4 for loop in loops)
    _, fixed, _ = train(make_context(RECIPE, rank=2), metapeft(val_source="fixed"))
    assert len({loop["hash"] for loop in fixed.summary["validation_audit"]["loops"]}) == 1


def test_check_15_inner_batches_of_an_epoch_are_distinct_and_cover_train() -> None:
    context = make_context(RECIPE, rank=2)
    seen: list[np.ndarray] = []
    original = context.reader.train

    def spy(indices: np.ndarray, rng: np.random.Generator) -> Any:
        seen.append(indices)
        return original(indices, rng)

    context.reader.train = spy  # type: ignore[method-assign]
    train(context, Plain())
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
        for rho in strategy._outer.rhos:
            rho += 1.0
        assert (context.model(images) - learned).abs().max() > 1e-3


def test_check_17_no_weight_decay_on_rho_and_a_rate_that_never_rises() -> None:
    context = make_context(RECIPE, rank=2)
    strategy = metapeft()
    result, _, sgd = train(context, strategy)
    assert strategy._outer.optimizer.param_groups[0]["weight_decay"] == 0
    assert {id(p) for p in strategy._outer.optimizer.param_groups[0]["params"]} == {
        id(r) for r in strategy._outer.rhos
    }
    rates = [epoch.learning_rate for epoch in result.epochs]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.02 * RECIPE.learning_rate
    assert sgd.param_groups[0]["lr"] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("interval", ["step", "epoch"])
@pytest.mark.parametrize("overlap", [True, False])
def test_check_17_the_schedule_spans_the_real_number_of_steps(interval: str, overlap: bool) -> None:
    recipe = RECIPE.model_copy(update={"schedule_interval": interval})
    context = make_context(recipe, rank=2)
    result, _, sgd = train(context, metapeft(overlap=overlap, ratio=0.4))
    assert sgd.param_groups[0]["lr"] == pytest.approx(0.0, abs=1e-12)
    assert len(result.epochs) == recipe.epochs


def test_outer_steps_are_spread_evenly_over_an_epoch() -> None:
    """21 samples in batches of 2: 11 inner steps and, for D_val of 8, 4 outer steps."""
    recipe = RECIPE.model_copy(update={"epochs": 1, "batch_size": 2})
    context = make_context(recipe, rank=2)
    outer = OuterLoop(MetaPEFTOptions(ratio=0.4), context)
    outer.before_epoch(0)
    taken = []
    for step in range(11):
        outer.after_step(step)
        taken.append(outer.outer_steps)
    assert taken == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4]


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


def test_without_overlap_inner_steps_leave_the_validation_set_out() -> None:
    context = make_context(RECIPE, rank=2)
    outer = OuterLoop(MetaPEFTOptions(overlap=False), context)
    pool = outer.before_epoch(0)
    assert len(pool) == 21 - 4
    assert not np.isin(outer._validation, pool).any()
    with pytest.raises(ValueError, match="outer_loop: epoch"):
        MetaPEFTOptions(overlap=False, outer_loop=5)


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
    with pytest.raises(SettingsError, match="nothing to modulate"):
        metapeft().begin(make_context(RECIPE, method="linear"))


def test_the_plain_method_has_no_modulation() -> None:
    module = InsertedModule()
    assert module.factor() == module.scale
