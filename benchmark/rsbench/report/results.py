"""A run read from disk: its rows, its pairs, what failed or is missing, and its artefacts."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from rsbench.report.helpers import Helpers
from rsbench.report.modulators import LEARNED, control_of
from rsbench.report.record_notes import collected_notes
from rsbench.report.rows import Pair, Row, build_pairs, build_rows, setting_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rsbench.record import Record
    from rsbench.report.artefact_files import ArtefactFiles
    from rsbench.store import ListedCell, RunFolder, RunIndex

Made = TypeVar("Made")


@dataclass(frozen=True)
class RunResults:
    """Everything that a report is made from.

    Attributes:
        index: what the run is of.
        rows: cells that differ only in the seed, in the order of the matrix.
        failures: the records of failed cells.
        missing: the cells without a record.
        foreign: cells in the folder that the matrix does not name.
        disclaimers: of the matrix, the targets and the backbones, each once.
        notes: what the records say a reader must know, with the number of cells it is about.
        files: predictions, features and gammas of a cell.
        helpers: who takes over work that can be done elsewhere.
    """

    index: RunIndex
    rows: tuple[Row, ...]
    failures: tuple[Record, ...]
    missing: tuple[ListedCell, ...]
    foreign: int
    disclaimers: tuple[str, ...]
    notes: tuple[str, ...]
    files: ArtefactFiles
    helpers: Helpers = field(default_factory=Helpers)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Every MetaPEFT row with its plain row."""
        return build_pairs(self.rows)

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """Labels of the targets of the rows, in order."""
        return tuple(dict.fromkeys(row.target for row in self.rows))

    @cached_property
    def transfers(self) -> tuple[tuple[str, str], ...]:
        """Backbone and target of the rows, each pair once, in order."""
        return tuple(dict.fromkeys((row.backbone, row.target) for row in self.rows))

    @cached_property
    def _remembered(self) -> dict[object, Any]:
        return {}

    def once(self, make: Callable[[RunResults], Made]) -> Made:
        """``make(self)``, the same object at every call: what several sections work out once."""
        if make not in self._remembered:
            self._remembered[make] = make(self)
        made: Made = self._remembered[make]
        return made

    @property
    def cells(self) -> int:
        """Number of cells that the matrix names."""
        return len(self.index.cells)

    def rows_of(self, backbone: str, target: str) -> tuple[Row, ...]:
        """The rows of one transfer."""
        return tuple(r for r in self.rows if (r.backbone, r.target) == (backbone, target))


def load_results(folder: RunFolder, helpers: Helpers | None = None) -> RunResults:
    """Read ``run.json`` and the records that it lists.

    Args:
        folder: the run.
        helpers: begin to read predictions meanwhile; nobody by default.

    Raises:
        ResultsFolderError: the folder is not a run.
        RecordError: a record is damaged.
    """
    from rsbench.report.artefact_files import ArtefactFiles

    helpers = helpers or Helpers()
    index, files = folder.read_index(), ArtefactFiles(folder)
    files.expect([listed.id for listed in index.cells if listed.id], helpers)
    finished: list[tuple[int, Mapping[str, str], Record]] = []
    failures: dict[str, Record] = {}
    missing: list[ListedCell] = []
    for listed in index.cells:
        record = folder.record(listed.id) if listed.id else None
        if record is None:
            missing.append(listed)
        elif record.failure is not None or record.metrics is None:
            failures[record.id] = record
        else:
            finished.append((listed.row, listed.axes, record))
    # By rows: where the first seed of a method is missing, the method keeps its place.
    finished.sort(key=lambda each: each[0])
    records = list({record.id: record for _, _, record in finished}.values())
    ids = {listed.id for listed in index.cells}
    return RunResults(
        index=index,
        rows=build_rows([(axes, record) for _, axes, record in finished]),
        failures=tuple(failures.values()),
        missing=tuple(missing),
        foreign=len([each for each in folder.present() if each not in ids]),
        disclaimers=_disclaimers(index, records),
        notes=(*_lonely_controls(records), *collected_notes(records, len(index.cells))),
        files=files,
        helpers=helpers,
    )


def reason_of(failure: Record) -> str:
    """Why a cell failed, in one line."""
    if failure.failure is None:
        return "the record has no metrics"
    lines = failure.failure.message.strip().splitlines() or [""]
    return f"{failure.failure.kind}: {lines[0]}"


def _lonely_controls(records: Sequence[Record]) -> tuple[str, ...]:
    """A note for each control of MetaPEFT that no other row shares all other settings with."""
    if all(control_of(record) in ("", LEARNED) for record in records):
        return ()
    settings: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        settings[without_strategy(record)].add(control_of(record))
    lonely = {
        record.cell.label.rpartition(" / seed")[0]: None
        for record in records
        if control_of(record) not in ("", LEARNED)
        and not settings[without_strategy(record)] & {"", LEARNED}
    }
    return tuple(
        f"**{label} is a control without a partner**: no row, plain or with MetaPEFT, has the same "
        "method options and recipe, so nothing follows from comparing it"
        for label in lonely
    )


def without_strategy(record: Record) -> str:
    """Every setting but the label of the method, the strategy and the seed, as text.

    Rows with the same text can be compared with a control of MetaPEFT.
    """
    fields = {key: value for key, value in setting_of(record).items() if key != "metapeft"}
    fields["method"] = {key: value for key, value in fields["method"].items() if key != "name"}
    return json.dumps(fields, sort_keys=True)


def _disclaimers(index: RunIndex, records: Sequence[Record]) -> tuple[str, ...]:
    found = [index.disclaimer, *(text for record in records for text in record.disclaimers)]
    texts = dict.fromkeys(text for text in found if text)
    # what another one says at its end needs no line of its own
    return tuple(one for one in texts if not any(o != one and o.endswith(one) for o in texts))
