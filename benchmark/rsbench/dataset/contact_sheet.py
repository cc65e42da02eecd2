"""A few training images of each class on one sheet."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rsbench.errors import ImageError
from rsbench.imagery import NATURAL_COLOUR, RGB
from rsbench.imagestore import fit

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from rsbench.imagery import Imagery
    from rsbench.target import Target

_TILE, _GAP, _TEXT = 96, 4, 190  # pixels
_COLUMNS = 8
_MOST_CLASSES = 40
_BRIGHT_REFLECTANCE = 0.3  # what a screen shows as white


def contact_sheet(target: Target, unreadable: Collection[int] = ()) -> bytes:
    """PNG: one row a class, the most frequent first, with evenly spread training images.

    Of more than 40 classes, 40 are shown, evenly spread over the frequencies.

    Args:
        target: the target.
        unreadable: indices of training images that do not decode.
    """
    counts = target.train.counts(target.number_of_classes)
    order = np.argsort(-counts, kind="stable")
    shown = order[np.unique(np.linspace(0, len(order) - 1, _MOST_CLASSES).round().astype(int))]
    chosen = [_spread(target.train.labels, int(label), unreadable) for label in shown]
    tiles = _tiles(target, sorted({index for row in chosen for index in row}))
    step = _TILE + _GAP
    sheet = Image.new("RGB", (_TEXT + _COLUMNS * step, len(shown) * step + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for row, (label, indices) in enumerate(zip(shown.tolist(), chosen, strict=True)):
        top = row * step + _GAP
        text = f"{target.class_names[label]}\n{counts[label]} train, {_group(target, label)}"
        draw.text((6, top + 4), text, fill="black", font=_font(text))
        for column, index in enumerate(indices):
            if index in tiles:
                sheet.paste(tiles[index], (_TEXT + column * step, top))
    stream = io.BytesIO()
    sheet.save(stream, format="PNG")
    return stream.getvalue()


def as_picture(image: NDArray[Any], imagery: Imagery) -> NDArray[np.uint8]:
    """Something to look at: uint8, shape (height, width, 3).

    Red, green and blue where there are such bands, else the first band in grey.
    """
    for colours in (RGB, tuple(NATURAL_COLOUR.values())):
        if set(colours) <= set(imagery.bands):
            image = image[..., [imagery.bands.index(band) for band in colours]]
            break
    else:
        image = np.repeat(image[..., :1], 3, axis=2)
    if image.dtype == np.uint8 and imagery.full_scale == 255.0:
        return image
    white = imagery.full_scale * (_BRIGHT_REFLECTANCE if imagery.quantity == "reflectance" else 1.0)
    return np.asarray((image / white * 255.0).clip(0, 255), dtype=np.uint8)


def _font(text: str) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, or one with the letters that it lacks."""
    if not text.isascii():
        from rsbench.report.figures.letters import font_file

        file = font_file(text)
        if file is not None:
            return ImageFont.truetype(file, 14)
    return ImageFont.load_default(14)


def _spread(labels: NDArray[np.int64], label: int, unreadable: Collection[int]) -> list[int]:
    members = [int(i) for i in np.flatnonzero(labels == label) if int(i) not in unreadable]
    if not members:
        return []
    places = np.unique(np.linspace(0, len(members) - 1, _COLUMNS).round().astype(int))
    return [members[place] for place in places]


def _tiles(target: Target, indices: list[int]) -> dict[int, Image.Image]:
    tiles = {}
    for index, image in zip(indices, target.read_many("train", indices), strict=True):
        if not isinstance(image, ImageError):
            picture = Image.fromarray(as_picture(fit(image, _TILE), target.imagery))
            picture.thumbnail((_TILE, _TILE))
            tiles[index] = picture
    return tiles


def _group(target: Target, label: int) -> str:
    groups = target.groups
    return "head" if label in groups.head else "tail" if label in groups.tail else "medium"
