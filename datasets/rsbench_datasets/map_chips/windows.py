"""From a place on the map to a rectangle of pixels.

Pixel coordinates run to the right and down from the outer corner of a scene's first pixel, so
that pixel (0, 0) is the square from 0 to 1. The transform of a scene may be rotated, or run
south to north: rectangles are upright in the scene's own pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rsbench_datasets.map_chips.headers import Scene, Transform
    from rsbench_datasets.map_chips.options import MapChipsOptions

#: Coordinates this near to a pixel's edge, in pixels, count as on it: what rounding in a change
#: of coordinate systems leaves must not decide about a row of pixels.
_NEAR = 1e-3


def to_map(transform: Transform, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixel coordinates, shape (points, 2), in the coordinate system of the scene."""
    a, b, c, d, e, f = transform
    x, y = pixels[:, 0], pixels[:, 1]
    return np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)


def to_pixels(transform: Transform, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of :func:`to_map`."""
    a, b, c, d, e, f = transform
    x, y = points[:, 0] - c, points[:, 1] - f
    scale = a * e - b * d
    return np.stack([(e * x - b * y) / scale, (a * y - d * x) / scale], axis=1)


def metres_per_pixel(scene: Scene, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Width and height of a pixel on the ground at ``places``, geodesic, in metres.

    Args:
        scene: in any coordinate system.
        places: pixel coordinates, shape (places, 2).

    Returns:
        Shape (places, 2).
    """
    from pyproj import Geod, Transformer

    transformer = Transformer.from_crs(scene.crs, "EPSG:4326", always_xy=True)
    ellipsoid = Geod(ellps="WGS84")
    sizes = np.empty_like(places)
    for axis, step in enumerate(np.eye(2) / 2):
        ends = [to_map(scene.transform, places + sign * step) for sign in (-1, 1)]
        (lon1, lat1), (lon2, lat2) = (transformer.transform(*end.T) for end in ends)
        sizes[:, axis] = ellipsoid.inv(lon1, lat1, lon2, lat2)[2]
    return sizes


def chip_windows(
    scene: Scene,
    bounds: NDArray[np.float64],
    is_point: NDArray[np.bool_],
    options: MapChipsOptions,
) -> NDArray[np.int64]:
    """The windows that the options ask for, wherever the scene ends.

    Args:
        scene: the scene they are cut from.
        bounds: left, top, right, bottom of each place in pixel coordinates, shape (places, 4).
        is_point: which places are points, shape (places,).
        options: size, margin and what to cut.

    Returns:
        x1, y1, x2, y2 per place, shape (places, 4); at least one pixel each.
    """
    middles = (bounds[:, :2] + bounds[:, 2:]) / 2
    metres = np.ones_like(middles)
    if options.chip_metres is not None or options.margin_metres > 0.0:
        metres = metres_per_pixel(scene, middles)
    margins = options.margin + np.rint(options.margin_metres / metres)
    windows = _enclosing(bounds, margins.astype(np.int64))
    squares = np.ones_like(is_point) if options.cut == "middle" else is_point
    if squares.any():
        sides = np.full(middles.shape, options.chip_size or 1, dtype=np.int64)
        if options.chip_metres is not None:
            sides = np.maximum(np.rint(options.chip_metres / metres), 1).astype(np.int64)
        windows[squares] = _around(middles, sides)[squares]
    return windows


def middles_inside(bounds: NDArray[np.float64], scene: Scene) -> NDArray[np.bool_]:
    """Which bounds (shape (places, 4), in pixels) have their middle in the scene."""
    pixel = np.floor((bounds[:, :2] + bounds[:, 2:]) / 2 + _NEAR)
    x, y = pixel.T
    inside: NDArray[np.bool_] = (x >= 0) & (x < scene.width) & (y >= 0) & (y < scene.height)
    return inside


def _enclosing(bounds: NDArray[np.float64], margins: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every pixel that the bounds touch, and the margin."""
    low = np.floor(bounds[:, :2] + _NEAR).astype(np.int64)
    high = np.ceil(bounds[:, 2:] - _NEAR).astype(np.int64)
    high = np.maximum(high, low + 1)
    return np.concatenate([low - margins, high + margins], axis=1)


def _around(middles: NDArray[np.float64], sides: NDArray[np.int64]) -> NDArray[np.int64]:
    """The windows of ``sides`` pixels whose middle is nearest; of two as near, the later."""
    low = np.floor(middles - sides / 2 + 0.5 + _NEAR).astype(np.int64)
    return np.concatenate([low, low + sides], axis=1)


def at_edges(
    windows: NDArray[np.int64], scene: Scene, edges: Literal["shift", "pad", "skip"]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """What becomes of windows that reach over the edge of their scene.

    Args:
        windows: shape (chips, 4).
        scene: for its size.
        edges: ``shift`` moves them inside, or over the whole scene where that is smaller;
            else they stay.

    Returns:
        The windows, and the share of each that lay outside before, shape (chips,).
    """
    size = np.array([scene.width, scene.height])
    outside = outside_share(windows, scene)
    if edges != "shift":
        return windows, outside
    low, high = windows[:, :2], windows[:, 2:]
    room = size - (high - low)  # negative where the scene is smaller
    moved = np.clip(low, np.minimum(room, 0), np.maximum(room, 0))
    return np.concatenate([moved, moved + high - low], axis=1), outside


def outside_share(windows: NDArray[np.int64], scene: Scene) -> NDArray[np.float64]:
    """Share of each window that lies outside the scene, from 0 to 1, shape (chips,)."""
    size = np.array([scene.width, scene.height])
    inside = np.clip(np.minimum(windows[:, 2:], size) - np.maximum(windows[:, :2], 0), 0, None)
    whole = (windows[:, 2:] - windows[:, :2]).prod(axis=1)
    share: NDArray[np.float64] = (whole - inside.prod(axis=1)) / whole
    return share
