"""Runs with predictions whose differences are known, for tests of statistics."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from records import failed, little_folder, make_run, scored_record, write_predictions, write_run

from rsbench.plan import Plan, PlannedCell, settings_digest
from rsbench.record import ParameterCounts
from rsbench.report.results import RunResults, load_results

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rsbench.plan import CellRun
    from rsbench.record import Record

CLASSES = 6
HEAD, MEDIUM, TAIL = (0, 1), (2, 3), (4, 5)
TRAIN_COUNTS = (100, 80, 60, 40, 20, 10)


class SimulatedRun:
    """Collects rows, then writes the run and reads it back.

    Every image has a difficulty; a row gets it right where its skill, plus noise that differs
    from seed to seed, is above it. Rows with equal skill differ by noise alone.
    """

    def __init__(self, path: Path, images: int = 50, noise: float = 0.3) -> None:
        """Start without rows.

        Args:
            path: folder for the run.
            images: test images of each class.
            noise: standard deviation of what a seed adds to the skill on one image.
        """
        self.folder = little_folder(path)
        self.labels: NDArray[np.int64] = np.repeat(np.arange(CLASSES), images)
        self._noise = noise
        self._cells: list[tuple[CellRun, Record, dict[str, str], bool]] = []
        self._wrong: dict[str, NDArray[np.int64]] = {}

    def add(
        self,
        method: str = "lora",
        metapeft: bool = False,
        target: str = "things",
        seeds: Sequence[int] = (0, 1, 2),
        skill: float = 0.8,
        skills: Mapping[int, float] | None = None,
        fails: bool = False,
        predicts: bool = True,
        axes: Mapping[str, str] | None = None,
        record: Mapping[str, Any] | None = None,
        **run: Any,
    ) -> None:
        """One row.

        Args:
            method: label and kind.
            metapeft: whether MetaPEFT is on.
            target: label; the difficulties of its images depend on it.
            seeds: one cell each.
            skill: on all classes; equal to the difficulty's standard deviations.
            skills: of single classes, instead.
            fails: whether the cells failed.
            predicts: whether the cells keep predictions.
            axes: values of further axes of the matrix.
            record: fields of the records.
            run: of ``records.make_run``.
        """
        level = np.array([(skills or {}).get(c, skill) for c in range(CLASSES)])[self.labels]
        difficulty = _generator("difficulty", target).normal(size=self.labels.size)
        for seed in seeds:
            cell = make_run(method, seed, metapeft, target, **run)
            noise = self._noise * _generator(cell.id).normal(size=self.labels.size)
            right = level + noise > difficulty
            predictions = np.where(right, self.labels, (self.labels + 1) % CLASSES)
            fields = {"parameters": _parameters(method), **(record or {})}
            scored = scored_record(cell, self.labels, predictions, TRAIN_COUNTS, **fields)
            self._wrong[cell.id] = predictions
            made = failed(cell) if fails else scored
            self._cells.append((cell, made, dict(axes or {}), predicts and not fails))

    def pair(self, gain: float = 0.0, **row: Any) -> None:
        """A row and the same with MetaPEFT, whose skill is higher by ``gain``."""
        self.add(**row)
        self.add(**{**row, "metapeft": True, "skill": row.get("skill", 0.8) + gain})

    def read(self, disclaimer: str = "", reverse: bool = False) -> RunResults:
        """Write the run and read it back; ``reverse``: with the cells in the opposite order."""
        cells = self._cells[::-1] if reverse else self._cells
        planned = tuple(
            PlannedCell(cell.cell, settings_digest(cell.cell), True, cell) for cell, *_ in cells
        )
        listed = [
            each.model_copy(update={"axes": axes})
            for each, (_, _, axes, _) in zip(Plan(planned, (), (), {}).listed(), cells, strict=True)
        ]
        runs, records = [each[0] for each in cells], [each[1] for each in cells]
        write_run(self.folder, runs, records, disclaimer, cells=tuple(listed))
        for _, record, _, predicts in cells:
            if predicts:
                self.write_predictions(record)
        return load_results(self.folder)

    def write_predictions(self, record: Record) -> None:
        """The predictions of one cell."""
        write_predictions(self.folder, record, self.labels, self._wrong[record.id])

    def correct(self, record: Record) -> NDArray[np.bool_]:
        """Which images a cell got right."""
        return np.asarray(self._wrong[record.id] == self.labels)


def _parameters(method: str) -> ParameterCounts:
    method_parameters = 0 if method == "linear" else 1000
    frozen = 0 if method == "full" else 9000
    return ParameterCounts(method=method_parameters, head=200, modulators=0, frozen=frozen)


def _generator(*labels: str) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(each.encode()) for each in labels])
