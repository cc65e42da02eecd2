"""Figures as they stand in the page: inside it, with their size known before they are read."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.report.page.embed import data_uri, svg_uri

if TYPE_CHECKING:
    from rsbench.report.artefacts import Figure
    from rsbench.report.figures.rendered import Rendered

#: Pixels of a PNG file in one inch, as ``figures.style`` saves them.
_PNG_DPI = 200
#: CSS pixels in one inch, and in one point.
_CSS_DPI = 96
#: An SVG so many times as large as the PNG is not worth its sharpness.
_FAR_LARGER = 2.5
_CSS_POINT = 96 / 72
_SIZE = re.compile(rb'<svg [^>]*?\b(width|height)="([\d.]+)pt"[^>]*?\b(width|height)="([\d.]+)pt"')


@dataclass(frozen=True)
class FigureView:
    """One figure in the page.

    Attributes:
        figure: what it is.
        source: the picture as a data URI: the SVG, or the PNG where the SVG is far larger.
        raster: whether it is the PNG.
        width: width at its natural size, CSS pixels.
        height: its height.
    """

    figure: Figure
    source: str
    raster: bool
    width: int
    height: int


def figure_view(rendered: Rendered) -> FigureView:
    """A figure ready for the page.

    Raises:
        ValueError: the SVG does not state its size in points.
    """
    raster = len(rendered.svg) > _FAR_LARGER * len(rendered.png)
    if raster:
        source, (width, height) = data_uri(rendered.png, "image/png"), png_size(rendered.png)
    else:
        source, (width, height) = svg_uri(rendered.svg), svg_size(rendered.svg)
    return FigureView(rendered.figure, source, raster, round(width), round(height))


def svg_size(svg: bytes) -> tuple[float, float]:
    """Width and height of a drawing in CSS pixels.

    Raises:
        ValueError: the SVG does not state its size in points.
    """
    found = _SIZE.search(svg)
    if found is None:
        raise ValueError("the SVG does not state its width and height in points")
    sizes = {found[1]: float(found[2]), found[3]: float(found[4])}
    return sizes[b"width"] * _CSS_POINT, sizes[b"height"] * _CSS_POINT


def png_size(png: bytes) -> tuple[float, float]:
    """Width and height of a PNG file saved by ``figures.style``, in CSS pixels."""
    width, height = struct.unpack(">II", png[16:24])  # the header chunk comes first
    return width * _CSS_DPI / _PNG_DPI, height * _CSS_DPI / _PNG_DPI
