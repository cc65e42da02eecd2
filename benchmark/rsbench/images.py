"""Decode an image file to 8-bit RGB, and refuse what 8-bit RGB would distort."""

from __future__ import annotations

import stat
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, UnidentifiedImageError

from rsbench.errors import ImageError, MisfitImageError
from rsbench.tiff import MAGIC, check_tiff, several

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

#: What Pillow may open a file as, whatever its name says. Among the others are some that start
#: programs (EPS) and some that it only guesses.
_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "GIF", "WEBP", "JPEG2000", "PPM")
#: Of a whole scene, and 3 GB in 8-bit RGB.
MOST_PIXELS = 1 << 30
# Pillow's own limit, a sixth of that, takes a satellite scene for an attack.
Image.MAX_IMAGE_PIXELS = None
_EIGHT_BIT_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK"})
_BITS_PER_SAMPLE, _SAMPLES_PER_PIXEL, _SAMPLE_FORMAT = 258, 277, 339  # TIFF tags
_UNSIGNED = 1
_JPEG_2000 = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")  # in a box, and bare
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error)
_REPLACE = "restore the file from its source, or leave it out"


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Decode ``path``: uint8, shape (height, width, 3); grey is replicated, alpha dropped.

    Raises:
        ImageError: the file is missing, empty, truncated or no image, or it has more than
            8 bits a sample or more than three bands.
    """
    with _opened(path) as image:
        found = _too_much(image, path)
        if found:
            raise unsupported(path, found)
        image.info.pop("transparency", None)  # dropped as alpha is; of a palette, Pillow warns
        return np.array(image.convert("RGB"))


def read_plain(path: Path) -> NDArray[np.uint8] | None:
    """Decode a picture with the bands it has; None where it has more than 8 bits a sample.

    Returns:
        uint8, shape (height, width, bands): grey, grey and alpha, RGB, or RGB and alpha.

    Raises:
        ImageError: the file is missing, empty, truncated or no image.
    """
    with _opened(path) as image:
        if _too_much(image, path):
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
            _check_size(image, path)
            _check_alone(image, path)
            yield image
    except UnidentifiedImageError as error:
        raise _unidentified(path) from error
    except _DAMAGE as error:
        raise ImageError(
            f"the image does not decode: {error}", where=path, remedy=_REPLACE
        ) from error


def _check_size(image: Image.Image, path: Path) -> None:
    """Refuse what would take more than some gigabytes of memory, before it is decoded."""
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise ImageError(
            f"the image has {width} x {height} pixels, more than {MOST_PIXELS:,} in all",
            where=path,
            remedy="cut it into tiles",
        )


def _check_alone(image: Image.Image, path: Path) -> None:
    """Refuse a file of several images; beside a photo (MPO), cameras keep previews of it.

    Raises:
        ImageError: it has several pages or frames, or is a TIFF to be turned for display.
    """
    if image.format == "TIFF":
        check_tiff(path)
    elif image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise several(path, f"{getattr(image, 'n_frames', 1)} frames")


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
        raise unreadable(path, error) from error
    if not regular:
        what = "is a folder" if path.is_dir() else "is a pipe or a device"
        raise ImageError(f"the image {what}, no file", where=path, remedy=_REPLACE)


def unreadable(path: Path, error: OSError) -> ImageError:
    """The error for an image that the system does not let us read."""
    return ImageError(
        f"the image cannot be opened: {error.strerror}",
        where=path,
        remedy="check who may read the file, and the disk it lies on",
    )


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


def _too_much(image: Image.Image, path: Path) -> str:
    """What in ``image`` is more than 8-bit grey or RGB, or ""."""
    # Pillow opens 16-bit colour as "RGB" and keeps the high bytes without a word, and takes a
    # fourth band of JPEG 2000 for alpha.
    if image.format == "JPEG2000":
        return _what_raster(path, ("1 bands of type uint8", "3 bands of type uint8"))
    if image.format == "TIFF":
        tags = image.getexif()
        bands = tags.get(_SAMPLES_PER_PIXEL, 1)
        bits = tags.get(_BITS_PER_SAMPLE, 1)
        deepest = max(bits) if isinstance(bits, tuple) else bits
        if bands not in (1, 3):
            return f"{bands} bands"
        if deepest > 8:
            return f"{deepest} bits a sample"
        formats = tags.get(_SAMPLE_FORMAT, _UNSIGNED)
        if set(formats if isinstance(formats, tuple) else (formats,)) != {_UNSIGNED}:
            return "signed values"
    if image.mode not in _EIGHT_BIT_MODES:
        return f"the pixel type {image.mode!r}"
    layouts = [tile[3] for tile in getattr(image, "tile", ())]
    if image.format == "PPM" and any(layout[-1] > 255 for layout in layouts if len(layout) == 2):
        return "16 bits a sample"
    return "16 bits a sample" if any(";16" in str(layout) for layout in layouts) else ""


def _unidentified(path: Path) -> ImageError:
    if path.stat().st_size == 0:
        return empty(path)
    if is_raster(path):
        check_tiff(path)
        found = _what_raster(path)
        if found:
            return unsupported(path, found)
    return ImageError(
        f"the file is not an image of a kind that is read ({', '.join(_FORMATS)})",
        where=path,
        remedy=f"{_REPLACE}; convert images of other kinds to PNG or TIFF",
    )


def is_raster(path: Path) -> bool:
    """Whether a file is a TIFF or JPEG 2000, whose bands may be anything.

    Raises:
        ImageError: there is no file, or none that can be read.
    """
    check_regular(path)
    try:
        with path.open("rb") as file:
            return file.read(12).startswith((*MAGIC, *_JPEG_2000))
    except OSError as error:
        raise unreadable(path, error) from error


def _what_raster(path: Path, expected: Collection[str] = ()) -> str:
    """Bands and type of a raster as GDAL reads it; "" where it does not or they are expected."""
    import warnings

    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as raster:
                found = f"{raster.count} bands of type {raster.dtypes[0]}"
    except RasterioIOError:
        return ""
    return "" if found in expected else found
