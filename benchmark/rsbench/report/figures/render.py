"""Draw figures as PNG and SVG; the same figure gives the same bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.report.figures.canvas import settle
from rsbench.report.figures.letters import with_letters
from rsbench.report.figures.rendered import Rendered
from rsbench.report.figures.style import style
from rsbench.report.figures.svg import compact

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

    from rsbench.report.artefacts import Figure

#: What a palette holds.
_COLOURS = 256


@dataclass(frozen=True)
class Drawn:
    """What matplotlib made of a figure.

    Attributes:
        figure: what it is.
        pixels: RGBA.
        size: width and height in pixels.
        is_heatmap: whether colours are data.
        svg: the SVG file, before it is made smaller.
        missing: letters in it that no font of this machine has.
    """

    figure: Figure
    pixels: bytes
    size: tuple[int, int]
    is_heatmap: bool
    svg: bytes
    missing: str


def render(figure: Figure) -> Rendered:
    """Draw a figure; no date and no program version enter the files."""
    return pack(draw(figure))


def draw(figure: Figure) -> Drawn:
    """The part of ``render`` that must not run twice at a time in one process."""
    with style():
        (drawing, pixels, svg), missing = with_letters(lambda: _saved(figure))
    return Drawn(
        figure=figure,
        pixels=pixels,
        size=drawing.canvas.get_width_height(physical=True),
        is_heatmap=any(axes.images for axes in drawing.axes),
        svg=svg,
        missing=missing,
    )


def _saved(figure: Figure) -> tuple[Drawing, bytes, bytes]:
    drawing = figure.draw()
    settle(drawing)  # once for both files
    pixels, svg = io.BytesIO(), io.BytesIO()
    drawing.savefig(pixels, format="raw")
    drawing.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return drawing, pixels.getvalue(), svg.getvalue()


def pack(drawn: Drawn) -> Rendered:
    """A PNG in 256 colours, a third of the size; a heatmap, whose colours are data, keeps all."""
    from PIL import Image

    picture = Image.frombytes("RGBA", drawn.size, drawn.pixels).convert("RGB")
    if not drawn.is_heatmap or picture.getcolors(_COLOURS) is not None:
        picture = picture.quantize(_COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    png = io.BytesIO()
    picture.save(png, format="PNG", optimize=True)
    return Rendered(drawn.figure, png.getvalue(), compact(drawn.svg), drawn.missing)
