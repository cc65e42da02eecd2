"""The controls of MetaPEFT (paper section 9.7), granularity, optimisers, warm-up, artefacts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from bilevel import RECIPE, equal, metapeft, reads_of, snapshot, train, watch_reads
from tiny import make_context

from rsbench.training.loop import Loop
from rsbench.training.plain import Plain
from rsbench_metapeft.modulator import inverse_softplus

WITHOUT_STEPS: list[dict[str, Any]] = [
    {"gamma": "random", "spread": 0.4},
    {"gamma": "given", "gammas": {f"block{b}_{p}": 0.25 * (b + 1) for b in (0, 1) for p in "qv"}},
]


def qv(recipe: Any = RECIPE) -> Any:
    return make_context(recipe, rank=2, positions=("q", "v"))


def test_fixed_gives_the_outer_steps_to_the_weights() -> None:
    """As many steps as learned, on the same samples and views, all of them SGD on phi."""
    learned, fixed = qv(), qv()
    learned_reads, fixed_reads = watch_reads(learned), watch_reads(fixed)
    train(learned, metapeft())
    result, outcome, _ = train(fixed, metapeft(gamma="fixed"))
    for (one, first, key), (other, second, same) in zip(learned_reads, fixed_reads, strict=True):
        assert (one, key) == (other, same)
        np.testing.assert_array_equal(first, second)
    assert outcome.summary["outer_steps"] == 3
    assert outcome.modulators == 0
    assert outcome.gammas == {}
    assert outcome.tables == {}
    assert all(module.gamma is None for _, module in fixed.attachment.modules())
    assert [e.learning_rate for e in result.epochs] == sorted(
        (e.learning_rate for e in result.epochs), reverse=True
    )


def test_the_extra_steps_of_fixed_have_the_rate_of_the_inner_step_before_them() -> None:
    """The last of them would otherwise be taken at rate 0."""
    context, strategy = qv(), metapeft(gamma="fixed", outer_batches=6)
    strategy.begin(context)
    rates: list[float] = []
    step = context.optimizer.step

    def watched(*arguments: Any) -> Any:
        rates.append(context.optimizer.param_groups[0]["lr"])
        return step(*arguments)

    context.optimizer.step = watched
    Loop(context, strategy, None, lambda message: None).run()
    assert min(rates) > 0
    assert len(rates) == 2 * len(set(rates)) == 36  # an extra step after each of 18


def test_a_step_of_fixed_is_an_ordinary_inner_step() -> None:
    context, other = qv(), qv()
    strategy = metapeft(gamma="fixed")
    strategy.begin(context)
    indices = np.array([0, 3, 14, 19])
    strategy.mode.step.take(context.batch(indices, "any", 0))
    other.fabric.backward(other.loss_of(other.batch(indices, "any", 0)))
    other.optimizer.step()
    assert equal(snapshot(context), snapshot(other))
    assert all(parameter.grad is None for parameter in context.inner_parameters)


@pytest.mark.parametrize("overlap", [True, False])
def test_joint_is_learned_but_for_the_samples_that_gamma_sees(overlap: bool) -> None:
    learned, joint = qv(), qv()
    learned_reads, joint_reads = watch_reads(learned), watch_reads(joint)
    _, one, _ = train(learned, metapeft(learning_rate=0.1, overlap=overlap, ratio=0.4))
    _, other, _ = train(
        joint, metapeft(gamma="joint", learning_rate=0.1, overlap=overlap, ratio=0.4)
    )
    assert [(p, n) for p, _, n in learned_reads] == [(p, n) for p, _, n in joint_reads]
    for (purpose, first, _), (_, second, _) in zip(learned_reads, joint_reads, strict=True):
        if purpose == "augmentation":
            np.testing.assert_array_equal(first, second)
    for number, (purpose, indices, _) in enumerate(joint_reads):
        if purpose == "outer augmentation":
            np.testing.assert_array_equal(indices, joint_reads[number - 1][1])
    assert one.summary["outer_steps"] == other.summary["outer_steps"] == 6
    assert one.modulators == other.modulators == 4
    assert one.summary["gamma"] != other.summary["gamma"]
    assert (one.summary["gamma_sees"], other.summary["gamma_sees"]) == ("D_val", "inner batches")


def test_joint_takes_the_gradient_after_the_inner_step() -> None:
    """At the phi just reached, as learned does, not at the phi the inner step started from."""
    context = qv()
    strategy = metapeft(gamma="joint", outer_batches=6)
    phi: list[list[torch.Tensor]] = []
    strategy.begin(context)
    take = strategy.mode.step.take
    strategy.mode.step.take = lambda batch: (phi.append(snapshot(context)), take(batch))[1]
    pool = strategy.before_epoch(0)
    strategy.before_step(0, pool[:4])
    context.fabric.backward(context.loss_of(context.batch(pool[:4], "augmentation", 0)))
    context.optimizer.step()
    reached = snapshot(context)
    strategy.after_step(0, pool[:4])
    assert len(phi) == 1
    assert equal(phi[0], reached)


def test_random_gammas_are_log_normal_frozen_and_of_the_seed() -> None:
    """Median 1 and the given spread, over 600 draws; the same seed gives the same draws."""
    logs = []
    for seed in range(50):
        context = make_context(RECIPE, rank=1, seed=seed)
        strategy = metapeft(gamma="random", spread=0.3)
        strategy.begin(context)
        logs.append(np.log(list(strategy.mode.frozen.values().values())))
    assert np.concatenate(logs).std() == pytest.approx(0.3, rel=0.1)
    assert np.concatenate(logs).mean() == pytest.approx(0.0, abs=0.04)
    runs = [train(qv(), metapeft(**WITHOUT_STEPS[0]))[1] for _ in range(2)]
    assert runs[0].summary["gamma"] == runs[1].summary["gamma"]
    assert runs[0].summary["spread"] == pytest.approx(
        np.log(list(runs[0].summary["gamma"].values())).std(ddof=1)
    )


@pytest.mark.parametrize("options", WITHOUT_STEPS)
def test_frozen_gammas_act_and_take_no_outer_steps(options: dict[str, Any]) -> None:
    plain, context = qv(), qv()
    reads = watch_reads(context)
    plain_result, _, _ = train(plain, Plain())
    result, outcome, _ = train(context, metapeft(**options))
    assert {purpose for purpose, _, _ in reads} == {"augmentation"}
    assert result.images == plain_result.images
    assert [e.loss for e in result.epochs] != [e.loss for e in plain_result.epochs]
    assert outcome.modulators == 0
    assert outcome.summary["outer_steps"] == 0
    assert outcome.summary["validation_audit"] is None
    assert outcome.summary["travel"] is None
    assert set(outcome.gammas) == set(context.attachment.inserted)
    for site, module in context.attachment.modules():
        assert module.gamma is not None
        assert module.gamma().item() == outcome.gammas[site.key].item()


def test_given_gammas_of_one_are_the_plain_method_and_zero_switches_off() -> None:
    keys = qv().attachment.inserted.keys()
    plain, ones = qv(), qv()
    train(plain, Plain())
    train(ones, metapeft(gamma="given", gammas=dict.fromkeys(keys, 1.0)))
    assert equal(snapshot(plain), snapshot(ones))
    off = qv()
    _, outcome, _ = train(off, metapeft(gamma="given", gammas=dict.fromkeys(keys, 0.0)))
    frozen = make_context(RECIPE, method="linear")
    views, _ = off.reader.test(np.arange(6), 18)
    features = off.model.module.features(views)
    torch.testing.assert_close(features, frozen.model.module.features(views))
    assert outcome.summary["spread"] is None


def test_none_is_the_plain_method_on_what_overlap_false_leaves() -> None:
    learned, none = qv(), qv()
    learned_reads, reads = watch_reads(learned), watch_reads(none)
    _, expected, _ = train(learned, metapeft(overlap=False, learning_rate=0.0))
    _, outcome, _ = train(none, metapeft(gamma="none", overlap=False))
    kept = reads_of(learned_reads, "augmentation")
    for one, other in zip(kept, reads_of(reads, "augmentation"), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(reads) == len(kept)
    assert equal(snapshot(learned), snapshot(none))
    assert outcome.summary["validation_audit"] == expected.summary["validation_audit"]
    assert outcome.summary["outer_loops"] == 3
    assert outcome.modulators == 0
    assert outcome.gammas == {}
    assert all(module.gamma is None for _, module in none.attachment.modules())


@pytest.mark.parametrize(
    ("granularity", "number"), [("module", 12), ("block", 2), ("position", 6), ("one", 1)]
)
def test_granularity_says_what_shares_a_modulator(granularity: str, number: int) -> None:
    context = make_context(RECIPE, rank=2)
    _, result, _ = train(context, metapeft(granularity=granularity, learning_rate=0.1))
    assert result.modulators == number
    gammas = result.summary["gamma"]
    assert len(gammas) == len(result.gammas) == 12
    assert len(set(gammas.values())) == number
    for key, gamma in gammas.items():
        site = context.attachment.sites[key]
        shared = {"module": key, "block": site.block, "position": site.position, "one": 0}
        partners = [
            other
            for name, other in gammas.items()
            if {
                "module": name,
                "block": context.attachment.sites[name].block,
                "position": context.attachment.sites[name].position,
                "one": 0,
            }[granularity]
            == shared[granularity]
        ]
        assert set(partners) == {gamma}
    # every module has its own row in the tables, and its own tensor in the weights file
    assert len(result.tables["gamma"]) == 12 * (1 + 3)
    assert len({tensor.data_ptr() for tensor in result.gammas.values()}) == 12


def test_random_draws_follow_the_granularity() -> None:
    context = make_context(RECIPE, rank=2)
    strategy = metapeft(gamma="random", spread=0.5, granularity="position")
    strategy.begin(context)
    values = strategy.mode.frozen.values()
    assert len(set(values.values())) == 6
    assert values["block0_q"] == values["block1_q"]


def test_sgd_moves_rho_by_rate_times_gradient() -> None:
    context = qv()
    strategy = metapeft(optimizer="sgd", momentum=0.9, learning_rate=2.0)
    strategy.begin(context)
    modulators = strategy.mode.modulators
    train_step = context.batch(np.array([0, 4, 15, 20]), "any", 0)
    context.fabric.backward(context.loss_of(train_step))  # B leaves zero: gamma gets a gradient
    context.optimizer.step()
    context.optimizer.zero_grad()
    velocity = torch.zeros(4)
    for _ in range(2):
        with modulators.open():
            gradient = torch.stack(
                torch.autograd.grad(context.loss_of(train_step), modulators.rhos)
            )
        velocity = 0.9 * velocity + gradient
        before = torch.stack(modulators.rhos).detach()
        strategy.mode.step.take(train_step)
        torch.testing.assert_close(
            torch.stack(modulators.rhos).detach(), before - 2.0 * velocity, rtol=1e-5, atol=1e-7
        )


def test_in_the_warm_up_gamma_rests_and_loops_are_drawn() -> None:
    context = qv()
    _, result, _ = train(context, metapeft(warm_up_epochs=2, learning_rate=0.1))
    assert result.summary["outer_loops"] == len(result.summary["validation_audit"]["loops"]) == 3
    assert result.summary["outer_steps"] == 1
    table = result.tables["gamma"]
    assert (table[table.inner_step <= 12].gamma == 1.0).all()
    assert (table[table.inner_step == 18].gamma != 1.0).all()


def test_the_summary_names_the_control_and_how_far_gamma_went() -> None:
    _, result, _ = train(qv(), metapeft(learning_rate=0.1, gamma_init=0.5))
    summary = result.summary
    assert summary["control"] == "learned"
    gammas = np.array(list(summary["gamma"].values()))
    ways = [abs(inverse_softplus(float(gamma)) - inverse_softplus(0.5)) for gamma in gammas]
    assert summary["travel"]["mean"] == pytest.approx(np.mean(ways), abs=1e-5)
    assert summary["travel"]["largest"] == pytest.approx(max(ways), abs=1e-5)
    assert summary["spread"] == pytest.approx(np.log(gammas).std(ddof=1), rel=1e-5)
    assert summary["travel_bound"] == pytest.approx(0.3)
    for options in WITHOUT_STEPS:
        _, result, _ = train(qv(), metapeft(**options))
        assert result.summary["control"] == options["gamma"]


def test_the_final_table_has_blocks_as_rows_and_positions_as_columns() -> None:
    context = make_context(RECIPE, rank=2, positions=("q", "mlp1"))
    _, result, _ = train(context, metapeft(learning_rate=0.1))
    table = result.tables["gamma_final"].set_index("block")
    assert list(table.index) == [0, 1]
    assert list(table.columns) == ["q", "mlp1"]
    for block in (0, 1):
        for position in ("q", "mlp1"):
            gamma = result.summary["gamma"][f"block{block}_{position}"]
            assert table.loc[block, position] == gamma


def test_the_final_table_is_empty_where_there_is_no_module(tmp_path: Any) -> None:
    from rsbench.training.artefacts import write_tables
    from rsbench_metapeft.trajectory import Trajectory

    sites = dict(make_context(RECIPE, rank=2).attachment.sites)
    del sites["block1_v"]
    trajectory = Trajectory(sites)
    table = trajectory.tables(dict.fromkeys(sites, 0.5))["gamma_final"].set_index("block")
    assert table.isna().to_numpy().sum() == 1
    assert pd.isna(table.loc[1, "v"])
    write_tables(tmp_path, metapeft_result(trajectory, sites))
    text = (tmp_path / "gamma_final.csv").read_text().splitlines()
    assert text[0] == "block,q,k,v,out,mlp1,mlp2"
    assert text[2] == "1,0.5,0.5,,0.5,0.5,0.5"


def metapeft_result(trajectory: Any, sites: Any) -> Any:
    from rsbench.strategy import StrategyResult

    return StrategyResult(tables=trajectory.tables(dict.fromkeys(sites, 0.5)))
