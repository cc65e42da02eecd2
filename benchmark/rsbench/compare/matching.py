"""Which rows of a run a published number is about."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rsbench.compare.reproduction import Facts, facts_of, power_of_two
from rsbench.published.number import AVERAGE
from rsbench.report.rows import flat, setting_of
from rsbench.where import choose_blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.published import PublishedNumber, Reproduction, Setting
    from rsbench.record import Record
    from rsbench.report.rows import Row

#: Positions in the order in which texts list them.
_ORDER = ("q", "k", "v", "out", "mlp1", "mlp2")
#: Settings in which a row may differ from the one that its drop is counted from.
_INSERTION = ("method.name", "method.options.blocks", "method.options.positions")


@dataclass(frozen=True)
class Reading:
    """One reading of a setting that the paper leaves open.

    Attributes:
        positions: number of the reading of the positions.
        blocks: number of the reading of the blocks.
        text: both in words, "" where there is nothing to choose.
    """

    positions: int
    blocks: int
    text: str


@dataclass(frozen=True)
class Fitting:
    """A row that a published setting is about.

    Attributes:
        row: the row.
        reading: the reading under which it is.
    """

    row: Row
    reading: Reading


class Candidates:
    """The rows of a run that are reproductions, to be found by published settings."""

    def __init__(self, rows: Sequence[Row], published: Reproduction) -> None:
        self.published = published
        self.rows = tuple(rows)
        self._facts = [facts_of(row, published) for row in rows]

    def fitting(self, number: PublishedNumber) -> tuple[Fitting, ...]:
        """The rows that a number is about, by reading and then in the order of the run.

        For an average over the transfers: the rows of all of them.
        """
        setting = number.setting
        if not setting.target:
            return ()
        if setting.target == AVERAGE:
            return tuple(
                each for part in transfers(setting, self.published) for each in self._of(part)
            )
        return self._of(setting, rank_by_rule=number.quantity == "parameters")

    def of_setting(self, setting: Setting) -> tuple[Fitting, ...]:
        """The rows of one setting."""
        return self._of(setting)

    def partners(self, row: Row, setting: Setting, reading: Reading) -> list[Row]:
        """Rows of ``setting`` that differ from ``row`` in nothing but what is compared.

        That is MetaPEFT where ``setting`` has none and the row has it, else blocks and
        positions.
        """
        tuned = row.first.cell.metapeft is not None and setting.metapeft is False
        ignored = ("method.name", "metapeft") if tuned else _INSERTION
        wanted = _others(row.first, ignored)
        return [
            each.row
            for each in self._of(setting)
            if _comparable(each.reading, reading, setting)
            and _others(each.row.first, ignored) == wanted
        ]

    def _of(self, setting: Setting, rank_by_rule: bool = False) -> tuple[Fitting, ...]:
        found = [
            Fitting(row, reading)
            for row, facts in zip(self.rows, self._facts, strict=True)
            if not rank_by_rule or facts.standard_rank
            for reading in fits(setting, facts, self.published)
        ]
        found.sort(key=lambda each: (each.reading.positions, each.reading.blocks))
        return tuple(found)


def transfers(setting: Setting, published: Reproduction) -> tuple[Setting, ...]:
    """The settings that an average is the mean of."""
    return tuple(
        replace(setting, target=target, backbone=backbone)
        for target, backbone in published.transfers.items()
    )


def fits(setting: Setting, facts: Facts, published: Reproduction) -> Iterator[Reading]:
    """Every reading of the setting that a row with these facts is; none where it is not."""
    if (setting.target, setting.backbone) != (facts.target, facts.backbone):
        return
    if setting.method and setting.method != facts.method:
        return
    if setting.metapeft is not None and setting.metapeft != facts.metapeft:
        return
    if not _same_scale(setting, facts) or not _same_ratio(setting, facts, published):
        return
    for p, positions in enumerate(setting.positions or (facts.positions,)):
        for b, blocks in enumerate(setting.blocks or ("all",)):
            if positions != facts.positions:
                continue
            if choose_blocks(blocks, facts.depth) == facts.blocks:
                yield Reading(p, b, _text(setting, positions, blocks))


def _same_scale(setting: Setting, facts: Facts) -> bool:
    if setting.scale_log2 is None:
        return facts.standard_scale
    return power_of_two(facts.scale) == setting.scale_log2


def _same_ratio(setting: Setting, facts: Facts, published: Reproduction) -> bool:
    if facts.ratio is None:
        return setting.ratio is None
    wanted = published.ratio if setting.ratio is None else setting.ratio
    return facts.ratio == wanted


def _text(setting: Setting, positions: frozenset[str], blocks: str) -> str:
    parts = []
    if len(setting.positions) > 1 or (not setting.positions and setting.method == "lora"):
        ordered = [each for each in _ORDER if each in positions]
        parts.append(f"positions {', '.join(ordered)}")
    if len(setting.blocks) > 1:
        parts.append(f"blocks {blocks}")
    return "; ".join(parts)


def _comparable(first: Reading, second: Reading, setting: Setting) -> bool:
    """Whether two settings were read in the same way, where both have several readings."""
    return len(setting.blocks) < 2 or first.blocks == second.blocks


def _others(record: Record, ignored: Sequence[str]) -> str:
    fields = {
        path: value
        for path, value in flat(setting_of(record)).items()
        if path not in ignored and not path.startswith(tuple(f"{each}." for each in ignored))
    }
    return json.dumps(fields, sort_keys=True)
