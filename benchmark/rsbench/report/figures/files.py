"""Figures as PNG and SVG; the same figure gives the same bytes."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.atomic import write_file
from rsbench.report.figures.canvas import settle
from rsbench.report.figures.style import style
from rsbench.report.figures.svg import compact
from rsbench.store import explained

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rsbench.report.artefacts import Figure

#: What a palette holds.
_COLOURS = 256


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


@dataclass(frozen=True)
class _Drawn:
    """What matplotlib made: RGBA pixels of a size (width, height), and an SVG."""

    figure: Figure
    pixels: bytes
    size: tuple[int, int]
    is_heatmap: bool
    svg: bytes


def render(figure: Figure) -> Rendered:
    """Draw a figure; no date and no program version enter the files."""
    return _pack(_draw(figure))


def render_all(figures: Sequence[Figure]) -> dict[str, Rendered]:
    """Draw figures one after the other, by name; each is packed while the next one is drawn."""
    with ThreadPoolExecutor(1) as beside:
        waiting = {each.name: beside.submit(_pack, _draw(each)) for each in figures}
        return {name: each.result() for name, each in waiting.items()}


def _draw(figure: Figure) -> _Drawn:
    with style():
        drawing = figure.draw()
        settle(drawing)  # once for both files
        pixels, svg = io.BytesIO(), io.BytesIO()
        drawing.savefig(pixels, format="raw")
        drawing.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return _Drawn(
        figure=figure,
        pixels=pixels.getvalue(),
        size=drawing.canvas.get_width_height(physical=True),
        is_heatmap=any(axes.images for axes in drawing.axes),
        svg=svg.getvalue(),
    )


def _pack(drawn: _Drawn) -> Rendered:
    """A PNG in 256 colours, a third of the size; a heatmap, whose colours are data, keeps all."""
    from PIL import Image

    picture = Image.frombytes("RGBA", drawn.size, drawn.pixels).convert("RGB")
    if not drawn.is_heatmap or picture.getcolors(_COLOURS) is not None:
        picture = picture.quantize(_COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    png = io.BytesIO()
    picture.save(png, format="PNG", optimize=True)
    return Rendered(drawn.figure, png.getvalue(), compact(drawn.svg))


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
