"""Which options go together, and what is said about those that do not."""

from __future__ import annotations

import re
from typing import Any

import pytest
from bilevel import RECIPE, metapeft
from pydantic import ValidationError
from tiny import make_context

from rsbench.errors import SettingsError
from rsbench_metapeft.config import MetaPEFTOptions

GIVEN = {"block0_q": 0.5}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": "given"}, "needs `gammas`"),
        ({"gammas": GIVEN}, "only for gamma: given; gamma: learned moves gamma"),
        ({"gamma": "random"}, "rsbench gammas RUN/CELL"),
        ({"spread": 0.1}, "only for gamma: random"),
        ({"gamma": "none"}, "set overlap: false"),
        ({"gamma": "none", "overlap": False, "outer_loop": 5}, "leaves nothing out"),
        ({"gamma": "fixed", "hypergradient": "unrolled"}, "hypergradient: no meaning"),
        ({"gamma": "fixed", "granularity": "one"}, "granularity: no meaning"),
        ({"gamma": "given", "gammas": GIVEN, "granularity": "block"}, "granularity: no meaning"),
        ({"gamma": "random", "spread": 0.1, "gamma_init": 0.5}, "gamma_init: no meaning"),
        ({"momentum": 0.9}, "optimizer: sgd"),
        ({"unroll_steps": 3}, "set unrolled"),
        ({"released": {"inner_steps": 2}}, "set mode: released"),
        ({"mode": "released", "learning_rate": 0.1}, "learning_rate: no effect in mode released"),
        ({"mode": "released", "gamma": "joint"}, "gamma: no effect in mode released"),
        ({"gamma": False}, "gamma"),
        ({"gamma": "given", "gammas": {"block0_q": -0.1}}, "greater than or equal to 0"),
    ],
)
def test_options_that_do_not_go_together_say_why(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        MetaPEFTOptions(**options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"gamma": "random", "spread": 0.1, "granularity": "block"},
        {"gamma": "given", "gammas": GIVEN},
        {"gamma": "none", "overlap": False},
        {"gamma": "none", "overlap": False, "outer_loop": 5, "val_source": "fixed"},
        # a cell's step settings may stay in place for its controls
        {"gamma": "fixed", "learning_rate": 0.1, "warm_up_epochs": 1, "outer_batches": 4},
        {"optimizer": "sgd", "momentum": 0.9},
        {"hypergradient": "unrolled", "unroll_steps": 3},
        {"mode": "released", "released": {"inner_steps": 2, "ratio": 0.1}},
    ],
)
def test_complete_options_validate_again(options: dict[str, Any]) -> None:
    """A cell stores its options with every default filled in."""
    chosen = MetaPEFTOptions(**options)
    assert MetaPEFTOptions(**chosen.model_dump(mode="json")) == chosen


def test_given_gammas_must_be_those_of_the_modules() -> None:
    context = make_context(RECIPE, rank=2, positions=("q",))
    fitting = {"block0_q": 0.5, "block1_q": 0.0}
    metapeft(gamma="given", gammas=fitting).check(context.attachment)
    wrong = {"block0_q": 0.5, "block7_q": 1.0, "block0_v": 1.0}
    with pytest.raises(SettingsError) as caught:
        metapeft(gamma="given", gammas=wrong).check(context.attachment)
    assert "no value for block1_q" in str(caught.value)
    assert "no module block7_q, block0_v" in str(caught.value)


def test_a_long_list_of_misfits_is_cut() -> None:
    context = make_context(RECIPE, rank=2, positions=("q",))
    unknown = {f"block{number}_q": 1.0 for number in range(40)}
    with pytest.raises(SettingsError, match=r"block13_q and 26 more"):
        metapeft(gamma="given", gammas=unknown).check(context.attachment)


def test_a_warm_up_as_long_as_the_training_is_refused() -> None:
    metapeft(warm_up_epochs=2).begin(make_context(RECIPE, rank=2))
    with pytest.raises(SettingsError, match="warm_up_epochs is 3, epochs is 3"):
        metapeft(warm_up_epochs=3).begin(make_context(RECIPE, rank=2))
