"""Verdicts in plain sentences: never more than the numbers say."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rsbench.report.sections.statistics.contrasts import lonely_rows
from rsbench.report.sections.statistics.run import statistics_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.sections.statistics.comparisons import Comparison, Finding

#: Metrics that sentences speak of, and what they call them.
SPOKEN = {"mean": "mean", "tail": "tail"}
#: With more pairs only those that the noise does not explain get a sentence of their own.
MOST_SENTENCES = 40


def tallies(results: RunResults) -> tuple[str, ...]:
    """How many comparisons came out how: one sentence for each metric that is spoken of."""
    return tuple(tally(each) for each in _by_metric(results) if each)


def _by_metric(results: RunResults) -> list[list[Finding]]:
    found = statistics_of(results).findings("metapeft")
    return [[each for each in found if each.metric == metric] for metric in SPOKEN]


def verdicts(results: RunResults) -> tuple[str, ...]:
    """What the run says about MetaPEFT: a count of verdicts, then a sentence for each of them.

    Comparisons of too few seeds for a verdict are only counted. Nothing where the run has no
    MetaPEFT rows.
    """
    by_metric = _by_metric(results)
    findings = [each for pair in zip(*by_metric, strict=True) for each in pair]
    lonely = lonely_rows(results)
    if not findings:
        return _alone(len(lonely))
    counts = [tally(each) for each in by_metric]
    shown = [each for each in findings if _speaks(each)]
    if len(shown) > MOST_SENTENCES * len(SPOKEN):
        shown = [each for each in shown if each.verdict.startswith(("higher", "lower"))]
        shown = shown[: MOST_SENTENCES * len(SPOKEN)]
    rest = len(findings) - len(shown)
    further = "further " if shown else ""
    left_out = (f"{rest} {further}comparisons are in the table comparisons.",) if rest else ()
    return (*counts, *_alone(len(lonely)), *(sentence(each) for each in shown), *left_out)


def _speaks(finding: Finding) -> bool:
    """Whether a comparison has a verdict, or a reason to have none that is not its few seeds."""
    return ": no verdict" not in finding.verdict


def _alone(number: int) -> tuple[str, ...]:
    if number == 0:
        return ()
    rows = "1 MetaPEFT row has" if number == 1 else f"{number} MetaPEFT rows have"
    return (f"{rows} no plain row to stand beside: no comparison.",)


def tally(findings: Sequence[Finding]) -> str:
    """How many comparisons on one metric came out how."""
    counts = Counter(_counted(each.verdict) for each in findings)
    listed = ", ".join(f"{counts[verdict]} {verdict}" for verdict in sorted(counts, key=_order))
    metric = SPOKEN.get(findings[0].metric, findings[0].metric)
    pairs = "1 pair" if len(findings) == 1 else f"{len(findings)} pairs"
    return f"MetaPEFT against the plain method, {metric} accuracy, {pairs}: {listed}."


def _counted(verdict: str) -> str:
    """A verdict as it follows a number."""
    why, colon, rest = verdict.partition(": no verdict")
    return f"without a verdict ({why}){rest}" if colon else verdict or "not comparable"


def _order(verdict: str) -> tuple[int, str]:
    first = ("higher", "lower", "within the noise")
    places = [place for place, each in enumerate(first) if verdict.startswith(each)]
    return (places[0] if places else len(first), verdict)


def sentence(finding: Finding) -> str:
    """One comparison, for instance "demo_dota / demo_vit / lora, tail: MetaPEFT - plain = ..."."""
    comparison = finding.comparison
    start = f"{finding.contrast.label}, {SPOKEN.get(finding.metric, finding.metric)}"
    if comparison.difference is None:
        return f"{start}: no comparison ({comparison.reason})"
    text = (
        f"{start}: MetaPEFT - plain = {_signed(comparison.difference)} points"
        f"{_interval(comparison)} over {_seeds(len(comparison.seeds))}: {_said(finding.verdict)}"
    )
    extra = [each for each in (_corrected(finding), _detectable(comparison)) if each]
    text += f" ({'; '.join(extra)})" if extra else ""
    if finding.contrast.differences:
        text += f". The two also differ in {', '.join(finding.contrast.differences)}"
    return text


def _said(verdict: str) -> str:
    """The number of seeds stands before it already."""
    return "no verdict" if verdict in ("one seed: no verdict", "two seeds: no verdict") else verdict


def _signed(value: float) -> str:
    text = f"{value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def _interval(comparison: Comparison) -> str:
    interval = comparison.interval
    return f" [{_signed(interval.low)}, {_signed(interval.high)}]" if interval else ""


def _seeds(number: int) -> str:
    return "1 seed" if number == 1 else f"{number} seeds"


def _corrected(finding: Finding) -> str:
    """The adjusted p, where a verdict rests on it."""
    judged = finding.judged
    if judged is None or judged.p is None:
        return ""
    p = "p < 0.001" if judged.p < 0.001 else f"p = {judged.p:.3f}"
    family = "1 test" if judged.family == 1 else f"{judged.family} tests"
    return f"{p} after Holm over {family}"


def _detectable(comparison: Comparison) -> str:
    pair = comparison.paired
    if pair is not None and pair.differing == 0:
        return "no test image differs, so nothing shows how large the noise is"
    if pair is None or pair.detectable is None:
        return ""
    if len(pair.seeds) == 1:
        return f"even if seeds made no noise it could only have seen {pair.detectable:.1f} points"
    return f"the run could have seen {pair.detectable:.1f} points"
