"""How far apart the classes lie in feature space, and whether that goes with accuracy.

* ``measured``: distances of the rows, from the class means that cells keep.
* ``tables``, ``additive``, ``link``: the tables.
* ``bars``, ``matrix`` (drawn by ``heatmaps``), ``embedding``, ``gain``: one figure each for a
  transfer; ``chosen`` says which rows they show, ``plane`` has the principal components.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent, Artefact
from rsbench.report.notes import shortened
from rsbench.report.section import Section
from rsbench.report.sections.distances.additive import additive_artefacts
from rsbench.report.sections.distances.bars import bar_chart
from rsbench.report.sections.distances.embedding import embedding_figure, panels_of
from rsbench.report.sections.distances.gain import gain_figure
from rsbench.report.sections.distances.link import find_links, link_artefacts
from rsbench.report.sections.distances.matrix import matrix_figure
from rsbench.report.sections.distances.measured import begin_measuring, measure_run
from rsbench.report.sections.distances.tables import (
    distance_table,
    missing_features,
    variant_table,
)
from rsbench.report.tables.layout import transfer_title
from rsbench.report.transfers import drawn_settings, drawn_transfers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.sections.distances.link import Links
    from rsbench.report.sections.distances.measured import MeasuredRow, MeasuredRun
    from rsbench.report.transfers import DrawnTransfer

#: Most transfers (backbone and target) that are drawn, four figures each.
MOST_TRANSFERS = 3


def drawn_cells(results: RunResults) -> frozenset[str]:
    """Ids of the cells whose test features are drawn image by image.

    Raises:
        RecordError: a ``features.npz`` is damaged.
    """
    run = measure_run(results)
    drawn = (panels_of(rows) for each in _drawn(run) for _, rows in _by_setting(*each))
    return frozenset(panel.record.id for panels in drawn for panel in panels)


def _drawn(run: MeasuredRun) -> Iterator[tuple[DrawnTransfer, Sequence[MeasuredRow]]]:
    """The first transfers, with those of their rows that kept their class means."""
    for each in drawn_transfers(run.results)[:MOST_TRANSFERS]:
        rows = run.by_transfer.get((each.backbone, each.target))
        if rows:
            yield each, rows


def _by_setting(
    transfer: DrawnTransfer, rows: Sequence[MeasuredRow]
) -> Iterator[tuple[DrawnTransfer, Sequence[MeasuredRow]]]:
    """The settings of a transfer that get figures of single methods, each with its rows."""
    for setting in drawn_settings(transfer, [each.row for each in rows]):
        yield setting, [each for each in rows if setting.has(each.row)]


def _build(results: RunResults) -> tuple[Artefact, ...]:
    if not results.rows:
        return ()
    run = measure_run(results)
    if not run.rows:
        reason = f"{missing_features(run)}; train the cells again to have them"
        title = "Distances between classes in feature space"
        return (Absent("distances", title, reason.replace("**", "")),)
    links = find_links(run)
    return (
        *(distance_table(run), variant_table(run)),
        *additive_artefacts(run),
        *link_artefacts(run, links),
        *_figures(run, links),
    )


def _figures(run: MeasuredRun, links: Links) -> Iterator[Artefact]:
    for transfer, rows in _drawn(run):
        found = [bar_chart(transfer, rows)]
        for each in _by_setting(transfer, rows):
            found += (
                matrix_figure(run, *each),
                embedding_figure(run, *each),
                gain_figure(*each, links),
            )
        yield from (each for each in found if each is not None)
    number = len(drawn_transfers(run.results)[:MOST_TRANSFERS])
    more = [transfer_title(each) for each in run.results.transfers[number:]]
    if more:
        first = "first transfer" if number == 1 else f"first {number} transfers"
        reason = (
            f"figures are drawn for the {first}; left out: "
            f"{shortened(more)}. The tables have them; report a run of a smaller matrix for figures"
        )
        yield Absent("distance_figures", "Distances in further transfers", reason)


SECTION = Section(
    name="distances",
    title="Distances between classes",
    introduction=(
        "How far apart do the classes lie in feature space before and after adaptation, and do "
        "classes that move apart gain accuracy?"
    ),
    files=("distances", "distance_*", "embedding*"),
    build=_build,
    begin=begin_measuring,
)
