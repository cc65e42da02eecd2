"""Find a matrix by name or path, read it, and validate everything that needs no plugin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from rsbench.errors import MatrixError
from rsbench.matrix.chain import (
    EVERYWHERE,
    compose,
    looks_like_path,
    read_chain,
    read_stage,
    shipped_matrices,
    shipped_stages,
)
from rsbench.matrix.located import KeyPath, LocatedYaml
from rsbench.matrix.problems import Problems, booleans_for_numbers, explain
from rsbench.matrix.schema import Block, Conditions, MatrixDocument
from rsbench.wording import did_you_mean, near_names

__all__ = ["Matrix", "load_matrix", "shipped_matrices", "shipped_stages"]


@dataclass(frozen=True)
class Matrix:
    """A validated matrix file.

    Attributes:
        document: its fields, merged where it extends another one or runs on a stage.
        source: the same as plain values, with the places where they were written.
        base: folder that relative paths in it start from, for ``Folders.base``: the file's
            own or the one that it states, or the current one for a shipped matrix.
        files: every file that it is made of: those it extends, its own, the stage's.
        stage: name of the stage, or "".
    """

    document: MatrixDocument
    source: LocatedYaml
    base: Path
    files: tuple[Path, ...]
    stage: str = ""

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


def load_matrix(name_or_path: str | Path, on: str | None = None) -> Matrix:
    """Read and validate a matrix.

    Args:
        name_or_path: name of a shipped matrix, or path of a file: whatever exists as a file,
            ends in .yaml or .yml, or contains a slash.
        on: a stage to lay over it: name of a shipped one, or path of a file.

    Raises:
        MatrixError: there is no such matrix or stage, or something in it is wrong; ``where`` is
            ``file:line`` and the text names the field.
    """
    path, folder = find_matrix(name_or_path)
    chain = read_chain(path)
    stage = None if on is None else read_stage(on)
    source = compose(chain, stage)
    document = _validated(source)
    files = [each.file for each in chain] + ([stage.source.file] if stage else [])
    base = folder if document.base is None else (folder / document.base).resolve()
    return Matrix(document, source, base, tuple(files), stage.name if stage else "")


def find_matrix(name_or_path: str | Path) -> tuple[Path, Path]:
    """The file of a matrix, and the folder that its relative paths start from unless it says so.

    Raises:
        MatrixError: there is no such matrix.
    """
    path = Path(name_or_path).expanduser()
    shipped = shipped_matrices()
    if looks_like_path(str(path)) or path.is_file():
        return path, path.resolve().parent
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)], Path.cwd()
    raise _unknown(str(name_or_path), list(shipped))


def _unknown(name: str, shipped: list[str]) -> MatrixError:
    remedy = (
        f"{did_you_mean(name, shipped)} shipped are {', '.join(shipped)}; "
        "for a file of your own give its path, ending in .yaml"
    )
    return MatrixError(f"there is no matrix called {name!r}", remedy=remedy.strip())


def _validated(source: LocatedYaml) -> MatrixDocument:
    problems = Problems(source)
    try:
        document = MatrixDocument.model_validate(source.value)
    except ValidationError as error:
        problems.extend(explain(error, MatrixDocument, source))
        problems.raise_if_any()
        raise
    problems.extend(booleans_for_numbers(source.value, document.model_dump(mode="json"), ()))
    _check_repeated(document, problems)
    _check_axis_names(document, problems)
    problems.raise_if_any()
    return document


def _check_repeated(document: MatrixDocument, problems: Problems) -> None:
    """Report what one list says twice: it would be one cell, not two."""
    blocks: list[tuple[KeyPath, MatrixDocument | Block]] = [((), document)]
    blocks += [(("include", number), each) for number, each in enumerate(document.include)]
    for path, block in blocks:
        lists = {field: getattr(block, field) or () for field in EVERYWHERE}
        for field, values in lists.items():
            for place, value in enumerate(values):
                if value in values[:place]:
                    name = getattr(value, "name", value)
                    problems.add((*path, field, place), f"{name} is listed twice", "remove one")


def _check_axis_names(document: MatrixDocument, problems: Problems) -> None:
    """Report axes in rules and blocks that the matrix does not have, but for inherited ones."""
    fields = list(Conditions.model_fields)
    rules = [
        *((("overrides", i, "when"), each.when) for i, each in enumerate(document.overrides)),
        *((("exclude", i), each) for i, each in enumerate(document.exclude)),
    ]
    named: list[tuple[KeyPath, Iterable[str], list[str]]] = [
        *((path, conditions.axes, fields) for path, conditions in rules),
        *((("include", i, "axes"), each.axes or (), []) for i, each in enumerate(document.include)),
    ]
    for path, names, others in named:
        for name in names:
            if name not in document.axes and not problems.source.inherited((*path, name)):
                remedy = near_names(name, [*others, *document.axes])
                problems.add((*path, name), "there is no such field or axis", remedy)
