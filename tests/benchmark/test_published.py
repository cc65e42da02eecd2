"""The published numbers: complete, consistent with each other, and read with full validation."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import rsbench.published
from rsbench.published import (
    Published,
    PublishedDataError,
    Reproduction,
    load_published,
    load_reproduction,
)
from rsbench.settings import Recipe
from rsbench.where import choose_blocks

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(rsbench.published.__file__).parent / "data"


@pytest.fixture(scope="module")
def published() -> Published:
    return load_published()


@pytest.fixture(scope="module")
def reproduction() -> Reproduction:
    return load_reproduction()


def value(published: Published, identifier: str) -> float:
    found = published.by_id[identifier].value
    assert found is not None
    return found


class TestNumbers:
    @pytest.mark.parametrize(
        ("table", "numbers", "gaps"),
        [
            ("main", 28, 110),
            ("gain", 11, 4),
            ("fig-1a", 18, 0),
            ("position", 12, 25),
            ("depth", 5, 1),
            ("scale", 60, 0),
            ("position-depth", 72, 0),
            ("combination", 1, 1),
            ("sampling", 8, 0),
            ("distance", 13, 0),
            ("limits", 3, 1),
            ("parameters", 49, 0),
        ],
    )
    def test_every_table_has_its_numbers_and_its_gaps(
        self, published: Published, table: str, numbers: int, gaps: int
    ) -> None:
        counts = Counter(number.is_gap for number in published.table(table).numbers)
        assert (counts[False], counts[True]) == (numbers, gaps)

    def test_there_are_no_other_tables(self, published: Published) -> None:
        assert len(published.tables) == 12
        assert {path.stem for path in DATA.glob("*.csv")} == {t.name for t in published.tables}

    @pytest.mark.parametrize(
        ("identifier", "expected", "uncertainty", "certainty"),
        [
            ("main/vpt_shallow/inat2018/tail", 65.9, 0.05, "printed"),
            ("main/lora+metapeft/average/mean", 83.97, 0.005, "printed"),
            ("main/vpt_deep/dota/tail", 90.2, 0.1, "read off"),
            ("gain/lora/fusrs25/tail", 2.1, 0.05, "printed"),
            ("fig-1a/bitfit/mean", 91.5, 0.1, "read off"),
            ("position/attn+ffn/mean", 94.0, 0.05, "inferred"),
            ("depth/l9-11/relative-drop", 3.2, 0.05, "printed"),
            ("scale/out/5/mean", 16.5, 1.5, "read off"),
            ("scale/k/7/mean", 8.1, 0.05, "printed"),
            ("position-depth/mlp1/8/mean", 93.6, 0.4, "read off"),
            ("sampling/0.05/tail", 88.2, 0.05, "printed"),
            ("distance/vpt_deep/tail", 0.758, 0.003, "read off"),
            ("parameters/vit-l16/fusrs25/lora-all", 442_368, 0.0, "computed"),
        ],
    )
    def test_spot_values(
        self,
        published: Published,
        identifier: str,
        expected: float,
        uncertainty: float,
        certainty: str,
    ) -> None:
        number = published.by_id[identifier]
        assert (number.value, number.uncertainty) == (expected, uncertainty)
        assert number.certainty == certainty

    def test_the_overall_accuracies_of_the_figure_have_the_tolerance_of_the_check(
        self, published: Published
    ) -> None:
        assert published.by_id["fig-1a/lora/mean"].tolerance == 0.7
        assert published.by_id["fig-1a/lora/tail"].tolerance == 0.1

    def test_doubts_stand_beside_the_numbers(self, published: Published) -> None:
        assert any("contradicts Fig. 1c" in note for note in published.table("depth").notes)
        assert any("data are not stated" in note for note in published.table("sampling").notes)
        assert any("unit of the scale" in note for note in published.table("scale").notes)
        assert "less sure" in published.by_id["scale/out/-4/mean"].note

    def test_gaps_say_what_is_missing(self, published: Published) -> None:
        gaps = [number for number in published.numbers if number.is_gap]
        assert all(number.note for number in gaps)
        assert all(number.uncertainty is number.tolerance is None for number in gaps)


class TestIdentities:
    """Numbers of the paper that must follow from each other, recomputed from the files."""

    @pytest.mark.parametrize("position", ["k", "mlp1", "attn+ffn"])
    def test_group_weights_give_the_mean(
        self, published: Published, reproduction: Reproduction, position: str
    ) -> None:
        classes = reproduction.targets["dota"].groups
        assert classes is not None
        groups = [value(published, f"position/{position}/{g}") for g in ("head", "medium", "tail")]
        mean = sum(n * each for n, each in zip(classes, groups, strict=True)) / sum(classes)
        assert mean == pytest.approx(value(published, f"position/{position}/mean"), abs=0.1)

    @pytest.mark.parametrize(
        "method", ["vpt_shallow", "bitfit", "lora", "lora+metapeft", "adapter", "adapter+metapeft"]
    )
    def test_tail_averages_are_means_over_the_transfers(
        self, published: Published, reproduction: Reproduction, method: str
    ) -> None:
        tails = [value(published, f"main/{method}/{t}/tail") for t in reproduction.transfers]
        average = value(published, f"main/{method}/average/tail")
        assert sum(tails) / 3 == pytest.approx(average, abs=0.005001)

    def test_gains_are_differences_of_accuracies(self, published: Published) -> None:
        compared = 0
        for gain in published.table("gain").numbers:
            plain = published.by_id[gain.relative_to]
            tuned = published.by_id["main/" + _tuned(gain.relative_to)]
            if gain.value is None or plain.value is None or tuned.value is None:
                continue
            assert tuned.value - plain.value == pytest.approx(gain.value, abs=0.0501)
            compared += 1
        assert compared == 9

    def test_drops_follow_from_the_depths(self, published: Published) -> None:
        base, deep = (value(published, f"depth/{d}/mean") for d in ("l3-5", "l9-11"))
        drop = value(published, "depth/l9-11/relative-drop")
        assert 100 * (base - deep) / base == pytest.approx(drop, abs=0.1)

    def test_the_figure_repeats_the_tail_column(self, published: Published) -> None:
        for method in ("vpt_shallow", "bitfit", "lora", "adapter"):
            printed = value(published, f"main/{method}/dota/tail")
            assert value(published, f"fig-1a/{method}/tail") == pytest.approx(printed, abs=0.11)

    def test_parameter_counts_follow_from_their_formulas(
        self, published: Published, reproduction: Reproduction
    ) -> None:
        blocks, width = reproduction.backbones["in21k_vit_b16"].depth, 768
        for target, facts in reproduction.targets.items():
            if reproduction.transfers[target] != "in21k_vit_b16":
                continue
            lora = value(published, f"parameters/vit-b16/{target}/lora-all")
            assert lora == blocks * 18 * width * facts.rank
            head = value(published, f"parameters/vit-b16/{target}/head")
            assert head == facts.classes * width


def _tuned(identifier: str) -> str:
    _, method, *rest = identifier.split("/")
    return "/".join([f"{method}+metapeft", *rest])


class TestSettings:
    def test_blocks_fit_the_published_depth(
        self, published: Published, reproduction: Reproduction
    ) -> None:
        for number in published.numbers:
            for reading in number.setting.blocks:
                depth = reproduction.backbones[number.setting.backbone].depth
                assert choose_blocks(reading, depth)

    def test_methods_and_backbones_are_those_of_the_published_setting(
        self, published: Published, reproduction: Reproduction
    ) -> None:
        for number in published.numbers:
            assert number.setting.method in ("", *reproduction.methods)
            assert number.setting.backbone in ("", *reproduction.backbones)

    def test_every_field_of_the_recipe_is_fixed_or_free_on_purpose(
        self, reproduction: Reproduction
    ) -> None:
        fixed = {path.partition(".")[0] for path in reproduction.recipe}
        free = {"epochs", "precision", "schedule_interval", "heldout_fraction"}
        free |= {"early_stopping", "early_stopping_patience", "early_stopping_gain"}
        assert fixed | free == set(Recipe.model_fields)
        assert not fixed & free


@pytest.fixture
def damaged(tmp_path: Path) -> Callable[[str, str, str], Path]:
    """A copy of the data with a text replaced in one file."""

    def write(file: str, old: str, new: str) -> Path:
        folder = tmp_path / "data"
        shutil.copytree(DATA, folder)
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1))
        return folder

    return write


class TestDamage:
    @pytest.mark.parametrize(
        ("file", "old", "new", "message"),
        [
            ("sampling.csv", "88.2", "88,2,1", "fields"),
            ("sampling.csv", "88.2", "much", "value 'much' is not a number"),
            ("sampling.csv", "accuracy", "beauty", "quantity 'beauty' is none of"),
            ("sampling.csv", ",yes,", ",maybe,", "metapeft 'maybe' is none of"),
            ("sampling.csv", "sampling/0.05/tail", "other/tail", "must start with sampling/"),
            ("sampling.csv", "sampling/0.05/tail", "sampling/0.05/mean", "occurs twice"),
            ("sampling.csv", "88.2", "", "a gap needs a note"),
            ("gain.csv", "main/lora/dota/tail", "main/lora/mars/tail", "which is not there"),
            ("tables.yaml", "certainty: printed", "certainty: sworn", "certainty"),
        ],
    )
    def test_is_refused_with_file_and_line(
        self,
        damaged: Callable[[str, str, str], Path],
        file: str,
        old: str,
        new: str,
        message: str,
    ) -> None:
        folder = damaged(file, old, new)
        with pytest.raises(PublishedDataError, match=message) as caught:
            load_published(folder)
        assert str(folder / file) in str(caught.value.where)

    def test_a_missing_file(self, tmp_path: Path) -> None:
        shutil.copytree(DATA, tmp_path / "data")
        (tmp_path / "data" / "scale.csv").unlink()
        with pytest.raises(PublishedDataError, match="cannot be read"):
            load_published(tmp_path / "data")

    def test_a_setting_with_an_unknown_name(self, tmp_path: Path) -> None:
        text = (DATA / "reproduction.yaml").read_text()
        (tmp_path / "r.yaml").write_text(text.replace("dota: in21k_vit_b16", "dota: resnet"))
        with pytest.raises(PublishedDataError, match="unknown names: resnet"):
            load_reproduction(tmp_path / "r.yaml")
