"""Check 18 as made exact in section 9.15: gamma of a module that can only fit noise falls.

``toy`` holds the regression; inner and outer loop are the package's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from toy import NoiseIn, recover

from rsbench.settings import Recipe

SEEDS = range(5)
#: Rate x 90 outer steps = 1.8, so that gamma can travel (section 9.2).
RATE = 0.02


@pytest.mark.parametrize("noise_in", ["input", "target"])
@pytest.mark.parametrize("seed", SEEDS)
def test_check_18_the_noise_modules_gamma_falls_and_the_useful_ones_stays_up(
    seed: int, noise_in: NoiseIn
) -> None:
    """The noise is redrawn at each step, so that nothing of it can be learned."""
    gammas = recover(seed, noise_in=noise_in, redrawn=True, learning_rate=RATE).summary["gamma"]
    assert gammas["block0_noise"] < 0.8
    assert gammas["block0_useful"] > 0.85
    assert gammas["block0_useful"] - gammas["block0_noise"] > 0.15


def test_check_18_with_the_unrolled_hypergradient() -> None:
    options: dict[str, Any] = {"hypergradient": "unrolled", "unroll_steps": 2}
    result = recover(0, noise_in="target", redrawn=True, learning_rate=RATE, **options)
    assert result.summary["gamma"]["block0_noise"] < 0.8
    assert result.summary["gamma"]["block0_useful"] > 0.85


@pytest.mark.parametrize("overlap", [True, False])
def test_check_18_reports_what_happens_where_the_noise_was_memorised(
    overlap: bool, record_property: Callable[[str, object], None]
) -> None:
    """No verdict on gamma: only that the noise was memorised, which is the case at hand.

    The noise target is fixed per sample and the module wide enough to fit it; D_val is drawn
    from what the inner steps train on, in its own epoch or (without overlap) in others.
    ``pytest -rP`` shows the numbers.
    """
    recipe = Recipe(epochs=60, batch_size=16, learning_rate=0.02, learning_rate_scaling="none")
    toy: dict[str, Any] = {"samples": 80, "noise_width": 160, "recipe": recipe}
    for seed in SEEDS:
        result = recover(
            seed, noise_in="target", redrawn=False, learning_rate=RATE, overlap=overlap, **toy
        )
        gammas, memorised = result.summary["gamma"], result.summary["memorised"]
        text = ", ".join(f"{key} {gamma:.2f}" for key, gamma in gammas.items())
        line = (
            f"overlap {overlap}, seed {seed}: {memorised:.0%} of the noise memorised; gamma {text}"
        )
        print(line)
        record_property(f"memorised noise, overlap {overlap}, seed {seed}", line)
        assert memorised > 0.5, "the noise was not memorised: the case was not met"
