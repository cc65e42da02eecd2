"""The view of a cell, continued: the log of its training, and its modulators."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from rsbench.report.page.panels import flattened, left_out, scalar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rsbench.record import Record
    from rsbench.report.page.panels import Panels

_MODULE = re.compile(r"block(\d+)_(.+)")


def add_training(panels: Panels, record: Record, longest: int) -> None:
    """The panels of the training.

    Args:
        panels: where to.
        record: the cell.
        longest: a list with more numbers than this is left out, and a sentence says so.
    """
    if len(record.epochs) > longest:
        panels.sentences("Training log", [left_out(f"{len(record.epochs):,} epochs", record.id)])
    elif record.epochs:
        _add_log(panels, record)
    _add_strategy(panels, record, longest)


def _add_log(panels: Panels, record: Record) -> None:
    epochs = record.epochs
    own: dict[str, Sequence[Any]] = {"loss": [each.loss for each in epochs]}
    accuracies = [each.validation_mean_class for each in epochs]
    if any(value is not None for value in accuracies):
        own["mean-class accuracy on the held-out slice, %"] = [
            None if value is None else 100.0 * value for value in accuracies
        ]
    panels.table(
        "Training log",
        fixed={
            "epoch": [each.epoch for each in epochs],
            "learning rate": [each.learning_rate for each in epochs],
        },
        own=own,
        curve="loss",
        digits=4,
    )


def _add_strategy(panels: Panels, record: Record, longest: int) -> None:
    """What the strategy reports; nothing is known of its fields but that gammas have names."""
    summary = dict(record.strategy)
    gammas = summary.pop("gamma", None)
    tables = dict(_tables_in(summary))
    plain = {name: value for name, value in flattened(summary) if name not in tables}
    panels.pairs("Training strategy", plain)
    if isinstance(gammas, dict) and len(gammas) > longest:
        panels.sentences("Modulators", [left_out(f"{len(gammas):,} modulators", record.id)])
    elif isinstance(gammas, dict) and gammas:
        _add_gammas(panels, gammas)
    for path, rows in tables.items():
        if len(rows) * len(rows[0]) > longest:
            panels.sentences(
                f"Training strategy: {path}", [left_out(f"{len(rows):,} rows", record.id)]
            )
        else:
            columns = {name: [scalar(row[name]) for row in rows] for name in rows[0]}
            panels.table(f"Training strategy: {path}", fixed=columns, own={})


def _tables_in(
    summary: Mapping[str, Any], path: str = ""
) -> list[tuple[str, list[dict[str, Any]]]]:
    """Every list of mappings with the same keys, with its dotted name."""
    found = []
    for key, value in summary.items():
        if isinstance(value, dict):
            found += _tables_in(value, f"{path}{key}.")
        elif (
            isinstance(value, list)
            and value
            and all(isinstance(each, dict) and list(each) == list(value[0]) for each in value)
        ):
            found.append((f"{path}{key}", value))
    return found


@cache
def _place(name: str) -> tuple[int, str] | None:
    """Block and position that the name of a modulator holds; cells have the same names."""
    found = _MODULE.fullmatch(name)
    return None if found is None else (int(found[1]), found[2])


def _add_gammas(panels: Panels, gammas: Mapping[str, float]) -> None:
    """By block and position where the names have them, else one under the other."""
    places = [_place(name) for name in gammas]
    known = [place for place in places if place is not None]
    if len(known) < len(places):
        column = {"gamma": list(gammas.values())}
        panels.table("Modulators", {"module": list(gammas)}, column, digits=3)
        return
    values = dict(zip(known, gammas.values(), strict=True))
    blocks = sorted({block for block, _ in known})
    positions = dict.fromkeys(position for _, position in known)
    panels.table(
        "Modulators: last gamma by block and position",
        fixed={"block": blocks},
        own={each: [values.get((block, each)) for block in blocks] for each in positions},
        digits=3,
    )
