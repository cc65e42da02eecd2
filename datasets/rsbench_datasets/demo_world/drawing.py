"""Drawing primitives: noise, anti-aliased oriented shapes, stamps and shadows.

Pictures are float arrays of shape (height, width, 3) in 0-255 while they are painted. An
object is drawn in its own frame with a :class:`Pen` and then stamped on the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]
Colour = tuple[float, float, float]
Point = tuple[float, float]

SUPERSAMPLE = 4
"""Shapes are drawn at this multiple of the resolution and averaged down."""


def value_noise(rng: np.random.Generator, size: int, cell: float) -> FloatArray:
    """Draw smooth noise.

    Args:
        rng: random stream.
        size: side of the square in pixels.
        cell: distance in pixels between independent values.

    Returns:
        An array of shape (size, size) with values in about -1..1.
    """
    cells = max(2, int(np.ceil(size / cell)) + 2)
    grid = rng.uniform(-1.0, 1.0, (cells, cells)).astype(np.float32)
    side = size / cell
    x, y = rng.uniform(0, max(cells - side - 1e-3, 1e-3), 2)
    box = (x, y, min(x + side, cells), min(y + side, cells))
    smooth = Image.fromarray(grid).resize((size, size), Image.Resampling.BICUBIC, box=box)
    return np.asarray(smooth, dtype=np.float32)


def fractal_noise(
    rng: np.random.Generator, size: int, cells: Sequence[float], decay: float = 0.6
) -> FloatArray:
    """Add smooth noise of several sizes, the first with weight 1, each next one times decay."""
    total = np.zeros((size, size), dtype=np.float32)
    weight = 1.0
    for cell in cells:
        total += np.float32(weight) * value_noise(rng, size, cell)
        weight *= decay
    return total


def smoothstep(values: FloatArray, low: float, high: float) -> FloatArray:
    """Rise smoothly from 0 at ``low`` to 1 at ``high``, element by element."""
    t = np.clip((values - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def vary(rng: np.random.Generator, colour: Colour, amount: float = 10.0) -> Colour:
    """Shift a colour: its brightness by up to ``amount``, each channel by a third of that."""
    shift = rng.uniform(-amount, amount) + rng.uniform(-amount / 3, amount / 3, 3)
    red, green, blue = np.clip(np.asarray(colour) + shift, 0, 255)
    return float(red), float(green), float(blue)


def pick(rng: np.random.Generator, colours: Sequence[Colour], amount: float = 10.0) -> Colour:
    """Choose one of several colours and vary it."""
    return vary(rng, colours[int(rng.integers(len(colours)))], amount)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Mix two colours; ``share`` is the part of the second, 0..1."""
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def scale_colour(colour: Colour, factor: float) -> Colour:
    """Multiply a colour by a factor, within 0-255."""
    red, green, blue = (min(255.0, channel * factor) for channel in colour)
    return red, green, blue


def rotate(points: FloatArray, angle: float) -> FloatArray:
    """Turn points of shape (n, 2) by an angle in radians, from x towards y."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[cosine, sine], [-sine, cosine]]))


class Pen:
    """Draws anti-aliased shapes in the frame of one object.

    The frame's origin is the object's centre; u runs along its length and v across, both in
    pixels of the scene. Later shapes cover earlier ones.

    Args:
        reach: greatest distance from the centre that will be drawn on, in pixels.
        angle: direction of u in the picture, radians from x towards y.
    """

    def __init__(self, reach: float, angle: float) -> None:
        """Open an empty, transparent sheet."""
        self.angle = angle
        self.half = int(np.ceil(reach)) + 2
        side = 2 * self.half * SUPERSAMPLE
        self._sheet = Image.new("RGBA", (side, side), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self._sheet)

    def polygon(
        self, points: Sequence[Point] | FloatArray, colour: Colour, alpha: float = 1.0
    ) -> None:
        """Fill a polygon given by (u, v) corners; alpha 0..1 replaces what is below."""
        corners = rotate(np.asarray(points, dtype=np.float64), self.angle)
        corners = (corners + self.half) * SUPERSAMPLE
        red, green, blue = (round(min(255.0, max(0.0, channel))) for channel in colour)
        self._draw.polygon(
            [(x, y) for x, y in corners.tolist()], (red, green, blue, round(255 * alpha))
        )

    def rectangle(self, u0: float, v0: float, u1: float, v1: float, colour: Colour) -> None:
        """Fill a rectangle given by two opposite corners."""
        self.polygon([(u0, v0), (u1, v0), (u1, v1), (u0, v1)], colour)

    def frame(
        self, u0: float, v0: float, u1: float, v1: float, width: float, colour: Colour
    ) -> None:
        """Draw the outline of a rectangle with lines of the given width."""
        corners = [(u0, v0), (u1, v0), (u1, v1), (u0, v1)]
        for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
            self.line(start, end, width, colour)

    def line(
        self, start: Point, end: Point, width: float, colour: Colour, alpha: float = 1.0
    ) -> None:
        """Draw a straight line of the given width, with square ends."""
        a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
        length = float(np.hypot(*(b - a)))
        along = (b - a) / length if length > 0 else np.array([1.0, 0.0])
        side = np.array([-along[1], along[0]]) * width / 2
        cap = along * width / 4
        self.polygon(
            np.stack([a - cap + side, b + cap + side, b + cap - side, a - cap - side]),
            colour,
            alpha,
        )

    def ellipse(
        self,
        u: float,
        v: float,
        radius_u: float,
        radius_v: float,
        colour: Colour,
        alpha: float = 1.0,
    ) -> None:
        """Fill an ellipse with its centre at (u, v)."""
        turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        points = np.stack([u + radius_u * np.cos(turn), v + radius_v * np.sin(turn)], axis=1)
        self.polygon(points, colour, alpha)

    def arc(
        self, centre: Point, radius: float, start: float, end: float, width: float, colour: Colour
    ) -> None:
        """Draw an arc of a circle between two angles in radians, from u towards v."""
        turn = np.linspace(start, end, max(6, int(abs(end - start) * 8)))
        ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        outer = ring * (radius + width / 2) + np.asarray(centre)
        inner = ring * max(radius - width / 2, 0.0) + np.asarray(centre)
        self.polygon(np.concatenate([outer, inner[::-1]]), colour)

    def stamp(self) -> "Stamp":
        """Average the sheet down to the resolution of the scene."""
        small = self._sheet.convert("RGBa").reduce(SUPERSAMPLE)
        pixels = np.asarray(small, dtype=np.float32)
        return Stamp(pixels[..., :3].copy(), pixels[..., 3] / np.float32(255))


@dataclass(frozen=True)
class Stamp:
    """A drawn object: colour times opacity (h, w, 3) in 0-255, and opacity (h, w) in 0..1."""

    colour: FloatArray
    opacity: FloatArray

    def textured(self, noise: FloatArray, amount: float) -> "Stamp":
        """Weather the colours by a noise field of at least the stamp's size."""
        height, width = self.opacity.shape
        factor = 1 + amount * noise[:height, :width, None]
        return Stamp(self.colour * factor, self.opacity)

    def faded(self, opacity: float) -> "Stamp":
        """Let the ground show through: multiply the opacity by a factor in 0..1."""
        return Stamp(self.colour * np.float32(opacity), self.opacity * np.float32(opacity))


def _overlap(
    picture: FloatArray, half: tuple[int, int], centre: Point
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Cut a stamp and the picture to their common part; None if they do not meet."""
    picture_slices, stamp_slices = [], []
    for axis, position in enumerate((centre[1], centre[0])):
        start = round(position) - half[axis]
        low, high = max(start, 0), min(start + 2 * half[axis], picture.shape[axis])
        if low >= high:
            return None
        picture_slices.append(slice(low, high))
        stamp_slices.append(slice(low - start, high - start))
    return (picture_slices[0], picture_slices[1]), (stamp_slices[0], stamp_slices[1])


def paste(picture: FloatArray, stamp: Stamp, centre: Point) -> None:
    """Paint a stamp on the picture, in place, with its middle at ``centre`` = (x, y)."""
    height, width = stamp.opacity.shape
    cut = _overlap(picture, (height // 2, width // 2), centre)
    if cut is None:
        return
    where, part = cut
    picture[where] *= 1 - stamp.opacity[part][..., None]
    picture[where] += stamp.colour[part]


def cast_shadow(
    picture: FloatArray, stamp: Stamp, centre: Point, offset: Point, strength: float
) -> None:
    """Darken the ground where an upright object hides the sun, in place.

    Args:
        picture: the scene, shape (height, width, 3).
        stamp: the object.
        centre: its place (x, y) in the scene.
        offset: where the shadow of its top falls, (x, y) in pixels from the object.
        strength: 0 (none) to 1 (black).
    """
    reach = int(np.ceil(max(abs(offset[0]), abs(offset[1])))) + 1
    solid = np.pad(stamp.opacity, reach)
    shade = solid
    steps = max(1, int(np.hypot(*offset) // 2))
    for step in range(1, steps + 1):
        shift = (round(offset[1] * step / steps), round(offset[0] * step / steps))
        shade = np.maximum(shade, np.roll(solid, shift, axis=(0, 1)))
    height, width = shade.shape
    cut = _overlap(picture, (height // 2, width // 2), centre)
    if cut is not None:
        where, part = cut
        picture[where] *= 1 - np.float32(strength) * shade[part][..., None]
