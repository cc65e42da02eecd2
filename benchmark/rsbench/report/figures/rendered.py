"""A drawn figure, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.atomic import write_file
from rsbench.store import explained

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.report.artefacts import Figure


@dataclass(frozen=True)
class Rendered:
    """A figure in both formats.

    Attributes:
        figure: what it is.
        png: the PNG file.
        svg: the SVG file.
    """

    figure: Figure
    png: bytes
    svg: bytes


def write_figure(rendered: Rendered, folder: Path) -> None:
    """Write both files.

    Raises:
        ResultsFolderError: the folder cannot be written.
    """
    name = rendered.figure.name
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / f"{name}.png", rendered.png)
        write_file(folder / f"{name}.svg", rendered.svg)
