"""What surrounds and hides objects: houses, trees and clouds. None of it is annotated."""

from dataclasses import dataclass

import numpy as np

from .drawing import (
    Colour,
    FloatArray,
    Pen,
    Point,
    Stamp,
    cast_shadow,
    fractal_noise,
    mix,
    paste,
    pick,
    scale_colour,
    smoothstep,
    vary,
)
from .layout import GROUND_ID, LAND_TYPES, SCENE_SIZE, Layout
from .room import CELL, Placed, Room, ground_set
from .terrain import Terrain

Rng = np.random.Generator

ROOFS: tuple[Colour, ...] = (
    (156, 92, 72),
    (124, 84, 74),
    (176, 170, 162),
    (120, 122, 128),
    (206, 204, 198),
    (92, 104, 120),
    (150, 128, 104),
    (86, 120, 132),
)
_TREES_IN_STOCK = 10


@dataclass(frozen=True)
class Sun:
    """Where shadows fall."""

    direction: float
    """Direction of shadows in the picture, radians."""
    length: float
    """Length of a shadow as a multiple of the height."""
    strength: float
    """Darkness of shadows, 0..1."""

    def offset(self, height: float) -> Point:
        """Give the shift (x, y) of the shadow of a point at a height in pixels."""
        reach = height * self.length
        return reach * float(np.cos(self.direction)), reach * float(np.sin(self.direction))


def build_houses(rng: Rng, layout: Layout, terrain: Terrain, room: Room, sun: Sun) -> None:
    """Build houses and sheds where there is room left, in place."""
    land = ground_set(*LAND_TYPES)
    settled = ground_set("houses", "yard")
    for allowed, attempts in ((settled, rng.integers(30, 70)), (land, rng.integers(5, 25))):
        for point in room.sample(rng, allowed, int(attempts)):
            length = float(rng.uniform(14, 46))
            width = length * float(rng.uniform(0.4, 0.9))
            turn = layout.angle + float(rng.integers(4)) * np.pi / 2
            fit = room.first_fit(point[None], np.array([turn]), (length, width), land)
            if fit is not None:
                house = Placed("house", float(point[0]), float(point[1]), length, width, turn)
                room.take(house)
                _build_house(rng, terrain.picture, house, sun)


def _build_house(rng: Rng, picture: FloatArray, house: Placed, sun: Sun) -> None:
    """Draw one roof: gabled, hipped or flat, with its shadow."""
    pen = Pen(0.5 * float(np.hypot(house.length, house.width)), house.angle)
    a, b = house.length / 2, house.width / 2
    roof = pick(rng, ROOFS, 18)
    pen.rectangle(-a, -b, a, b, roof)
    style = rng.random()
    if style < 0.4:
        pen.rectangle(-a, 0, a, b, scale_colour(roof, 0.78))
    elif style < 0.6:
        ridge = a - b
        pen.polygon([(-a, b), (-ridge, 0), (ridge, 0), (a, b)], scale_colour(roof, 0.74))
        pen.polygon([(a, -b), (ridge, 0), (a, b)], scale_colour(roof, 0.88))
    else:
        pen.frame(-a, -b, a, b, 1.0, scale_colour(roof, 1.15))
        for _ in range(int(rng.integers(0, 5))):
            u, v = rng.uniform(-0.7, 0.7) * a, rng.uniform(-0.6, 0.6) * b
            pen.rectangle(u, v, u + 3, v + 2.4, scale_colour(roof, rng.choice([0.6, 1.25])))
    stamp = pen.stamp()
    cast_shadow(picture, stamp, (house.x, house.y), sun.offset(rng.uniform(3, 9)), sun.strength)
    paste(picture, stamp, (house.x, house.y))


def grow_tree_stock(rng: Rng, foliage: Colour) -> list[Stamp]:
    """Draw a stock of tree crowns of 3 to 9 pixels radius to plant from."""
    stock = []
    for radius in rng.uniform(3.0, 9.0, _TREES_IN_STOCK):
        pen = Pen(radius * 1.5, 0.0)
        colour = vary(rng, foliage, 12)
        for lift, shrink in ((0.72, 1.0), (0.95, 0.78), (1.18, 0.5)):
            for _ in range(5):
                u, v = rng.uniform(-0.5, 0.5, 2) * radius
                size = radius * shrink * rng.uniform(0.35, 0.62)
                shift = (shrink - 1) * 0.4 * radius
                pen.ellipse(u + shift, v + shift, size, size, scale_colour(colour, lift))
        stock.append(pen.stamp())
    return stock


def plant_trees(rng: Rng, terrain: Terrain, room: Room, stock: list[Stamp], sun: Sun) -> None:
    """Plant woods and single trees on free ground, in place."""
    density = {
        "wood": 0.2,
        "houses": 0.02,
        "park": 0.025,
        "grass": 0.008,
        "soil": 0.004,
        "field": 0.001,
    }
    share = np.array([density.get(name, 0.001) for name in GROUND_ID])
    share[[GROUND_ID[name] for name in ("street", "water", "crossing")]] = 0.0
    chance = share[room.ground] * float(rng.uniform(0.5, 1.6))
    rows, columns = np.nonzero((rng.random(room.ground.shape) < chance) & ~room.taken)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        x, y = (np.array([column, row]) + rng.random(2)) * CELL
        plant_tree(rng, terrain.picture, stock, (float(x), float(y)), sun)


def plant_tree(rng: Rng, picture: FloatArray, stock: list[Stamp], point: Point, sun: Sun) -> None:
    """Plant one tree at (x, y), in place."""
    stamp = stock[int(rng.integers(len(stock)))]
    cast_shadow(picture, stamp, point, sun.offset(4.0), sun.strength)
    paste(picture, stamp, point)


def draw_clouds(rng: Rng, picture: FloatArray, sun: Sun) -> FloatArray:
    """Draw thin clouds and their shadows, in place; returns their opacity, 0..1."""
    noise = fractal_noise(rng, SCENE_SIZE, (150, 70, 30, 12), 0.55)
    low = float(rng.uniform(0.35, 0.8))
    opacity = smoothstep(noise, low, low + 0.9) * np.float32(rng.uniform(0.35, 0.8))
    dx, dy = (round(part) for part in sun.offset(30.0))
    shade = np.roll(opacity, (dy, dx), axis=(0, 1))
    picture *= (1 - np.float32(0.5) * shade)[..., None]
    white = np.asarray(mix((228, 230, 234), (200, 204, 210), float(rng.random())), dtype=np.float32)
    picture += opacity[..., None] * (white - picture)
    return opacity
