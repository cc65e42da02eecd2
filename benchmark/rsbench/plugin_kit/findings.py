"""What a check says: a verdict and a reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rsbench.errors import RsbenchError

Verdict = Literal["pass", "fail", "warning", "skipped"]
"""``warning``: allowed, and probably not meant; ``skipped``: could not be checked."""

_MOST_NAMED = 5


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        check: what was checked, in a few words.
        verdict: see ``Verdict``.
        reason: what was found, in one line.
    """

    check: str
    verdict: Verdict
    reason: str

    def __str__(self) -> str:
        return f"{self.verdict:<8} {self.check:<21} {self.reason}"


def failures(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that failed; print them, and a test says at once what is wrong."""
    return [each for each in findings if each.verdict == "fail"]


def verdict_of(problems: Sequence[str], otherwise: Verdict = "fail") -> Verdict:
    """``pass`` where there is no problem, else ``otherwise``."""
    return otherwise if problems else "pass"


def finding(check: str, problems: Sequence[str], fine: str, otherwise: Verdict = "fail") -> Finding:
    """``fine`` where there is no problem, else the problems."""
    return Finding(check, verdict_of(problems, otherwise), "; ".join(problems) or fine)


def some(names: Iterable[object]) -> str:
    """The first few of ``names`` and how many more there are."""
    listed = [str(name) for name in names]
    more = len(listed) - _MOST_NAMED
    shown = ", ".join(listed[:_MOST_NAMED])
    return f"{shown} and {more:,} more" if more > 0 else shown


def number_range(low: int, high: int) -> str:
    """``3 to 24``, or ``4`` where both are."""
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def raised(error: Exception) -> str:
    """An error in one line: our own as they are, others with their type."""
    text = " ".join(str(error).split())
    return text if isinstance(error, RsbenchError) else f"{type(error).__name__}: {text}"
