"""Every shipped matrix is valid, expands without a warning, and says what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from rsbench.cli import main
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


@pytest.mark.parametrize("name", ["demo", "demo-full", "smoke"])
def test_demo_matrices_say_that_their_numbers_are_demo_numbers(name: str) -> None:
    matrix = load_matrix(name)
    assert "demo" in matrix.disclaimer.lower()
    pairs = {(cell.target.kind, cell.backbone.kind) for cell in expand(matrix)}
    assert pairs == {
        ("demo_dota", "demo_vit"),
        ("demo_inat", "demo_vit"),
        ("demo_fusrs", "demo_satmae_format"),
    }


FAMILIES = ("bitfit", "vpt_shallow", "vpt_deep", "lora", "adapter", "adaptformer")
VARIANTS = {"linear", "full", *FAMILIES, *(f"{family}+metapeft" for family in FAMILIES)}


def test_demo_shows_all_variants_once_and_lora_on_every_target_and_with_more_seeds() -> None:
    cells = expand(load_matrix("demo"))
    assert len(VARIANTS) == 14
    shown = {Labels.of(c).method_names[-1] for c in cells if c.target.name == "demo_dota"}
    assert shown >= VARIANTS
    for method in ("linear", "lora", "lora+metapeft"):
        chosen = [cell for cell in cells if Labels.of(cell).method_names[-1] == method]
        seeds = {target: [] for target in ("demo_dota", "demo_fusrs", "demo_inat")}
        for cell in chosen:
            seeds[cell.target.name].append(cell.seed)
        assert seeds == {"demo_dota": [0, 1, 2], "demo_fusrs": [0], "demo_inat": [0]}
    controls = {str(cell.metapeft.options["gamma"]) for cell in cells if cell.metapeft}
    assert controls == {"learned", "joint", "random"}


def test_demo_full_is_the_cross_product_and_holds_the_cells_of_the_demo() -> None:
    full = expand(load_matrix("demo-full"))
    methods = {Labels.of(cell).method_names[-1] for cell in full}
    assert methods >= VARIANTS
    assert len(full) == 3 * len(methods) * 3
    assert set(map(str, expand(load_matrix("demo")))) <= set(map(str, full))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_method_and_its_metapeft_version_are_a_pair(name: str) -> None:
    """Paper section 9.3: a pair shares every option of the method."""
    options: dict[tuple[str, str, str, int], object] = {}
    for cell in expand(load_matrix(name)):
        key = (cell.target.name, cell.backbone.name, cell.method.name, cell.seed)
        assert options.setdefault(key, cell.method.options) == cell.method.options


def test_full_is_the_three_transfers_with_all_variants_and_three_seeds() -> None:
    cells = expand(load_matrix("full"))
    transfers = {(cell.backbone.name, cell.target.name) for cell in cells}
    assert transfers == {
        ("in21k_vit_b16", "inat2018"),
        ("in21k_vit_b16", "dota"),
        ("satmae_vit_l16", "fusrs25"),
    }
    for transfer in transfers:
        mine = [c for c in cells if (c.backbone.name, c.target.name) == transfer]
        assert {Labels.of(cell).method_names[-1] for cell in mine} == VARIANTS
        assert sorted(cell.seed for cell in mine) == sorted(14 * [0, 1, 2])


def test_full_without_data_says_what_is_missing_and_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RSBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("RSBENCH_CACHE", str(tmp_path / "cache"))
    assert main(["run", "--matrix", "full"]) == 2
    shown = capsys.readouterr().err
    for command in (
        *(f"rsbench data prepare {name}" for name in ("dota", "inat2018", "fusrs25")),
        *(f"rsbench weights fetch {name}" for name in ("in21k_vit_b16", "satmae_vit_l16")),
    ):
        assert shown.count(command) == 1
    assert "--available" in shown
    assert not list(tmp_path.glob("results/*/cells"))


def test_smoke_is_a_part_of_the_demo_at_one_seed_and_one_epoch() -> None:
    cells = expand(load_matrix("smoke"))
    assert {(cell.seed, cell.recipe.epochs) for cell in cells} == {(0, 1)}
    demo = {(c.target.name, Labels.of(c).method_names) for c in expand(load_matrix("demo"))}
    smoke = {(c.target.name, Labels.of(c).method_names) for c in cells}
    assert {target for target, _ in smoke} == {target for target, _ in demo}
    assert smoke < demo
