"""Every shipped matrix is valid, expands without a warning, and says what it is."""

from __future__ import annotations

import pytest

from rsbench.matrix.expand import expand
from rsbench.matrix.labels import Labels
from rsbench.matrix.load import load_matrix, shipped_matrices

SHIPPED = list(shipped_matrices())


@pytest.mark.parametrize("name", SHIPPED)
def test_expands(name: str) -> None:
    matrix = load_matrix(name)
    assert matrix.name == name, "a shipped matrix is called like its file"
    assert matrix.description
    cells = expand(matrix)
    labels = [Labels.of(cell) for cell in cells]
    assert cells
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("name", ["demo", "smoke"])
def test_demo_matrices_say_that_their_numbers_are_demo_numbers(name: str) -> None:
    matrix = load_matrix(name)
    assert "demo" in matrix.disclaimer.lower()
    assert {cell.backbone.kind for cell in expand(matrix)} == {"demo_vit"}


def test_demo_compares_three_methods_on_two_targets_with_three_seeds() -> None:
    cells = expand(load_matrix("demo"))
    assert {cell.target.name for cell in cells} == {"demo_dota", "demo_fusrs"}
    methods = {Labels.of(cell).method_names[-1] for cell in cells}
    assert methods == {"linear", "lora", "lora+metapeft"}
    assert len({cell.seed for cell in cells}) == 3
    assert len(cells) == 18


@pytest.mark.parametrize("name", SHIPPED)
def test_a_method_and_its_metapeft_version_are_a_pair(name: str) -> None:
    """Paper section 9.3: a pair shares every option of the method."""
    options: dict[tuple[str, str, str, int], object] = {}
    for cell in expand(load_matrix(name)):
        key = (cell.target.name, cell.backbone.name, cell.method.name, cell.seed)
        assert options.setdefault(key, cell.method.options) == cell.method.options


def test_smoke_is_the_demo_at_one_seed_and_one_epoch() -> None:
    cells = expand(load_matrix("smoke"))
    assert {(cell.seed, cell.recipe.epochs) for cell in cells} == {(0, 1)}
    demo = expand(load_matrix("demo"))
    without_seed = {(c.target.name, Labels.of(c).method_names) for c in demo}
    assert {(c.target.name, Labels.of(c).method_names) for c in cells} == without_seed
