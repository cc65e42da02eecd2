"""Maps of gamma by block and position, and its way over the outer steps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent, Figure
from rsbench.report.modulators import LEARNED
from rsbench.report.sections.gammas.ends import GammaRow
from rsbench.report.tables.layout import identifiers
from rsbench.report.transfers import DrawnTransfer, seeds_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure as Drawing

    from rsbench.report.artefact_files import ArtefactFiles
    from rsbench.report.figures.trajectories import Paths

#: Maps in one figure, figures of maps for each transfer, and maps in all of these together.
MOST_MAPS, MOST_FIGURES, MOST_TOGETHER = 9, 6, 12
#: Panels of trajectories for each transfer.
MOST_PATHS = 9
#: Controls whose gammas move step by step.
_MOVING = (LEARNED, "joint")


def map_figures(transfer: DrawnTransfer, rows: Sequence[GammaRow], blocks: int) -> list[Figure]:
    """A figure for each kind of method, with MetaPEFT and its controls, and every axis value."""
    groups: dict[str, list[GammaRow]] = {}
    for each in rows:
        groups.setdefault(each.row.first.cell.method.kind, []).append(each)
    names = identifiers(list(groups))
    drawn = list(groups.items())[:MOST_FIGURES]
    undrawn = len(rows) - sum(len(group) for _, group in drawn)
    most = _most_maps([len(group) for _, group in drawn])
    figures = []
    for number, (kind, group) in enumerate(drawn, start=1):
        shown, alone = group[:most], len(groups) == 1
        title = f"Gamma by block and position{'' if alone else f' ({kind})'}: {transfer.title}"
        left_out = len(group) - len(shown) + (undrawn if number == len(drawn) else 0)
        figures.append(
            Figure(
                name=f"gamma_map{'' if alone else f'_{names[kind]}'}{transfer.suffix}",
                title=title,
                caption=_map_caption(transfer, shown, left_out),
                draw=partial(_draw_maps, title, shown, blocks),
                alt=" ".join(_map_words(each) for each in shown),
            )
        )
    return figures


def _most_maps(sizes: Sequence[int]) -> int:
    """How many maps a figure may have for all of them together to stay within their bound."""
    fitting = (
        most
        for most in range(MOST_MAPS, 1, -1)
        if sum(min(size, most) for size in sizes) <= MOST_TOGETHER
    )
    return next(fitting, 1)


def _map_caption(transfer: DrawnTransfer, shown: Sequence[GammaRow], left_out: int) -> str:
    seeds = seeds_words([each.row for each in shown])
    caption = (
        f"{transfer.title}: gamma at the end of training, {seeds} (geometric); white: gamma = 1, "
        "the plain method's strength; logarithmic colours, the same for all panels; grey: no "
        "module. Blocks count from 0."
    )
    if any(each.control != LEARNED for each in shown):
        caption += " A pattern that a control shows as well was not found by learning gamma."
    return f"{caption} {left_out} more rows are in gamma_thirds." if left_out else caption


def _map_words(row: GammaRow) -> str:
    grid = row.grid(row.blocks)
    places = {
        (position, block): grid[number, block]
        for number, position in enumerate(row.positions)
        for block in range(row.blocks)
        if grid[number, block] == grid[number, block]
    }
    high, low = max(places, key=places.__getitem__), min(places, key=places.__getitem__)
    name = " ".join(row.title.split())
    return (
        f"{name}: gamma from {places[low]:.2f} ({low[0]} in block {low[1]}) to "
        f"{places[high]:.2f} ({high[0]} in block {high[1]})."
    )


def _draw_maps(title: str, rows: Sequence[GammaRow], blocks: int) -> Drawing:
    from rsbench.report.figures.heatmap import Colouring, Grid, heatmap

    colouring = Colouring("gamma", "ratios", 2)
    columns = [str(block) for block in range(blocks)]
    grids = [
        (Grid(each.grid(blocks), list(each.positions), columns, each.title_with_seeds), colouring)
        for each in rows
    ]
    return heatmap(grids, "position", "block", title=title)


def path_figure(
    files: ArtefactFiles, transfer: DrawnTransfer, rows: Sequence[GammaRow]
) -> Figure | Absent | None:
    """Trajectories of every method, each seed a panel; the first seeds where those are many."""
    moving = [each for each in rows if each.control in _MOVING]
    if not moving:
        return None
    name, title = f"gamma_paths{transfer.suffix}", f"Gamma over training: {transfer.title}"
    cells = [(each, seed) for each in moving for seed in range(len(each.row.ids))]
    first_only = len(cells) > MOST_PATHS
    if first_only:
        cells = [(each, 0) for each in moving]
    shown = [
        each for each in cells[:MOST_PATHS] if files.gammas(each[0].row.ids[each[1]]) is not None
    ]
    if not shown:
        reason = "the cells do not have gamma.csv (deleted, or left out when the run was published)"
        return Absent(name, title, reason)
    caption = (
        f"{transfer.title}: gamma of each module over the outer steps (thin, coloured by block), "
        "and their geometric mean (thick); dotted: gamma = 1, where MetaPEFT starts by default. "
        + ("The first seed of each row." if first_only else "One panel for each seed.")
    )
    more = len(cells) - min(len(cells), MOST_PATHS)
    return Figure(
        name=name,
        title=title,
        caption=f"{caption} {more} more rows are not drawn." if more else caption,
        draw=partial(_draw_paths, files, title, shown),
        alt=" ".join(dict.fromkeys(_map_words(row) for row, _ in shown)),
    )


def _draw_paths(files: ArtefactFiles, title: str, cells: Sequence[tuple[GammaRow, int]]) -> Drawing:
    from rsbench.report.figures.trajectories import trajectories

    panels = [panel for each, seed in cells if (panel := _paths(files, each, seed)) is not None]
    return trajectories(panels, "outer step", "gamma", title)


def _paths(files: ArtefactFiles, row: GammaRow, seed: int) -> Paths | None:
    import numpy as np

    from rsbench.report.figures.trajectories import Paths

    frame = files.gammas(row.row.ids[seed])
    if frame is None:
        return None
    wide = frame.pivot_table(index="outer_step", columns=["block", "position"], values="gamma")
    several = len(row.row.ids) > 1
    return Paths(
        title=f"{row.title}\nseed {row.row.seeds[seed]}" if several else row.title,
        steps=wide.index.to_numpy(dtype=np.int64),
        values=wide.to_numpy(dtype=np.float64),
        blocks=[int(block) for block in wide.columns.get_level_values("block")],
    )
