"""The look of every figure: sizes, fonts, and colours that stay apart in grey and for all eyes.

Colours are those of Okabe and Ito without their yellow, which white paper swallows, in an order
whose lightness differs between neighbours; every series also has a marker of its own. Heatmaps use
cividis, differences a map with white at zero.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Series colours (Okabe and Ito 2008; brown for their yellow), black last: it is for references.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#6B4E16", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
#: Head, medium and tail, everywhere.
GROUP_COLOURS = {"head": "#0072B2", "medium": "#E69F00", "tail": "#CC79A7"}
GROUP_MARKERS = {"head": "o", "medium": "s", "tail": "^"}
#: Values, and differences around zero.
SEQUENTIAL = "cividis"
DIVERGING = "PuOr_r"
#: Lines and words that are no data: references, boundaries, notes.
QUIET = "#595959"
#: Behind fields of a heatmap that hold no number.
EMPTY_FIELD = "#ececec"
#: Width of a figure that fills a page, inches.
WIDE = 7.0
#: Width of a figure that fills a column, inches.
NARROW = 3.5

_SETTINGS: dict[Any, Any] = {
    "figure.dpi": 200,  # as saved: words have another width at other resolutions
    "savefig.dpi": 200,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that every machine has it
    "text.parse_math": False,  # names of users are in every figure, and may hold dollars
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#d9d9d9",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "svg.fonttype": "path",  # looks the same where the font is missing
    "svg.hashsalt": "rsbench",  # element ids that do not change from run to run
}


@dataclass(frozen=True)
class Look:
    """How one series is drawn, the same in every figure that it is in.

    Attributes:
        colour: of lines and markers.
        marker: matplotlib's name of it.
    """

    colour: str
    marker: str


def look(number: int) -> Look:
    """The look of a series by its place; the first 64 are all different."""
    turn = number // len(COLOURS)
    return Look(
        COLOURS[number % len(COLOURS)],
        MARKERS[(number + turn) % len(MARKERS)],
    )


@contextmanager
def style() -> Iterator[None]:
    """Draw and save within this style, whatever the user's own settings are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield
