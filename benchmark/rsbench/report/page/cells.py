"""The view of each cell: its scores, settings, cost and provenance, from its record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rsbench.alarms import Floors, below
from rsbench.report.page.cell_training import add_training
from rsbench.report.page.embed import Shared
from rsbench.report.page.panels import Panels, left_out, settings_of
from rsbench.report.results import reason_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.record import Environment, Record
    from rsbench.settings import Settings

#: Numbers that the lists of one kind (classes, epochs, modulators) may have over all cells; a
#: cell whose list is longer than its share shows a sentence in its place.
MOST_NUMBERS = 2_000_000
_METRICS = (
    ("overall accuracy", "overall"),
    ("mean-class accuracy", "mean_class"),
    ("head", "head"),
    ("medium", "medium"),
    ("tail", "tail"),
    ("macro F1", "macro_f1"),
    ("worst class", "worst_class"),
    ("harmonic mean over classes", "harmonic_mean"),
    ("geometric mean over classes", "geometric_mean"),
)


def cells_data(records: Sequence[Record]) -> dict[str, Any]:
    """What the page shows of each cell.

    Args:
        records: finished and failed cells.

    Returns:
        JSON values: ``shared``, the values that cells have in common, and ``cells``: the panels
        (``panels``) of each, by id.
    """
    shared = Shared()
    longest = MOST_NUMBERS // max(1, len(records))
    floors = Floors(records)
    cells = {each.id: _cell(each, floors, shared, longest) for each in records}
    return {"cells": cells, "shared": shared.values}


def _cell(record: Record, floors: Floors, shared: Shared, longest: int) -> list[Any]:
    panels = Panels(shared)
    floor = floors.above(record)
    if record.failure is not None or record.metrics is None:
        _add_failure(panels, record)
    _add_scores(panels, record, longest)
    panels.sentences("Warnings", [*record.alarms, *([below(floor)] if floor else [])])
    panels.sentences("Notes", [*record.disclaimers, *record.notes])
    panels.pairs("Images left out, by split", record.skipped)
    _add_settings(panels, record)
    add_training(panels, record, longest)
    _add_cost(panels, record)
    _add_view(panels, record)
    _add_provenance(panels, record)
    return panels.made


def _add_failure(panels: Panels, record: Record) -> None:
    panels.sentences("Failure", [reason_of(record)])
    if record.failure is not None:
        panels.text("Traceback", f"{record.failure.message}\n\n{record.failure.traceback}")


def _add_scores(panels: Panels, record: Record, longest: int) -> None:
    metrics = record.metrics
    if metrics is None:
        return
    scores = {name: percent(getattr(metrics, field)) for name, field in _METRICS}
    where = record.cell.recipe.evaluate_on
    panels.pairs(f"Scores on the {where} images, %", scores, digits=2)
    classes = len(metrics.per_class)
    if classes > longest:
        panels.sentences("Accuracy by class", [left_out(f"{classes:,} classes", record.id)])
        return
    panels.table(
        "Accuracy by class",
        fixed={
            "class": record.class_names or [f"class {number}" for number in range(classes)],
            "group": _group_names(record, classes),
            "training images": record.train_counts or [None] * classes,
            "images scored": record.test_counts or [None] * classes,
        },
        own={"accuracy, %": [percent(value) for value in metrics.per_class]},
        digits=2,
    )


def _group_names(record: Record, classes: int) -> list[str | None]:
    names: list[str | None] = [None] * classes
    for name, members in record.groups.items():
        for member in members:
            if member < classes:
                names[member] = name
    return names


def _add_settings(panels: Panels, record: Record) -> None:
    cell = record.cell
    parts = {
        "target": cell.target,
        "backbone": cell.backbone,
        "method": cell.method,
        "MetaPEFT": cell.metapeft,
        "recipe": cell.recipe,
    }
    if cell.axes:
        panels.pairs("Place on the axes of the matrix", cell.axes)
    for name, part in parts.items():
        if part is not None:
            _add_same(panels, f"Settings: {name}", part)


def _add_same(panels: Panels, title: str, part: Settings) -> None:
    """Settings that many cells share; as JSON they are compared at little cost."""
    panels.same_pairs(
        title, part.model_dump_json(), lambda: settings_of(part.model_dump(mode="json"))
    )


def _add_cost(panels: Panels, record: Record) -> None:
    if (counts := record.parameters) is not None:
        numbers = {
            "trained by the method": counts.method,
            "trained in the head": counts.head,
            "modulators": counts.modulators,
            "trainable in all": counts.trainable,
            "frozen": counts.frozen,
        }
        texts = {name: f"{each:,}" for name, each in numbers.items()}
        panels.same_pairs("Parameters", counts.model_dump_json(), lambda: texts)
    if (timing := record.timing) is not None:
        memory = timing.peak_memory_bytes
        times = {
            "training loop, s": timing.train_seconds,
            "whole cell, s": timing.total_seconds,
            "training images per second": timing.train_images_per_second,
            "peak accelerator memory, bytes": None if memory is None else f"{memory:,}",
        }
        panels.pairs("Time and memory", times, digits=2)


def _add_view(panels: Panels, record: Record) -> None:
    if record.view is not None:
        _add_same(panels, "How a test image became the input", record.view)


def _add_provenance(panels: Panels, record: Record) -> None:
    own = {"cell": record.id, "seed": record.cell.seed}
    if (environment := record.environment) is not None:
        own |= {"started, UTC": environment.started}
    panels.pairs("This cell", own)
    if environment is not None:
        key = environment.model_dump_json(exclude={"started"})
        panels.same_pairs("Where it ran", key, lambda: _ran(environment))
    hashed = ("target", "backbone", "code")
    hashes = {name: record.identity[name] for name in hashed if name in record.identity}
    panels.same_pairs(
        "Hashes and identity of target and backbone",
        json.dumps(hashes),
        lambda: settings_of(hashes),
    )


def _ran(environment: Environment) -> dict[str, Any]:
    state = {None: "unknown", True: "yes", False: "no"}[environment.git_dirty]
    return {
        "rsbench": environment.rsbench,
        "commit": environment.git_commit or "unknown",
        "uncommitted changes": state,
        "device": environment.device,
        "precision": environment.precision,
        "threads": environment.threads,
        "platform": environment.platform,
        "Python": environment.python,
        **environment.packages,
    }


def percent(fraction: float | None) -> float | None:
    """A fraction in percent, two decimals; None stays None."""
    return None if fraction is None else round(100.0 * fraction, 2)
