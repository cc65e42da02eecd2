"""Tables of comparisons: MetaPEFT with plain, and methods with linear probe and full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import EMPTY, Absent, Artefact, Column, Measure, Table, Value
from rsbench.report.notes import shortened
from rsbench.report.rows import METRICS
from rsbench.report.sections.statistics.contrasts import (
    REFERENCES,
    lonely_rows,
)
from rsbench.report.sections.statistics.labels import READABLE_ROWS, RowLabels, limits
from rsbench.report.sections.statistics.run import statistics_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.sections.statistics.comparisons import Comparison, Finding

_COLUMNS = (
    Column("metric", "metric"),
    Column("seeds", "seeds"),
    Column("difference", "difference", 2, "points", "", ("mean", "std", "low", "high"), True),
    Column("over", "interval over"),
    Column("images_low", "low", 2, "points", "images alone", signed=True),
    Column("images_high", "high", 2, "points", "images alone", signed=True),
    Column("seeds_low", "low", 2, "points", "seeds alone", signed=True),
    Column("seeds_high", "high", 2, "points", "seeds alone", signed=True),
    Column("p_images", "images (bootstrap)", 4, "", "p"),
    Column("p_seeds", "seeds (Wilcoxon)", 4, "", "p"),
    Column("p", "both", 4, "", "p"),
    Column("p_holm", "both, Holm", 4, "", "p"),
    Column("detectable", "detectable", 2, "points"),
    Column("differing_images", "images that differ"),
    Column("verdict", "verdict"),
    Column("remark", "remark"),
)

#: What "p, both" is, here and in the definitions.
P_BOTH = (
    "t test of the paired difference with seeds and images as crossed sources of noise "
    "(Satterthwaite's degrees of freedom; with one seed a t test over images alone, within their "
    "classes, and no test of the family); never below 2^(1 - d) for d images that differ, the "
    "smallest two-sided p that the exact sign test on these images (McNemar's exact test) can "
    "reach. Where few images differ, p is this bound."
)
#: Why an interval and a p beside it need not agree.
MAY_DISAGREE = (
    "An interval and a p of two procedures can disagree at the margin: the interval in brackets is "
    "that of the t test without its lower bound for p, so that it can exclude 0 where p, both is "
    "above 0.05 (few images differ); the interval over images alone and p, images are the "
    "bootstrap's. The verdict follows p, both, after Holm's correction."
)
#: Said where a comparison is not paired.
_NOT_PAIRED = (
    "images not paired: a cell of the two rows has no predictions.parquet ('remark' says how "
    "many), so which images each row got right is not known; the comparison is made from the class "
    "accuracies in the records, as of two independent test sets (score intervals of the images, "
    "and a t interval over the seeds). Its interval is wider, it has no p and no Holm's "
    "correction, and it finds fewer differences than the paired comparison does: 'within the "
    "noise' may be for want of these files. Train these cells again to have them."
)

_NOTES = (
    "difference: accuracy of the row minus that of its reference in points, on the same test "
    "images and the same seeds; ± sample standard deviation of the seeds' differences; in "
    "brackets the 95 % interval over what 'interval over' says (over images alone it says "
    "nothing about another training run).",
    "verdict: higher or lower where p over seeds and images, after Holm's correction over the "
    "family, is at most 0.05; 'within the noise' means that the run cannot tell the two apart, "
    "not that they are equal. From three seeds; with one or two there is none.",
    "p: two-sided. images (bootstrap): {draws} resampled test sets drawn within the classes, the "
    "trained models as they are; it claims far too much where seeds differ. seeds (Wilcoxon): "
    f"signed ranks over the seeds, from 6 seeds; {EMPTY} with fewer, which cannot reach 0.05 "
    "(three seeds: p is never below 0.25). both: {both} 0.0000 stands for less than 0.00005.",
    "{disagree}",
    "detectable: the smallest true difference, in points, that this design finds at 5 % with 80 % "
    "power before the correction; with one seed a lower bound. images that differ: test images "
    "that the two rows classify differently on balance over the seeds; there is nothing else that "
    "a difference could rest on.",
)


def comparison_table(results: RunResults) -> tuple[Artefact, ...]:
    """Every MetaPEFT pair; nothing where the run has no MetaPEFT."""
    title = "MetaPEFT beside the plain method"
    lonely = lonely_rows(results)
    findings = statistics_of(results).findings("metapeft")
    if not findings and not lonely:
        return ()
    if not findings:
        reason = f"no MetaPEFT row has a plain row to stand beside: {_named(lonely)}"
        return (Absent("comparisons", title, reason),)
    missing = (
        ()
        if not lonely
        else (
            f"**without a plain row to stand beside (missing, failed, or several fit), and so not "
            f"compared**: {_named(lonely)}",
        )
    )
    labels = RowLabels([each.contrast.second for each in findings], method=True)
    return (
        Table(
            name="comparisons",
            title=title,
            columns=(*labels.columns, *_COLUMNS),
            rows=tuple((*labels.fields(f.contrast.second), *_fields(f)) for f in findings),
            notes=(
                *limits(results),
                *missing,
                *_different(findings),
                _family("MetaPEFT pairs of the run", findings),
                *_explained(results, findings),
            ),
            cells=tuple(_cells(each) for each in findings),
            files_only=len(findings) > READABLE_ROWS,
        ),
    )


def reference_table(results: RunResults) -> tuple[Artefact, ...]:
    """Every plain method beside linear probe and full fine-tuning, where the run has these."""
    linear, full = (statistics_of(results).findings(name) for name in ("linear", "full"))
    findings = (*linear, *full)
    if not findings:
        return ()
    families = [
        _family(f"comparisons with {REFERENCES[each[0].contrast.family]}", each)
        for each in (linear, full)
        if each
    ]
    labels = RowLabels([each.contrast.second for each in findings])
    return (
        Table(
            name="comparisons_reference",
            title="Plain methods beside the linear probe and full fine-tuning",
            columns=(*labels.columns, Column("reference", "reference"), *_COLUMNS),
            rows=tuple(
                (*labels.fields(f.contrast.second), f.contrast.first.full_method, *_fields(f))
                for f in findings
            ),
            notes=(
                *limits(results),
                *_different(findings),
                *families,
                *_explained(results, findings),
                "linear probe: the row that trains its head alone; full: the one that trains every "
                "parameter. Rows with values of a further axis are compared in their pairs alone.",
            ),
            cells=tuple(_cells(each) for each in findings),
            files_only=len(findings) > READABLE_ROWS,
        ),
    )


def methods_table(results: RunResults, findings: Sequence[Finding], name: str) -> Table:
    """Two methods of a run beside each other.

    Args:
        results: the run.
        findings: at least one, all of the same two methods.
        name: of the table.
    """
    contrast = findings[0].contrast
    difference = f"{contrast.second.full_method} minus {contrast.first.full_method}"
    labels = RowLabels([each.contrast.second for each in findings])
    return Table(
        name=name,
        title=f"{results.index.matrix}: {difference}, in points",
        columns=(*labels.columns, Column("reference", "reference"), *_COLUMNS),
        rows=tuple(
            (*labels.fields(f.contrast.second), f.contrast.first.method_and_setting, *_fields(f))
            for f in findings
        ),
        notes=(
            *limits(results),
            *_different(findings),
            _family(f"comparisons of {difference}", findings),
            *_explained(results, findings),
        ),
        cells=tuple(_cells(each) for each in findings),
    )


def _explained(results: RunResults, findings: Sequence[Finding]) -> tuple[str, ...]:
    """What the columns are, and what an unpaired comparison is where there is one."""
    facts = {"draws": statistics_of(results).draws, "both": P_BOTH, "disagree": MAY_DISAGREE}
    unpaired = any(each.comparison.unpaired is not None for each in findings)
    notes = tuple(each.format(**facts) for each in _NOTES)
    return (*notes, *((_NOT_PAIRED,) if unpaired else ()))


def _named(rows: Sequence[object]) -> str:
    return shortened([str(getattr(row, "label", row)) for row in rows])


def _family(which: str, findings: Sequence[Finding]) -> str:
    """What was corrected together, by metric."""
    sizes = dict.fromkeys(METRICS, 0) | {f.metric: f.judged.family for f in findings if f.judged}
    listed = ", ".join(f"{name}: {size}" for name, size in sizes.items())
    return (
        f"Holm's correction: a family is all {which} on one metric that have a test "
        f"({listed}), whatever the transfer. Nothing is corrected across the metrics: who looks at "
        "all four looks four times."
    )


def _different(findings: Sequence[Finding]) -> tuple[str, ...]:
    labels = list(dict.fromkeys(f.contrast.label for f in findings if f.contrast.differences))
    if not labels:
        return ()
    return (
        "**more than the method differs in these pairs, so the difference is of the settings as "
        "well ('remark' names them, with the value of the reference first)**: "
        f"{shortened(labels)}",
    )


def _cells(finding: Finding) -> tuple[str, ...]:
    return (*finding.contrast.first.ids, *finding.contrast.second.ids)


def _fields(finding: Finding) -> tuple[Value, ...]:
    comparison = finding.comparison
    return (
        finding.metric,
        len(comparison.seeds) or None,
        _difference(comparison),
        comparison.interval.source if comparison.interval else None,
        *_images_and_seeds(comparison),
        finding.judged.p if finding.judged else None,
        comparison.paired.detectable if comparison.paired else None,
        comparison.paired.differing if comparison.paired else None,
        finding.verdict or None,
        remark(finding),
    )


def _difference(comparison: Comparison) -> Measure:
    found, interval = comparison.found, comparison.interval
    if found is None:
        return Measure(None)
    deviation = _deviation(found.by_seed)
    if interval is None:
        return Measure(found.difference, deviation)
    return Measure(found.difference, deviation, interval.low, interval.high)


def _deviation(by_seed: tuple[float, ...]) -> float | None:
    import statistics

    return statistics.stdev(by_seed) if len(by_seed) > 1 else None


def _images_and_seeds(comparison: Comparison) -> tuple[Value, ...]:
    """Intervals over one source, then the three p-values."""
    pair = comparison.paired
    if pair is None:
        return (None,) * 7
    seeds = pair.over_seeds
    return (
        pair.over_images.low,
        pair.over_images.high,
        *((seeds.low, seeds.high) if seeds else (None, None)),
        pair.p_images,
        pair.p_seeds,
        pair.p,
    )


def remark(finding: Finding) -> str:
    """What a reader must know of one comparison: settings, seeds left out, missing files."""
    parts = [finding.comparison.reason, *_no_noise(finding), *_other_settings(finding)]
    left_out = finding.comparison.found.seeds_left_out if finding.comparison.found else ()
    if left_out:
        parts.append(f"seeds that only one of the two has, left out: {_listed(left_out)}")
    return "; ".join(part for part in parts if part)


def _no_noise(finding: Finding) -> tuple[str, ...]:
    pair = finding.comparison.paired
    if pair is None or pair.differing > 0:
        return ()
    return ("no test image differs, so nothing shows how large the noise is",)


def _other_settings(finding: Finding) -> tuple[str, ...]:
    return tuple(f"differs in {each}" for each in finding.contrast.differences)


def _listed(seeds: tuple[int, ...]) -> str:
    return ", ".join(map(str, seeds))
