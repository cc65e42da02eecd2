"""Heatmaps of the distances of all pairs of classes before and after adaptation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rsbench.distances import class_vectors, distance_matrix
from rsbench.report.artefacts import Absent, Figure
from rsbench.report.sections.distances.chosen import RULE, example
from rsbench.report.sections.distances.labels import (
    class_name,
    in_order,
)
from rsbench.report.sections.distances.pairs import Pairs, without_diagonal
from rsbench.report.transfers import split_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure as Drawing

    from rsbench.report.sections.distances.measured import MeasuredRow, MeasuredRun
    from rsbench.report.transfers import DrawnTransfer

#: Most classes that are drawn.
MOST_CLASSES = 60


def matrix_figure(
    run: MeasuredRun, transfer: DrawnTransfer, rows: Sequence[MeasuredRow]
) -> Figure | Absent | None:
    """Before, after and their difference for one method; None without two classes."""
    name = f"distance_matrix{transfer.suffix}"
    title = f"Distances of all pairs of classes, {transfer.title}"
    chosen = example(rows)
    if chosen is None:
        reason = "the linear probe leaves the features as they are: run a method that adapts them"
        return Absent(name, title, reason)
    pairs = read_pairs(run, chosen)
    if not np.isfinite(without_diagonal(pairs.after - pairs.before)).any():
        return None
    method = chosen.row.method_and_setting
    return Figure(
        name=name,
        title=title,
        caption=_caption(chosen, pairs),
        draw=partial(_draw, pairs, f"{method}, {transfer.title}"),
        alt=_message(pairs, method),
    )


def read_pairs(run: MeasuredRun, chosen: MeasuredRow) -> Pairs:
    """The distances of the row's first cell; of many classes, evenly spaced ones."""
    record = chosen.row.first
    features = run.results.files.class_features(record.id)
    if features is None:
        raise LookupError(f"cell {record.id} had class features and has them no more")
    place = {int(each): number for number, each in enumerate(features.classes)}
    ordered = in_order(record, list(place))
    if len(ordered) > MOST_CLASSES:
        steps = np.linspace(0, len(ordered) - 1, MOST_CLASSES).round().astype(int)
        ordered = [ordered[each] for each in steps]
    chosen_rows = [place[each] for each, _ in ordered]
    before, after = (
        distance_matrix(class_vectors(centroids[chosen_rows], "centroids"))
        for centroids in (features.centroids_before, features.centroids_after)
    )
    names = tuple(class_name(record, each) for each, _ in ordered)
    return Pairs(names, tuple(group for _, group in ordered), before, after, len(place))


def _caption(chosen: MeasuredRow, pairs: Pairs) -> str:
    ranks = ", ".join(
        f"{group or 'no group'} {a + 1}" + (f"-{b + 1}" if b > a else "")
        for group, a, b in pairs.spans()
    )
    some = ""
    if pairs.tested > len(pairs.names):
        some = f" {len(pairs.names)} of {pairs.tested} classes, evenly spaced in this order."
    return (
        f"Distance (1 - cosine of the angle) between the centroids of every two classes, "
        f"features of {split_words([chosen.row])}; {chosen.row.method_and_setting}, seed "
        f"{chosen.row.seeds[0]}, one cell, so nothing is known of the spread. {RULE} Classes by "
        f"group, then by training images, most first: {ranks}.{some} Last panel: mean over the "
        "other classes shown, hollow before and filled after."
    )


def _message(pairs: Pairs, method: str) -> str:
    upper = np.triu_indices(len(pairs.names), 1)
    change = (pairs.after - pairs.before)[upper]
    known = np.flatnonzero(np.isfinite(change))
    if not known.size:
        return "No two classes have a distance."
    grown = int((change > 0).sum())

    def pair(number: np.intp) -> str:
        first, second = (pairs.names[each[known[number]]] for each in upper)
        return f"{first} and {second} ({change[known[number]]:+.3f})"

    closest = known[int(np.argmin(pairs.after[upper][known]))]
    first, second = (pairs.names[each[closest]] for each in upper)
    return (
        f"With {method}, {grown} of {known.size} pairs of classes move apart; mean change "
        f"{change[known].mean():+.3f}; most: {pair(np.argmax(change[known]))}; least: "
        f"{pair(np.argmin(change[known]))}. Closest after adaptation: {first} and {second} "
        f"({pairs.after[upper][closest]:.3f})."
    )


def _draw(pairs: Pairs, heading: str) -> Drawing:
    from rsbench.report.sections.distances.heatmaps import draw_pairs

    return draw_pairs(pairs, heading)
