"""Find the places that lie in a scene: those whose bounds have their middle there."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.errors import TargetError
from rsbench_datasets.map_chips.windows import middles_inside, to_map, to_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rsbench_datasets.map_chips.headers import Scene
    from rsbench_datasets.map_chips.labels import Places


class OnMap:
    """Places by their coordinates, changed to the system of each scene."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._in_crs: dict[str, tuple[NDArray[np.object_], Any]] = {}

    def in_scene(self, scene: Scene) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Indices of the places in ``scene``, ascending, and their bounds in its pixels."""
        import shapely

        shapes, tree = self._tree(scene)
        corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=np.float64)
        outline = to_map(scene.transform, corners * (scene.width, scene.height))
        near = np.sort(tree.query(shapely.polygons(outline), predicate="intersects"))
        pixels = shapely.transform(shapes[near], lambda points: to_pixels(scene.transform, points))
        bounds = shapely.bounds(pixels).reshape(-1, 4)
        inside = middles_inside(bounds, scene)
        return near[inside], bounds[inside]

    def _tree(self, scene: Scene) -> tuple[NDArray[np.object_], Any]:
        import shapely

        if scene.crs not in self._in_crs:
            shapes = _reproject(self._places, scene)
            self._in_crs[scene.crs] = (shapes, shapely.STRtree(shapes))
        return self._in_crs[scene.crs]


def _reproject(places: Places, scene: Scene) -> NDArray[np.object_]:
    """The shapes in the system of ``scene``; None where they have no coordinates in it."""
    import shapely
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    try:
        transformer = Transformer.from_crs(places.crs, scene.crs, always_xy=True)
    except ProjError as error:
        raise TargetError(
            f"the labels cannot be converted to the scene's coordinate system: {error}",
            where=scene.path,
            remedy="check the coordinate systems of the scene and of the labels",
        ) from error
    shapes: NDArray[np.object_] = shapely.transform(
        places.shapes, lambda points: np.stack(transformer.transform(*points.T), axis=1)
    )
    finite = np.isfinite(shapely.bounds(shapes)).all(axis=1)
    shapes[~finite] = None
    return shapes


class Named:
    """Places in pixel coordinates of the scene that their row names."""

    def __init__(self, places: Places, scenes: Sequence[Scene]) -> None:
        import shapely

        self._bounds = shapely.bounds(places.shapes)
        if not places.scenes and len(scenes) > 1:
            raise TargetError(
                f"the labels are in pixels, and there are {len(scenes)} scenes",
                where=places.file,
                remedy="name the column that names the scene in the option 'scene_column'",
            )
        self._rows: dict[str, list[int]] = {scene.name: [] for scene in scenes}
        by_any_name = _names(scenes)
        for index, name in enumerate(places.scenes or [scenes[0].name] * len(places)):
            if name not in by_any_name:
                raise TargetError(
                    f"the labels name the scene {name!r}, which is not among the scenes",
                    where=places.file,
                    remedy=f"the scenes are: {', '.join(list(self._rows)[:10])}"
                    + (", ..." if len(self._rows) > 10 else ""),
                )
            self._rows[by_any_name[name]].append(index)

    def in_scene(self, scene: Scene) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Indices of the places in ``scene``, ascending, and their bounds."""
        members = np.array(self._rows[scene.name], dtype=np.int64)
        bounds = self._bounds[members].reshape(-1, 4)
        inside = middles_inside(bounds, scene)
        return members[inside], bounds[inside]


def _names(scenes: Sequence[Scene]) -> dict[str, str]:
    """Scene names by all that a row may call them: the name, with or without suffix or folder."""
    calls: dict[str, set[str]] = {}
    for scene in scenes:
        path = PurePosixPath(scene.name)
        for call in {scene.name, path.name, path.stem, str(path.with_suffix(""))}:
            calls.setdefault(call, set()).add(scene.name)
    return {call: names.pop() for call, names in calls.items() if len(names) == 1}
