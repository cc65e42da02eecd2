"""Smaller SVG files: what matplotlib writes looks the same in fewer bytes."""

from __future__ import annotations

import re

#: Matplotlib writes coordinates, in points, to a millionth, and a line for each.
_COORDINATES = re.compile(rb' (?:d|x|y)="[^"]*"')
_LONG = re.compile(rb"-?\d+\.\d{3,}")
_SPACE = re.compile(rb"\s+")
#: A letter: a drawing that is defined once, and moved by a transform each time it is used.
_LETTER = re.compile(
    rb'<use xlink:href="#([^"]+)" transform="translate\((-?[\d.]+) (-?[\d.]+)\)"/>'
)
_FONT = b"DejaVuSans"


def compact(svg: bytes) -> bytes:
    """The same drawing with coordinates to a hundredth of a point, and shorter text.

    Letters are placed to a tenth of their unit, of which a letter is some 60 wide.
    """
    rounded = _COORDINATES.sub(_rounded, svg)
    placed = _LETTER.sub(_placed, _SPACE.sub(b" ", rounded))
    return placed.replace(b"> <", b"><").replace(_FONT, b"d")


def _rounded(attribute: re.Match[bytes]) -> bytes:
    return _LONG.sub(lambda number: b"%.2f" % float(number[0]), attribute[0])


def _placed(letter: re.Match[bytes]) -> bytes:
    name, right, up = letter.groups()
    place = b' y="%s"' % _short(up) if float(up) else b""
    return b'<use xlink:href="#%s" x="%s"%s/>' % (name, _short(right), place)


def _short(number: bytes) -> bytes:
    """To a tenth, without a zero behind the point."""
    return (b"%.1f" % float(number)).removesuffix(b".0")
