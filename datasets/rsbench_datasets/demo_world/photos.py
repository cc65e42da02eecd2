"""Photographs of the demo world's living things, in the manner of a citizen-science app."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from .drawing import FloatArray, cast_shadow, fractal_noise, paste
from .fishes import fish
from .fungi import mushroom
from .habitats import choose_habitat, cover, paint_ground
from .insects import beetle, butterfly
from .plants import bell_flower, feathered_leaf, lobed_leaf, rayed_flower
from .posed import REACH, Brush, Draw, Pose, lit
from .sensor import expose
from .species import SPECIES, Species

Rng = np.random.Generator

SCENE = 84
"""Side of what is painted; a photograph is a part of it."""
SIDES = (66, 84)
"""Shortest and longest side of a photograph, pixels."""

_SIZES = (20.0, 33.0)
_STAMP = 2 * (ceil(REACH * _SIZES[1]) + 2)  # side of the largest drawn thing, pixels

DRAWINGS: Mapping[str, Draw] = MappingProxyType(
    {
        "maculata": mushroom("maculata"),
        "conica": mushroom("conica"),
        "plana": mushroom("plana"),
        "quinaria": rayed_flower(5, 0.82, 0.62),
        "octava": rayed_flower(8, 0.5, 0.55),
        "multiradia": rayed_flower(15, 0.24, 0.6),
        "pendula": bell_flower(banded=False),
        "cincta": bell_flower(banded=True),
        "trifida": lobed_leaf(3),
        "quinqueloba": lobed_leaf(5),
        "integra": lobed_leaf(1),
        "alterna": feathered_leaf,
        "ocellata": butterfly("ocellata"),
        "bivittata": butterfly("bivittata"),
        "marginata": butterfly("marginata"),
        "longicauda": butterfly("longicauda"),
        "maculosa": butterfly("maculosa"),
        "bipunctata": beetle("bipunctata"),
        "septemguttata": beetle("septemguttata"),
        "lineata": beetle("lineata"),
        "verticalis": fish("verticalis"),
        "longivittata": fish("longivittata"),
        "guttata": fish("guttata"),
        "forcipata": fish("forcipata"),
    }
)
"""Draws each species, by its epithet."""


def render_photo(rng: Rng, species: Species) -> npt.NDArray[np.uint8]:
    """Take one photograph.

    Args:
        rng: random stream of the photograph.
        species: what is on it.

    Returns:
        The photograph, shape (height, width, 3), 8 bits, sides within ``SIDES``.
    """
    habitat = choose_habitat(rng, species.genus.supercategory)
    picture = paint_ground(rng, habitat, SCENE)
    pose = _pose(rng, species)
    brush = Brush(pose)
    DRAWINGS[species.epithet](brush, rng)
    stamp = lit(brush.stamp(), float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0.0, 0.35)))
    stamp = stamp.textured(fractal_noise(rng, _STAMP, (8, 3), 0.8), float(rng.uniform(0.03, 0.12)))
    middle = SCENE / 2 + rng.uniform(-7, 7, 2)
    centre = (float(middle[0]), float(middle[1]))
    if habitat not in ("sky", "water"):
        offset = rng.uniform(-4, 4, 2)
        cast_shadow(picture, stamp, centre, (float(offset[0]), float(offset[1])), 0.4)
    paste(picture, stamp, centre)
    if rng.random() < 0.3:
        cover(rng, picture, habitat)
    return _crop(rng, expose(rng, _defocus(rng, picture)))


def _pose(rng: Rng, species: Species) -> Pose:
    """Draw how the thing is held to the camera: some have an upright, others not."""
    size = float(rng.uniform(*_SIZES))
    squash, tilt = float(rng.uniform(0.62, 1.0)), float(rng.uniform(0, np.pi))
    genus = species.genus
    mirrored = bool(rng.random() < 0.5)
    if genus.supercategory == "Fungi" or genus.name == "Campanora":
        turn = float(rng.normal(0, 0.18))
        squash = 1 - (1 - squash) * 0.5
    elif genus.supercategory == "Actinopterygii":
        turn = float(rng.normal(0, 0.3))
    else:
        turn = float(rng.uniform(0, 2 * np.pi))
    return Pose(size, turn, squash, tilt, mirrored)


def _defocus(rng: Rng, picture: FloatArray) -> FloatArray:
    """Miss the focus a little, or shake the camera, on some photographs."""
    if rng.random() < 0.75:
        return picture
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    blurred = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 1.5))))
    return np.asarray(blurred, dtype=np.float32)


def _crop(rng: Rng, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Cut a photograph of upright, square or wide shape from the scene."""
    width, height = (int(side) for side in rng.integers(SIDES[0], SIDES[1] + 1, 2))
    left, top = (int(rng.integers(0, SCENE - side + 1)) for side in (width, height))
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


if set(DRAWINGS) != {species.epithet for species in SPECIES}:
    raise RuntimeError("every species needs a drawing")
