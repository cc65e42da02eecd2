"""Where living things are met: blurred ground behind them, and blades before them."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .drawing import Colour, FloatArray, Point, fractal_noise, pick, value_noise

Rng = np.random.Generator

_GROUNDS: dict[str, tuple[Colour, ...]] = {
    "meadow": ((78, 112, 52), (112, 138, 70), (58, 84, 44), (142, 150, 92)),
    "litter": ((96, 76, 56), (124, 100, 72), (74, 62, 50), (110, 100, 84)),
    "stone": ((136, 132, 126), (112, 104, 98), (164, 156, 142), (90, 84, 80)),
    "sky": ((168, 190, 212), (188, 200, 206), (146, 172, 200)),
    "water": ((40, 92, 112), (62, 118, 128), (30, 66, 92), (84, 126, 118)),
}
_FLECKS: dict[str, tuple[Colour, ...]] = {
    "meadow": ((164, 178, 96), (52, 74, 38), (206, 196, 120), (196, 150, 180)),
    "litter": ((162, 120, 74), (64, 50, 40), (104, 116, 62), (186, 150, 104)),
    "stone": ((176, 170, 160), (78, 74, 72), (122, 132, 96), (150, 130, 110)),
    "sky": ((104, 124, 76), (84, 92, 70), (220, 226, 230)),
    "water": ((52, 98, 72), (120, 160, 156), (150, 136, 104), (26, 52, 70)),
}

_AROUND = np.linspace(0, 2 * np.pi, 14, endpoint=False)

HABITATS: dict[str, tuple[tuple[str, float], ...]] = {
    "Plantae": (("meadow", 0.5), ("litter", 0.25), ("stone", 0.1), ("sky", 0.15)),
    "Insecta": (("meadow", 0.5), ("litter", 0.2), ("stone", 0.2), ("sky", 0.1)),
    "Fungi": (("litter", 0.6), ("meadow", 0.4)),
    "Actinopterygii": (("water", 1.0),),
}
"""Where each supercategory is found, and how often."""


def choose_habitat(rng: Rng, supercategory: str) -> str:
    """Draw a habitat."""
    names, chances = zip(*HABITATS[supercategory], strict=True)
    return str(rng.choice(names, p=chances))


def paint_ground(rng: Rng, habitat: str, size: int) -> FloatArray:
    """Paint what lies behind, out of focus.

    Args:
        rng: random stream of the picture.
        habitat: one of the habitats.
        size: side of the picture in pixels.

    Returns:
        Colours, shape (size, size, 3), 0-255.
    """
    first, second = pick(rng, _GROUNDS[habitat], 16), pick(rng, _GROUNDS[habitat], 16)
    blend = np.clip(0.5 + 0.7 * value_noise(rng, size, rng.uniform(20, 60)), 0, 1)[..., None]
    slope = np.linspace(-1, 1, size, dtype=np.float32)[:, None, None] * rng.uniform(-0.18, 0.18)
    picture = np.asarray(first) + blend * (np.asarray(second) - np.asarray(first))
    rough = {"sky": 0.05, "water": 0.1}.get(habitat, 0.22)
    grain = fractal_noise(rng, size, (14, 6, 3), 0.8)[..., None]
    picture = (picture * (1 + slope) * (1 + rough * grain)).astype(np.float32)
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    _scatter(rng, image, habitat)
    blurred = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.4, 2.6))))
    return np.asarray(blurred, dtype=np.float32)


def cover(rng: Rng, picture: FloatArray, habitat: str) -> None:
    """Let one to three blades stand before the thing, out of focus, in place."""
    size = len(picture)
    mask = Image.new("L", (size, size))
    draw = ImageDraw.Draw(mask)
    for _ in range(int(rng.integers(1, 4))):
        foot = (float(rng.uniform(0, size)), float(rng.uniform(0.6, 1.1)) * size)
        draw.line(_blade(rng, foot, size), 255, int(rng.integers(2, 4)), joint="curve")
    soft = mask.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 1.2))))
    opacity = np.asarray(soft, dtype=np.float32)[..., None] / 255
    colour = np.asarray(pick(rng, _FLECKS[habitat], 14), dtype=np.float32)
    picture += np.float32(rng.uniform(0.6, 1.0)) * opacity * (colour - picture)


def _scatter(rng: Rng, image: Image.Image, habitat: str) -> None:
    """Strew leaves, stones, stalks or weeds over the ground, in place.

    They are drawn with hard edges: the blur that follows softens them.
    """
    draw = ImageDraw.Draw(image)
    size = image.width
    crowded = 0.4 if habitat == "sky" else 1.0
    for _ in range(int(rng.integers(6, 22) * crowded)):
        x, y = (float(each) for each in rng.uniform(0, size, 2))
        colour = _whole(pick(rng, _FLECKS[habitat], 16))
        if rng.random() < 0.5:
            draw.polygon(_leaf(rng, x, y), colour)
        else:
            width = int(rng.integers(1, 4))
            draw.line(_blade(rng, (x, y), size), colour, width, joint="curve")


def _whole(colour: Colour) -> tuple[int, int, int]:
    red, green, blue = (round(channel) for channel in colour)
    return red, green, blue


def _leaf(rng: Rng, x: float, y: float) -> list[Point]:
    """The outline of a fallen leaf or a stone."""
    length, turn = float(rng.uniform(3, 11)), float(rng.uniform(0, 2 * np.pi))
    width = float(rng.uniform(0.3, 0.8)) * length
    u, v = length * np.cos(_AROUND), width * np.sin(_AROUND) * np.abs(np.sin(_AROUND / 2))
    across = x + u * np.cos(turn) - v * np.sin(turn)
    down = y + u * np.sin(turn) + v * np.cos(turn)
    return list(zip(across.tolist(), down.tolist(), strict=True))


def _blade(rng: Rng, foot: Point, size: int) -> list[Point]:
    """The line of a bent blade of grass, twig or weed that grows upwards."""
    length = float(rng.uniform(0.25, 0.7)) * size
    lean, bend = (float(each) for each in rng.uniform(-0.5, 0.5, 2))
    return [
        (foot[0] + length * t * (lean + bend * t), foot[1] - length * t)
        for t in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
