"""Source world: labelled procedural pictures of things seen from the ground.

    world = SourceWorld(num_classes=320, seed=0)
    image = world.render(label=7, rng=np.random.default_rng(1), size=64)

Nothing is read from disk; the picture depends on the seed of the world, the label, the size and
the random generator alone.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from rsbench_baselines.demo_backbone.designs import Design, Part, draw_design
from rsbench_baselines.demo_backbone.fills import FILLS, fill
from rsbench_baselines.demo_backbone.outlines import OUTLINES, outline

Pixels = NDArray[np.float32]

_OVERSAMPLING = 2  # `_finish` averages squares of two by two


@dataclass(frozen=True)
class SourceWorld:
    """A fixed set of source classes.

    Attributes:
        num_classes: Number of classes, at least 1.
        seed: Seed from which the designs are drawn.
        designs: One design a class.
    """

    num_classes: int = 320
    seed: int = 0
    designs: tuple[Design, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Draw the designs."""
        if self.num_classes < 1:
            raise ValueError(f"num_classes is {self.num_classes}: it must be at least 1")
        designs = tuple(draw_design(self.seed, label) for label in range(self.num_classes))
        object.__setattr__(self, "designs", designs)

    def render(self, label: int, rng: np.random.Generator, size: int = 64) -> NDArray[np.uint8]:
        """Draw one picture of a class.

        Args:
            label: Class, 0 to `num_classes` - 1.
            rng: Source of everything that varies between pictures of a class.
            size: Height and width, pixels.

        Returns:
            RGB picture, shape (size, size, 3), values 0 to 255.

        Raises:
            ValueError: If the label is out of range or the size is below 8.
        """
        if not 0 <= label < self.num_classes:
            raise ValueError(f"label {label} is out of range: use 0 to {self.num_classes - 1}")
        if size < 8:
            raise ValueError(f"size is {size} pixels: use at least 8")
        return _render(self.designs[label], rng, size)

    def render_many(
        self, labels: NDArray[np.int64], seed: int, first: int = 0, size: int = 64
    ) -> NDArray[np.uint8]:
        """Draw one picture for each label, each from its own random stream.

        Args:
            labels: Classes, shape (N,).
            seed: Seed of the pictures.
            first: Number of the first picture; picture i uses the stream (seed, first + i).
            size: Height and width, pixels.

        Returns:
            RGB pictures, shape (N, size, size, 3), values 0 to 255.
        """
        pictures = np.empty((len(labels), size, size, 3), dtype=np.uint8)
        for i, label in enumerate(labels):
            pictures[i] = self.render(int(label), np.random.default_rng([seed, first + i]), size)
        return pictures


@dataclass(frozen=True)
class _View:
    """Where an object stands in a picture and how it is lit.

    Attributes:
        matrix: Object units to canvas pixels, shape (2, 2).
        shift: Position of the object origin, canvas pixels (x, y).
        light: Direction of the light in the frame of a part, times its strength.
    """

    matrix: Pixels
    shift: Pixels
    light: tuple[float, float]


def _render(design: Design, rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    side = size * _OVERSAMPLING
    canvas = _paint_backdrop(rng, side)
    view = _draw_view(rng, side, design.roundness)
    _paint_shadow(canvas, view, rng)
    palette = _vary_palette(design.palette, rng)
    bend = rng.normal(0.0, 0.12)
    for part in design.parts:
        if rng.random() < 0.03:
            continue
        varied = _vary_part(part, rng)
        _paint_part(canvas, replace(varied, angle=varied.angle + bend), view, palette)
        if part.mirrored:
            _paint_part(canvas, _mirror(varied, bend), view, palette)
    if rng.random() < 0.3:
        _paint_clutter(canvas, rng, scale=0.35)
    return _finish(canvas, rng)


def _draw_view(rng: np.random.Generator, side: int, roundness: float) -> _View:
    turn, scale = rng.normal(0.0, 0.15), side * rng.uniform(0.28, 0.5)
    stretch, shear = np.exp(rng.normal(0.0, 0.12)), rng.normal(0.0, 0.1)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = scale * rotation @ np.array([[stretch, shear], [0.0, 1.0 / stretch]])
    shift = side * (0.5 + rng.uniform(-0.1, 0.1, size=2))
    direction = rng.uniform(0.0, 2.0 * np.pi)
    light = (roundness * float(np.cos(direction)), roundness * float(np.sin(direction)))
    return _View(matrix.astype(np.float32), shift.astype(np.float32), light)


def _vary_part(part: Part, rng: np.random.Generator) -> Part:
    dx, dy, dw, dh, turn, slip = rng.normal(size=6)
    return replace(
        part,
        centre=(part.centre[0] + 0.03 * dx, part.centre[1] + 0.03 * dy),
        radii=(part.radii[0] * np.exp(0.1 * dw), part.radii[1] * np.exp(0.1 * dh)),
        angle=part.angle + 0.1 * turn,
        phase=part.phase + 0.08 * slip,
    )


def _mirror(part: Part, bend: float) -> Part:
    return replace(part, centre=(-part.centre[0], part.centre[1]), angle=bend - part.angle)


def _vary_palette(
    palette: tuple[tuple[float, float, float], ...], rng: np.random.Generator
) -> Pixels:
    """Return RGB colours, shape (P, 3); one picture in five is coloured anew."""
    if rng.random() < 0.2:
        return _draw_colours(rng, len(palette))
    varied = np.asarray(palette) + rng.normal(0.0, (0.03, 0.08, 0.1), (len(palette), 3))
    varied[:, 1:] = np.clip(varied[:, 1:], 0.05, 1.0)
    return _to_rgb(varied)


def _draw_colours(rng: np.random.Generator, count: int) -> Pixels:
    """Return `count` RGB colours of no class, shape (count, 3)."""
    return _to_rgb(rng.uniform((0.0, 0.05, 0.1), 1.0, (count, 3)))


def _to_rgb(colours: NDArray[np.float64]) -> Pixels:
    triples = [colorsys.hsv_to_rgb(h % 1.0, s, v) for h, s, v in colours]
    return np.asarray(triples, dtype=np.float32) * np.float32(255.0)


def _paint_part(canvas: Pixels, part: Part, view: _View, palette: Pixels) -> None:
    """Paint one part on the canvas, in place."""
    cos, sin = np.cos(part.angle), np.sin(part.angle)
    turn = np.array([[cos, -sin], [sin, cos]], dtype=np.float32)
    frame = view.matrix @ turn @ np.diag(np.asarray(part.radii, dtype=np.float32))
    origin = view.shift + view.matrix @ np.asarray(part.centre, dtype=np.float32)
    corners = outline(part.outline, part.lobes, round(part.depth, 2)) @ frame.T + origin
    side = canvas.shape[0]
    low = np.clip(np.floor(corners.min(axis=0)), 0, side).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, side).astype(int)
    if np.any(high <= low):
        return
    mask = _mask(corners - low, (origin - low), part.hole, (high[0] - low[0], high[1] - low[1]))
    x = np.arange(low[0], high[0], dtype=np.float32)[None, :] - origin[0]
    y = np.arange(low[1], high[1], dtype=np.float32)[:, None] - origin[1]
    inverse = np.linalg.inv(frame + np.float32(1e-3) * np.eye(2, dtype=np.float32))
    u, v = inverse[0, 0] * x + inverse[0, 1] * y, inverse[1, 0] * x + inverse[1, 1] * y
    colour = _surface(part, u, v, view.light, palette)
    patch = canvas[low[1] : high[1], low[0] : high[0]]
    np.copyto(patch, colour, where=mask[:, :, None])


def _mask(corners: Pixels, origin: Pixels, hole: float, size: tuple[int, int]) -> NDArray[np.bool_]:
    image = Image.new("1", size)
    draw = ImageDraw.Draw(image)
    draw.polygon(corners.ravel().tolist(), fill=1)
    if hole > 0.0:
        draw.polygon(((corners - origin) * hole + origin).ravel().tolist(), fill=0)
    return np.asarray(image)


def _surface(
    part: Part, u: Pixels, v: Pixels, light: tuple[float, float], palette: Pixels
) -> Pixels:
    first, second = palette[part.colours[0]], palette[part.colours[1]]
    shade = np.clip(1.0 + light[0] * u + light[1] * v, 0.3, 1.6)[:, :, None]
    if part.fill == "plain":
        return np.asarray(first * shade, dtype=np.float32)
    share = fill(part.fill, u, v, part.pitch, part.phase)[:, :, None]
    return np.asarray((first + share * (second - first)) * shade, dtype=np.float32)


def _paint_backdrop(rng: np.random.Generator, side: int) -> Pixels:
    """Return a canvas with sky, ground and clutter, shape (side, side, 3)."""
    sky, haze, ground = _draw_colours(rng, 3)
    rows = np.linspace(0.0, 1.0, side, dtype=np.float32)[:, None, None]
    columns = np.linspace(-0.5, 0.5, side, dtype=np.float32)[None, :, None]
    horizon = rng.uniform(0.3, 0.8) + rng.normal(0.0, 0.1) * columns
    above = sky + rows * (haze - sky)
    below = ground * (0.6 + 0.5 * rows)
    canvas: Pixels = np.where(rows < horizon, above, below).astype(np.float32)
    canvas += _clouds(rng, side, strength=rng.uniform(0.0, 45.0))
    for _ in range(rng.integers(0, 4)):
        _paint_clutter(canvas, rng, scale=0.5)
    return canvas


def _clouds(rng: np.random.Generator, side: int, strength: float) -> Pixels:
    cells = int(rng.integers(3, 17))
    coarse = rng.normal(0.0, strength, (cells, cells)).astype(np.float32)
    smooth = Image.fromarray(coarse).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(smooth)[:, :, None]


def _paint_shadow(canvas: Pixels, view: _View, rng: np.random.Generator) -> None:
    if rng.random() < 0.5:
        return
    foot = Part("ellipse", (0.1, 0.9), (0.7, 0.15))
    ground = np.full((4, 3), rng.uniform(10.0, 70.0), dtype=np.float32)
    _paint_part(canvas, foot, replace(view, light=(0.0, 0.0)), ground)


def _paint_clutter(canvas: Pixels, rng: np.random.Generator, scale: float) -> None:
    """Paint one object of no class: something in the background, or in the way."""
    side = canvas.shape[0]
    part = Part(
        outline=OUTLINES[rng.integers(len(OUTLINES))],
        centre=(0.0, 0.0),
        radii=(rng.uniform(0.1, 1.0), rng.uniform(0.1, 1.0)),
        angle=rng.uniform(0.0, 2.0 * np.pi),
        fill=FILLS[rng.integers(len(FILLS))],
        phase=rng.random(),
    )
    matrix = np.eye(2, dtype=np.float32) * np.float32(side * scale * rng.uniform(0.2, 0.6))
    shift = (side * rng.random(2)).astype(np.float32)
    _paint_part(canvas, part, _View(matrix, shift, (0.0, 0.0)), _draw_colours(rng, 2))


def _finish(canvas: Pixels, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Average the oversampled canvas, set the exposure and add sensor noise."""
    rows = canvas[0::2] + canvas[1::2]
    small = (rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25 * rng.uniform(0.7, 1.2))
    small += np.float32(rng.uniform(-20.0, 20.0))
    small += rng.standard_normal(small.shape, dtype=np.float32) * np.float32(rng.uniform(0, 12))
    return np.clip(small, 0.0, 255.0).astype(np.uint8)
