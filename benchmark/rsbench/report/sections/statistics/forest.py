"""The figure of all MetaPEFT pairs: difference, interval, what could be detected, verdict."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent, Artefact, Figure
from rsbench.report.sections.statistics.run import statistics_of
from rsbench.report.sections.statistics.sentences import tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure as Drawing

    from rsbench.report.figures.forest import ForestLine
    from rsbench.report.results import RunResults
    from rsbench.report.sections.statistics.comparisons import Finding

#: Metrics that have a figure.
FOREST_METRICS = {"mean": "mean-class accuracy", "tail": "tail accuracy"}
#: Most pairs in one figure.
MOST_LINES = 40
_TWO_SEEDS = (
    "two seeds: no verdict, and an interval over two seeds spans tens of points (the table "
    "comparisons has the numbers); run a third seed"
)
_SHAPES = {"higher": "higher", "lower": "lower", "within the noise": "noise"}


def forest_figures(results: RunResults) -> tuple[Artefact, ...]:
    """One figure for each metric; nothing where the run has no pair."""
    findings = statistics_of(results).findings("metapeft")
    if not findings:
        return ()
    return tuple(
        _figure(metric, [f for f in findings if f.metric == metric]) for metric in FOREST_METRICS
    )


def _figure(metric: str, findings: Sequence[Finding]) -> Artefact:
    name, title = f"forest_{metric}", f"MetaPEFT minus plain: {FOREST_METRICS[metric]}"
    known = [each for each in findings if each.comparison.difference is not None]
    if not known:
        reasons = dict.fromkeys(each.comparison.reason for each in findings)
        return Absent(name, title, "; ".join(reasons))
    known = [each for each in known if len(each.comparison.seeds) != 2]
    if not known:
        return Absent(name, title, _TWO_SEEDS)
    # pairs of the plain matrix first: those of an ablation have axis values
    shown = sorted(known, key=lambda each: bool(each.contrast.second.axes))[:MOST_LINES]
    return Figure(
        name=name,
        title=title,
        caption=_caption(findings, known, shown),
        draw=partial(_draw, metric, shown),
        alt=tally(findings),
    )


def _caption(
    findings: Sequence[Finding], known: Sequence[Finding], shown: Sequence[Finding]
) -> str:
    seeds = sorted({len(each.comparison.seeds) for each in shown})
    listed = " or ".join(map(str, seeds))
    text = (
        f"Each line is a method with MetaPEFT minus the same without, in points, n = {listed} "
        f"{'seed' if seeds == [1] else 'seeds'}, on the same test images. Thick: 95 % interval "
        "over seeds and test images (with one seed over test images alone); thin, below it: over "
        "test images alone. Grey: true differences too small for this run to find at 5 % with "
        "80 % power, before Holm's correction; with one seed the band is wider than "
        "drawn. Shape: verdict after the correction over all pairs of the run."
    )
    if any(each.comparison.unpaired for each in shown):
        text += " Without thin line and grey: from records alone, images not paired, no correction."
    if any(each.contrast.differences for each in shown):
        text += " *: the two differ in further settings (table comparisons)."
    if len(known) < len(findings):
        missing = len(findings) - len(known)
        text += f" {missing} pairs have two seeds or could not be compared (table comparisons)."
    if len(shown) < len(known):
        text += (
            f" The first {len(shown)} of {len(known)} pairs, those without axis values first; all "
            "are in the table comparisons."
        )
    return text


def _draw(metric: str, findings: Sequence[Finding]) -> Drawing:
    from rsbench.report.figures.forest import forest

    ordered = _by_transfer(findings)
    return forest(
        [_line(each) for each in ordered],
        f"MetaPEFT minus plain, {FOREST_METRICS[metric]}",
        f"difference in {FOREST_METRICS[metric]} (points)",
    )


def _by_transfer(findings: Sequence[Finding]) -> list[Finding]:
    order = {heading: place for place, heading in enumerate(dict.fromkeys(map(_heading, findings)))}
    return sorted(findings, key=lambda each: order[_heading(each)])


def _heading(finding: Finding) -> str:
    row = finding.contrast.second
    return f"{row.target}, {row.backbone}"


def _line(finding: Finding) -> ForestLine:
    from rsbench.report.figures.forest import ForestLine

    comparison, row = finding.comparison, finding.contrast.second
    interval, pair = comparison.interval, comparison.paired
    return ForestLine(
        heading=_heading(finding),
        label=f"{row.method} ({row.setting})" if row.setting else row.method,
        difference=comparison.difference or 0.0,
        both=(interval.low, interval.high) if interval else None,
        images=(pair.over_images.low, pair.over_images.high) if pair else None,
        detectable=pair.detectable if pair else None,
        seeds=len(comparison.seeds),
        shape=_SHAPES.get(finding.verdict.removesuffix(" (images not paired)"), "none"),
        starred=bool(finding.contrast.differences),
    )
