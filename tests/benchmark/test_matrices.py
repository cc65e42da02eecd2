"""Every shipped matrix is valid, expands without a warning, and says what it is."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from rsbench import registry
from rsbench.cell import Cell
from rsbench.cli import main
from rsbench.heldout import split_train
from rsbench.matrix.combinations import metapeft_axes
from rsbench.matrix.expand import expand
from rsbench.matrix.labels import Labels
from rsbench.matrix.load import load_matrix, shipped_matrices, shipped_stages
from rsbench.plan import settings_digest
from rsbench.settings import Recipe
from rsbench.sources import checked_options
from rsbench.where import choose_blocks

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


@pytest.mark.parametrize("name", SHIPPED)
def test_expands_on_the_demo_world(name: str) -> None:
    """Warnings are errors: no rule of matrix or stage is out of place there."""
    matrix = load_matrix(name, "demo")
    assert matrix.name == f"{name}-demo"
    assert "demo numbers" in matrix.disclaimer.lower()
    cells = expand(matrix)
    assert {cell.target.kind.partition("_")[0] for cell in cells} == {"demo"}
    assert {cell.backbone.kind.partition("_")[0] for cell in cells} == {"demo"}
    depth = 6
    for cell in cells:
        blocks = cell.method.options.get("blocks", "all")
        if isinstance(blocks, str | int):
            assert choose_blocks(blocks, depth)


#: Lines and trained cells of each ablation, on DOTA and on the demo world.
SIZES = {
    "paper": (108, 108, 108, 108),
    "full": (135, 135, 135, 135),
    "ablation-position": (18, 18, 18, 18),
    "ablation-depth": (30, 29, 16, 15),
    "ablation-position-depth": (144, 138, 72, 66),
    "ablation-scale": (72, 72, 48, 48),
    "ablation-combination": (24, 24, 12, 12),
    "ablation-sampling": (15, 15, 15, 15),
    "ablation-k": (13, 12, 11, 10),
    "ablation-rank": (12, 12, 10, 10),
    "ablation-init": (11, 11, 11, 11),
    "controls": (27, 27, 27, 27),
    "robustness": (150, 150, 150, 150),
}


@pytest.mark.parametrize("name", SIZES)
def test_number_of_lines_and_of_cells(name: str) -> None:
    found: list[int] = []
    for on in (None, "demo"):
        cells = expand(load_matrix(name, on))
        found += [len(cells), len({settings_digest(cell) for cell in cells})]
    assert tuple(found) == SIZES[name]


def demo_trained_longer() -> list[Cell]:
    """The cells of the demo with a third more epochs, as 'demo-full' and '--on demo' train them."""
    found = []
    for cell in expand(load_matrix("demo")):
        recipe = cell.recipe.model_copy(update={"epochs": cell.recipe.epochs * 4 // 3})
        found.append(cell.model_copy(update={"recipe": recipe}))
    return found


def test_demo_sized_ablations_use_the_demos_own_settings() -> None:
    """A cell of an ablation at the demo's own settings is a cell of the demo, trained longer."""
    demo = {settings_digest(cell) for cell in demo_trained_longer()}
    for name in ("ablation-position", "ablation-rank", "ablation-init", "controls"):
        found = {settings_digest(cell) for cell in expand(load_matrix(name, "demo"))}
        assert len(found & demo) >= 2, name


def test_the_sampling_ablation_has_both_ways_and_one_plain_cell() -> None:
    for on, batches in ((None, 155), ("demo", 4)):
        cells = expand(load_matrix("ablation-sampling", on))
        plain = [cell for cell in cells if cell.metapeft is None]
        assert [cell.axes for cell in plain] == [{}]
        options = [cell.metapeft.options for cell in cells if cell.metapeft]
        crossed = {(o["ratio"], o["outer_batches"]) for o in options}
        assert crossed == {(r, n) for r in (0.05, 0.1, 0.2, 0.3) for n in ("pass", batches)}
        apart = {(o["val_source"], o["overlap"]) for o in options if o["ratio"] == 0.2}
        assert apart == {(s, o) for s in ("fresh", "fixed") for o in (True, False)}


def test_scaled_rates_of_the_k_ablation_keep_the_way_that_gamma_can_travel() -> None:
    for on in (None, "demo"):
        ways = set()
        for cell in expand(load_matrix("ablation-k", on)):
            if cell.metapeft and cell.axes["rate"] == "scaled":
                options = cell.metapeft.options
                ways.add(round(float(options["learning_rate"]) / float(options["outer_loop"]), 9))
        assert len(ways) == 1, "rate x steps / K"


#: Training images as published, and of the demo world.
TRAINING_IMAGES = {
    **{"dota": 98_990, "inat2018": 437_513, "fusrs25": 5_261},
    **{"demo_dota": 1_212, "demo_inat": 1_104, "demo_fusrs": 650},
}


@cache
def trained_on(kind: str, recipe: Recipe) -> int:
    """Images that inner steps may read, if the classes were equally large."""
    return len(split_train(np.arange(TRAINING_IMAGES[kind]) % 15, recipe).train)


@pytest.mark.parametrize("on", [None, *shipped_stages()])
@pytest.mark.parametrize("name", SHIPPED)
def test_gamma_can_travel_by_one_at_least(name: str, on: str | None) -> None:
    for cell in expand(load_matrix(name, on)):
        if cell.metapeft is not None:
            kind = registry.strategy_class(cell.metapeft.kind)
            strategy = kind(checked_options(kind.Options, cell.metapeft))
            samples = trained_on(cell.target.kind, cell.recipe)
            assert strategy.review(samples, cell.recipe) == (), cell.label


def test_the_heat_map_has_both_readings_of_depth() -> None:
    cells = expand(load_matrix("ablation-position-depth"))
    for cell in cells:
        k = int(cell.axes["depth"])
        alone = cell.axes["reading"] == "block"
        expected = (k - 1,) if alone else tuple(range(k))
        blocks = cell.method.options["blocks"]
        assert isinstance(blocks, str | int)
        assert choose_blocks(blocks, 12) == expected


def test_robustness_varies_the_scale_itself() -> None:
    for on in (None, "demo"):
        for cell in expand(load_matrix("robustness", on)):
            options = cell.method.options
            assert float(options["alpha"]) / float(options["rank"]) == float(cell.axes["scale"])
            assert cell.recipe.learning_rate == float(cell.axes["learning_rate"])


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
VARIANTS = {"linear", "probe", "full"} | {*FAMILIES, *(f"{each}+metapeft" for each in FAMILIES)}


def test_demo_shows_all_variants_once_and_lora_on_every_target_and_with_more_seeds() -> None:
    cells = expand(load_matrix("demo"))
    assert len(VARIANTS) == 15
    shown = {Labels.of(c).method_names[-1] for c in cells if c.target.name == "demo_dota"}
    assert shown >= VARIANTS
    for method in ("linear", "probe", "lora", "lora+metapeft"):
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
    assert set(map(str, demo_trained_longer())) <= set(map(str, full))


@pytest.mark.parametrize("on", [None, "demo"])
@pytest.mark.parametrize("name", SHIPPED)
def test_a_method_and_its_metapeft_version_are_a_pair(name: str, on: str | None) -> None:
    """Paper section 9.3: a pair shares every option of the method, and the recipe."""
    matrix = load_matrix(name, on)
    shared: dict[object, object] = {}
    for cell in expand(matrix):
        only_metapeft = metapeft_axes(matrix.document)
        places = tuple(item for item in cell.axes.items() if item[0] not in only_metapeft)
        key = (cell.target.name, cell.backbone.name, cell.method.name, cell.seed, places)
        settings = (cell.method.options, cell.recipe)
        assert shared.setdefault(key, settings) == settings


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
        assert sorted(cell.seed for cell in mine) == sorted(15 * [0, 1, 2])


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
