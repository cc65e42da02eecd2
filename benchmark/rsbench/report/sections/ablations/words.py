"""Captions of the figures of studies, and their message in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.tables.layout import transfer_title
from rsbench.report.transfers import capital, image_interval, seeds_words, split_words, spread_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.rows import Row
    from rsbench.report.sections.ablations.study import Study, Subject, Values


def caption_of(study: Study, subjects: Sequence[Subject], kind: str, left_out: int) -> str:
    """What is shown, of how many seeds, and what the error bars are."""
    rows = [row for subject in subjects for row in subject.rows]
    sentences = [
        f"{transfer_title((study.backbone, study.target))}: mean-class accuracy on "
        f"{split_words(rows)}, {seeds_words(rows)}",
        *_kind_words(rows, kind),
    ]
    if study.constants and kind != "heatmap":
        names = ", ".join(row.full_method for row in study.constants[:3])
        sentences.append(f"Dotted: {names}, without a place on the axis")
    if any(place.row is None for subject in subjects for place in subject.places.values()):
        marks = (
            "N not run, F failed where fields are small"
            if kind == "heatmap"
            else "a cross at the foot where the training failed"
        )
        sentences.append(f"Settings without a result are gaps: {marks}")
    if left_out:
        sentences.append(f"{left_out} more groups of methods are in the table alone")
    return _sentences(sentences)


def _kind_words(rows: Sequence[Row], kind: str) -> list[str]:
    if kind == "heatmap":
        frame = "The frame marks the highest value of its panel, which need not be significant"
        return [frame, *_noise_words(rows)]
    if kind == "dots" and any(len(row.seeds) == 1 for row in rows):
        several = any(len(row.seeds) > 1 for row in rows)
        first = "± sample standard deviation over the seeds; with one seed " if several else ""
        return [f"Error bars: {first}the 95 % interval over the test images"]
    words = [capital(spread_words(rows))]
    if kind in ("curve", "curves"):
        words.append("Dotted line 'chance', where drawn: 100 / number of classes")
    return [*words, *_noise_words(rows)]


def _noise_words(rows: Sequence[Row]) -> list[str]:
    """How far the test images alone leave one number open."""
    widths = [
        (interval[1] - interval[0]) / 2
        for row in rows[:20]
        if (interval := image_interval(row)) is not None
    ]
    if not widths:
        return []
    width = sum(widths) / len(widths)
    return [f"The test images alone leave each value open by about ± {width:.1f} points (95 %)"]


def alt_of(study: Study, subjects: Sequence[Subject]) -> str:
    """Highest and lowest setting of each method."""
    return _sentences([_range_words(study, subject) for subject in subjects])


def _range_words(study: Study, subject: Subject) -> str:
    means = {
        values: mean for values in subject.places if (mean := subject.mean(values)) is not None
    }
    if not means:
        return f"{subject.name}: no result"
    highest = max(means, key=lambda values: means[values])
    lowest = min(means, key=lambda values: means[values])
    return (
        f"{subject.name}: highest {means[highest]:.1f} % at {setting_words(study, highest)}, "
        f"lowest {means[lowest]:.1f} % at {setting_words(study, lowest)}, "
        f"of {len(means)} settings"
    )


def setting_words(study: Study, values: Values) -> str:
    """A setting in words: "position q, scale 4"."""
    pairs = zip(study.axes, values, strict=True)
    return ", ".join(f"{axis.title} {value}" for axis, value in pairs)


def _sentences(parts: Sequence[str]) -> str:
    return " ".join(f"{part}." for part in parts)
