"""How often a verdict is wrong, and how often right, over many simulated runs.

Two methods are right or wrong on the same images with the same seeds; what separates them has noise
of its own for each seed, each image, and each seed on each image.

Claims of a difference where there is none, at 5 %, with 4,000 runs each (140 images in four
classes; seed noise 0, 0.1, 0.2, 0.4):

* the verdict: 0.020, 0.039, 0.059, 0.062 with 3 seeds; 0.037, 0.039, 0.044, 0.049 with 6;
* the bootstrap over images alone: 0.057, 0.124, 0.275, 0.532 and 0.061, 0.099, 0.214, 0.458;
* the bootstrap over seeds alone: 0.476, 0.414, 0.366, 0.347 and 0.400, 0.288, 0.203, 0.158;
* Wilcoxon's test over 6 seeds, which speaks of these images only: 0.158, 0.090, 0.049, 0.033.

With 2 seeds, where no verdict is given, the first would be 0.021, 0.042, 0.085, 0.117.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, special

from rsbench.statistics.bootstrap import Resamples
from rsbench.statistics.corrections import judge_family
from rsbench.statistics.outcomes import Outcomes
from rsbench.statistics.pairs import PairedDifference, compare_pair
from rsbench.statistics.power import power_of
from rsbench.statistics.verdicts import Verdict

LABELS = np.repeat(np.arange(4), [60, 40, 25, 15])
CLAIMS = (Verdict.HIGHER, Verdict.LOWER)
LITTLE, MUCH = 0.1, 0.2


@dataclass(frozen=True)
class Design:
    """A simulated experiment.

    Attributes:
        seeds: number of seeds.
        seed_noise: standard deviation of what a seed does to one method's score.
        effect: added to the second method's score.
    """

    seeds: int
    seed_noise: float
    effect: float = 0.0


def one_run(design: Design, generator: np.random.Generator) -> tuple[Outcomes, Outcomes]:
    """Both methods are right where a score is positive; images differ in difficulty, shared."""
    images, seeds = LABELS.size, design.seeds
    score = generator.normal(0.8, 1.0, images)
    score = score + generator.normal(0, 0.3, (2, 1, images))  # image: of one method
    score = score + generator.normal(0, 0.3, (2, seeds, images))  # interaction
    # half of a seed's noise is common to all classes, half is each class's own
    common = generator.normal(0, design.seed_noise, (2, seeds, 1))
    of_class = generator.normal(0, design.seed_noise, (2, seeds, 4))[:, :, LABELS]
    score += (common + of_class) / np.sqrt(2)
    score[1] += design.effect
    right = (score > 0).astype(np.uint8)
    first, second = (Outcomes("x", LABELS, tuple(range(seeds)), each) for each in right)
    return first, second


@functools.cache
def simulate(design: Design, runs: int) -> tuple[PairedDifference, ...]:
    generator = np.random.default_rng(3)
    resamples = Resamples.draw(LABELS, generator, draws=300)
    found = []
    for _ in range(runs):
        first, second = one_run(design, generator)
        found.append(compare_pair(first, second, {"mean": None}, resamples, generator)["mean"])
    return tuple(each for each in found if each is not None)


def rate(values: list[bool] | NDArray[np.bool_]) -> float:
    return float(np.mean(values))


@pytest.mark.parametrize("seeds", [3, 6])
@pytest.mark.parametrize("noise", [LITTLE, MUCH])
def test_without_a_difference_few_are_claimed(seeds: int, noise: float) -> None:
    pairs = simulate(Design(seeds, noise), 800)
    claimed = rate([pair.verdict in CLAIMS for pair in pairs])
    assert 0.02 <= claimed <= 0.07
    # the reason for the crossed interval: images alone claim what another seed takes back
    over_images = rate([pair.p_images <= 0.05 for pair in pairs])
    assert over_images > 1.5 * claimed
    if noise == MUCH:
        assert over_images > 0.15


def test_noise_of_images_alone_is_claimed_as_rarely() -> None:
    pairs = simulate(Design(3, 0.0), 800)
    assert 0.01 <= rate([pair.verdict in CLAIMS for pair in pairs]) <= 0.06


@pytest.mark.parametrize(("seeds", "noise"), [(3, LITTLE), (3, MUCH), (6, LITTLE), (6, MUCH)])
def test_the_standard_error_is_that_of_repeated_runs(seeds: int, noise: float) -> None:
    pairs = simulate(Design(seeds, noise), 800)
    estimated = np.sqrt(np.mean([(pair.error or 0.0) ** 2 for pair in pairs]))
    assert estimated == pytest.approx(np.std([pair.difference for pair in pairs]), rel=0.08)


@pytest.mark.parametrize(
    "design", [Design(3, LITTLE, 0.4), Design(6, LITTLE, 0.3), Design(6, MUCH, 0.4)]
)
def test_a_known_effect_is_found_as_often_as_the_power_formula_says(design: Design) -> None:
    pairs = simulate(design, 500)
    effects = np.array([pair.difference for pair in pairs])
    found = rate([pair.verdict is Verdict.HIGHER for pair in pairs])
    degrees = _degrees(pairs)
    assert found == pytest.approx(power_of(effects.mean(), effects.std(), degrees), abs=0.08)
    # the effects were chosen near the detectable difference, which stands for 80 %
    detectable = float(np.median([pair.detectable or 0.0 for pair in pairs]))
    assert effects.mean() == pytest.approx(detectable, rel=0.05)
    assert found == pytest.approx(0.8, abs=0.08)


@pytest.mark.parametrize("seeds", [3, 6])
def test_the_interval_holds_the_true_difference(seeds: int) -> None:
    pairs = simulate(Design(seeds, LITTLE, 0.3), 500)
    truth = float(np.mean([pair.difference for pair in simulate(Design(6, LITTLE, 0.3), 500)]))
    held = [pair.both.low <= truth <= pair.both.high for pair in pairs if pair.both is not None]
    assert 0.92 <= rate(held) <= 0.99


def test_one_seed_claims_nothing_however_large_the_effect() -> None:
    pairs = simulate(Design(1, LITTLE, 3.0), 20)
    assert {pair.verdict for pair in pairs} == {Verdict.ONE_SEED}
    assert all(pair.p is not None and pair.p < 0.01 for pair in pairs)


def test_a_family_without_differences_claims_one_in_few_families() -> None:
    pairs = simulate(Design(6, MUCH), 800)
    families = [pairs[start : start + 8] for start in range(0, 800, 8)]
    plain = rate([any(pair.verdict in CLAIMS for pair in family) for family in families])
    judged = [judge_family(family) for family in families]
    corrected = rate([any(each and each.verdict in CLAIMS for each in one) for one in judged])
    assert plain > 0.2
    assert corrected <= 0.08


def _degrees(pairs: tuple[PairedDifference, ...]) -> float:
    """Median degrees of freedom, from the width of the intervals in standard errors."""
    quantile = np.median(
        [
            (pair.both.high - pair.both.low) / 2 / pair.error
            for pair in pairs
            if pair.both and pair.error
        ]
    )
    return float(optimize.brentq(lambda df: special.stdtrit(df, 0.975) - quantile, 1.0, 1e4))
