"""From a matrix to cells, with plugins made up for the test."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from matrix_plugins import PLUGINS

from rsbench import registry
from rsbench.cell import Cell
from rsbench.errors import MatrixError, SettingsError
from rsbench.matrix import MatrixWarning
from rsbench.matrix.expand import expand
from rsbench.matrix.load import load_matrix
from rsbench.matrix.select import filter_cells, parse_only

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


TWO_BY_THREE = """\
name: mine
targets: [air, sea]
backbones: [vit]
methods: [linear, lora, lora+metapeft]
seeds: [1, 0]
"""


@pytest.fixture
def expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Cell, ...]]:
    """Expands a matrix given as text."""
    monkeypatch.setattr(registry, "find", PLUGINS.__getitem__)

    def from_text(text: str, seeds: list[int] | None = None) -> tuple[Cell, ...]:
        file = tmp_path / "mine.yaml"
        file.write_text(text)
        return expand(load_matrix(file), seeds)

    return from_text


@pytest.fixture
def error_of(expanded: Callable[..., tuple[Cell, ...]]) -> Callable[[str], MatrixError]:
    """The error that expanding a text raises."""

    def from_text(text: str) -> MatrixError:
        with pytest.raises(MatrixError) as caught:
            expanded(text)
        return caught.value

    return from_text


def axes(methods: str, **others: str) -> str:
    fields = {"name": "mine", "targets": "[air]", "backbones": "[vit]", "seeds": "[0]"} | others
    return "".join(f"{key}: {value}\n" for key, value in fields.items()) + f"methods: {methods}\n"


class TestCells:
    def test_order_and_labels(self, expanded: Callable[..., tuple[Cell, ...]]) -> None:
        labels = [cell.label for cell in expanded(TWO_BY_THREE)]
        assert labels == [
            f"{target} / vit / {method} / seed {seed}"
            for target in ("air", "sea")
            for seed in (0, 1)
            for method in ("linear", "lora", "lora+metapeft")
        ]

    def test_options_are_complete(self, expanded: Callable[..., tuple[Cell, ...]]) -> None:
        linear, lora, meta = expanded(TWO_BY_THREE)[:3]
        assert linear.method.options == {}
        assert lora.method.options == {"rank": 4, "positions": ["q", "v"], "shapes": {}}
        assert lora.metapeft is None
        assert meta.method == lora.method
        assert meta.metapeft is not None
        assert meta.metapeft.kind == meta.metapeft.name == "metapeft"
        assert meta.metapeft.options == {"learning_rate": 0.01, "ratio": 0.2}

    def test_inline_entries(self, expanded: Callable[..., tuple[Cell, ...]]) -> None:
        (cell,) = expanded(
            axes(
                "[{name: lora_r8, kind: lora, rank: 8, metapeft: {ratio: 0.3}}]",
                targets="[{name: aid, kind: labelled_list, file: a.csv, groups: {many: 50}}]",
                metapeft="{learning_rate: 0.05}",
            )
        )
        assert (cell.target.name, cell.target.kind) == ("aid", "labelled_list")
        assert cell.target.options["file"] == "a.csv"
        groups = cell.target.options["groups"]
        assert isinstance(groups, dict)
        assert groups["many"] == 50
        assert groups["few"] == 20
        assert cell.method.options["rank"] == 8
        assert cell.metapeft is not None
        assert cell.metapeft.options == {"learning_rate": 0.05, "ratio": 0.3}

    def test_kind_defaults_to_the_name(self, expanded: Callable[..., tuple[Cell, ...]]) -> None:
        (cell,) = expanded(axes("[{name: lora, rank: 2}]"))
        assert (cell.method.kind, cell.method.options["rank"]) == ("lora", 2)

    def test_a_name_refers_to_a_definition_anywhere(
        self, expanded: Callable[..., tuple[Cell, ...]]
    ) -> None:
        text = axes("[r8+metapeft, linear, {name: r8, kind: lora, rank: 8}]")
        text += "include: [{methods: [r8], seeds: [5]}]\n"
        cells = [cell for cell in expanded(text) if cell.method.name == "r8"]
        assert {cell.method.options["rank"] for cell in cells} == {8}
        assert [(cell.metapeft is not None, cell.seed) for cell in cells] == [
            (True, 0),
            (False, 0),
            (False, 5),
        ]

    def test_include_inherits_and_identical_cells_are_kept_once(
        self, expanded: Callable[..., tuple[Cell, ...]]
    ) -> None:
        text = axes("[linear]", targets="[air, sea]") + (
            "include:\n  - {targets: [sea], methods: [lora], seeds: [3, 4]}\n  - {seeds: [0, 1]}\n"
        )
        assert [cell.label for cell in expanded(text)] == [
            "air / vit / linear / seed 0",
            "air / vit / linear / seed 1",
            "sea / vit / linear / seed 0",
            "sea / vit / linear / seed 1",
            "sea / vit / lora / seed 3",
            "sea / vit / lora / seed 4",
        ]

    def test_exclude(self, expanded: Callable[..., tuple[Cell, ...]]) -> None:
        text = TWO_BY_THREE + "exclude: [{target: sea, seed: 0}, {method: lora, metapeft: true}]\n"
        cells = expanded(text)
        assert len(cells) == 6
        assert all(cell.metapeft is None for cell in cells)
        assert {cell.seed for cell in cells if cell.target.name == "sea"} == {1}

    def test_seeds_replace_those_of_every_block(
        self, expanded: Callable[..., tuple[Cell, ...]]
    ) -> None:
        text = TWO_BY_THREE + "include: [{methods: [lora], seeds: [3]}]\n"
        cells = expanded(text, seeds=[7])
        assert {cell.seed for cell in cells} == {7}
        assert len(cells) == 6
        for wrong in ([], [-1]):
            with pytest.raises(SettingsError):
                expanded(TWO_BY_THREE, seeds=wrong)


class TestOverrides:
    TEXT = TWO_BY_THREE + (
        "recipe: {epochs: 5, augmentation: {horizontal_flip: 0.0}}\n"
        "metapeft: {learning_rate: 0.05}\n"
        "overrides:\n"
        "  - when: {method: lora}\n"
        "    recipe: {learning_rate: 0.2, augmentation: {vertical_flip: 0.5}}\n"
        "    method: {rank: 8}\n"
        "  - when: {method: [lora], metapeft: true, target: sea, backbone: vit, seed: [0, 1]}\n"
        "    recipe: {learning_rate: 0.1}\n"
        "    metapeft: {ratio: 0.5}\n"
    )

    def test_later_wins_and_what_is_not_written_stays(
        self, expanded: Callable[..., tuple[Cell, ...]]
    ) -> None:
        cells = {cell.label: cell for cell in expanded(self.TEXT)}
        linear = cells["air / vit / linear / seed 0"].recipe
        assert (linear.epochs, linear.learning_rate) == (5, 0.3)
        lora = cells["sea / vit / lora / seed 0"]
        assert (lora.recipe.epochs, lora.recipe.learning_rate) == (5, 0.2)
        assert lora.recipe.augmentation.horizontal_flip == 0.0
        assert lora.recipe.augmentation.vertical_flip == 0.5
        assert lora.method.options["rank"] == 8
        meta = cells["sea / vit / lora+metapeft / seed 0"]
        assert meta.recipe.learning_rate == 0.1
        assert meta.method.options["rank"] == 8
        assert meta.metapeft is not None
        assert meta.metapeft.options == {"learning_rate": 0.05, "ratio": 0.5}
        other = cells["air / vit / lora+metapeft / seed 0"].metapeft
        assert other is not None
        assert other.options == {"learning_rate": 0.05, "ratio": 0.2}

    def test_method_with_suffix_means_metapeft_only(
        self, expanded: Callable[..., tuple[Cell, ...]]
    ) -> None:
        text = TWO_BY_THREE + "overrides: [{when: {method: lora+metapeft}, recipe: {epochs: 3}}]\n"
        epochs = {cell.label: cell.recipe.epochs for cell in expanded(text)}
        assert epochs["air / vit / lora+metapeft / seed 1"] == 3
        assert epochs["air / vit / lora / seed 1"] == 10

    def test_a_wrong_option_is_reported_where_it_was_written(
        self, error_of: Callable[[str], MatrixError]
    ) -> None:
        error = error_of(self.TEXT.replace("rank: 8", "rank: 0"))
        assert error.where is not None
        assert error.where.endswith("mine.yaml:11")
        assert "overrides[0].method.rank" in error.what
        error = error_of(self.TEXT.replace("ratio: 0.5", "ratoi: 0.5"))
        assert "overrides[1].metapeft.ratoi" in error.what
        assert "'ratio'" in error.remedy

    def test_an_option_that_the_matched_method_lacks(
        self, error_of: Callable[[str], MatrixError]
    ) -> None:
        error = error_of(TWO_BY_THREE + "overrides: [{when: {seed: 0}, method: {rank: 2}}]\n")
        assert "overrides[0].method.rank: there is no such field" in error.what
        assert "method 'linear'" in error.what

    @pytest.mark.parametrize(
        "rule",
        [
            "exclude: [{method: linear, metapeft: true}]",
            "exclude: [{seed: 9}]",
            "overrides: [{when: {seed: 9}, recipe: {epochs: 2}}]",
        ],
    )
    def test_a_rule_without_effect_warns(
        self, expanded: Callable[..., tuple[Cell, ...]], rule: str
    ) -> None:
        with pytest.warns(MatrixWarning, match=r"mine.yaml:6: .*matches no cell"):
            assert len(expanded(TWO_BY_THREE + rule + "\n")) == 12

    def test_seeds_from_the_command_line_leave_no_rule_without_effect(
        self, expanded: Callable[..., tuple[Cell, ...]]
    ) -> None:
        """A rule about seed 0 is no mistake when only seed 1 is asked for; warnings are errors."""
        text = TWO_BY_THREE + "overrides: [{when: {seed: 0}, recipe: {epochs: 2}}]\n"
        assert {cell.recipe.epochs for cell in expanded(text, seeds=[1])} == {10}

    def test_metapeft_options_that_nobody_uses_warn(
        self, expanded: Callable[..., tuple[Cell, ...]]
    ) -> None:
        text = TWO_BY_THREE + "overrides: [{when: {method: linear}, metapeft: {ratio: 0.3}}]\n"
        with pytest.warns(MatrixWarning, match="no cell it matches uses MetaPEFT"):
            expanded(text)
        with pytest.warns(MatrixWarning, match="no method of this matrix uses MetaPEFT"):
            expanded(axes("[linear]", metapeft="{ratio: 0.3}"))

    @pytest.mark.parametrize(
        ("rule", "message", "near"),
        [
            ("exclude: [{target: ari}]", r"exclude\[0\].target: no target .*'ari'", "'air'"),
            ("exclude: [{method: [linear, lroa]}]", r"exclude\[0\].method: .*'lroa'", "'lora'"),
            (
                "overrides: [{when: {backbone: vti}, recipe: {epochs: 2}}]",
                r"overrides\[0\].when.backbone: .*'vti'",
                "'vit'",
            ),
            ("exclude: [{method: linear+metapeft}]", "no method", "lora"),
        ],
    )
    def test_an_unknown_label_in_a_rule(
        self, error_of: Callable[[str], MatrixError], rule: str, message: str, near: str
    ) -> None:
        error = error_of(TWO_BY_THREE + rule + "\n")
        assert re.search(message, error.what)
        assert near in error.remedy


class TestLearningRate:
    """Where a matrix states none, each method has its own."""

    def rates(self, cells: tuple[Cell, ...]) -> dict[str, float]:
        return {cell.full_method: cell.recipe.learning_rate for cell in cells}

    def test_is_the_methods_own(self, expanded: Callable[..., tuple[Cell, ...]]) -> None:
        cells = expanded(axes("[linear, lora, lora+metapeft]", recipe="{epochs: 3}"))
        assert self.rates(cells) == {"linear": 0.3, "lora": 0.01, "lora+metapeft": 0.01}

    @pytest.mark.parametrize(
        "stated",
        [
            "recipe: {learning_rate: 0.05}",
            "defaults: {linear: {recipe: {learning_rate: 0.05}}}",
            "overrides: [{when: {method: linear}, recipe: {learning_rate: 0.05}}]",
            "axes: {rate: {set: recipe.learning_rate, to: [0.05]}}",
        ],
    )
    @pytest.mark.filterwarnings("ignore::rsbench.matrix.MatrixWarning")
    def test_stated_anywhere_it_wins(
        self, expanded: Callable[..., tuple[Cell, ...]], stated: str
    ) -> None:
        assert self.rates(expanded(axes("[linear]") + stated + "\n")) == {"linear": 0.05}

    def test_adamw_needs_one_that_is_stated(
        self, error_of: Callable[[str], MatrixError], expanded: Callable[..., tuple[Cell, ...]]
    ) -> None:
        override = "overrides:\n  - {when: {method: lora}, recipe: {optimizer: adamw}}\n"
        error = error_of(axes("[linear, lora]") + override)
        assert "overrides[0].recipe.optimizer: adamw needs a learning_rate" in error.what
        assert "recipe.learning_rate" in error.remedy
        assert str(error.where).endswith("mine.yaml:7")
        stated = "recipe: {learning_rate: 0.001}\n"
        cells = expanded(axes("[linear, lora]") + stated + override)
        assert [cell.recipe.optimizer for cell in cells] == ["sgd", "adamw"]

    def test_adamw_takes_no_momentum(self, error_of: Callable[[str], MatrixError]) -> None:
        recipe = "{optimizer: adamw, learning_rate: 0.001, momentum: 0.8}"
        error = error_of(axes("[lora]", recipe=recipe))
        assert "recipe.momentum: is for optimizer: sgd" in error.what


class TestBadAxes:
    @pytest.mark.parametrize(
        ("methods", "others", "message", "remedy"),
        [
            ("[linaer]", {}, "methods[0]: there is no method called 'linaer'", "'linear'"),
            ("[lora]", {"targets": "[sae]"}, "no target called 'sae'", "'sea'"),
            ("[lora]", {"backbones": "[xyz]"}, "no backbone called 'xyz'", "known: big, vit"),
            ("[{name: a, kind: lroa}]", {}, "methods[0].kind: there is no method", "'lora'"),
            ("[{name: a, rank: 3}]", {}, "'a' needs 'kind'", "linear, lora"),
            ("[{name: a, rank: 3}]", {}, "'a' needs 'kind'", "or name its file with --plugin"),
            ("[linear+metapeft]", {}, "nothing to modulate", "without metapeft"),
            ("[{name: lin, kind: linear, metapeft: true}]", {}, "nothing to modulate", "without"),
            ("[{name: lora, rnak: 3}]", {}, "methods[0].rnak: there is no such", "'rank'"),
            ("[{name: lora, rank: true}]", {}, "methods[0].rank: must be a number", ""),
            (
                "[{name: lora, metapeft: {ratio: half}}]",
                {},
                "methods[0].metapeft.ratio: should be a valid number",
                "",
            ),
            (
                "[lora]",
                {"targets": "[{name: x, kind: labelled_list}]"},
                "targets[0].file: this field is required",
                "",
            ),
            (
                "[lora]",
                {"targets": "[{name: x, kind: labelled_list, file: a.csv, groups: {rule: third}}]"},
                "targets[0].groups.rule: must be",
                "'thirds'",
            ),
            (
                "[lora, {name: linear, kind: lora}]",
                {},
                "methods[1]: the label 'linear' is the name of another method",
                "give it another name",
            ),
            (
                "[{name: a, kind: lora, rank: 2}, {name: a, kind: lora, rank: 3}]",
                {},
                "methods[1]: the label 'a' has other settings on line 5",
                "another name",
            ),
            (
                "[{name: lora, metapeft: {ratio: 0.1}}, {name: lora, metapeft: {ratio: 0.2}}]",
                {},
                "other MetaPEFT options",
                "another name",
            ),
            ("[lora]", {"exclude": "[{method: lora}]"}, "no cell is left", ""),
        ],
    )
    def test_says_what_is_wrong_and_what_to_do(
        self,
        error_of: Callable[[str], MatrixError],
        methods: str,
        others: dict[str, str],
        message: str,
        remedy: str,
    ) -> None:
        error = error_of(axes(methods, **others))
        assert message in error.what
        assert remedy in error.remedy
        assert re.search(r"mine\.yaml:\d$", str(error.where))

    def test_several_at_once(self, error_of: Callable[[str], MatrixError]) -> None:
        error = error_of(axes("[linaer, {name: lroa, rank: 2}, lroa]", targets="[nowhere]"))
        assert "3 problems" in error.what

    def test_a_plugin_that_cannot_be_imported(
        self, error_of: Callable[[str], MatrixError], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = registry.EntryPoint("lora", "no_such_module_anywhere:Lora", "rsbench.methods")
        monkeypatch.setitem(PLUGINS["rsbench.methods"], "lora", broken)
        error = error_of(axes("[lora]"))
        assert "methods[0]" in error.what
        assert "no_such_module_anywhere" in error.what


class TestFilter:
    @pytest.fixture
    def cells(self, expanded: Callable[..., tuple[Cell, ...]]) -> tuple[Cell, ...]:
        return expanded(TWO_BY_THREE)

    @pytest.mark.parametrize(
        ("texts", "number"),
        [
            ([], 12),
            (["target=sea"], 6),
            (["target=sea,air"], 12),
            (["target=sea", "target=air"], 12),
            (["method=lora"], 8),
            (["method=lora", "metapeft=false"], 4),
            (["method=lora+metapeft,linear"], 8),
            (["seed=0", "metapeft=true", "backbone=vit"], 2),
        ],
    )
    def test_keeps(self, cells: tuple[Cell, ...], texts: list[str], number: int) -> None:
        kept = filter_cells(cells, parse_only(texts))
        assert len(kept) == number
        assert list(kept) == [cell for cell in cells if cell in kept]

    def test_seeds(self, cells: tuple[Cell, ...]) -> None:
        assert {cell.seed for cell in filter_cells(cells, {}, [1])} == {1}
        assert len(filter_cells(cells, {"seed": ["0,1"]}, [1])) == 6
        with pytest.raises(SettingsError, match="no cell"):
            filter_cells(cells, {"seed": ["0"]}, [1])

    @pytest.mark.parametrize(
        ("texts", "message", "remedy"),
        [
            (["methods=lora"], "unknown key", "'method'"),
            (["method"], "not key=value", "method=lora"),
            (["method="], "not key=value", ""),
            (["method=lroa"], "no cell of this matrix", "'lora'"),
            (["seed=7"], "no cell of this matrix", "0, 1"),
            (["metapeft=yes"], "no cell of this matrix", "false, true"),
            (["method=linear", "metapeft=true"], "no cell is left", ""),
        ],
    )
    def test_wrong(
        self, cells: tuple[Cell, ...], texts: list[str], message: str, remedy: str
    ) -> None:
        with pytest.raises(SettingsError, match=message) as caught:
            filter_cells(cells, parse_only(texts))
        assert remedy in caught.value.remedy
