"""Find a matrix by name or path, read it, and validate everything that needs no plugin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

import rsbench
from rsbench.errors import MatrixError
from rsbench.matrix.problems import Problems, booleans_for_numbers, explain
from rsbench.matrix.schema import MatrixDocument
from rsbench.matrix.yaml_lines import LocatedYaml, read_yaml
from rsbench.wording import did_you_mean

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class Matrix:
    """A validated matrix file.

    Attributes:
        document: its fields.
        source: the file with the lines of its fields.
        base: folder that relative paths in it start from, for ``Folders.base``: the file's
            own, or the current one for a shipped matrix.
    """

    document: MatrixDocument
    source: LocatedYaml
    base: Path

    @property
    def file(self) -> Path:
        """The YAML file."""
        return self.source.file

    @property
    def name(self) -> str:
        """Name of the sweep."""
        return self.document.name

    @property
    def description(self) -> str:
        """One line about it."""
        return self.document.description

    @property
    def disclaimer(self) -> str:
        """What a reader of its tables must know, or ""."""
        return self.document.disclaimer


def shipped_matrices() -> dict[str, Path]:
    """The matrix files that come with rsbench, by name."""
    folder = Path(rsbench.__file__).parent / "matrices"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def load_matrix(name_or_path: str | Path) -> Matrix:
    """Read and validate a matrix.

    Args:
        name_or_path: name of a shipped matrix, or path of a file: whatever exists as a file,
            ends in .yaml or .yml, or contains a slash.

    Raises:
        MatrixError: there is no such matrix, or something in it is wrong; ``where`` is
            ``file:line`` and the text names the field.
    """
    path = Path(name_or_path).expanduser()
    looks_like_path = path.suffix in SUFFIXES or len(path.parts) > 1 or "/" in str(name_or_path)
    if looks_like_path or path.is_file():
        return _load_file(path, base=path.resolve().parent)
    shipped = shipped_matrices()
    if str(name_or_path) in shipped:
        return _load_file(shipped[str(name_or_path)], base=Path.cwd())
    raise _unknown(str(name_or_path), list(shipped))


def _unknown(name: str, shipped: list[str]) -> MatrixError:
    remedy = (
        f"{did_you_mean(name, shipped)} shipped are {', '.join(shipped)}; "
        "for a file of your own give its path, ending in .yaml"
    )
    return MatrixError(f"there is no matrix called {name!r}", remedy=remedy.strip())


def _load_file(file: Path, base: Path) -> Matrix:
    if not file.is_file():
        raise MatrixError(
            "there is no such matrix file" if not file.is_dir() else "this is a folder, not a file",
            where=file,
            remedy="check the path; 'rsbench ls matrices' lists the shipped ones",
        )
    source = read_yaml(file)
    problems = Problems(source)
    try:
        document = MatrixDocument.model_validate(source.value)
    except ValidationError as error:
        problems.extend(explain(error, MatrixDocument, source))
        problems.raise_if_any()
        raise
    problems.extend(booleans_for_numbers(source.value, document.model_dump(mode="json"), ()))
    problems.raise_if_any()
    return Matrix(document, source, base)
