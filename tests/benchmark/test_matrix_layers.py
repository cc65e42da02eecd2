"""Matrices that extend others, run on stages, and are written out as one file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from matrix_files import MatrixFiles

from rsbench.matrix import MatrixWarning
from rsbench.matrix.chain import read_stage, shipped_stages
from rsbench.matrix.expand import expand
from rsbench.matrix.load import load_matrix
from rsbench.matrix.resolved import copy_of, resolved_text

PARENT = """\
name: parent
description: of the parent
disclaimer: take care
targets: [air, sea]
backbones: [vit]
methods: [linear, lora]
seeds: [0]
recipe: {epochs: 5, augmentation: {vertical_flip: 0.5}}
axes:
  rank: {set: method.rank, to: [1, 2]}
  rate: {set: recipe.learning_rate, to: [0.1, 0.2]}
overrides:
  - {when: {target: sea}, recipe: {tau: 0.5}}
include:
  - {targets: [sea], backbones: [big], methods: [lora]}
exclude:
  - {method: linear}
  - {rank: 2, rate: 0.2}
"""
CHILD = "name: child\nextends: parent.yaml\n"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MatrixFiles:
    found = MatrixFiles(tmp_path, monkeypatch)
    text = PARENT.replace("methods: [linear, lora]", "methods: [lora]")
    found.write(text.replace("  - {method: linear}\n", ""), "parent.yaml")
    return found


class TestExtends:
    def test_a_child_that_says_nothing_else_has_the_same_cells(self, files: MatrixFiles) -> None:
        child = files.load(CHILD)
        parent = load_matrix(files.folder / "parent.yaml")
        assert expand(child) == expand(parent)
        assert (child.name, child.description, child.disclaimer) == ("child", "", "take care")
        assert [file.name for file in child.files] == ["parent.yaml", "mine.yaml"]

    def test_mappings_are_merged_and_lists_replaced(self, files: MatrixFiles) -> None:
        text = CHILD + "targets: [air]\nseeds: [3]\ninclude: []\n"
        text += "recipe: {augmentation: {horizontal_flip: 0.0}}\nmetapeft:\n"
        cells = files.cells(text)
        assert {cell.target.name for cell in cells} == {"air"}
        assert {cell.seed for cell in cells} == {3}
        assert {cell.recipe.epochs for cell in cells} == {5}
        flips = {c.recipe.augmentation.horizontal_flip for c in cells}
        assert flips == {0.0}
        assert {c.recipe.augmentation.vertical_flip for c in cells} == {0.5}

    def test_overrides_are_added_after_those_of_the_parent(self, files: MatrixFiles) -> None:
        text = CHILD + "overrides: [{when: {backbone: big}, recipe: {tau: 0.7}}]\n"
        tau = {(c.target.name, c.backbone.name): c.recipe.tau for c in files.cells(text)}
        assert tau == {("air", "vit"): 1.0, ("sea", "vit"): 0.5, ("sea", "big"): 0.7}

    def test_axes_are_merged_by_name_and_null_drops_one(self, files: MatrixFiles) -> None:
        text = CHILD + "axes: {rank: {set: method.rank, to: [4]}, rate: , fresh: %s}\n"
        cells = files.cells(text % "{a: {}, b: {recipe: {tau: 1.5}}}")
        assert {tuple(cell.axes) for cell in cells} == {("rank", "fresh")}
        assert {cell.axes["rank"] for cell in cells} == {"4"}

    @pytest.mark.parametrize(
        "text", ["axes: {}\n", "on: {little: {axes: {}}}\n", "axes: {rank: , rate: }\n"]
    )
    def test_an_empty_mapping_drops_all_axes(self, files: MatrixFiles, text: str) -> None:
        stage = files.write("seeds: [3]\n", "little.yaml")
        cells = files.cells(CHILD + text, str(stage) if "on:" in text else None)
        assert {tuple(cell.axes) for cell in cells} == {()}

    def test_inherited_rules_about_labels_that_are_gone_do_nothing(
        self, files: MatrixFiles
    ) -> None:
        """Warnings are errors: neither the override of 'sea' nor the rule of 'rate' is told."""
        text = CHILD + "targets: [air]\ninclude: []\naxes: {rate: }\n"
        assert files.labels(text) == [
            "air / vit / lora / rank=1 / seed 0",
            "air / vit / lora / rank=2 / seed 0",
        ]

    def test_its_own_rules_are_checked(self, files: MatrixFiles) -> None:
        error = files.error(CHILD + "targets: [air]\ninclude: []\nexclude: [{target: sea}]\n")
        assert error.what == "exclude[0].target: no target of this matrix is called 'sea'"
        assert error.where == f"{files.folder / 'mine.yaml'}:5"
        with pytest.warns(MatrixWarning, match=r"mine.yaml:4: overrides\[0\].when matches no cell"):
            files.cells(
                CHILD + "overrides:\n  - {when: {target: air, backbone: big}, recipe: {tau: 2}}\n"
            )

    def test_errors_name_the_file_that_says_it(self, files: MatrixFiles) -> None:
        error = files.error(CHILD + "methods: [linear]\n")
        assert error.where == f"{files.folder / 'parent.yaml'}:10"
        assert "axes.rank.to[0].method.rank: there is no such field" in error.what
        error = files.error(CHILD + "recipe: {epochs: 0, tau: low}\nseeds: x\n")
        assert error.where == f"{files.folder / 'mine.yaml'}:3"
        assert "3 problems" in error.what

    def test_problems_in_several_files_are_told_apart(self, files: MatrixFiles) -> None:
        bad = PARENT.replace("epochs: 5", "epcohs: 5")
        files.write(bad, "parent.yaml")
        error = files.error(CHILD + "seeds: [-1]\n")
        assert "line 3: seeds[0]: " in error.what
        assert f"line 8 of {files.folder / 'parent.yaml'}: recipe.epcohs: " in error.what

    def test_the_nearest_of_several_ancestors_wins(self, files: MatrixFiles) -> None:
        files.write("name: middle\nextends: parent.yaml\nrecipe: {epochs: 6, tau: 2}\n", "m.yaml")
        cells = files.cells("name: child\nextends: m.yaml\nrecipe: {epochs: 7}\ntargets: [air]\n")
        assert {cell.recipe.epochs for cell in cells} == {7}
        assert {c.recipe.tau for c in cells if c.target.name == "air"} == {2.0}

    def test_a_shipped_matrix_by_name(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.yaml"
        file.write_text("name: mine\nextends: smoke\nseeds: [7]\n")
        assert {cell.seed for cell in expand(load_matrix(file))} == {7}

    @pytest.mark.parametrize(
        ("text", "message", "line"),
        [
            ("name: a\nextends: mine.yaml\n", "the matrix extends itself: mine.yaml", 2),
            ("name: a\nextends: absent.yaml\n", "there is no file", 2),
            ("name: a\nextends: smokee\n", "there is no matrix called 'smokee'", 2),
            ("name: a\nextends: [smoke]\n", "must be the name of a shipped matrix", 2),
            ("extends: parent.yaml\n", "name: this field is required", 1),
            ("name: a\nextend: parent.yaml\n", "extend: there is no such field", 2),
        ],
    )
    def test_mistakes(self, files: MatrixFiles, text: str, message: str, line: int) -> None:
        error = files.error(text)
        assert message in str(error)
        assert f"{files.folder / 'mine.yaml'}:" in str(error)
        assert f":{line}: " in str(error) or f"line {line}: " in str(error)

    def test_a_circle_of_several(self, files: MatrixFiles) -> None:
        files.write("name: b\nextends: mine.yaml\n", "b.yaml")
        assert "mine.yaml -> b.yaml -> mine.yaml" in files.error("name: a\nextends: b.yaml\n").what

    def test_a_parent_that_is_no_mapping(self, files: MatrixFiles) -> None:
        files.write("- a\n", "list.yaml")
        error = files.error("name: a\nextends: list.yaml\n")
        assert "a matrix is a mapping" in error.what
        assert error.where == f"{files.folder / 'list.yaml'}:1"


STAGE = """\
description: a small world
disclaimer: toy numbers
targets: [sea]
recipe: {epochs: 1}
defaults: {lora: {method: {rank: 9}}, linear: {recipe: {tau: 0.1}}}
overrides: [{when: {method: absent}, recipe: {tau: 3}}]
"""
STAGED = """\
name: mine
description: what it asks
targets: [air]
backbones: [vit]
methods: [lora]
seeds: [0, 1]
overrides: [{when: {target: air}, recipe: {epochs: 30}}]
include:
  - {targets: [air], backbones: [big]}
  - {targets: [air]}
  - {methods: [linear], targets: [air], seeds: [5]}
"""


class TestStage:
    @pytest.fixture
    def stage(self, files: MatrixFiles) -> str:
        return str(files.write(STAGE, "small.yaml"))

    def test_is_laid_over_the_matrix(self, files: MatrixFiles, stage: str) -> None:
        matrix = files.load(STAGED, stage)
        assert (matrix.name, matrix.stage) == ("mine-small", "small")
        assert (matrix.description, matrix.disclaimer) == ("what it asks", "toy numbers")
        cells = expand(matrix)
        assert {cell.recipe.epochs for cell in cells} == {1}
        assert {c.method.options["rank"] for c in cells if c.method.name == "lora"} == {9}

    def test_its_targets_stand_for_those_of_blocks_too(
        self, files: MatrixFiles, stage: str
    ) -> None:
        assert files.labels(STAGED, stage) == [
            "sea / vit / lora / seed 0",
            "sea / vit / lora / seed 1",
            "sea / vit / linear / seed 5",
            "sea / big / lora / seed 0",
            "sea / big / lora / seed 1",
        ]

    def test_what_the_matrix_says_for_the_stage_comes_last(
        self, files: MatrixFiles, stage: str
    ) -> None:
        text = STAGED + (
            "on:\n  small:\n    seeds: [4]\n    include: []\n    recipe: {epochs: 2}\n"
            "    axes: {rank: {set: method.rank, to: [1, 3]}}\n  other: {seeds: [9]}\n"
        )
        cells = files.cells(text, stage)
        assert [(c.axes["rank"], c.seed, c.recipe.epochs) for c in cells] == [
            ("1", 4, 2),
            ("3", 4, 2),
        ]
        assert {cell.seed for cell in files.cells(text)} == {0, 1, 5}

    def test_a_child_inherits_what_its_parent_says_for_the_stage(
        self, files: MatrixFiles, stage: str
    ) -> None:
        files.write(STAGED + "on: {small: {seeds: [4], recipe: {epochs: 2}}}\n", "parent.yaml")
        cells = files.cells(CHILD + "include: []\non: {small: {recipe: {epochs: 3}}}\n", stage)
        assert [(cell.seed, cell.recipe.epochs) for cell in cells] == [(4, 3)]
        assert load_matrix(files.folder / "mine.yaml", stage).name == "child-small"

    def test_rules_for_the_stage_are_checked(self, files: MatrixFiles, stage: str) -> None:
        text = STAGED + "on:\n  small:\n    exclude: [{target: air}]\n"
        error = files.error(text, stage)
        assert error.what.startswith("on.small.exclude[0].target: no target")
        assert error.where == f"{files.folder / 'mine.yaml'}:14"
        error = files.error(STAGED + "on:\n  small: {recipe: {epochs: few}}\n", stage)
        assert error.what.startswith("on.small.recipe.epochs: ")

    def test_errors_name_the_stages_file(self, files: MatrixFiles) -> None:
        wrong = files.write("targets: [see]\n", "wrong.yaml")
        error = files.error(STAGED, str(wrong))
        assert "targets[0]: there is no target called 'see'" in error.what
        assert error.where == f"{wrong}:1"

    @pytest.mark.parametrize("field", ["name: x", "axes: {}", "base: x", "extends: x", "on: {}"])
    def test_what_it_cannot_say(self, files: MatrixFiles, field: str) -> None:
        wrong = files.write(field + "\n", "wrong.yaml")
        error = files.error(STAGED, str(wrong))
        assert f"{field.split(':')[0]}: cannot be stated for a stage" in error.what

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("on: 3", "on: must be a mapping of stages"),
            ("on: {demo: [1]}", "on.demo: must be a mapping of fields"),
            ("on: {demo: {name: x}}", "on.demo.name: cannot be stated"),
            ("on: {demo: {sedes: [1]}}", "on.demo.sedes: there is no such field"),
        ],
    )
    def test_sections_are_checked_without_the_stage(
        self, files: MatrixFiles, text: str, message: str
    ) -> None:
        error = files.error(STAGED + text + "\n")
        assert message in error.what
        assert error.where == f"{files.folder / 'mine.yaml'}:12"

    def test_unknown_stages(self, files: MatrixFiles) -> None:
        error = files.error(STAGED, "dmo")
        assert "there is no stage called 'dmo'" in error.what
        assert "'demo'" in error.remedy
        assert "no such stage file" in files.error(STAGED, "absent.yaml").what

    def test_shipped_stages_say_what_they_are(self) -> None:
        assert "demo" in shipped_stages()
        for name in shipped_stages():
            assert read_stage(name).source.value["description"]


LARGE = """\
name: parent
targets: [air, sea]
backbones: [vit]
methods: [lora, lora+metapeft]
seeds: [0]
metapeft: {ratio: 0.1}
axes:
  rank: {set: method.rank, to: [1, 2]}
  rate: {set: recipe.learning_rate, to: [0.1, 0.2]}
overrides:
  - {when: {target: [air, sea]}, metapeft: {ratio: 0.3}, recipe: {tau: 2}}
  - {when: {target: air}, recipe: {tau: 3}}
  - {when: {method: lora}, metapeft: {ratio: 0.4}}
include:
  - {axes: {rank: 1, rate: 0.1}, seeds: [1]}
exclude:
  - {rate: 0.2, rank: 1}
  - {method: lora+metapeft, target: sea}
"""


class TestResolved:
    def test_the_copy_has_the_same_cells_and_the_same_base(self, files: MatrixFiles) -> None:
        stage = files.write(STAGE, "small.yaml")
        text = CHILD + "axes: {rank: {set: method.rank, to: [1, 2]}, rate: }\n"
        text += "recipe: {learning_rate: 1e-5, loss: cross_entropy}\ndescription: 'on: 1e-3'\n"
        matrix = files.load(text, str(stage))
        folder = files.folder / "results" / "run"
        copy = files.write(resolved_text(matrix, folder), "results/run/matrix.yaml")
        again = load_matrix(copy)
        assert expand(again) == expand(matrix)
        assert (again.name, again.base) == (matrix.name, matrix.base)
        assert (again.description, again.disclaimer) == (matrix.description, matrix.disclaimer)
        top = copy.read_text().splitlines()[0]
        assert top.startswith("# ")
        for name in ("parent.yaml", "mine.yaml", "small.yaml"):
            assert name in top

    def test_what_was_taken_over_and_has_no_use_is_left_out(self, files: MatrixFiles) -> None:
        """Such a rule is no mistake in a child, and would be one in a file of its own."""
        files.write(LARGE, "parent.yaml")
        matrix = files.load(CHILD + "targets: [sea]\nmethods: [lora]\naxes: {rate: }\n")
        again = load_matrix(files.write(resolved_text(matrix, files.folder), "copy.yaml"))
        assert expand(again) == expand(matrix)
        document = again.document
        assert not document.metapeft
        assert [each.when.target for each in document.overrides] == [("sea",)]
        assert not document.overrides[0].metapeft
        assert [block.axes for block in document.include] == [{"rank": ("1",)}]
        assert not document.exclude

    def test_labels_that_look_like_numbers_stay_labels(self, files: MatrixFiles) -> None:
        text = CHILD + "axes: {rate: {set: recipe.learning_rate, to: [1e-5, 0.1, 1]}}\n"
        matrix = files.load(text)
        copy = files.write(resolved_text(matrix, files.folder), "copy.yaml")
        assert load_matrix(copy).document.axes == matrix.document.axes

    def test_a_matrix_of_one_file_is_copied_as_it_is(self, files: MatrixFiles) -> None:
        assert copy_of(files.load(PARENT), files.folder) == files.folder / "mine.yaml"

    @pytest.mark.parametrize("name", ["full", "ablation-depth", "robustness"])
    def test_shipped_ones(self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        matrix = load_matrix(name, "demo")
        copy = tmp_path / "run" / "matrix.yaml"
        copy.parent.mkdir()
        copy.write_text(resolved_text(matrix, copy.parent))
        again = load_matrix(copy)
        assert expand(again) == expand(matrix)
        assert os.path.samefile(again.base, tmp_path)


def test_base_is_where_relative_paths_start(files: MatrixFiles) -> None:
    (files.folder / "data").mkdir()
    matrix = files.load(PARENT + "base: data\n")
    assert matrix.base == (files.folder / "data").resolve()
    files.write(PARENT + "base: data\n", "parent.yaml")
    assert files.load(CHILD).base == files.folder.resolve(), "a child's own folder"
