"""Finding and validating matrix files, without any plugin."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rsbench.errors import MatrixError
from rsbench.matrix.load import load_matrix, shipped_matrices
from rsbench.matrix.schema import written

MINIMAL = """\
name: mine
targets: [somewhere]
backbones: [something]
methods: [linear, lora+metapeft]
seeds: [0]
"""


def error_of(folder: Path, text: str) -> MatrixError:
    """The error that loading ``text`` raises."""
    file = folder / "mine.yaml"
    file.write_text(text)
    with pytest.raises(MatrixError) as caught:
        load_matrix(file)
    assert caught.value.where is not None
    assert caught.value.where.startswith(f"{file}:")
    return caught.value


def line_of(error: MatrixError) -> int:
    return int(str(error.where).rsplit(":", 1)[1])


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(MINIMAL + "description: what it is\n")
    matrix = load_matrix(str(file))
    assert (matrix.name, matrix.description, matrix.disclaimer) == ("mine", "what it is", "")
    assert matrix.file == file
    assert matrix.base == tmp_path.resolve()


def test_a_path_is_told_from_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plain").write_text(MINIMAL)
    assert load_matrix("plain").name == "mine"
    assert load_matrix("./plain").name == "mine"
    for missing in ("absent.yaml", "absent.yml", "folder/demo"):
        with pytest.raises(MatrixError, match="no such matrix file") as caught:
            load_matrix(missing)
        assert caught.value.where == missing
    Path("sub.yaml").mkdir()
    with pytest.raises(MatrixError, match="a folder"):
        load_matrix("sub.yaml")


def test_shipped_matrices_are_relative_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert {"demo", "smoke"} <= set(shipped_matrices())
    matrix = load_matrix("demo")
    assert matrix.name == "demo"
    assert matrix.base == tmp_path


def test_unknown_name_suggests_near_ones_and_lists_all() -> None:
    with pytest.raises(MatrixError, match="'dmo'") as caught:
        load_matrix("dmo")
    assert "did you mean 'demo'" in caught.value.remedy
    assert "smoke" in caught.value.remedy


@pytest.mark.parametrize(
    ("extra", "line", "field", "message"),
    [
        ("recipe:\n  epcohs: 3\n", 7, "recipe.epcohs", "no such field"),
        ("recipe: {epochs: many}\n", 6, "recipe.epochs", "whole number.*'many'"),
        ("recipe: {epochs: 0}\n", 6, "recipe.epochs", "greater than or equal to 1.*0"),
        ("recipe: {epochs: true}\n", 6, "recipe.epochs", "must be a number, but is true"),
        ("recipe: {learning_rate: .nan}\n", 6, "recipe.learning_rate", "finite"),
        ("recipe: {loss: cross_entropi}\n", 6, "recipe.loss", "must be .*'cross_entropi'"),
        ("recipe:\n  augmentation:\n    flip: 1\n", 8, "recipe.augmentation.flip", "no such"),
        ("recipe: 3\n", 6, "recipe", "3"),
        ("desription: typo\n", 6, "desription", "no such field"),
        ("include: [{}]\n", 6, r"include\[0\]", "at least one of targets"),
        ("include: [{methods: []}]\n", 6, r"include\[0\].methods", "at least 1"),
        ("exclude: [{}]\n", 6, r"exclude\[0\]", "at least one of target"),
        ("exclude:\n  - tagret: x\n", 7, r"exclude\[0\].tagret", "no such field"),
        ("overrides: [{when: {seed: 0}}]\n", 6, r"overrides\[0\]", "changes nothing"),
        ("overrides: [{recipe: {tau: 1}}]\n", 6, r"overrides\[0\].when", "required"),
        (
            "overrides:\n  - when: {seed: 0}\n    recipe:\n      tau: low\n",
            9,
            r"overrides\[0\].recipe.tau",
            "valid number",
        ),
    ],
)
def test_wrong_fields(tmp_path: Path, extra: str, line: int, field: str, message: str) -> None:
    error = error_of(tmp_path, MINIMAL + extra)
    assert line_of(error) == line
    assert re.search(f"^{field}: .*{message}", error.what), error.what


def test_near_names_of_unknown_fields(tmp_path: Path) -> None:
    assert "'epochs'" in error_of(tmp_path, MINIMAL + "recipe: {epcohs: 3}\n").remedy
    assert "'description'" in error_of(tmp_path, MINIMAL + "desription: x\n").remedy
    assert "'horizontal_flip'" in (
        error_of(tmp_path, MINIMAL + "recipe: {augmentation: {horizontl_flip: 1}}\n").remedy
    )
    assert "'target'" in error_of(tmp_path, MINIMAL + "exclude: [{tagret: x}]\n").remedy


def test_a_number_where_text_is_meant_is_told_to_be_quoted(tmp_path: Path) -> None:
    assert "quotes" in error_of(tmp_path, MINIMAL.replace("mine", "2024")).remedy


def test_the_precision_that_yaml_reads_as_a_number_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(MINIMAL + "recipe: {precision: 32}\n")
    assert load_matrix(file).document.recipe.precision == "32"
    for wrong in ("16", "true", "32.0"):
        assert "precision" in error_of(tmp_path, MINIMAL + f"recipe: {{precision: {wrong}}}\n").what


def test_words_that_yaml_1_1_takes_for_booleans_stay_words(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(MINIMAL + "recipe: {early_stopping: on}\n")
    assert load_matrix(file).document.recipe.early_stopping == "on"


@pytest.mark.parametrize("field", ["name", "targets", "backbones", "methods", "seeds"])
def test_missing_and_empty_fields(tmp_path: Path, field: str) -> None:
    lines = MINIMAL.splitlines(keepends=True)
    without = "".join(line for line in lines if not line.startswith(field))
    assert f"{field}: this field is required" in error_of(tmp_path, without).what
    assert field in error_of(tmp_path, without + f"{field}:\n").what
    assert field in error_of(tmp_path, without + f"{field}: []\n").what


@pytest.mark.parametrize("text", ["- a\n", "just text\n", "12\n"])
def test_not_a_mapping(tmp_path: Path, text: str) -> None:
    assert "a matrix is a mapping" in error_of(tmp_path, text).what


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("lora+metaepft", "only thing that can follow"),
        ("{name: lora+metapeft, rank: 3}", "no label"),
        ("{name: lora, metapeft: 3}", "true, false, or a mapping"),
        ("{rank: 3}", "required"),
        ("'a,b'", "no label"),
        ("[lora]", "must be a name"),
    ],
)
def test_wrong_method_entries(tmp_path: Path, method: str, message: str) -> None:
    text = MINIMAL.replace("[linear, lora+metapeft]", f"[linear, {method}]")
    error = error_of(tmp_path, text)
    assert "methods[1]" in error.what
    assert message in error.what
    assert line_of(error) == 4


def test_all_problems_are_listed_in_order_up_to_ten(tmp_path: Path) -> None:
    error = error_of(tmp_path, MINIMAL + "recipe:\n  epochs: 0\n  tau: x\nsurplus: 1\n")
    assert line_of(error) == 7
    assert "3 problems" in error.what
    positions = [error.what.index(each) for each in ("recipe.epochs", "recipe.tau", "surplus")]
    assert positions == sorted(positions)
    assert "line 9: surplus" in error.what
    many = MINIMAL + "".join(f"field{i}: 1\n" for i in range(14))
    assert "14 problems" in error_of(tmp_path, many).what
    assert "and 4 more" in error_of(tmp_path, many).what


def test_only_written_recipe_fields_count(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(MINIMAL + "recipe: {epochs: 10, augmentation: {vertical_flip: 0.5}}\n")
    recipe = load_matrix(file).document.recipe
    assert written(recipe) == {"epochs": 10, "augmentation": {"vertical_flip": 0.5}}
