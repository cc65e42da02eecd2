"""The notes of the records, each once, with the number of cells that it is about."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.record import Record

#: Different numbers at one place of a note that are listed; of more, the smallest and largest.
_MOSTNUMBERS = 3
#: A number that stands alone, not a part of a name.
NUMBER = re.compile(r"(?<![\w.])(\d+(?:,\d{3})*(?:\.\d+)?)(?!\w)")


def collected_notes(records: Sequence[Record], cells: int) -> tuple[str, ...]:
    """Notes that differ in nothing but numbers are told together: "65 or 119 images".

    Args:
        records: of the finished cells.
        cells: number of cells that the matrix names.
    """
    counts = Counter(note for record in records for note in dict.fromkeys(record.notes))
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for note in counts:
        alike[NUMBER.sub("0", note)].append(note)
    return tuple(
        f"{together(notes)} ({sum(counts[note] for note in notes)} of {cells} cells)"
        for notes in alike.values()
    )


def together(notes: Sequence[str]) -> str:
    """Texts that differ in nothing but numbers, as one."""
    # odd parts of a split are the numbers
    parts = zip(*(NUMBER.split(note) for note in notes), strict=True)
    return "".join(_numbers(texts) if place % 2 else texts[0] for place, texts in enumerate(parts))


def _numbers(texts: Sequence[str]) -> str:
    ordered = sorted(dict.fromkeys(texts), key=lambda text: float(text.replace(",", "")))
    if len(ordered) > _MOSTNUMBERS:
        return f"{ordered[0]} to {ordered[-1]}"
    return " or ".join(ordered)
