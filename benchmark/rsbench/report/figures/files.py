"""Figures as PNG and SVG; the same figure gives the same bytes."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.atomic import write_file
from rsbench.report.figures.canvas import settle
from rsbench.report.figures.style import style
from rsbench.store import explained

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.report.artefacts import Figure

#: The colours of a heatmap with more than this flow into each other, and so must those of its bar.
_COLOURS = 2000
#: Matplotlib writes coordinates, in points, to a millionth, and a line for each.
_COORDINATES = re.compile(rb' (?:d|x|y)="[^"]*"')
_LONG = re.compile(rb"-?\d+\.\d{3,}")
_SPACE = re.compile(rb"\s+")


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


def render(figure: Figure) -> Rendered:
    """Draw a figure; no date and no program version enter the files."""
    with style():
        drawing = figure.draw()
        settle(drawing)  # once for both files
        png, svg = io.BytesIO(), io.BytesIO()
        drawing.savefig(png, format="png", metadata={"Software": None})
        drawing.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    drawn = _SPACE.sub(b" ", _COORDINATES.sub(_rounded, svg.getvalue()))
    heatmap = any(axes.images for axes in drawing.axes)
    return Rendered(figure, _packed(png, heatmap), drawn)


def _rounded(attribute: re.Match[bytes]) -> bytes:
    """Coordinates to a hundredth of a point."""
    return _LONG.sub(lambda number: b"%.2f" % float(number[0]), attribute[0])


def _packed(png: io.BytesIO, heatmap: bool) -> bytes:
    """The picture in 256 colours, a third of the size; a heatmap of many colours keeps them all."""
    from PIL import Image

    picture, packed = Image.open(png).convert("RGB"), io.BytesIO()
    if not heatmap or picture.getcolors(_COLOURS) is not None:
        picture = picture.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    picture.save(packed, format="PNG", compress_level=9)
    return packed.getvalue()


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
