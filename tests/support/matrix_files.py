"""Matrix files in a folder, expanded with the plugins made up for tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from matrix_plugins import PLUGINS

from rsbench import registry
from rsbench.cell import Cell
from rsbench.errors import MatrixError
from rsbench.matrix.expand import expand
from rsbench.matrix.load import Matrix, load_matrix


class MatrixFiles:
    """Writes files and expands them.

    Args:
        folder: where they lie.
        patch: puts the plugins in place.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        patch.setattr(registry, "find", PLUGINS.__getitem__)

    def write(self, text: str, name: str = "mine.yaml") -> Path:
        """A file of this text."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def load(self, text: str, on: str | None = None) -> Matrix:
        """The matrix of this text, as mine.yaml."""
        return load_matrix(self.write(text), on)

    def cells(self, text: str, on: str | None = None) -> tuple[Cell, ...]:
        """Its cells."""
        return expand(self.load(text, on))

    def labels(self, text: str, on: str | None = None) -> list[str]:
        """Their labels."""
        return [cell.label for cell in self.cells(text, on)]

    def error(self, text: str, on: str | None = None) -> MatrixError:
        """The error that loading and expanding the text raises."""
        with pytest.raises(MatrixError) as caught:
            self.cells(text, on)
        return caught.value
