"""Decode an image file to 8-bit RGB, and refuse what 8-bit RGB would distort."""

from __future__ import annotations

import stat
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, UnidentifiedImageError

from rsbench.errors import ImageError, MisfitImageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

#: What Pillow may open a file as, whatever its name says. Among the others are some that start
#: programs (EPS) and some that it only guesses.
_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "GIF", "WEBP", "JPEG2000", "PPM")
_EIGHT_BIT_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"})
_BITS_PER_SAMPLE, _SAMPLES_PER_PIXEL = 258, 277  # TIFF tags
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)
_REPLACE = "restore the file from its source, or leave it out"


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Decode ``path``: uint8, shape (height, width, 3); grey is replicated, alpha dropped.

    Raises:
        ImageError: the file is missing, empty, truncated or no image, or it has more than
            8 bits a sample or more than three bands.
    """
    with _opened(path) as image:
        found = _too_much(image)
        if found:
            raise unsupported(path, found)
        return np.array(image.convert("RGB"))


def read_plain(path: Path) -> NDArray[np.uint8] | None:
    """Decode a picture with the bands it has; None where it has more than 8 bits a sample.

    Returns:
        uint8, shape (height, width, bands): grey, grey and alpha, RGB, or RGB and alpha.

    Raises:
        ImageError: the file is missing, empty, truncated or no image.
    """
    with _opened(path) as image:
        if _too_much(image):
            return None
        colours = "L" if image.mode in ("1", "L", "LA") else "RGB"
        pixels = np.array(image.convert(colours + "A" * image.has_transparency_data))
    return pixels.reshape(*pixels.shape[:2], -1)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The image ``path``, open; what goes wrong inside is an ImageError."""
    check_regular(path)
    try:
        with Image.open(path, formats=_FORMATS) as image:
            yield image
    except UnidentifiedImageError as error:
        raise _unidentified(path) from error
    except _DAMAGE as error:
        raise ImageError(
            f"the image does not decode: {error}", where=path, remedy=_REPLACE
        ) from error


def check_regular(path: Path) -> None:
    """Refuse what is no file with an end: opening a pipe would wait for ever.

    Raises:
        ImageError: there is no file, or it is a folder, a pipe or a device.
    """
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError as error:
        raise missing(path) from error
    except OSError as error:
        raise ImageError(
            f"the image cannot be opened: {error.strerror}",
            where=path,
            remedy="check who may read the file, and the disk it lies on",
        ) from error
    if not regular:
        what = "is a folder" if path.is_dir() else "is a pipe or a device"
        raise ImageError(f"the image {what}, no file", where=path, remedy=_REPLACE)


def missing(path: Path, listed: str = "") -> ImageError:
    """The error for an image that is not there; ``listed`` says where it is named."""
    by = f" (listed in {listed})" if listed else ""
    return ImageError(
        f"the image does not exist{by}",
        where=path,
        remedy="check the folder that the paths start from, or restore the file",
    )


def empty(path: Path, listed: str = "") -> ImageError:
    """The error for an image of zero bytes; ``listed`` says where it is named."""
    by = f" (listed in {listed})" if listed else ""
    return ImageError(f"the image file is empty{by}", where=path, remedy=_REPLACE)


def unsupported(path: str | Path, found: str) -> MisfitImageError:
    """The error for an image that is not 8-bit grey or RGB; ``found`` says what it is."""
    return MisfitImageError(
        f"the image has {found}; without more being said, images are 8-bit grey or RGB",
        where=path,
        remedy="say what its values are with the target's option 'pixels': 'bands' names its "
        "bands, 'full_scale' keeps 16 bits, 'stretch' maps values to 8 bits; a target without "
        "that option needs 8-bit RGB files",
    )


def _too_much(image: Image.Image) -> str:
    """What in ``image`` is more than 8-bit grey or RGB, or ""."""
    # Pillow opens 16-bit colour as "RGB" and keeps the high bytes without a word.
    if image.format == "TIFF":
        tags = image.getexif()
        bands = tags.get(_SAMPLES_PER_PIXEL, 1)
        bits = tags.get(_BITS_PER_SAMPLE, 1)
        deepest = max(bits) if isinstance(bits, tuple) else bits
        if bands not in (1, 3):
            return f"{bands} bands"
        if deepest > 8:
            return f"{deepest} bits a sample"
    if image.mode not in _EIGHT_BIT_MODES:
        return f"the pixel type {image.mode!r}"
    raw_modes = [str(tile[3]) for tile in getattr(image, "tile", ())]
    return "16 bits a sample" if any(";16" in mode for mode in raw_modes) else ""


def _unidentified(path: Path) -> ImageError:
    if path.stat().st_size == 0:
        return empty(path)
    if path.suffix.lower() in {".tif", ".tiff"}:
        found = _what_tiff(path)
        if found:
            return unsupported(path, found)
    return ImageError(
        f"the file is not an image of a kind that is read ({', '.join(_FORMATS)})",
        where=path,
        remedy=f"{_REPLACE}; convert images of other kinds to PNG or TIFF",
    )


def _what_tiff(path: Path) -> str:
    """Bands and type of a TIFF that Pillow cannot open but GDAL can, else ""."""
    import warnings

    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as raster:
                return f"{raster.count} bands of type {raster.dtypes[0]}"
    except RasterioIOError:
        return ""
