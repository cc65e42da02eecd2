"""What methods do where a matrix states nothing: values that learn on an unknown backbone."""

from __future__ import annotations

import pytest

from rsbench import registry
from rsbench.cell import Cell
from rsbench.cli.listing import plugin_rows
from rsbench.matrix.expand import expand
from rsbench.matrix.load import load_matrix
from rsbench.method import FittedMethod

LOW_RANK = ("lora", "lora_qv", "adapter", "adaptformer")
#: Matrices that state the released code's values.
RELEASED = ("paper", "full", "controls", *(f"ablation-{name}" for name in (
    "position", "depth", "position-depth", "combination", "sampling", "k", "init",
)))  # fmt: skip


@pytest.mark.parametrize("name", LOW_RANK)
def test_low_rank_methods_have_rank_8_at_scale_1(name: str) -> None:
    options = registry.method_class(name).Options().model_dump()
    assert (options["rank"], options["alpha"]) == (8, "rank")
    if "lora" in name:
        assert options["init"] == "canonical"


@pytest.mark.parametrize("name", RELEASED)
def test_matrices_about_the_paper_keep_the_values_of_the_released_code(name: str) -> None:
    for cell in expand(load_matrix(name)):
        assert cell.recipe.learning_rate == 0.01
        if cell.method.kind in LOW_RANK:
            options = cell.method.options
            assert (options["rank"], options["alpha"]) == ("rule", 1.0), cell.label
            assert options.get("init", "released") == "released", cell.label


@pytest.mark.parametrize("name", ["ablation-rank", "ablation-scale", "robustness"])
def test_matrices_with_ranks_or_scales_of_their_own_keep_the_initial_values(name: str) -> None:
    assert {cell.method.options["init"] for cell in expand(load_matrix(name))} == {"released"}


def demo_sized() -> list[Cell]:
    matrices = [("demo", None), ("demo-full", None), ("smoke", None), ("paper", "demo")]
    return [cell for name, on in matrices for cell in expand(load_matrix(name, on))]


def test_demo_sized_cells_keep_the_values_that_their_rates_were_chosen_with() -> None:
    for cell in demo_sized():
        if cell.method.kind in LOW_RANK:
            options = cell.method.options
            assert (options["rank"], options["alpha"]) == (8, "rank")
            assert options.get("init", "released") == "released", cell.label


def test_every_method_has_a_rate_of_its_own_and_the_list_shows_it() -> None:
    rows = {row.name: row.text for row in plugin_rows("rsbench.methods")}
    for name in registry.names("rsbench.methods"):
        method = registry.method_class(name)
        assert 0 < method.learning_rate <= 1
        shown = f"learning rate {method.learning_rate:g}" in rows[name]
        assert shown != issubclass(method, FittedMethod)
