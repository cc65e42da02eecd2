"""Check 18: a regression with one useful module and one that can only fit noise.

The cell is trained by the package's own inner and outer loop; only what is trained is a toy.
"""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from rsbench.groups import by_thirds
from rsbench.insertion import Attachment, InsertedModule, Site
from rsbench.settings import Recipe
from rsbench.strategy import StrategyResult
from rsbench.streams import stream, torch_stream
from rsbench.training.context import TrainingContext
from rsbench.training.loop import Loop
from rsbench.training.optimizer import make_optimizer
from rsbench.training.precision import make_fabric
from rsbench_metapeft.config import MetaPEFTOptions
from rsbench_metapeft.strategy import MetaPEFT

CPU = torch.device("cpu")
WIDTH = 8

#: What is noise: the second module's input, or the target of what it writes.
NoiseIn = Literal["input", "target"]


class LinearDelta(InsertedModule):
    """``gamma * x w``."""

    def __init__(self, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.1 * torch.randn(width, 1, generator=generator))

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        return self.factor() * (inputs @ self.weight)


class Network(nn.Module):
    """Two frozen layers that write zero; the modules beside them do all the work."""

    def __init__(self, noise_width: int, noise_in: NoiseIn) -> None:
        super().__init__()
        self.useful = nn.Linear(WIDTH, 1, bias=False)
        self.noise = nn.Linear(noise_width, 1, bias=False)
        self.noise_in = noise_in
        for parameter in self.parameters():
            nn.init.zeros_(parameter.requires_grad_(False))

    def forward(self, inputs: Tensor) -> Tensor:
        useful, noise = self.useful(inputs[:, :WIDTH]), self.noise(inputs[:, WIDTH:])
        # noise in the input: both write the one output; in the target: each writes its own
        return useful + noise if self.noise_in == "input" else torch.cat([useful, noise], dim=1)


class ToyModel(nn.Module):
    def __init__(self, network: Network, attachment: Attachment) -> None:
        super().__init__()
        self.network, self.inserted = network, attachment.inserted

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.network(inputs)
        return outputs


class ToyReader:
    """``y = <x, direction> + 0.3 * noise``, and standard normal values as the noise to fit.

    Args:
        samples: number of training samples.
        noise_width: width of the second module's input.
        noise_in: what is noise.
        redrawn: whether that noise is redrawn at every step, or fixed per sample.
        seed: of everything.
    """

    device = CPU
    reads_ahead = False

    def __init__(
        self, samples: int, noise_width: int, noise_in: NoiseIn, redrawn: bool, seed: int
    ) -> None:
        rng = stream(seed, "toy")
        direction = rng.normal(size=WIDTH)
        self.inputs = rng.normal(size=(samples, WIDTH))
        self.targets = self.inputs @ direction / np.linalg.norm(direction)
        self.targets += 0.3 * rng.normal(size=samples)
        # as long as the useful input, so that both modules learn at the same rate
        self.noise_scale = (WIDTH / noise_width) ** 0.5
        self.noise_inputs = self.noise_scale * rng.normal(size=(samples, noise_width))
        self.noise_targets = rng.normal(size=samples)
        self.noise_in, self.redrawn = noise_in, redrawn

    def train(self, indices: NDArray[np.int64], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        noise_inputs, noise_targets = self.noise_inputs[indices], self.noise_targets[indices]
        if self.redrawn and self.noise_in == "input":
            noise_inputs = self.noise_scale * rng.normal(size=noise_inputs.shape)
        if self.redrawn and self.noise_in == "target":
            noise_targets = rng.normal(size=noise_targets.shape)
        targets = [self.targets[indices]]
        if self.noise_in == "target":
            targets.append(noise_targets)
        inputs = np.concatenate([self.inputs[indices], noise_inputs], axis=1)
        return torch.from_numpy(inputs).float(), torch.from_numpy(np.stack(targets, 1)).float()


def recover(
    seed: int,
    *,
    noise_in: NoiseIn,
    redrawn: bool,
    samples: int = 200,
    noise_width: int = WIDTH,
    recipe: Recipe | None = None,
    **options: Any,
) -> StrategyResult:
    """Train the toy with MetaPEFT; its gammas are those of block0_useful and block0_noise."""
    recipe = recipe or Recipe(
        epochs=30, batch_size=16, learning_rate=0.02, learning_rate_scaling="none"
    )
    network = Network(noise_width, noise_in)
    generator = torch_stream(seed, "toy modules")
    attachment = Attachment(
        network,
        {
            Site(0, "useful", "useful", WIDTH, 1): LinearDelta(WIDTH, generator),
            Site(0, "noise", "noise", noise_width, 1): LinearDelta(noise_width, generator),
        },
    )
    fabric = make_fabric(CPU, "32-true")
    parameters = tuple(attachment.parameters())
    optimizer = make_optimizer(recipe, parameters)
    context = TrainingContext(
        fabric=fabric,
        model=fabric.setup_module(ToyModel(network, attachment)),
        attachment=attachment,
        inner_parameters=parameters,
        optimizer=fabric.setup_optimizers(optimizer),
        loss=functional.mse_loss,
        reader=cast(Any, ToyReader(samples, noise_width, noise_in, redrawn, seed)),
        train=np.arange(samples),
        labels=np.arange(samples) % 3,
        groups=by_thirds((samples // 3,) * 3),
        recipe=recipe,
        seed=seed,
        note=lambda text: None,
    )
    strategy = MetaPEFT(MetaPEFTOptions(**options))
    strategy.begin(context)
    Loop(context, strategy, None, lambda message: None).run()
    result = strategy.finish()
    result.summary["memorised"] = explained(context)
    return result


def explained(context: TrainingContext) -> float:
    """Share of the training targets' variance that the trained model explains, in its last column.

    With noise in the target that is the share of the noise that was memorised.
    """
    inputs, targets = context.reader.train(context.train, np.random.default_rng(0))
    with torch.no_grad():
        left = (context.model(inputs) - targets)[:, -1]
    return 1.0 - float(left.var() / targets[:, -1].var())
