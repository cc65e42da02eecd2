"""Features of the frozen backbone, computed once per backbone x target x view and kept."""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rsbench.atomic import new_file

VERSION = 2
_log = logging.getLogger("rsbench")
#: Folders that were found not to take what is computed.
_not_kept: set[Path] = set()


@dataclass(frozen=True)
class FrozenKey:
    """Everything that frozen features depend on.

    Attributes:
        target: content hash of the target.
        split: train or test.
        weights: hash of the backbone's weights.
        architecture: arguments of the backbone, normalisation included, as JSON text.
        image_size: side of the input.
        short_side: short side before the centre crop.
        stored_side: short side that longer ones of the decoded images were shrunk to.
        precision: resolved precision.
        device: device type and torch version: rounding differs between them.
    """

    target: str
    split: str
    weights: str
    architecture: str
    image_size: int
    short_side: int
    stored_side: int
    precision: str
    device: str

    @property
    def digest(self) -> str:
        """Name of the cache file."""
        text = json.dumps([VERSION, *vars(self).values()])
        return hashlib.sha256(text.encode()).hexdigest()[:24]


def cached_features(
    folder: Path, key: FrozenKey, compute: Callable[[], NDArray[np.float32]], samples: int
) -> NDArray[np.float32]:
    """Frozen features, shape (samples, width): from the cache, or computed and kept.

    A damaged or foreign file is computed anew. A cache that cannot be read or written (a full
    disk) costs time, and no cell: that is said once a process.
    """
    path = folder / f"{key.digest}.npz"
    stored = _read(path, samples)
    if stored is not None:
        return stored
    features = compute()
    try:
        _keep(path, features)
    except OSError as error:
        if folder not in _not_kept:
            _not_kept.add(folder)
            _log.warning("features of the frozen backbone cannot be kept in %s: %s", folder, error)
    return features


def _keep(path: Path, features: NDArray[np.float32]) -> None:
    with new_file(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, features=features)


def _read(path: Path, samples: int) -> NDArray[np.float32] | None:
    try:
        # numpy would leave a damaged file open
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            features: NDArray[np.float32] = archive["features"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # a damaged cache is no error: it is computed again
    return features if len(features) == samples else None
