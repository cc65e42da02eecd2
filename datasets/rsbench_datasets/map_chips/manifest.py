"""The chips of a target, remembered between runs in the cache.

A manifest is a parquet file with the columns scene, x1, y1, x2, y2, label and test. Its name is
a digest over everything it was made from (scenes, labels, options), so that it is never out of
date. It is safe to delete.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.atomic import write_file
from rsbench_datasets.map_chips.chips import Chips

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rsbench.folders import Folders
    from rsbench_datasets.map_chips.headers import Scene
    from rsbench_datasets.map_chips.options import MapChipsOptions

_VERSION = 2
_KEY = b"rsbench_map_chips"
_EDGES = ("x1", "y1", "x2", "y2")
#: Options that chips do not depend on.
_LATER = {"groups", "class_names", "disclaimer", "labels", "scenes"}
_log = logging.getLogger("rsbench")


def manifest_file(
    folders: Folders, options: MapChipsOptions, scenes: Sequence[Scene], label_digests: list[str]
) -> Path:
    """Where the manifest of chips that are made from all this lies."""
    made_from = [
        _VERSION,
        options.model_dump(mode="json", exclude=_LATER),
        [asdict(scene) | {"path": ""} for scene in scenes],
        label_digests,
    ]
    key = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:32]
    return folders.cache / "map_chips" / f"{key}.parquet"


def write_manifest(file: Path, chips: Chips) -> None:
    """Keep ``chips``; where the cache cannot be written, only a warning says so."""
    import pyarrow as pa
    from pyarrow import parquet

    columns = {"scene": chips.scene, "label": chips.labels, "test": chips.test}
    columns |= dict(zip(_EDGES, chips.windows.T, strict=True))
    about = {"class_names": chips.class_names, "remarks": chips.remarks}
    table = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(about)})
    buffer = pa.BufferOutputStream()
    parquet.write_table(table, buffer, write_page_checksum=True)
    try:
        write_file(file, buffer.getvalue().to_pybytes())
    except OSError as error:  # the chips are right all the same, only slow next time
        _log.warning("cannot remember the chips of a map in %s: %s", file, error)


def read_manifest(file: Path) -> Chips | None:
    """The chips in ``file``; None where there are none, or a damaged file."""
    if not file.is_file():
        return None
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(file, page_checksum_verification=True)
        about: dict[str, Any] = json.loads(table.schema.metadata[_KEY])
        return Chips(
            scene=table["scene"].to_numpy().astype(np.int64),
            windows=np.stack([table[edge].to_numpy() for edge in _EDGES], axis=1).astype(np.int64),
            labels=table["label"].to_numpy().astype(np.int64),
            test=table["test"].to_numpy().astype(np.bool_),
            class_names=tuple(about["class_names"]),
            remarks=tuple(about["remarks"]),
        )
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError) as error:
        _log.warning("the chip manifest %s is damaged and is made anew (%s)", file, error)
        return None
