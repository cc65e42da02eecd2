"""Runs whose cells have invented features: classes in known directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from records import little_folder, make_run, scored_record, write_features, write_run

from rsbench.record import ParameterCounts
from rsbench.report.results import load_results

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from rsbench.plan import CellRun
    from rsbench.record import Record
    from rsbench.report.results import RunResults
    from rsbench.store import RunFolder

    Features = NDArray[np.float32]


def directions(classes: int, apart: float, width: int = 12) -> NDArray[np.float64]:
    """Unit vectors, each two of which have the cosine 1 - ``apart``; shape (classes, width)."""
    shared = np.zeros(width)
    shared[-1] = np.sqrt(1.0 - apart)
    return np.sqrt(apart) * np.eye(classes, width) + shared


class DistanceRun:
    """Collects cells and writes them as one run.

    Every class has ``images`` test images; a class is ``apart`` from every other one, exactly,
    and has no spread unless ``noise`` is given.
    """

    def __init__(self, path: Path, classes: int = 6, images: int = 4) -> None:
        self.folder: RunFolder = little_folder(path)
        self.labels = np.repeat(np.arange(classes), images)
        self.classes = classes
        self.runs: list[CellRun] = []
        self.records: list[Record] = []
        self._features: list[tuple[Record, Features, Features, NDArray[np.int64]]] = []

    def add(
        self,
        method: str,
        apart: float | Sequence[float] = 0.5,
        seed: int = 0,
        accuracy: Sequence[float] | None = None,
        features: bool = True,
        noise: float = 0.0,
        record: Mapping[str, Any] | None = None,
        **run: Any,
    ) -> Record:
        """One finished cell; before adaptation its classes are 0.2 apart.

        Args:
            method: label and kind.
            apart: distance between any two classes after adaptation; one for each class makes
                the distance of two classes that of their mean, roughly.
            seed: of the cell.
            accuracy: share of right answers of each class.
            features: whether the cell keeps ``features.npz``.
            noise: of the features of single images.
            record: further fields of the record.
            run: further arguments of ``make_run``.
        """
        cell = make_run(method, seed, **run)
        counts = [2 ** (self.classes - each) for each in range(self.classes)]
        predictions = self._predictions(accuracy)
        probe = {"parameters": ParameterCounts(method=0, head=200, modulators=0, frozen=9)}
        fields = {**(probe if method == "linear" else {}), **(record or {})}
        made = scored_record(cell, self.labels, predictions, counts, **fields)
        self.runs.append(cell)
        self.records.append(made)
        if features:
            draw = np.random.default_rng([seed, len(method)])
            before = self._images(0.2, noise, np.random.default_rng(5))
            after = before if method == "linear" else self._images(apart, noise, draw)
            self._features.append((made, before, after, self.labels))
        return made

    def _images(
        self, apart: float | Sequence[float], noise: float, draw: np.random.Generator
    ) -> NDArray[np.float32]:
        each = np.broadcast_to(np.asarray(apart, dtype=np.float64), (self.classes,))
        places = np.stack([directions(self.classes, a)[c] for c, a in enumerate(each)])
        chosen = places[self.labels]
        return (3.0 * chosen + noise * draw.normal(size=chosen.shape)).astype(np.float32)

    def _predictions(self, accuracy: Sequence[float] | None) -> NDArray[np.int64]:
        predictions = self.labels.copy()
        for number, share in enumerate(accuracy or ()):
            members = np.flatnonzero(self.labels == number)
            wrong = members[round(share * len(members)) :]
            predictions[wrong] = (number + 1) % self.classes
        return predictions

    def write(self, **index: Any) -> RunResults:
        """Write the run and read it back. ``index``: further fields of run.json."""
        write_run(self.folder, self.runs, self.records, **index)
        for record, before, after, labels in self._features:
            write_features(self.folder, record, before, after, labels)
        return load_results(self.folder)
