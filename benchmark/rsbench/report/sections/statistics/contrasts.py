"""Which rows are compared with which: MetaPEFT with plain, methods with linear probe and full."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rsbench.report.rows import flat, setting_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

Family = Literal["metapeft", "linear", "full", "methods"]

#: What the first row of a family's comparisons is, in words.
REFERENCES: dict[Family, str] = {
    "metapeft": "the same method without MetaPEFT",
    "linear": "the linear probe",
    "full": "full fine-tuning",
    "methods": "the other method",
}


@dataclass(frozen=True)
class Contrast:
    """Two rows of one transfer that are compared: the second minus the first.

    Attributes:
        family: comparisons that are corrected together.
        first: the plain method, or the reference.
        second: its counterpart.
        differences: settings in which they differ beyond what is compared, "name: one and other".
    """

    family: Family
    first: Row
    second: Row
    differences: tuple[str, ...]

    @property
    def label(self) -> str:
        """Short text: "target / backbone / method (setting)"."""
        method = self.second.method if self.family == "metapeft" else self.second.full_method
        label = f"{self.second.target} / {self.second.backbone} / {method}"
        return f"{label} ({self.second.setting})" if self.second.setting else label


def metapeft_contrasts(results: RunResults) -> tuple[Contrast, ...]:
    """Every pair of the run (paper section 9.3)."""
    return tuple(
        Contrast("metapeft", pair.plain, pair.tuned, pair.differences) for pair in results.pairs
    )


def lonely_rows(results: RunResults) -> tuple[Row, ...]:
    """MetaPEFT rows that no plain row could be found for."""
    paired = {(pair.tuned.ids, pair.tuned.label) for pair in results.pairs}
    return tuple(
        row for row in results.rows if row.metapeft == "yes" and (row.ids, row.label) not in paired
    )


def reference_contrasts(results: RunResults, family: Family) -> tuple[Contrast, ...]:
    """Each plain method beside the linear probe or full fine-tuning of its transfer.

    Rows with values of extra axes are left out: their reference is their own pair. Where a
    transfer has several references, the one that differs in the fewest settings counts; where
    several differ in equally few, there is no comparison.
    """
    transfers: defaultdict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in results.rows:
        if row.metapeft == "no" and not row.axes:
            transfers[row.backbone, row.target, row.evaluated_on].append(row)
    found = []
    for rows in transfers.values():
        references = [row for row in rows if is_reference(row, family)]
        # a probe that is trained as the methods are tells more than one that is fitted
        references = [row for row in references if row.first.epochs] or references
        for row in rows:
            contrast = _nearest(row, references, family) if _fits(row, family) else None
            if contrast is not None:
                found.append(contrast)
    return tuple(found)


def method_contrasts(results: RunResults, method: str, other: str) -> tuple[Contrast, ...]:
    """Rows of one method beside those of another: same transfer, same place on further axes.

    A row without a place on an axis (the linear probe beside an axis of LoRA) stands beside each
    value of it. Where several rows fit equally well, there is no comparison.

    Args:
        results: the run.
        method: full name, as tables show it; its accuracy is the minuend.
        other: full name of what is subtracted.
    """
    ours, theirs = (
        [row for row in results.rows if row.full_method == name] for name in (method, other)
    )
    pairs = [(row, near) for row in ours for near in _beside(row, theirs)]
    pairs += [(near, row) for row in theirs for near in _beside(row, ours)]
    once = {(row.ids, row.label, near.ids, near.label): (row, near) for row, near in pairs}
    return tuple(
        Contrast("methods", near, row, _differences(near, row, "methods"))
        for row, near in once.values()
    )


def _beside(row: Row, others: Sequence[Row]) -> list[Row]:
    """The row of another method that stands beside this one; nothing where several could."""
    fitting = [
        each
        for each in others
        if (each.backbone, each.target) == (row.backbone, row.target)
        and each.evaluated_on == row.evaluated_on
        and (each.axes.items() <= row.axes.items() or row.axes.items() <= each.axes.items())
    ]
    most = max((len(each.axes.items() & row.axes.items()) for each in fitting), default=0)
    nearest = [each for each in fitting if len(each.axes.items() & row.axes.items()) == most]
    contrast = _nearest(row, nearest, "methods")
    return [contrast.first] if contrast is not None else []


def _fits(row: Row, family: Family) -> bool:
    """PEFT methods are compared with both references, full fine-tuning with the linear probe."""
    if is_reference(row, "linear"):
        return False
    return family == "linear" or not is_reference(row, "full")


def is_reference(row: Row, family: Family) -> bool:
    """Whether a row is a linear probe (the head alone, trained or fitted) or trains everything."""
    parameters = row.first.parameters
    if parameters is None or row.metapeft != "no":
        return False
    if family == "linear":
        return parameters.method == 0
    return family == "full" and parameters.frozen == 0 and parameters.method > 0


def _nearest(row: Row, references: Sequence[Row], family: Family) -> Contrast | None:
    candidates = [
        Contrast(family, each, row, _differences(each, row, family)) for each in references
    ]
    if not candidates:
        return None
    fewest = min(len(each.differences) for each in candidates)
    best = [each for each in candidates if len(each.differences) == fewest]
    return best[0] if len(best) == 1 else None


def _differences(first: Row, second: Row, family: Family) -> tuple[str, ...]:
    """Settings beside the method in which two rows of a transfer differ."""
    compared = ("method", "metapeft") if family == "methods" else ("method",)
    ours, theirs = flat(setting_of(first.first)), flat(setting_of(second.first))
    keys = sorted(key for key in {*ours, *theirs} if key.split(".")[0] not in compared)
    return tuple(
        f"{key}: {ours.get(key)} and {theirs.get(key)}"
        for key in keys
        if ours.get(key) != theirs.get(key)
    )
