"""What the numbers in an image mean: its bands, their quantity, and the value that is 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rsbench.errors import BandError

if TYPE_CHECKING:
    from numpy.typing import NDArray

RGB = ("red", "green", "blue")
"""Bands of a colour picture, in order."""

NATURAL_COLOUR = {"red": "B04", "green": "B03", "blue": "B02"}
"""Sentinel-2 bands that make a picture in natural colours."""

Quantity = Literal["display", "reflectance", "decibel", "amplitude"]
"""``display``: pictures made for looking at; ``reflectance``: 1.0 reflects everything;
``decibel`` and ``amplitude``: radar backscatter, as stored."""

Pixels = Literal["uint8", "uint16"]
"""How pixels are stored."""

#: A reflectance image whose brightest value is below this was surely 8-bit (1 % of full scale
#: is darker than any scene that holds land).
_DARKEST_BRIGHT = 0.03
_BLACK = 0.01  # share of the full scale that the brightest of all values reaches in a picture
_SCALES = (255, 1023, 4095, 10000, 65535)  # of 8, 10 and 12 bits, of Sentinel-2, and of 16 bits
_BRIGHTEST = 6.6  # 65535 / 10000: what 16 bits can hold of Sentinel-2's scale


@dataclass(frozen=True)
class Imagery:
    """How the stored pixels of a target are to be read.

    The network sees ``(stored value / full_scale)``, normalised.

    Attributes:
        bands: names in the order of the stored channels: ``red``, ``green``, ``blue``;
            Sentinel-2 bands ``B01`` to ``B12`` with ``B8A``; ``vv``, ``vh``; ``grey``.
        quantity: what the values are.
        pixels: type of the stored values.
        full_scale: stored value that stands for 1.0, above 0.
        clips_at_zero: whether values below 0 were stored as 0; how many zeros there are is then
            said with every result.
    """

    bands: tuple[str, ...] = RGB
    quantity: Quantity = "display"
    pixels: Pixels = "uint8"
    full_scale: float = 255.0
    clips_at_zero: bool = False

    @property
    def channels(self) -> int:
        """Number of bands."""
        return len(self.bands)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values."""
        return np.dtype(self.pixels)


@dataclass(frozen=True)
class BandInput:
    """What a backbone wants to be fed.

    Attributes:
        bands: names in the order of the network's input channels.
        quantity: what the values must be.
    """

    bands: tuple[str, ...] = RGB
    quantity: Quantity = "display"


PICTURE = BandInput()
"""What most weights want: pictures in red, green and blue."""


def choose_bands(target: str, imagery: Imagery, backbone: str, wanted: BandInput) -> list[int]:
    """Which stored channel feeds each input channel of a backbone.

    A target of one band feeds a network for red, green and blue with that band three times, as
    grey pictures always have been. The Sentinel-2 bands B04, B03 and B02 of a ``display`` target
    serve as red, green and blue (:data:`NATURAL_COLOUR`), whatever else it stores.

    Args:
        target: its label, for messages.
        imagery: what the target stores.
        backbone: its label, for messages.
        wanted: what the backbone's weights were trained on.

    Returns:
        One index into ``imagery.bands`` for each of ``wanted.bands``.

    Raises:
        BandError: a band is missing, or the values are another quantity.
    """
    if imagery.quantity != wanted.quantity:
        raise BandError(
            f"{backbone} was trained on {wanted.quantity} values, and {target} has "
            f"{imagery.quantity} values",
            remedy=_quantity_remedy(imagery, wanted),
        )
    if imagery.channels == 1 and wanted.bands == RGB:
        return [0, 0, 0]
    feeds = [_stored_name(band, imagery) for band in wanted.bands]
    pairs = zip(wanted.bands, feeds, strict=True)
    missing = [band for band, stored in pairs if stored not in imagery.bands]
    if missing:
        raise BandError(
            f"{backbone} needs the bands {', '.join(wanted.bands)}; {target} lacks "
            f"{', '.join(missing)} (it has {', '.join(imagery.bands)})",
            remedy=_bands_remedy(imagery, wanted),
        )
    return [imagery.bands.index(stored) for stored in feeds]


def _stored_name(band: str, imagery: Imagery) -> str:
    """What the target calls ``band``."""
    if band in imagery.bands or imagery.quantity != "display":
        return band
    return NATURAL_COLOUR.get(band, band)


def _quantity_remedy(imagery: Imagery, wanted: BandInput) -> str:
    """How values of another quantity come to fit."""
    if wanted.quantity == "display":
        return (
            f"use a backbone trained on {imagery.quantity} values; or, where the target has the "
            "option 'pixels', its 'stretch' makes pictures of them: pixels: {..., stretch: "
            "[low, high]} with the values that become black and white, 'quantity' and "
            "'full_scale' left out"
        )
    return (
        f"use a target with {wanted.quantity} values, or a backbone trained on "
        f"{imagery.quantity} values; where the target has the option 'pixels', its 'quantity' "
        "says what the values of the files are"
    )


def _bands_remedy(imagery: Imagery, wanted: BandInput) -> str:
    """How other bands come to fit; only a picture network takes bands under another name."""
    remedy = "use a target with these bands, or a backbone that does without them"
    if wanted.bands != RGB or wanted.quantity != "display":
        return remedy
    count = imagery.channels
    renamed = ", ".join(f"{band}: {imagery.bands[i % count]}" for i, band in enumerate(RGB))
    return (
        f"{remedy}; where the target has the option 'pixels', its 'use' repeats one band (use: "
        f"[{imagery.bands[0]}]) or renames bands (use: {{{renamed}}})"
    )


def check_values(target: str, imagery: Imagery, highest: NDArray[np.float64]) -> None:
    """Refuse values that cannot be what the target says they are.

    Args:
        target: its label, for messages.
        imagery: what the target says.
        highest: the largest stored value of each band, shape (bands,).

    Raises:
        BandError: digital numbers of another scale, pictures passed off as reflectance, or
            nothing but black.
    """
    top = float(highest.max()) / imagery.full_scale
    if imagery.quantity == "display" and top > 1.0:
        raise BandError(
            f"{target}: its values go up to {highest.max():.0f}, above its full scale of "
            f"{imagery.full_scale:g}: these are raw digital numbers, not a picture",
            remedy="state the full scale, or let the target stretch its values to 8 bits",
        )
    if imagery.quantity == "reflectance" and not _DARKEST_BRIGHT <= top <= _BRIGHTEST:
        raise BandError(
            f"{target}: its brightest value is {highest.max():.0f}, that is a reflectance of "
            f"{top:.4g} at a full scale of {imagery.full_scale:g}: the scale is wrong, or these "
            "are 8-bit pictures",
            remedy="state the full scale of the digital numbers (10000 for Sentinel-2)",
        )
    if imagery.quantity != "reflectance" and top < _BLACK:
        raise BandError(
            f"{target}: its brightest value is {highest.max():.0f} where "
            f"{imagery.full_scale:g} is full scale: the images are black",
            remedy="check the files; or, where the target has the option 'pixels', "
            f"{_brighten(imagery, float(highest.max()))}",
        )


def _brighten(imagery: Imagery, highest: float) -> str:
    """Options under which the values of black images fill the scale."""
    if highest < 1.0:
        return (
            "state the 'full_scale' of the values in the files (1 for fractions), or the values "
            "that become black and white in 'stretch'"
        )
    if imagery.pixels == "uint16":
        scale = next(each for each in _SCALES if each >= highest)
        return f"state full_scale: {scale} (1 for fractions), or stretch: [0, {highest:.0f}]"
    share = f"{highest / imagery.full_scale:.1%}"
    return f"state stretch: [0, {highest:.0f}]; where there is a 'stretch', keep its lowest {share}"
