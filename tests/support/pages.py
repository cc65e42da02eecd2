"""Reports made in memory for the tests of report.html, with names that try to be markup."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from records import make_run, scored_record

from rsbench.plan import Plan, PlannedCell, settings_digest
from rsbench.record import EpochLog, Failure, Record
from rsbench.report.artefact_files import ArtefactFiles
from rsbench.report.artefacts import Absent, Artefact, Column, Figure, Measure, Table
from rsbench.report.build import BuiltSection, Report
from rsbench.report.results import RunResults
from rsbench.report.rows import build_rows
from rsbench.report.section import Section
from rsbench.store import RunFolder, RunIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure as Drawing

    from rsbench.plan import CellRun

#: A name that would run if it were ever taken for markup.
SCRIPT = "<script>window.caught = true</script>"
#: Text that ends a script, starts a comment, and holds line separators of JavaScript.
HOSTILE = "</script><!--<script>\u2028\u2029 & \"quoted\" 'single' <img src=x onerror=alert(1)>"
CLASSES = (SCRIPT, "ship & boat", "tank", "car")


def finished(run: CellRun, seed: int = 0, **changes: Any) -> Record:
    """A finished record with four classes and a training log."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(CLASSES)), 25)
    guesses = np.where(random.random(labels.size) < 0.7, labels, random.integers(0, 4, labels.size))
    log = tuple(EpochLog(epoch=n, loss=1 / (n + seed + 1), learning_rate=0.1) for n in range(3))
    fields = {"class_names": CLASSES, "epochs": log, **changes}
    return scored_record(run, labels, guesses, (400, 90, 20, 5), **fields)


def broken(run: CellRun, message: str = "no luck", traceback: str = "at line 1") -> Record:
    """A failed record."""
    failure = Failure(kind="ValueError", message=message, traceback=traceback)
    return Record(id=run.id, status="failed", cell=run.cell, identity=run.identity, failure=failure)


def results_of(
    runs: Sequence[CellRun], records: Sequence[Record], disclaimer: str = "", name: str = "little"
) -> RunResults:
    """A run in memory; cells of ``runs`` without a record are missing."""
    planned = tuple(PlannedCell(r.cell, settings_digest(r.cell), True, r) for r in runs)
    listed = Plan(planned, (), (), {}).listed()
    index = RunIndex(
        matrix=name,
        matrix_file="little.yaml",
        disclaimer=disclaimer,
        rsbench="0",
        created="then",
        updated="now",
        cells=listed,
    )
    known = {each.id for each in records}
    good = [({}, each) for each in records if each.failure is None]
    return RunResults(
        index=index,
        rows=build_rows(good),
        failures=tuple(each for each in records if each.failure is not None),
        missing=tuple(each for each in listed if each.id not in known),
        foreign=0,
        disclaimers=(disclaimer,) if disclaimer else (),
        notes=(),
        files=ArtefactFiles(RunFolder(Path("nowhere"))),
    )


def report_of(results: RunResults, *artefacts: Artefact, title: str = "Numbers") -> Report:
    """A report of one section."""
    section = Section("numbers", title, "How **good** is `it`?", ("*",), lambda _: artefacts)
    return Report(results, (BuiltSection(section, artefacts),))


def plain_table(results: RunResults, **changes: Any) -> Table:
    """Method, accuracy with its spread, and seeds of every row of a run."""
    columns = (
        Column("method", "method"),
        Column("mean", "mean", unit="%", group="accuracy", parts=("mean", "std")),
        Column("tail", "tail", unit="%", group="accuracy", parts=("mean", "std")),
        Column("seeds", "seeds"),
    )
    rows = tuple(
        (row.full_method, row.measure("mean"), row.measure("tail"), len(row.seeds))
        for row in results.rows
    )
    fields = {"notes": (), "cells": tuple(row.ids for row in results.rows), **changes}
    return Table("numbers", "All numbers", columns, rows, **fields)


def long_table(rows: int) -> Table:
    """A table of numbers in no order, some undefined, with texts that CSV must quote."""
    columns = (
        Column("name", "name"),
        Column("value", "value", digits=2, unit="s"),
        Column("change", "change", unit="points", parts=("mean", "low", "high"), signed=True),
    )
    numbers = [(37 * n) % rows for n in range(rows)]
    return Table(
        "long",
        "A long table",
        columns,
        tuple(
            (
                f'row {n}, "{"odd" if n % 2 else "even"}"',
                None if n % 10 == 3 else n * 1.5,
                Measure(None) if n % 10 == 4 else Measure(n - 50.0, None, n - 51.0, n - 49.0),
            )
            for n in numbers
        ),
    )


def drawing() -> Drawing:
    """A small figure."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(4, 2))
    canvas.subplots().plot([0, 1], [1, 0])
    return canvas


def picture(**changes: Any) -> Figure:
    """A figure with an odd caption."""
    fields = {"caption": "Mean over **3** seeds <i>", "alt": 'It "falls" <b>', **changes}
    return Figure("falling", "A falling line", draw=drawing, **fields)


def nothing() -> Absent:
    """An artefact that could not be made."""
    return Absent("gone", "Distances", "no features <u>: run it again")


def hostile_report() -> Report:
    """Two finished rows of three seeds, one failed and one missing cell, and odd names."""
    runs = [make_run(method, seed) for method in ("lora", SCRIPT) for seed in range(3)]
    records = [finished(run, seed) for seed, run in enumerate(runs)]
    lost, failing = make_run("full"), make_run("adapter")
    failed = broken(failing, f"no luck {HOSTILE}", f"Traceback {HOSTILE}")
    results = results_of([*runs, lost, failing], [*records, failed], disclaimer="Demo & more")
    return report_of(results, plain_table(results), long_table(250), picture(), nothing())
