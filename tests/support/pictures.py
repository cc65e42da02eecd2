"""A target over arrays in memory that spawned processes can import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rsbench.errors import ImageError
from rsbench.folders import Folders
from rsbench.groups import ClassGroups
from rsbench.imagery import Imagery
from rsbench.settings import Settings
from rsbench.target import OnBadImage, Split, SplitName, Target


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


class Pictures(Target):
    """Pictures in memory, None for one that does not decode; it counts how often it is read."""

    class Options(Settings):
        on_bad_image: OnBadImage = "error"

    def __init__(
        self,
        pictures: Sequence[Any],
        content_hash: str = "0" * 64,
        *,
        labels: Sequence[int] | None = None,
        imagery: Imagery | None = None,
        on_bad_image: OnBadImage = "error",
    ) -> None:
        self.pictures = list(pictures)
        self.reads = 0
        ids = tuple(str(index) for index in range(len(pictures)))
        split = Split(ids, np.array(labels or [0] * len(ids), dtype=np.int64))
        classes = int(split.labels.max()) + 1
        super().__init__(
            "pictures",
            class_names=tuple(f"class {label}" for label in range(classes)),
            groups=ClassGroups(tuple(range(classes)), (), ()),
            train=split,
            test=split,
            content_hash=content_hash,
            imagery=imagery or Imagery(),
            on_bad_image=on_bad_image,
        )

    @classmethod
    def open(cls, name: str, options: Settings, folders: Folders) -> Target:
        raise NotImplementedError

    def read(self, split: SplitName, index: int) -> NDArray[Any]:
        self.reads += 1
        found = self.pictures[index]
        if found is None:
            raise ImageError("the image does not decode", where=f"{index}.png")
        image: NDArray[Any] = found
        return image
