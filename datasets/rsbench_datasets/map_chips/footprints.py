"""Chips on the ground: their outlines in one coordinate system in metres, and how near they are.

Metres are those of a projection whose scale is within 5 % of the ground's at every chip: the
system that all scenes share, else a UTM zone. Chips too far apart for a zone are laid out in a
global equal-area projection (EPSG:6933), and distances are stretched there so that a gap is
never narrower than asked for. (Chips on both sides of the 180th meridian are no neighbours in
that last one.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.errors import TargetError
from rsbench_datasets.map_chips.windows import to_map

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rsbench_datasets.map_chips.headers import Scene

_TOLERATED = 0.05
_GLOBAL = "EPSG:6933"
#: Part of a pixel that outlines are shrunk by on each side, so that rounding makes no neighbours
#: of chips that only share an edge.
_SHRINK = 0.01


@dataclass(frozen=True)
class Footprints:
    """Outlines of chips.

    Attributes:
        corners: their four corners in turn, shape (chips, 4, 2), in metres of ``system``; in
            pixel coordinates, in pixels, scene beside scene. They are a hundredth of a pixel
            within the chip.
        system: name of the projection; "" in pixel coordinates.
        stretch: how many metres of the projection a metre on the ground is at most; 1 where
            that is within the tolerance.
        pixel: side of the smallest pixel, in metres.
    """

    corners: NDArray[np.float64]
    system: str
    stretch: float
    pixel: float

    @property
    def middles(self) -> NDArray[np.float64]:
        """Middle of each chip, shape (chips, 2)."""
        middles: NDArray[np.float64] = self.corners.mean(axis=1)
        return middles

    def near(
        self, chips: NDArray[np.bool_], others: NDArray[np.bool_], gap: float
    ) -> NDArray[np.bool_]:
        """Which of ``chips`` overlap one of ``others``, or lie nearer to one than ``gap``.

        Args:
            chips: which to judge, shape (chips,).
            others: whose neighbours are meant, shape (chips,).
            gap: metres; 0 asks for overlap, and a shared edge is none.

        Returns:
            Shape (chips,), true for some of ``chips`` only.
        """
        result = np.zeros(len(chips), dtype=np.bool_)
        result[self.neighbours(chips, others, gap)[0]] = True
        return result

    def neighbours(
        self, chips: NDArray[np.bool_], others: NDArray[np.bool_], gap: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Indices of all pairs of :meth:`near`: of ``chips`` and of ``others``, (pairs,) each."""
        import shapely

        outlines = shapely.polygons(self.corners)
        judged, among = np.flatnonzero(chips), np.flatnonzero(others)
        reach = gap * self.stretch + _SHRINK * self.pixel
        tree = shapely.STRtree(outlines[among])
        first, second = tree.query(outlines[judged], predicate="dwithin", distance=reach)
        return judged[first], among[second]


def footprints(
    scenes: Sequence[Scene],
    scene: NDArray[np.int64],
    windows: NDArray[np.int64],
    crs: str | None = None,
) -> Footprints:
    """The outlines of chips on the ground.

    Args:
        scenes: all scenes.
        scene: index of the scene of each chip, shape (chips,).
        windows: x1, y1, x2, y2 in pixels of that scene, shape (chips, 4).
        crs: projected system in metres to use; by default as the module says.

    Raises:
        TargetError: ``crs`` is none, or none in metres.
    """
    x1, y1, x2, y2 = windows.T + np.array([[_SHRINK], [_SHRINK], [-_SHRINK], [-_SHRINK]])
    corners = np.stack([x1, y1, x2, y1, x2, y2, x1, y2], axis=1).reshape(-1, 4, 2)
    if not scenes[0].crs:
        apart = 2.0 * (corners[:, :, 0].max() - corners[:, :, 0].min())
        corners[:, :, 0] += (scene * apart)[:, None]
        return Footprints(corners, "", 1.0, 1.0)
    degrees = _on_ground(scenes, scene, corners, "EPSG:4326").reshape(-1, 2)
    system, stretch = _system({scenes[index].crs for index in np.unique(scene)}, degrees, crs)
    outlines = _on_ground(scenes, scene, corners, system)
    width, height = (windows[:, 2:] - windows[:, :2]).T
    across = np.linalg.norm(outlines[:, 1] - outlines[:, 0], axis=1) / width
    down = np.linalg.norm(outlines[:, 2] - outlines[:, 1], axis=1) / height
    return Footprints(outlines, system.name, stretch, float(min(across.min(), down.min())))


def _on_ground(
    scenes: Sequence[Scene], scene: NDArray[np.int64], corners: NDArray[np.float64], system: Any
) -> NDArray[np.float64]:
    """Corners in pixels of their scenes, shape (chips, 4, 2), in another coordinate system."""
    from pyproj import Transformer

    changed = np.empty_like(corners)
    for index in np.unique(scene):
        members = scene == index
        points = to_map(scenes[index].transform, corners[members].reshape(-1, 2))
        transformer = Transformer.from_crs(scenes[index].crs, system, always_xy=True)
        x, y = transformer.transform(*points.T)
        changed[members] = np.stack([x, y], axis=1).reshape(-1, 4, 2)
    return changed


def _system(shared: set[str], degrees: NDArray[np.float64], crs: str | None) -> tuple[Any, float]:
    """The projection to measure in, and its ``stretch``, for points in longitude and latitude."""
    from pyproj import CRS

    if crs is not None:
        system = _stated(crs)
        smallest, largest = _scales(system, degrees)
        return system, 1.0 if _is_tolerated(smallest, largest) else largest
    candidates = [CRS(each) for each in shared if len(shared) == 1]
    for system in (*filter(_is_metric, candidates), CRS(_utm(degrees))):
        if _is_tolerated(*_scales(system, degrees)):
            return system, 1.0
    return CRS(_GLOBAL), _scales(CRS(_GLOBAL), degrees)[1]


def _stated(crs: str) -> Any:
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        system = CRS(crs)
    except CRSError as error:
        raise TargetError(
            f"the split's 'crs' is no coordinate system: {error}",
            remedy='write it as "EPSG:32631"',
        ) from error
    if not _is_metric(system):
        raise TargetError(
            f"the split's 'crs' is {system.name}, which is not projected in metres",
            remedy="state a projected system, such as a UTM zone, or leave it out",
        )
    return system


def _is_metric(system: Any) -> bool:
    units = {axis.unit_name for axis in system.axis_info[:2]}
    return bool(system.is_projected) and units == {"metre"}


def _scales(system: Any, degrees: NDArray[np.float64]) -> tuple[float, float]:
    """Smallest and largest metres of ``system`` per metre on the ground."""
    from pyproj import Proj

    factors = Proj(system).get_factors(*degrees.T)
    return float(np.min(factors.tissot_semiminor)), float(np.max(factors.tissot_semimajor))


def _is_tolerated(smallest: float, largest: float) -> bool:
    return smallest >= 1 - _TOLERATED and largest <= 1 + _TOLERATED


def _utm(degrees: NDArray[np.float64]) -> str:
    """The UTM zone of the middle of all points; it may be on either side of longitude 180."""
    turns = np.deg2rad(degrees[:, 0])
    longitude = np.rad2deg(np.arctan2(np.sin(turns).mean(), np.cos(turns).mean()))
    zone = int((longitude + 180) // 6) % 60 + 1
    return f"EPSG:{326 if degrees[:, 1].mean() >= 0 else 327}{zone:02d}"
