"""Painting the ground of a scene: blocks, streets, water and the roads that bridges cross."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .drawing import (
    Colour,
    FloatArray,
    fractal_noise,
    mix,
    pick,
    scale_colour,
    smoothstep,
    value_noise,
    vary,
)
from .layout import GROUND_ID, LAND_TYPES, SCENE_SIZE, Layout, Street

Rng = np.random.Generator

SEASONS: tuple[tuple[Colour, Colour], ...] = (
    ((84, 104, 58), (48, 66, 38)),
    ((104, 118, 70), (62, 82, 48)),
    ((148, 138, 94), (92, 98, 60)),
    ((122, 106, 68), (98, 78, 46)),
    ((62, 78, 50), (36, 50, 32)),
    ((146, 142, 128), (92, 88, 76)),
    ((172, 152, 116), (104, 100, 66)),
    ((206, 208, 210), (120, 124, 118)),
)
"""Colours of grass and of trees in each season and climate."""
SOIL: tuple[Colour, ...] = ((150, 122, 92), (176, 152, 118), (128, 108, 86), (160, 112, 82))
CROPS: tuple[Colour, ...] = ((120, 124, 66), (158, 144, 88), (92, 108, 56), (140, 116, 84))
WATER: tuple[Colour, ...] = (
    (34, 62, 78),
    (44, 84, 94),
    (58, 82, 76),
    (28, 44, 66),
    (82, 100, 92),
    (96, 98, 78),
    (54, 96, 118),
)
SHORE: tuple[Colour, ...] = ((190, 174, 140), (150, 138, 118), (126, 124, 116), (164, 160, 152))
ASPHALT: tuple[Colour, ...] = ((96, 96, 98), (80, 80, 84), (126, 124, 120), (146, 142, 134))


@dataclass(frozen=True)
class Terrain:
    """The painted ground and what it is made of."""

    picture: FloatArray
    """Colours, shape (SCENE_SIZE, SCENE_SIZE, 3), 0-255; objects are painted on it."""
    ground: npt.NDArray[np.integer[Any]]
    """Ground type of every pixel, an index into ``GROUND_TYPES``."""
    weather: FloatArray
    """Smooth noise of the same size, for the weathering of objects."""
    trees: Colour
    """Colour of the foliage."""


def paint_terrain(rng: Rng, layout: Layout) -> Terrain:
    """Paint the ground of a scene, without objects.

    Args:
        rng: random stream of the paint.
        layout: geometry of the scene.

    Returns:
        The painted ground.
    """
    u, v = layout.grid()
    grass, trees = SEASONS[int(rng.integers(len(SEASONS)))]
    grass = vary(rng, grass, 14)
    picture, ground = _paint_blocks(rng, layout, u, v, grass)
    road = pick(rng, ASPHALT)
    for street in layout.streets_u:
        _paint_street(rng, picture, ground, street, u, v, road)
    for street in layout.streets_v:
        _paint_street(rng, picture, ground, street, v, u, road)
    if layout.band is not None and layout.band.kind in ("coast", "river"):
        _paint_water(rng, picture, ground, layout, u, v)
    elif layout.band is not None:
        _paint_crossing(rng, picture, ground, layout, u, v)
    grain = rng.standard_normal((SCENE_SIZE, SCENE_SIZE)).astype(np.float32)
    picture *= (1 + np.float32(0.03) * grain)[..., None]
    weather = fractal_noise(rng, SCENE_SIZE, (40, 10, 3), 0.8)
    return Terrain(picture, ground, weather, vary(rng, trees, 10))


def _block_colours(grass: Colour) -> dict[str, tuple[Colour, ...]]:
    """Give the colours that each type of ground may have."""
    return {
        "grass": (grass, mix(grass, SOIL[0], 0.25)),
        "park": (scale_colour(grass, 0.9), scale_colour(grass, 1.1)),
        "soil": SOIL,
        "field": (*CROPS, grass),
        "houses": (mix(grass, (150, 146, 138), 0.35), mix(grass, SOIL[1], 0.4)),
        "parking": ASPHALT,
        "pavement": ((156, 152, 146), (176, 170, 160), (136, 134, 130)),
        "apron": ((182, 180, 174), (164, 162, 158), (196, 192, 182), (120, 120, 120)),
        "yard": ((150, 140, 126), (132, 126, 118), (168, 160, 148)),
        "wood": (mix(grass, (40, 54, 34), 0.6),),
    }


def _paint_blocks(
    rng: Rng, layout: Layout, u: FloatArray, v: FloatArray, grass: Colour
) -> tuple[FloatArray, npt.NDArray[np.integer[Any]]]:
    """Paint the blocks between the streets."""
    wobble = np.float32(2.0) * value_noise(rng, SCENE_SIZE, 24)
    row = np.searchsorted(layout.cuts_u, u + wobble)
    column = np.searchsorted(layout.cuts_v, v + wobble)
    palette = _block_colours(grass)
    types = layout.block_types
    colours = np.zeros((*types.shape, 3), dtype=np.float32)
    for place in np.ndindex(*types.shape):
        colours[place] = pick(rng, palette[LAND_TYPES[types[place]]], 12)
    ground = types[row, column]
    picture = colours[row, column]
    _roughen(rng, picture, ground, u, v)
    return picture, ground


def _roughen(
    rng: Rng,
    picture: FloatArray,
    ground: npt.NDArray[np.integer[Any]],
    u: FloatArray,
    v: FloatArray,
) -> None:
    """Give every type of ground its texture, in place."""
    coarse = fractal_noise(rng, SCENE_SIZE, (90, 34, 13), 0.7)
    fine = fractal_noise(rng, SCENE_SIZE, (7, 3), 0.8)
    soft = {"grass": 0.09, "park": 0.1, "soil": 0.08, "field": 0.05, "houses": 0.09, "wood": 0.1}
    roughness = np.array([soft.get(name, 0.035) for name in LAND_TYPES], dtype=np.float32)[ground]
    change = 1 + roughness * (coarse + np.float32(0.9) * fine)
    rows = (u if rng.random() < 0.5 else v) * np.float32(2 * np.pi / rng.uniform(4, 9))
    change += np.float32(0.07) * np.sin(rows) * (ground == GROUND_ID["field"])
    spacing = np.float32(rng.uniform(26, 40))
    joints = (np.mod(u, spacing) < 1) | (np.mod(v, spacing) < 1)
    change -= np.float32(0.09) * (joints & (ground == GROUND_ID["apron"]))
    bays = (np.mod(u, 8) < 1) & (np.mod(v, 44) < 26)
    change += np.float32(0.35) * (bays & (ground == GROUND_ID["parking"]))
    picture *= change[..., None]


def _blend(picture: FloatArray, colour: Colour, mask: FloatArray) -> None:
    """Lay a colour over the picture with a mask of 0..1, in place."""
    picture += mask[..., None] * (np.asarray(colour, dtype=np.float32) - picture)


def _paint_street(
    rng: Rng,
    picture: FloatArray,
    ground: npt.NDArray[np.integer[Any]],
    street: Street,
    across: FloatArray,
    along: FloatArray,
    road: Colour,
) -> None:
    """Paint one street with kerbs and, on most, a centre line, in place."""
    distance = np.abs(across - np.float32(street.position))
    where = np.nonzero(distance < street.half_width + 2.5)
    distance, along = distance[where], along[where]
    open_part = (along >= street.start - 8) & (along <= street.end + 8)
    pixels = picture[where]
    kerb = np.clip(street.half_width + 2.5 - distance, 0, 1) * open_part
    _blend(pixels, mix(road, (190, 184, 174), 0.6), np.float32(0.8) * kerb)
    surface = np.clip(street.half_width - distance, 0, 1) * open_part
    _blend(pixels, vary(rng, road, 5), surface)
    if street.half_width > 8 and rng.random() < 0.75:
        period = np.float32(rng.choice([10.0, 14.0]))
        dashes = np.clip(1.1 - distance, 0, 1) * (np.mod(along, period) < period * 0.5)
        _blend(pixels, (216, 212, 200), np.float32(0.7) * dashes * surface)
    picture[where] = pixels
    ground[where] = np.where(surface > 0.5, GROUND_ID["street"], ground[where])


def _paint_water(
    rng: Rng,
    picture: FloatArray,
    ground: npt.NDArray[np.integer[Any]],
    layout: Layout,
    u: FloatArray,
    v: FloatArray,
) -> None:
    """Paint the sea or the river with its shore, in place."""
    band = layout.band
    if band is None:
        return
    middle = band.middle(u)
    edge = np.float32(rng.uniform(0.5, 3.0)) * fractal_noise(rng, SCENE_SIZE, (22, 8), 0.6)
    # Positive in the water; in pixels from the shore line.
    depth = (v - middle if band.kind == "coast" else band.half_width - np.abs(v - middle)) + edge
    shore = rng.uniform(2, 10)
    wet_sand = smoothstep(depth, -shore, -shore * 0.4)
    streets = ground == GROUND_ID["street"]
    _blend(picture, pick(rng, SHORE), np.float32(0.85) * wet_sand * ~streets)
    colour = pick(rng, WATER, 14)
    surface = np.clip(depth + 0.5, 0, 1)
    _blend(picture, scale_colour(colour, 1.25), surface)
    _blend(picture, colour, smoothstep(depth, 1, rng.uniform(10, 40)))
    swell = fractal_noise(rng, SCENE_SIZE, (120, 40), 0.7)
    heading = rng.uniform(0, np.pi)
    phase = (u * np.cos(heading) + v * np.sin(heading)) * np.float32(2 * np.pi / rng.uniform(5, 11))
    waves = np.sin(phase + 4 * value_noise(rng, SCENE_SIZE, 30)) * value_noise(rng, SCENE_SIZE, 12)
    rough = np.float32(rng.uniform(0.02, 0.07)) * waves + np.float32(0.06) * swell
    picture *= (1 + surface * rough)[..., None]
    foam = np.exp(-((depth - 1.0) ** 2) / 1.5) * (rng.random() < 0.5)
    _blend(picture, (222, 226, 222), np.float32(0.35) * foam.astype(np.float32))
    ground[depth > 0] = GROUND_ID["water"]
    ground[(depth <= 0) & (depth > -3)] = GROUND_ID["crossing"]


def _paint_crossing(
    rng: Rng,
    picture: FloatArray,
    ground: npt.NDArray[np.integer[Any]],
    layout: Layout,
    u: FloatArray,
    v: FloatArray,
) -> None:
    """Paint a motorway or a railway in a cutting, in place."""
    band = layout.band
    if band is None:
        return
    side = v - band.middle(u)
    distance = np.abs(side)
    slope = np.clip(band.half_width + 8 - distance, 0, 8) / 8
    _blend(picture, pick(rng, (*SOIL, *SHORE)), np.float32(0.7) * slope)
    surface = np.clip(band.half_width - distance, 0, 1)
    if band.kind == "motorway":
        _blend(picture, pick(rng, ASPHALT), surface)
        lane = np.float32(band.half_width / 3)
        lines = (np.abs(np.mod(side + lane / 2, lane) - lane / 2) < 0.6) & (np.mod(u, 12) < 6)
        _blend(picture, (220, 218, 208), np.float32(0.7) * lines * surface)
        _blend(picture, (120, 130, 96), np.clip(2.5 - distance, 0, 1))
    else:
        _blend(picture, pick(rng, ((130, 118, 106), (112, 106, 100), (150, 142, 132))), surface)
        for track in np.arange(-band.half_width + 7, band.half_width - 5, 10.0):
            gap = np.abs(side - np.float32(track))
            sleepers = (gap < 3.4) & (np.mod(u, 3) < 1.4)
            _blend(picture, (84, 76, 68), np.float32(0.5) * sleepers * surface)
            _blend(picture, (190, 186, 182), np.clip(1 - np.abs(gap - 2), 0, 1) * surface)
    ground[distance < band.half_width + 6] = GROUND_ID["crossing"]
