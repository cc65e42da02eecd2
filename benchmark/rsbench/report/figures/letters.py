"""Letters that the font of the figures lacks, from a font of this machine that has them."""

from __future__ import annotations

import re
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

if TYPE_CHECKING:
    from collections.abc import Callable

Made = TypeVar("Made")

#: What matplotlib warns of, once for each letter and each time that it is drawn.
_LACKING = re.compile(r"Glyph (\d+) .*missing from", re.DOTALL)


def with_letters(draw: Callable[[], Made]) -> tuple[Made, str]:
    """What ``draw`` makes, with fonts for the letters that the first font lacks.

    Args:
        draw: draws and saves a figure; it is called again where letters are missing.

    Returns:
        What it made, and the letters, sorted, that no font of this machine has.
    """
    made, missing = _watched(draw)
    fonts = _fonts_with(missing) if missing else ()
    if fonts:
        names = [font_manager.get_font(file).family_name for file in fonts]
        with mpl.rc_context({"font.family": [*mpl.rcParams["font.family"], *names]}):
            made, missing = _watched(draw)
    return made, missing


def lacking(text: str) -> str:
    """The letters of ``text`` that no font of this machine has, sorted."""
    missing = _without(_own(), "".join(sorted(set(text))))
    for file in _fonts_with(missing) if missing else ():
        missing = _without(file, missing)
    return missing


def font_file(text: str) -> Path | None:
    """A font that has every letter of ``text``: that of the figures first; None: no font has."""
    letters = "".join(sorted(set(text) - {"\n"}))
    missing = _without(_own(), letters)
    others = _fonts_with(missing) if missing else ()
    return next((file for file in (_own(), *others) if not _without(file, letters)), None)


def _own() -> Path:
    return Path(font_manager.findfont("DejaVu Sans"))


def _watched(draw: Callable[[], Made]) -> tuple[Made, str]:
    """What ``draw`` makes, and the letters that matplotlib warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = draw()
    missing = set()
    for each in caught:
        found = _LACKING.match(str(each.message))
        if found:
            missing.add(chr(int(found[1])))
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    return made, "".join(sorted(missing))


@cache
def _fonts_with(letters: str) -> tuple[Path, ...]:
    """As few fonts of this machine as have all of these letters that any of them has."""
    files = [Path(file) for file in sorted(font_manager.findSystemFonts())]
    without = {file: set(_without(file, letters)) for file in sorted(files, key=_plainness)}
    left, chosen = set(letters), []
    while left:
        best = min(without, key=lambda file: len(left & without[file]), default=None)
        if best is None or not left - without[best]:
            break
        left &= without[best]
        # matplotlib's own list of fonts is older than a font that was installed since
        font_manager.fontManager.addfont(best)
        chosen.append(best)
    return tuple(chosen)


def _plainness(file: Path) -> tuple[bool, bool]:
    """Smallest for a sans-serif font of usual weight."""
    name = file.stem.lower()
    return "regular" not in name and "-" in name, "sans" not in name


def _without(file: Path, letters: str) -> str:
    """The letters that a font lacks; all of them where it cannot be used."""
    try:
        font = FT2Font(str(file))
    except (OSError, RuntimeError):
        return letters
    if not font.scalable:
        return letters
    return "".join(each for each in letters if not font.get_char_index(ord(each)))
