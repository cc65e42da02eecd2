"""SVG files: smaller than matplotlib's, the same drawing."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from rsbench.report.figures.canvas import blank
from rsbench.report.figures.style import style
from rsbench.report.figures.svg import compact

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINK = "{http://www.w3.org/1999/xlink}href"
_USE = "{http://www.w3.org/2000/svg}use"


@pytest.fixture
def written() -> bytes:
    """What matplotlib writes for a figure with words, a power and a line."""
    with style():
        drawing, (axes,) = blank(5, 3)
        axes.plot([0.1, 0.7, 0.35], [3, 1, 2])
        axes.set_title("Gains by class: lora & <vpt>")
        axes.set_xlabel("scale 2⁻⁴")
        file = io.BytesIO()
        drawing.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def letters(svg: bytes) -> Iterator[tuple[str, float, float]]:
    """Every letter: what is drawn, and where in the units of its line of text."""
    root = ElementTree.fromstring(svg)
    known = {each.get("id"): each.get("d") for each in root.iter() if each.get("id")}
    for use in root.iter(_USE):
        shape = known[use.attrib[_LINK].removeprefix("#")]
        moved = re.fullmatch(r"translate\((\S+) (\S+)\)", use.get("transform", ""))
        right, up = moved.groups() if moved else (use.get("x", "0"), use.get("y", "0"))
        yield f"{shape and shape.split()[0]}{len(shape or '')}", float(right), float(up)


def test_letters_stay_where_they_are(written: bytes) -> None:
    before, after = list(letters(written)), list(letters(compact(written)))
    assert len(before) > 30
    assert len(before) == len(after)
    for (_, right, up), (_, new_right, new_up) in zip(before, after, strict=True):
        assert (new_right, new_up) == pytest.approx((right, up), abs=0.051)


def test_every_letter_is_defined(written: bytes) -> None:
    root = ElementTree.fromstring(compact(written))
    known = {f"#{each.get('id')}" for each in root.iter()}
    assert {use.get(_LINK) for use in root.iter(_USE)} <= known


def test_it_is_a_fifth_smaller(written: bytes) -> None:
    assert len(compact(written)) < 0.8 * len(written)


def test_coordinates_are_to_a_hundredth(written: bytes) -> None:
    paths = re.findall(rb' d="([^"]*)"', compact(written))
    assert paths
    assert not any(re.search(rb"\.\d{3}", path) for path in paths)
