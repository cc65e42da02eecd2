"""Rendering radar (SAR) chips of ships, after the Gaofen-3 chips of FUSRS.

A chip is made as a radar makes it: the ship is a set of scatterers, the system's response
spreads each into a main lobe with side lobes along range (x) and azimuth (y), speckle
multiplies the result, and the amplitude is stored with 8 bits.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .drawing import FloatArray, value_noise
from .sar_ships import SHIP_TYPES, Scatterer, Ship

Rng = np.random.Generator

CHIP_SIZE = 64
"""Side of a chip in pixels."""


@dataclass(frozen=True)
class Pose:
    """How a ship lies in its chip."""

    x: float
    y: float
    heading: float
    """Direction of the bow, radians from range towards azimuth."""

    def body_frame(self) -> tuple[FloatArray, FloatArray]:
        """Give u (towards the bow) and v (across) of every pixel."""
        axis = np.arange(CHIP_SIZE, dtype=np.float32)
        dx, dy = axis[None, :] - np.float32(self.x), axis[:, None] - np.float32(self.y)
        cosine, sine = np.float32(np.cos(self.heading)), np.float32(np.sin(self.heading))
        return dx * cosine + dy * sine, dy * cosine - dx * sine


def render_chip(rng: Rng, label: str) -> npt.NDArray[np.uint8]:
    """Render one chip.

    Args:
        rng: random stream of the chip.
        label: one of the FUSRS classes.

    Returns:
        The chip, shape (CHIP_SIZE, CHIP_SIZE), 8-bit amplitudes.
    """
    ship = SHIP_TYPES[label](rng)
    middle = CHIP_SIZE / 2 + rng.uniform(-2.5, 2.5, 2)
    pose = Pose(float(middle[0]), float(middle[1]), float(rng.uniform(0, 2 * np.pi)))
    echo = _ship_echo(rng, ship, pose)
    echo = _spread(rng, echo)
    if rng.random() < 0.12:
        echo += np.float32(rng.uniform(0.01, 0.04)) * np.roll(
            echo, int(rng.integers(14, 30)), axis=0
        )
    intensity = _surroundings(rng, pose, ship) + echo
    looks = float(rng.choice([1.0, 2.0, 4.0, 6.0], p=[0.15, 0.3, 0.35, 0.2]))
    speckle = rng.gamma(looks, 1 / looks, intensity.shape)
    grey: FloatArray = float(rng.uniform(5, 15)) * np.sqrt(intensity * speckle)
    if rng.random() < 0.15:
        grey = _blur_line(_blur_line(grey, 0.6).T, 0.6).T
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def _outline(ship: Ship, u: FloatArray, v: FloatArray) -> FloatArray:
    """Tell how much of each pixel the hull covers, 0..1; the bow is pointed."""
    half = ship.length / 2
    taper = np.clip((half - u) / (0.22 * ship.length), 0, 1) ** 0.6
    inside_width = np.clip(ship.beam / 2 * taper - np.abs(v) + 0.5, 0, 1)
    return np.asarray(inside_width * np.clip(half - np.abs(u) + 0.5, 0, 1))


def _ship_echo(rng: Rng, ship: Ship, pose: Pose) -> FloatArray:
    """Add up the echoes of deck, sides and superstructure; sea has intensity 1."""
    u, v = pose.body_frame()
    hull = _outline(ship, u, v)
    echo = hull * np.float32(ship.deck**2) * rng.gamma(0.8, 1.25, hull.shape)
    # The side that faces the radar (smaller range, x) reflects more than the far one.
    facing = 1.0 if np.sin(pose.heading) > 0 else -1.0
    side = np.exp(-0.5 * ((v - facing * ship.beam / 2) / 0.7) ** 2) * (hull > 0.05)
    echo += np.float32(ship.side**2) * side * rng.gamma(1.0, 1.0, hull.shape)
    for part in ship.scatterers:
        if rng.random() < 0.06:
            continue
        amplitude = part.amplitude * float(rng.lognormal(0, 0.25))
        echo += np.float32(amplitude**2) * _lobe(part, u, v)
    return np.asarray(echo, dtype=np.float32)


def _lobe(part: Scatterer, u: FloatArray, v: FloatArray) -> FloatArray:
    """Give the shape of one scatterer: a point or a short bar, with soft edges."""
    cosine, sine = np.float32(np.cos(part.angle)), np.float32(np.sin(part.angle))
    along = (u - part.u) * cosine + (v - part.v) * sine
    across = (v - part.v) * cosine - (u - part.u) * sine
    beyond = np.maximum(np.abs(along) - np.float32(part.length / 2), 0)
    return np.asarray(np.exp(-0.5 * (beyond**2 + across**2) / 0.7**2))


def _spread(rng: Rng, echo: FloatArray) -> FloatArray:
    """Spread all echoes by the response of the radar, with side lobes along x and y."""
    lag = np.arange(CHIP_SIZE, dtype=np.float64)
    distance = lag[:, None] - lag[None, :]
    for axis in (0, 1):
        width = rng.uniform(0.9, 1.3)
        lobes = np.sinc(distance / width) ** 2
        # A weighted aperture lowers the side lobes; how much differs from scene to scene.
        lobes *= np.where(np.abs(distance) > width, rng.uniform(0.2, 1.2), 1.0)
        if axis == 0 and rng.random() < 0.2:
            # A ship that moves during the exposure smears along azimuth.
            lobes = lobes + np.exp(-0.5 * (distance / rng.uniform(1.0, 2.0)) ** 2)
        lobes /= lobes.sum(axis=0).max()
        echo = lobes @ echo if axis == 0 else echo @ lobes.T
    return np.asarray(echo * np.float32(1.6), dtype=np.float32)


def _surroundings(rng: Rng, pose: Pose, ship: Ship) -> FloatArray:
    """Give the intensity of the sea with swell, wakes and, on some chips, land."""
    sea = 1 + np.float32(rng.uniform(0.05, 0.3)) * value_noise(rng, CHIP_SIZE, rng.uniform(5, 16))
    u, v = pose.body_frame()
    if rng.random() < 0.15:
        arm = np.abs(np.abs(v) + u * np.tan(rng.uniform(0.1, 0.3)) + ship.length * 0.1)
        sea += np.float32(rng.uniform(0.5, 2)) * np.exp(-0.5 * arm**2) * (u < 0)
    if rng.random() < 0.14:
        turn = rng.uniform(0, 2 * np.pi)
        axis = np.arange(CHIP_SIZE, dtype=np.float32) - np.float32(CHIP_SIZE / 2)
        reach = axis[None, :] * np.cos(turn) + axis[:, None] * np.sin(turn)
        reach = reach + 3 * value_noise(rng, CHIP_SIZE, 9)
        land = np.clip(reach - rng.uniform(20, 30), 0, 1)
        texture = np.exp(
            1.1 * value_noise(rng, CHIP_SIZE, 4) + 0.8 * value_noise(rng, CHIP_SIZE, 2)
        )
        sea += land * texture * np.float32(rng.uniform(6, 30))
    return np.asarray(np.maximum(sea, 0.1), dtype=np.float32)


def _blur_line(picture: FloatArray, sigma: float) -> FloatArray:
    """Blur along the first axis with a three-tap kernel of about the given sigma."""
    side = 0.5 * (1 - np.exp(-(sigma**2)))
    padded = np.pad(picture, ((1, 1), (0, 0)), mode="edge")
    return np.asarray(side * padded[:-2] + (1 - 2 * side) * padded[1:-1] + side * padded[2:])
