"""Tables of a report as readers of its files see them."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import numpy as np
from records import scored_record, write_predictions, write_run

from rsbench.report.results import load_results
from rsbench.report.sections import all_sections
from rsbench.report.writers import to_csv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rsbench.plan import CellRun
    from rsbench.record import Record
    from rsbench.report.artefacts import Artefact, Table
    from rsbench.report.results import RunResults
    from rsbench.store import RunFolder


def csv_rows(table: Table) -> list[dict[str, str]]:
    """The lines of the CSV file, by column."""
    return list(csv.DictReader(io.StringIO(to_csv(table), newline="")))


def artefacts_of(results: RunResults, section: str) -> dict[str, Artefact]:
    """What a section makes of a run, by name."""
    (found,) = [each for each in all_sections() if each.name == section]
    return {each.name: each for each in found.build(results)}


def finish(
    folder: RunFolder, runs: Sequence[CellRun], records: Sequence[Record], **index: object
) -> RunResults:
    """Write a run of invented records and read it back."""
    write_run(folder, runs, records, **index)
    return load_results(folder)


def on_axes(folder: RunFolder, axes: Sequence[Mapping[str, str]]) -> RunResults:
    """Give the cells of a run places on further axes of its matrix, in order."""
    index = folder.read_index()
    cells = tuple(
        cell.model_copy(update={"axes": dict(place), "row": number})
        for number, (cell, place) in enumerate(zip(index.cells, axes, strict=True))
    )
    folder.write_index(index.model_copy(update={"cells": cells}), "name: little\n")
    return load_results(folder)


def predicted(
    run: CellRun, hits: Sequence[int], images: int, train_counts: Sequence[int], **changes: object
) -> tuple[Record, NDArray[np.int64], NDArray[np.int64]]:
    """A record of a cell that gets ``hits[c]`` of the ``images`` test images of class c right.

    Returns:
        The record, the labels and the predictions; a miss is taken for the next class.
    """
    classes = len(hits)
    labels = np.repeat(np.arange(classes), images)
    right = np.concatenate([np.arange(images) < each for each in hits])
    predictions = np.where(right, labels, (labels + 1) % classes)
    return scored_record(run, labels, predictions, train_counts, **changes), labels, predictions


def keep_predictions(
    folder: RunFolder,
    record: Record,
    labels: NDArray[np.int64],
    predictions: NDArray[np.int64],
    confidence: float,
) -> None:
    """``predictions.parquet`` with the same confidence everywhere."""
    confidences = np.full(len(labels), confidence, np.float32)
    write_predictions(folder, record, labels, predictions, confidences)
