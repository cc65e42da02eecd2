"""Samples that are image files, in columns, so that half a million of them stay small."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rsbench.target import Split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True)
class FileSample:
    """One sample.

    Attributes:
        id: stable text, unique in its split.
        path: the image file.
        label: class index.
        listed: where the sample is named ("list.csv:7"), for messages; may be empty.
    """

    id: str
    path: Path
    label: int
    listed: str = ""


@dataclass(frozen=True)
class FileSamples:
    """The samples of one split, in columns.

    Ids are paths below ``root``, with ``prefix`` in front, unless ``paths`` are given; so a
    large set keeps one text per sample. :meth:`gather` is for small sets.

    Attributes:
        ids: stable text per sample, unique in the split.
        labels: class index per sample, int64, shape (samples,).
        root: folder that the paths start from.
        prefix: what every id has in front of its path.
        paths: path per sample, below ``root`` or absolute, where ids do not tell it.
        listed: where each sample is named ("list.csv:7"), for messages; may be empty.
    """

    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    root: str | Path
    prefix: str = ""
    paths: tuple[str, ...] | None = None
    listed: Sequence[str] = ()

    @classmethod
    def gather(cls, samples: Iterable[FileSample]) -> FileSamples:
        """Columns from samples one by one; every path is kept as it is."""
        rows = list(samples)
        return cls(
            ids=tuple(row.id for row in rows),
            labels=np.array([row.label for row in rows], dtype=np.int64),
            root="",
            paths=tuple(os.fspath(row.path) for row in rows),
            listed=tuple(row.listed for row in rows),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def path(self, index: int) -> str:
        """The image file of one sample."""
        if self.paths is not None:
            return os.path.join(self.root, self.paths[index])
        return os.path.join(self.root, self.ids[index][len(self.prefix) :])

    def all_paths(self) -> Iterator[str]:
        """The image files in order, made one by one."""
        return (self.path(index) for index in range(len(self)))

    def split(self) -> Split:
        """Ids and labels."""
        return Split(self.ids, self.labels)

    def choose(self, indices: NDArray[np.int64]) -> FileSamples:
        """The samples ``indices``, in that order."""
        chosen: list[int] = indices.tolist()

        def those(column: Sequence[str]) -> tuple[str, ...]:
            return tuple(column[index] for index in chosen)

        return replace(
            self,
            ids=those(self.ids),
            labels=self.labels[indices],
            paths=None if self.paths is None else those(self.paths),
            listed=those(self.listed) if self.listed else (),
        )

    def without_lines(self) -> FileSamples:
        """The same without ``listed``, which only messages about the index need."""
        return replace(self, listed=())
