"""Reading YAML with the lines of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rsbench.errors import MatrixError
from rsbench.matrix.yaml_lines import dotted, read_yaml

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, text: str) -> Path:
    file = folder / "matrix.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_lines_of_keys_and_items(tmp_path: Path) -> None:
    text = "# comment\nname: x\nmethods:\n  - linear\n  - {kind: lora,\n     rank: 4}\n"
    found = read_yaml(write(tmp_path, text))
    assert found.value == {"name": "x", "methods": ["linear", {"kind": "lora", "rank": 4}]}
    assert found.line(("name",)) == 2
    assert found.line(("methods",)) == 3
    assert found.line(("methods", 0)) == 4
    assert found.line(("methods", 1, "rank")) == 6


def test_line_of_something_absent_is_that_of_its_nearest_ancestor(tmp_path: Path) -> None:
    found = read_yaml(write(tmp_path, "name: x\nrecipe:\n  epochs: 1\n"))
    assert found.line(("recipe", "augmentation", "flip")) == 2
    assert found.line(("seeds", 3)) == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("no", "no"),
        ("true", True),
        ("False", False),
        ("1e-3", 1e-3),
        ("5E2", 500.0),
        (".5", 0.5),
        ("12", 12),
        ("-3", -3),
        ("010", "010"),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("~", None),
        ("", None),
        ("'12'", "12"),
        ("3-5", "3-5"),
    ],
)
def test_scalars_follow_yaml_1_2(tmp_path: Path, text: str, value: Any) -> None:
    found = read_yaml(write(tmp_path, f"key: {text}\n")).value["key"]
    assert found == value
    assert type(found) is type(value)


def test_alias_is_resolved_and_located_where_the_anchor_stands(tmp_path: Path) -> None:
    found = read_yaml(write(tmp_path, "a: &rates\n  x: 1\nb: *rates\n"))
    assert found.value["b"] == {"x": 1}
    assert found.line(("b", "x")) == 2


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("name: x\nmethods: [a, b\nseeds: 0\n", 3, "not valid YAML"),
        ("name: x\n\tseeds: 0\n", 2, "not valid YAML"),
        ("recipe:\n  epochs: 1\n  epochs: 2\n", 3, "recipe.epochs is stated twice.*line 2"),
        ("name: x\n1: y\n", 2, "a key that is not text: 1"),
        ("name: !!python/name:os.system\n", 1, "the tag"),
        ("name: !!int word\n", 1, "word"),
        ("a: &loop\n  b: *loop\n", 1, "contains itself"),
        ("a: *nowhere\n", 1, "undefined alias"),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
    ],
)
def test_errors_name_file_and_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(MatrixError, match=message) as caught:
        read_yaml(file)
    assert caught.value.where == f"{file}:{line}"


@pytest.mark.parametrize("text", ["", "# only a comment\n"])
def test_empty_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(MatrixError, match="empty"):
        read_yaml(write(tmp_path, text))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MatrixError, match="cannot be read"):
        read_yaml(tmp_path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"name: caf\xe9\n")
    with pytest.raises(MatrixError, match="UTF-8"):
        read_yaml(latin)
    control = tmp_path / "control.yaml"
    control.write_bytes(b"name: \x00\n")
    with pytest.raises(MatrixError, match="not YAML"):
        read_yaml(control)
    deep = write(tmp_path, "[" * 5000)
    with pytest.raises(MatrixError, match="nested too deeply"):
        read_yaml(deep)


def test_dotted_paths() -> None:
    assert dotted(("overrides", 0, "when", "seed")) == "overrides[0].when.seed"
    assert dotted(()) == ""


def test_aliases_that_multiply_are_counted_before_they_are_written_out(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(MatrixError, match=r"stands for 1,2\d\d,\d{3},\d{3},\d{3} values") as caught:
        read_yaml(write(tmp_path, "\n".join(lines)))
    assert "at most 100,000" in caught.value.what
