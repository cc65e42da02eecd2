"""The crop manifest of DOTA: one row per object, made once from the annotation files.

It is a parquet file with the columns id, split, scene, x1, y1, x2, y2, label and difficult,
and with the digests of every file it was made from; it is made anew when one has changed.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.atomic import write_file
from rsbench.images import missing
from rsbench_datasets.dota.annotations import read_annotations
from rsbench_datasets.dota.layout import INDEX, scene_index
from rsbench_datasets.files.digests import FileDigests
from rsbench_datasets.files.scenes import Box, scene_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from rsbench.folders import Folders
    from rsbench.target import Progress
    from rsbench_datasets.dota.versions import DotaSplit, DotaVersion

_VERSION = 1
_KEY = b"rsbench_crops"
_log = logging.getLogger("rsbench")


@dataclass(frozen=True)
class Crops:
    """The crops of one split, scene after scene.

    Attributes:
        ids: ``<split>/<class>/<scene>_<x1>_<y1>_<x2>_<y2>``, with ``#2``, ``#3``, ... where an
            earlier object has the same box and class.
        scenes: image file of each crop, relative to the data set's folder.
        boxes: int32, shape (crops, 4): x1, y1, x2, y2 in pixels; x2 and y2 excluded.
        labels: int64, shape (crops,), indices into the classes of the version.
        difficult: bool, shape (crops,).
        digests: SHA-256 of every file that the manifest depends on, by relative path.
        dropped: objects without a crop, by reason.
    """

    ids: tuple[str, ...]
    scenes: tuple[str, ...]
    boxes: NDArray[np.int32]
    labels: NDArray[np.int64]
    difficult: NDArray[np.bool_]
    digests: dict[str, str]
    dropped: dict[str, int]

    def __len__(self) -> int:
        return len(self.ids)

    def box(self, index: int) -> Box:
        """The box of one crop: x1, y1, x2, y2."""
        x1, y1, x2, y2 = (int(edge) for edge in self.boxes[index])
        return x1, y1, x2, y2

    def select(self, chosen: NDArray[np.bool_], labels: NDArray[np.int64]) -> Crops:
        """The crops where ``chosen`` is true, with new ``labels`` (given for all crops)."""
        keep = np.flatnonzero(chosen)
        return replace(
            self,
            ids=tuple(self.ids[i] for i in keep),
            scenes=tuple(self.scenes[i] for i in keep),
            boxes=self.boxes[keep],
            labels=labels[keep],
            difficult=self.difficult[keep],
        )


def load_crops(
    root: Path,
    split: DotaSplit,
    version: DotaVersion,
    folders: Folders,
    progress: Progress | None = None,
) -> Crops:
    """The manifest of ``split``; read where it is up to date, made and written where not.

    Args:
        root: the prepared folder.
        split: "train" or "val".
        version: version of DOTA.
        folders: where digests are remembered, and manifests of folders that are read-only.
        progress: called with (done, total) scenes while the manifest is made.

    Raises:
        NotPreparedError: the split is not there.
        ImageError: a scene is missing or is no image.
        TargetError: an annotation file is missing or wrong.
    """
    digests = FileDigests(folders, root / split)
    places = _places(root, split, version, folders)
    for place in places:
        crops = _read(place)
        if crops is not None and _up_to_date(root, crops, digests):
            return crops
    crops = _make(root, split, version, digests, progress)
    _write(crops, split, places)
    return crops


def _places(
    root: Path, split: DotaSplit, version: DotaVersion, folders: Folders
) -> tuple[Path, ...]:
    name = f"crops-{split}{version.suffix}.parquet"
    key = hashlib.sha256(str(root).encode()).hexdigest()[:24]
    return root / name, folders.cache / "dota" / key / name


def _up_to_date(root: Path, crops: Crops, digests: FileDigests) -> bool:
    try:
        return digests.of(root / file for file in crops.digests) == list(crops.digests.values())
    except FileNotFoundError:  # making it anew finds out what is missing and says so
        return False


def _make(
    root: Path,
    split: DotaSplit,
    version: DotaVersion,
    digests: FileDigests,
    progress: Progress | None,
) -> Crops:
    scenes = scene_index(root, split, version)
    dropped: Counter[str] = Counter(outside=0, degenerate=0)
    rows: list[tuple[str, str, Box, int, bool]] = []
    for done, (image, annotation) in enumerate(scenes, start=1):
        rows.extend(_scene_rows(root, split, version, image, annotation, dropped))
        if progress is not None:
            progress(done, len(scenes))
    if sum(dropped.values()):
        _log.warning(
            "%s: %d objects of %s lie outside their scene and %d have no area; they are left out",
            root, dropped["outside"], split, dropped["degenerate"],
        )  # fmt: skip
    files = [INDEX, *(file for scene in scenes for file in scene)]
    return Crops(
        ids=tuple(_numbered(row[0] for row in rows)),
        scenes=tuple(row[1] for row in rows),
        boxes=np.array([row[2] for row in rows], dtype=np.int32).reshape(-1, 4),
        labels=np.array([row[3] for row in rows], dtype=np.int64),
        difficult=np.array([row[4] for row in rows], dtype=np.bool_),
        digests=dict(zip(files, digests.of(root / file for file in files), strict=True)),
        dropped=dict(dropped),
    )


def _scene_rows(
    root: Path,
    split: DotaSplit,
    version: DotaVersion,
    image: str,
    annotation: str,
    dropped: Counter[str],
) -> list[tuple[str, str, Box, int, bool]]:
    path = root / image
    if not path.is_file():
        raise missing(path, listed=INDEX)
    width, height = scene_size(path)
    rows = []
    for each in read_annotations(root / annotation, version):
        x1, y1, x2, y2 = each.rectangle()
        if x2 <= x1 or y2 <= y1:
            dropped["degenerate"] += 1
            continue
        x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
        if x2 <= x1 or y2 <= y1:
            dropped["outside"] += 1
            continue
        name = f"{split}/{version.classes[each.label]}/{path.stem}_{x1}_{y1}_{x2}_{y2}"
        rows.append((name, image, (x1, y1, x2, y2), each.label, each.difficult))
    return rows


def _numbered(names: Iterable[str]) -> Iterator[str]:
    """``names`` with #2, #3, ... at the second, third, ... of the same name."""
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}#{seen[name]}"


def _write(crops: Crops, split: DotaSplit, places: Iterable[Path]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    x1, y1, x2, y2 = crops.boxes.T
    table = pa.table(
        {
            "id": list(crops.ids),
            "split": [split] * len(crops),
            "scene": list(crops.scenes),
            "x1": x1,
            "y1": y1,
            "x2": x2,
            "y2": y2,
            "label": crops.labels,
            "difficult": crops.difficult,
        },
    )
    about = {"version": _VERSION, "files": crops.digests, "dropped": crops.dropped}
    buffer = pa.BufferOutputStream()
    parquet.write_table(
        table.replace_schema_metadata({_KEY: json.dumps(about)}), buffer, write_page_checksum=True
    )
    content = buffer.getvalue().to_pybytes()
    for place in places:
        try:
            write_file(place, content)
        except OSError as error:  # a read-only data folder: the cache is next
            _log.info("the crop manifest cannot be written to %s: %s", place, error)
        else:
            return
    _log.warning("the crop manifest could be kept nowhere; it is made again at the next opening")


def _read(place: Path) -> Crops | None:
    """The manifest in ``place``; None where there is none, or a damaged or older one."""
    if not place.is_file():
        return None
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(place, page_checksum_verification=True)
        about: dict[str, Any] = json.loads(table.schema.metadata[_KEY])
        if about["version"] != _VERSION:
            return None
        return _from_table(table, about)
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError) as error:
        _log.warning("the crop manifest %s is damaged and is made anew (%s)", place, error)
        return None


def _from_table(table: Any, about: dict[str, Any]) -> Crops:
    boxes = [table[edge].to_numpy() for edge in ("x1", "y1", "x2", "y2")]
    return Crops(
        ids=tuple(table["id"].to_pylist()),
        scenes=tuple(table["scene"].to_pylist()),
        boxes=np.stack(boxes, axis=1).astype(np.int32),
        labels=table["label"].to_numpy().astype(np.int64),
        difficult=table["difficult"].to_numpy().astype(np.bool_),
        digests=dict(about["files"]),
        dropped=dict(about["dropped"]),
    )
