"""``mode: released``: the released code's loop, quirk by quirk (paper sections 2.2 and 2.3)."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from bilevel import RECIPE, equal, frozen_sum, metapeft, reads_of, train, watch_reads
from tiny import make_context, randomise
from torch import Tensor

from rsbench.errors import SettingsError
from rsbench.training.context import TrainingContext
from rsbench.training.loop import Loop
from rsbench_metapeft.released import ReleasedMode

PER_EPOCH = RECIPE.model_copy(update={"epochs": 8, "schedule_interval": "epoch"})


def released(**options: Any) -> Any:
    return metapeft(mode="released", released=options)


def qv(recipe: Any = RECIPE, **options: Any) -> TrainingContext:
    return make_context(recipe, method="lora_qv", rank=2, **options)


def begun(context: TrainingContext, **options: Any) -> ReleasedMode:
    strategy = released(**options)
    strategy.begin(context)
    assert isinstance(strategy.mode, ReleasedMode)
    return strategy.mode


def test_rows_1_and_25_the_modulators_do_not_act_on_the_reported_model() -> None:
    notes: list[str] = []
    context = dataclasses.replace(qv(), note=notes.append)
    strategy = released(learning_rate=0.5)
    _, result, _ = train(context, strategy)
    images, _ = context.reader.test(np.arange(8), 18)
    with torch.no_grad():
        logits = context.model(images)
        for modulator in strategy.mode.modulators.parameters:
            modulator.fill_(7.0)
        assert torch.equal(context.model(images), logits)
    assert result.gammas == {}
    assert any(value != 1.0 for value in result.summary["gamma"].values())
    assert any("do not act on the reported model" in note for note in notes)
    assert result.summary["control"] == "released"


def test_row_2_a_meta_step_restores_the_method_but_not_the_head_and_the_buffers() -> None:
    context = qv()
    randomise(context.attachment)
    mode = begun(context)
    method = [p.detach().clone() for p in context.attachment.parameters()]
    head = context.model.module.head.weight.detach().clone()
    network = frozen_sum(context)
    before = [parameter.detach().clone() for parameter in mode.modulators.parameters]
    mode.after_epoch(0)
    assert equal(method, context.attachment.parameters())
    assert not torch.equal(head, context.model.module.head.weight)
    assert all(
        not torch.equal(a, b) for a, b in zip(before, mode.modulators.parameters, strict=True)
    )
    state = context.optimizer.optimizer.state
    assert all(state[p]["momentum_buffer"].any() for p in context.inner_parameters)
    assert equal(network, frozen_sum(context))
    assert all(p.grad is None for p in context.inner_parameters)  # row 14


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("lora", {}, r"k \(linear\), out \(linear\), mlp1 \(linear\), mlp2 \(linear\)"),
        ("bitfit", {}, r"ln1 \(bias\)"),
        ("vpt_deep", {}, r"prompt \(tokens\)"),
    ],
)
def test_row_3_methods_without_released_modulators_are_refused(
    method: str, options: dict[str, Any], message: str
) -> None:
    context = make_context(RECIPE, method=method, **options)
    with pytest.raises(SettingsError, match=message) as caught:
        released().check(context.attachment)
    assert "lora_qv" in str(caught.value)


@pytest.mark.parametrize(
    ("method", "scalars"), [("lora_qv", 4), ("adapter", 2 * 16), ("adaptformer", 2 * 16)]
)
def test_rows_3_and_4_scalars_for_lora_and_vectors_for_adapters(method: str, scalars: int) -> None:
    context = make_context(RECIPE, method=method)
    _, result, _ = train(context, released())
    assert result.modulators == scalars
    assert set(result.summary["gamma"]) == set(context.attachment.inserted)
    assert list(result.tables["gamma_final"].columns[1:]) == (
        ["q", "v"] if method == "lora_qv" else ["ffn"]
    )


def factor_in_meta_mode(method: str, **options: Any) -> tuple[Tensor, Tensor]:
    """What a module's delta is multiplied by, in meta mode and outside."""
    context = make_context(RECIPE, method=method, **options)
    mode = begun(context)
    _, module = next(iter(context.attachment.modules()))
    outside = torch.as_tensor(module.factor()).detach()
    with mode.modulators.acting():
        inside = torch.as_tensor(module.factor()).detach()
    return inside, outside


def test_rows_5_and_6_start_at_one_without_softplus_and_without_alpha_over_r() -> None:
    inside, outside = factor_in_meta_mode("lora_qv", rank=4, alpha=1)
    assert inside.item() == outside.item() == 0.25
    for method in ("adapter", "adaptformer"):
        inside, outside = factor_in_meta_mode(method, rank=4, alpha=1)
        assert outside.item() == 0.25
        torch.testing.assert_close(inside, torch.ones(16))
    mode = begun(qv())
    with torch.no_grad():
        mode.modulators.parameters[0].fill_(-2.0)
    assert min(mode.modulators.values().values()) == -2.0


def test_row_6_a_learned_adaptformer_scale_does_not_apply_in_meta_steps() -> None:
    context = make_context(RECIPE, method="adaptformer", rank=4, scale="learned")
    randomise(context.attachment)
    mode = begun(context)
    images, labels = context.batch(mode.meta_train, "any", 0)
    losses = []
    for value in (0.25, 3.0):
        for _, module in context.attachment.modules():
            assert isinstance(module.scale, torch.nn.Parameter)
            module.scale.data.fill_(value)
        with mode.modulators.acting():
            losses.append(context.loss_of((images, labels)).item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_rows_7_and_10_both_optimisers_move_and_decay_the_modulators() -> None:
    """With a zero delta gamma has no gradient: what is left is the decay of both."""
    context = qv()
    rate, decay = context.recipe.learning_rate, context.recipe.weight_decay
    mode = begun(context, learning_rate=0.1, weight_decay=0.5, inner_steps=1)
    owned = [p for group in context.optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in mode.modulators.parameters} <= {id(p) for p in owned}
    for _, module in context.attachment.modules():
        torch.nn.init.zeros_(module.down)  # A and B zero: the delta stays zero
    mode.after_epoch(0)
    inner = 1.0 - rate * decay
    assert list(mode.modulators.values().values()) == pytest.approx([inner * (1 - 0.1 * 0.5)] * 4)
    (group,) = mode.optimizer.param_groups
    assert (group["momentum"], group["weight_decay"]) == (0.9, 0.5)


def test_row_8_one_step_on_the_modulators_per_meta_step() -> None:
    for every, expected in ((1, 4), (2, 2)):
        _, result, _ = train(qv(), released(every_epochs=every))
        assert result.summary["outer_steps"] == expected
        assert len(result.tables["gamma"]) == 4 * (1 + expected)


def test_rows_9_and_12_a_fixed_split_and_stretched_epochs() -> None:
    context = qv(RECIPE, counts=(30, 15, 5))
    reads = watch_reads(context)
    strategy = released(ratio=0.2, inner_steps=2)
    result, _, _ = train(context, strategy)
    mode = strategy.mode
    assert [len(part) for part in (mode.main, mode.meta_train, mode.meta_val)] == [40, 5, 5]
    everything = np.concatenate([mode.main, mode.meta_train, mode.meta_val])
    np.testing.assert_array_equal(np.sort(everything), np.arange(50))
    assert len(result.epochs) == 4  # ceil(3 / 0.8)
    assert result.images == 4 * 40
    inner = reads_of(reads, "augmentation")
    np.testing.assert_array_equal(np.unique(np.concatenate(inner)), mode.main)
    for purpose, part in (("meta-train", mode.meta_train), ("meta-val", mode.meta_val)):
        seen = np.concatenate(reads_of(reads, f"released {purpose} augmentation"))
        assert np.isin(seen, part).all()


@pytest.mark.parametrize(("epochs", "ratio", "run"), [(10, 0.2, 13), (10, 0.1, 12), (20, 0.2, 25)])
def test_row_9_epochs_of_the_released_configurations(epochs: int, ratio: float, run: int) -> None:
    plan = begun(qv(), ratio=ratio).plan_epochs(epochs)
    assert (plan.run, plan.schedule) == (run, epochs)


def test_row_11_all_inner_steps_read_the_same_batch_with_other_views() -> None:
    context = qv(RECIPE, counts=(60, 30, 10))
    reads = watch_reads(context)
    train(context, released(inner_steps=3))
    inner = reads_of(reads, "released meta-train augmentation")
    assert len(inner) == 3 * 4
    for epoch in range(4):
        batches = inner[3 * epoch : 3 * epoch + 3]
        assert all(np.array_equal(batches[0], batch) for batch in batches)
    assert not np.array_equal(inner[0], inner[3])
    numbers = [number for name, _, number in reads if name == "released meta-train augmentation"]
    assert numbers == list(range(12))


def test_row_12_the_rate_reaches_zero_and_rises_again() -> None:
    """Published: 13 epochs planned as 10 end 0.000955, 0.000245, 0, 0.000245, 0.000955."""
    recipe = PER_EPOCH.model_copy(update={"epochs": 10, "learning_rate": 0.01})
    result, _, _ = train(qv(recipe), released(ratio=0.2))
    rates = [epoch.learning_rate for epoch in result.epochs]
    assert len(rates) == 13
    assert rates[-5:] == pytest.approx([0.000955, 0.000245, 0.0, 0.000245, 0.000955], abs=1e-6)


def test_a_meta_step_has_the_rate_of_its_epoch() -> None:
    """The released code lowers the rate after the meta step."""
    recipe = PER_EPOCH.model_copy(update={"epochs": 10, "learning_rate": 0.01})
    context, strategy = qv(recipe), released(ratio=0.2)
    rates: list[float] = []
    strategy.begin(context)
    meta_step = strategy.mode._meta_step

    def watched(epoch: int) -> None:
        rates.append(context.optimizer.param_groups[0]["lr"])
        meta_step(epoch)

    strategy.mode._meta_step = watched
    result = Loop(context, strategy, None, lambda message: None).run()
    assert rates == [epoch.learning_rate for epoch in result.epochs]


def test_the_schedule_of_the_released_code_is_pointed_out() -> None:
    for recipe, expected in ((RECIPE, True), (PER_EPOCH, False)):
        notes: list[str] = []
        begun(dataclasses.replace(qv(recipe), note=notes.append))
        assert any("schedule_interval: epoch" in note for note in notes) == expected


def test_outside_meta_steps_it_is_the_plain_method_on_main() -> None:
    """Without meta steps nothing but the split and the epochs differs."""
    from rsbench.training.plain import Plain

    context, plain = qv(), qv()
    strategy = released(every_epochs=100)
    result, _, _ = train(context, strategy)
    expected, _, _ = train(dataclasses.replace(plain, train=strategy.mode.main), Plain())
    losses = [epoch.loss for epoch in expected.epochs]
    assert [epoch.loss for epoch in result.epochs][:1] == losses[:1]


def test_the_audit_shows_the_fixed_validation_part() -> None:
    strategy = released()
    _, result, _ = train(qv(), strategy)
    (loop,) = result.summary["validation_audit"]["loops"]
    assert loop["samples"] == len(strategy.mode.meta_val) == 2
    assert result.summary["split"] == {"main": 17, "meta_train": 2, "meta_val": 2}
