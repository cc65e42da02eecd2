"""The geometry of a scene: its streets, its blocks, and the water or road across it.

A scene has its own frame: u runs along the coast or river, v across, the origin lies in the
middle of the picture. Streets run parallel to u and v; where a street of constant u meets
a river or motorway there is a bridge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .aerial_objects import KINDS
from .drawing import FloatArray, Point, rotate
from .plan import ScenePlan

SCENE_SIZE = 512
"""Side of a scene in pixels."""
REACH = 0.5 * SCENE_SIZE * 2**0.5
"""Distance from the middle of a scene to its corners."""

LAND_TYPES = (
    "grass",
    "park",
    "soil",
    "field",
    "houses",
    "parking",
    "pavement",
    "apron",
    "yard",
    "wood",
)
GROUND_TYPES = (*LAND_TYPES, "street", "water", "crossing")
GROUND_ID = {name: index for index, name in enumerate(GROUND_TYPES)}
_TYPE_WEIGHTS = (2.2, 1.4, 1.0, 1.0, 2.0, 0.7, 0.8, 0.5, 0.7, 0.8)


class SceneFullError(Exception):
    """A layout has no room for an object of its plan; another layout must be tried."""


@dataclass(frozen=True)
class Band:
    """A coast line, or a strip that crosses the scene along u.

    The line is v = middle(u). A coast has its water on the side of larger v; a strip
    reaches ``half_width`` pixels to both sides.
    """

    kind: Literal["coast", "river", "motorway", "railway"]
    offset: float
    waves: tuple[tuple[float, float, float], ...]
    """Amplitude, wave length and phase of each swing of the line."""
    half_width: float

    def middle(self, u: FloatArray) -> FloatArray:
        """Give v on the line at each u."""
        line = np.full_like(u, self.offset)
        for amplitude, wave_length, phase in self.waves:
            line += amplitude * np.sin(2 * np.pi * u / wave_length + phase)
        return line

    def clearance(self, points: FloatArray) -> FloatArray:
        """Give the free land between points (u, v), shape (n, 2), and what the band holds."""
        # Harbours reach a little way inland, bridges just beyond their banks.
        margin = 20.0 if self.kind == "coast" else self.half_width + 8.0
        return np.asarray(np.abs(points[:, 1] - self.middle(points[:, 0])) - margin)

    def slope(self, u: float) -> float:
        """Give the direction of the line at u, as an angle in radians from the u axis."""
        low, high = self.middle(np.array([u - 6.0, u + 6.0]))
        return float(np.arctan2(high - low, 12.0))


@dataclass(frozen=True)
class Street:
    """A straight street of constant u or v, between two ends on the other axis."""

    position: float
    half_width: float
    start: float = -REACH
    end: float = REACH


@dataclass(frozen=True)
class Layout:
    """Everything about a scene that does not depend on paint."""

    angle: float
    """Direction of u in the picture, radians."""
    band: Band | None
    streets_u: tuple[Street, ...]
    """Streets of constant u."""
    streets_v: tuple[Street, ...]
    """Streets of constant v."""
    cuts_u: FloatArray
    """Block boundaries on the u axis, rising."""
    cuts_v: FloatArray
    """Block boundaries on the v axis, rising."""
    block_types: npt.NDArray[np.integer[Any]]
    """Ground type of every block, shape (len(cuts_u) + 1, len(cuts_v) + 1)."""
    bridges: tuple[float, ...]
    """Values of u at which streets cross the band."""
    harbors: tuple[float, ...]
    """Values of u of the harbours along the coast."""
    roundabouts: tuple[Point, ...]
    """Middles (u, v) of the roundabouts."""

    def to_picture(self, u: float, v: float) -> Point:
        """Convert scene coordinates to (x, y) in pixels."""
        x, y = rotate(np.array([[u, v]]), self.angle)[0] + SCENE_SIZE / 2
        return float(x), float(y)

    def grid(self) -> tuple[FloatArray, FloatArray]:
        """Give u and v of every pixel, two arrays of shape (SCENE_SIZE, SCENE_SIZE)."""
        axis = np.arange(SCENE_SIZE, dtype=np.float32) - np.float32(SCENE_SIZE / 2 - 0.5)
        cosine, sine = np.float32(np.cos(self.angle)), np.float32(np.sin(self.angle))
        u = axis[None, :] * cosine + axis[:, None] * sine
        v = axis[:, None] * cosine - axis[None, :] * sine
        return u, v


def build_layout(rng: np.random.Generator, plan: ScenePlan) -> Layout:
    """Lay out a scene that has places for the bridges, harbours and roundabouts of its plan.

    Args:
        rng: random stream of the layout.
        plan: what the scene must hold.

    Returns:
        The layout.

    Raises:
        SceneFullError: if these places could not be found.
    """
    # Most towns are laid out along the compass, and most pictures have north at the top.
    angle = float(rng.integers(4)) * np.pi / 2 + float(rng.normal(0, 0.25))
    band = _draw_band(rng, plan.theme)
    bridges = _places_along(rng, band, angle, plan.counts.get("bridge", 0), margin=66.0)
    harbors = _places_along(rng, band, angle, plan.counts.get("harbor", 0), margin=62.0)
    low, high = _band_limits(band)
    cuts_u = _cuts(rng, bridges)
    cuts_v = np.concatenate([_cuts_below(rng, low), -_cuts_below(rng, -high)[::-1]])
    if band is None:
        cuts_v = _cuts(rng, ())
    streets_u, streets_v = _streets(rng, band, cuts_u, cuts_v, bridges, (low, high))
    crossroads = _crossroads(band, angle, streets_u, streets_v)
    roundabouts = _choose_roundabouts(rng, crossroads, plan.counts.get("roundabout", 0))
    return Layout(
        angle=angle,
        band=band,
        streets_u=streets_u,
        streets_v=streets_v,
        cuts_u=cuts_u,
        cuts_v=cuts_v,
        block_types=_block_types(rng, plan, (len(cuts_u) + 1, len(cuts_v) + 1)),
        bridges=bridges,
        harbors=harbors,
        roundabouts=roundabouts,
    )


def inside(angle: float, u: FloatArray, v: FloatArray, margin: float) -> npt.NDArray[np.bool_]:
    """Tell which points (u, v) lie inside the picture, at least ``margin`` from its edge."""
    limit = SCENE_SIZE / 2 - margin
    points = np.abs(rotate(np.stack([u, v], axis=1), angle))
    return np.asarray((points < limit).all(axis=1))


def _draw_band(rng: np.random.Generator, theme: str) -> Band | None:
    """Draw the coast or the strip that the theme asks for."""
    swing = (rng.uniform(12, 38), rng.uniform(320, 620), rng.uniform(0, 2 * np.pi))
    ripple = (rng.uniform(2, 7), rng.uniform(70, 160), rng.uniform(0, 2 * np.pi))
    if theme == "coast":
        return Band("coast", rng.uniform(-70, 20), (swing, ripple), 0.0)
    if theme == "river":
        waves = (swing, ripple) if rng.random() < 0.75 else ()
        return Band("river", rng.uniform(-90, 90), waves, rng.uniform(14, 38))
    gentle = (rng.uniform(0, 14), rng.uniform(500, 900), rng.uniform(0, 2 * np.pi))
    if theme == "motorway":
        return Band("motorway", rng.uniform(-90, 90), (gentle,), rng.uniform(15, 28))
    if theme == "railway":
        return Band("railway", rng.uniform(-90, 90), (gentle,), rng.uniform(13, 24))
    return None


def _band_limits(band: Band | None) -> tuple[float, float]:
    """Give the v below which and above which there is land all along the band."""
    if band is None:
        return REACH, REACH
    line = band.middle(np.linspace(-REACH, REACH, 90))
    low = float(line.min()) - band.half_width - 20
    high = REACH if band.kind == "coast" else float(line.max()) + band.half_width + 20
    return low, high


def _places_along(
    rng: np.random.Generator, band: Band | None, angle: float, count: int, margin: float
) -> tuple[float, ...]:
    """Spread places along the visible part of the band."""
    if count == 0:
        return ()
    if band is None:
        raise SceneFullError("nothing here that a bridge could cross or a harbor could lie on")
    u = np.arange(-REACH, REACH, 2.0)
    seen = u[inside(angle, u, band.middle(u), margin)]
    if len(seen) == 0 or (seen[-1] - seen[0]) / count < 56:
        raise SceneFullError(f"no room for {count} places along the band")
    step = (seen[-1] - seen[0]) / count
    jitter = rng.uniform(-0.12, 0.12, count)
    return tuple(float(seen[0] + step * (index + 0.5 + jitter[index])) for index in range(count))


def _cuts(rng: np.random.Generator, fixed: Sequence[float]) -> FloatArray:
    """Cut an axis into blocks, with boundaries at the fixed places and between them."""
    cuts = sorted(fixed) or [float(rng.uniform(-60, 60))]
    filled = [cuts[0]]
    for cut in cuts[1:]:
        if cut - filled[-1] > 170:
            filled.append((filled[-1] + cut) / 2 + float(rng.uniform(-20, 20)))
        filled.append(cut)
    while filled[0] > -REACH:
        filled.insert(0, filled[0] - float(rng.uniform(80, 150)))
    while filled[-1] < REACH:
        filled.append(filled[-1] + float(rng.uniform(80, 150)))
    return np.array(filled)


def _cuts_below(rng: np.random.Generator, start: float) -> FloatArray:
    """Cut an axis into blocks from ``start`` down to the edge of the picture, rising."""
    cuts = []
    while start > -REACH:
        cuts.append(start)
        start -= float(rng.uniform(85, 150))
    return np.array(cuts[::-1], dtype=np.float64)


def _streets(
    rng: np.random.Generator,
    band: Band | None,
    cuts_u: FloatArray,
    cuts_v: FloatArray,
    bridges: tuple[float, ...],
    limits: tuple[float, float],
) -> tuple[tuple[Street, ...], tuple[Street, ...]]:
    """Turn most block boundaries into streets; only bridges carry them across the band."""
    low, high = limits
    streets_u = []
    for cut in cuts_u.tolist():
        width = float(rng.uniform(7, 13))
        if cut in bridges or band is None:
            streets_u.append(Street(cut, width))
        elif rng.random() < 0.75:
            streets_u.append(Street(cut, width, end=low))
            if high < REACH:
                streets_u.append(Street(cut, width, start=high))
    streets_v = [
        Street(cut, float(rng.uniform(7, 13)))
        for cut in cuts_v.tolist()
        if rng.random() < 0.8 or cut in (low, high)
    ]
    return tuple(streets_u), tuple(streets_v)


def _crossroads(
    band: Band | None,
    angle: float,
    streets_u: tuple[Street, ...],
    streets_v: tuple[Street, ...],
) -> FloatArray:
    """List the crossroads (u, v) with room for a roundabout, shape (n, 2)."""
    crossroads = [
        (a.position, b.position)
        for a in streets_u
        for b in streets_v
        if a.start <= b.position <= a.end
    ]
    points = np.array(crossroads, dtype=np.float64).reshape(-1, 2)
    usable = inside(angle, points[:, 0], points[:, 1], margin=50.0)
    if band is not None:
        usable &= band.clearance(points) > KINDS["roundabout"].length[0] / 2
    return np.asarray(points[usable])


def _choose_roundabouts(
    rng: np.random.Generator, crossroads: FloatArray, count: int
) -> tuple[Point, ...]:
    """Choose crossroads that become roundabouts."""
    if len(crossroads) < count:
        raise SceneFullError(f"{len(crossroads)} crossroads for {count} roundabouts")
    chosen = crossroads[rng.permutation(len(crossroads))[:count]]
    return tuple((float(u), float(v)) for u, v in chosen)


def _block_types(
    rng: np.random.Generator, plan: ScenePlan, shape: tuple[int, int]
) -> npt.NDArray[np.integer[Any]]:
    """Choose the ground of every block, favouring what the plan's objects stand on."""
    weights = np.array(_TYPE_WEIGHTS)
    for label, count in plan.counts.items():
        for name in KINDS[label].grounds:
            if name in LAND_TYPES:
                weights[GROUND_ID[name]] += 0.12 * count
    return rng.choice(len(LAND_TYPES), size=shape, p=weights / weights.sum())
