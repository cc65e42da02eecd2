"""The unrolled hypergradient, against training itself and central differences (section 9.13)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from bilevel import RECIPE, metapeft, snapshot, train
from numpy.typing import NDArray
from tiny import make_context, randomise
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from rsbench.errors import SettingsError
from rsbench.training.context import TrainingContext
from rsbench.training.precision import make_fabric
from rsbench_metapeft.paper import PaperMode
from rsbench_metapeft.strategy import MetaPEFT
from rsbench_metapeft.unrolled import Unrolled

CPU = torch.device("cpu")
EARLIER, UNROLLED = 2, 3
RATES = (0.05, 0.04, 0.07, 0.02, 0.06)


class DoubleHead(nn.Module):
    """The cosine classifier without its cast to float32."""

    def __init__(self, weight: nn.Parameter) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, features: Tensor) -> Tensor:
        directions = functional.normalize(features, dim=-1)
        return 5.0 * functional.linear(directions, functional.normalize(self.weight, dim=-1))


class DoubleReader:
    def __init__(self, reader: Any) -> None:
        self.reader, self.device = reader, reader.device

    def train(self, indices: NDArray[np.int64], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        images, labels = self.reader.train(indices, rng)
        return images.double(), labels


@pytest.fixture
def double() -> Iterator[None]:
    """Fabric returns logits in the default type."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def double_context(**options: Any) -> TrainingContext:
    """The tiny cell in float64, with random phi."""
    context = make_context(RECIPE, rank=2, **options)
    randomise(context.attachment)
    model = context.model.module.double()
    model.head = DoubleHead(model.head.weight)
    fabric = make_fabric(CPU, "64-true")  # type: ignore[arg-type]
    recipe = context.recipe
    sgd = torch.optim.SGD(
        context.inner_parameters, lr=1.0, momentum=recipe.momentum, weight_decay=0.01
    )
    return dataclasses.replace(
        context,
        fabric=fabric,
        model=fabric.setup_module(model),
        optimizer=fabric.setup_optimizers(sgd),
        reader=DoubleReader(context.reader),
        loss=functional.cross_entropy,
    )


def outer_batch(context: TrainingContext) -> tuple[Tensor, Tensor]:
    return context.batch(np.array([2, 7, 13, 20]), "outer augmentation", 0)


def trained(shift: tuple[int, float] = (0, 0.0), scale_of_rates: float = 1.0) -> PaperMode:
    """Train for five steps; before the last three, one rho is moved by ``shift``."""
    context = double_context(positions=("q", "v", "mlp2"))
    strategy = metapeft(
        hypergradient="unrolled", unroll_steps=UNROLLED, gamma_init=0.3, gamma_init_is="rho"
    )
    strategy.begin(context)
    assert isinstance(strategy.mode, PaperMode)
    mode = strategy.mode
    for rho in mode.modulators.rhos:
        rho.data = rho.data.double()
    order = context.order(0, context.train)
    for step in range(EARLIER + UNROLLED):
        if step == EARLIER:
            with torch.no_grad():
                mode.modulators.rhos[shift[0]].add_(shift[1])
        context.optimizer.param_groups[0]["lr"] = scale_of_rates * RATES[step]
        indices = order[4 * step : 4 * step + 4]
        mode.step.before_inner(step, indices)
        context.fabric.backward(context.loss_of(context.batch(indices, "augmentation", step)))
        context.optimizer.step()
        context.optimizer.zero_grad()
    return mode


def outer_loss(mode: PaperMode) -> float:
    with torch.no_grad():
        return float(mode.context.loss_of(outer_batch(mode.context)))


def gradients(mode: PaperMode) -> list[float]:
    with mode.modulators.open():
        mode.step.hypergradient.backward(outer_batch(mode.context))
    return [rho.grad.item() for rho in mode.modulators.rhos]


def first_order(mode: PaperMode) -> list[float]:
    with mode.modulators.open():
        loss = mode.context.loss_of(outer_batch(mode.context))
        return [g.item() for g in torch.autograd.grad(loss, mode.modulators.rhos)]


@pytest.mark.usefixtures("double")
def test_gradient_against_central_differences_of_the_training_itself() -> None:
    """Each difference trains anew with torch's SGD: nothing of the replay is used."""
    mode = trained()
    computed = gradients(mode)
    assert len(computed) == 6
    step = 1e-4
    for number, value in enumerate(computed):
        near, far = (
            (outer_loss(trained((number, h))) - outer_loss(trained((number, -h)))) / (2 * h)
            for h in (step, 2 * step)
        )
        numeric = (4 * near - far) / 3  # Richardson: the error is of fourth order
        assert value == pytest.approx(numeric, rel=1e-6, abs=1e-11), number
    indirect = np.array(computed) - np.array(first_order(mode))
    assert (np.abs(indirect) > 1e-3 * np.abs(computed)).all(), "there is no indirect term to test"


@pytest.mark.usefixtures("double")
def test_without_the_indirect_term_it_is_the_gradient_of_first_order() -> None:
    """At an inner rate of zero phi does not follow gamma."""
    mode = trained(scale_of_rates=0.0)
    assert gradients(mode) == pytest.approx(first_order(mode), rel=1e-12)
    moving = trained()
    hypergradient = moving.step.hypergradient
    replay = hypergradient.replay
    hypergradient.replay = lambda: tuple(value.detach() for value in replay())
    assert gradients(moving) == pytest.approx(first_order(moving), rel=1e-9)


@pytest.mark.usefixtures("double")
def test_it_leaves_gradients_in_rho_alone() -> None:
    mode = trained()
    before = snapshot(mode.context)
    gradients(mode)
    for parameter, value in zip(mode.context.inner_parameters, before, strict=True):
        assert parameter.grad is None
        assert torch.equal(parameter, value)
    assert not any(rho.requires_grad for rho in mode.modulators.rhos)


def check_replays(context: TrainingContext, strategy: MetaPEFT, tolerance: float) -> int:
    """Train; before every outer step the replay must end at the live phi."""
    checked = 0
    strategy.begin(context)
    step, modulators = strategy.mode.step, strategy.mode.modulators
    take = step.take

    def check(batch: tuple[Tensor, Tensor]) -> None:
        nonlocal checked
        with modulators.open(), sdpa_kernel(SDPBackend.MATH):
            replayed = step.hypergradient.replay()
        for value, live in zip(replayed, context.inner_parameters, strict=True):
            torch.testing.assert_close(value.detach(), live.detach(), rtol=0, atol=tolerance)
        checked += 1
        take(batch)

    step.take = check
    strategy.begin = lambda context: None  # begun above
    train(context, strategy)
    return checked


@pytest.mark.parametrize("method", ["lora", "adapter", "adaptformer", "bitfit", "vpt_deep"])
def test_the_replay_ends_at_the_live_weights(method: str) -> None:
    """Over epochs, with a moving rate, momentum and weight decay."""
    strategy = metapeft(hypergradient="unrolled", unroll_steps=3, learning_rate=0.1, ratio=0.4)
    assert check_replays(make_context(RECIPE, method=method), strategy, 2e-6) == 6


def test_the_replay_ends_there_where_gamma_moved_in_between() -> None:
    strategy = metapeft(
        hypergradient="unrolled",
        unroll_steps=4,
        learning_rate=0.2,
        outer_loop=1,
        outer_batches=2,
        granularity="block",
    )
    context = make_context(RECIPE, rank=2)
    randomise(context.attachment)
    assert check_replays(context, strategy, 5e-6) == 36


def test_the_replay_works_with_autocast() -> None:
    context = make_context(RECIPE, rank=2)
    fabric = make_fabric(CPU, "bf16-mixed")
    context = dataclasses.replace(
        context,
        fabric=fabric,
        model=fabric.setup_module(context.model.module),
        optimizer=fabric.setup_optimizers(context.optimizer.optimizer),
    )
    strategy = metapeft(hypergradient="unrolled", unroll_steps=2, learning_rate=0.1)
    assert check_replays(context, strategy, 2e-3) == 3
    assert all(np.isfinite(list(strategy.finish().summary["gamma"].values())))


def test_the_record_says_that_plain_attention_was_used() -> None:
    notes: list[str] = []
    context = dataclasses.replace(make_context(RECIPE, rank=2), note=notes.append)
    train(context, metapeft(hypergradient="unrolled", unroll_steps=2))
    assert any("2 inner steps" in note and "plain (math) form" in note for note in notes)


def test_scaled_precision_is_refused() -> None:
    context = make_context(RECIPE, rank=2)

    class Scaled:
        scaler = object()

    class Strategy:
        precision = Scaled()

    class Fabric:
        strategy = Strategy()

    strategy = metapeft()
    strategy.begin(context)
    scaled = dataclasses.replace(context, fabric=Fabric())
    with pytest.raises(SettingsError, match="fp16"):
        Unrolled(scaled, strategy.mode.modulators, 1)
