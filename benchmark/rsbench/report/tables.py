"""The main table as CSV, Markdown and on the terminal, with the lines that explain it."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from typing import TYPE_CHECKING

from rsbench.atomic import write_file
from rsbench.report.aggregate import METRICS, MainTable, Row, Spread, aggregate
from rsbench.report.modulators import COLUMNS as MODULATOR_COLUMNS
from rsbench.report.modulators import EXPLANATION
from rsbench.store import RunFolder, explained

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console
    from rich.table import Table

#: Shown where a metric is undefined.
EMPTY = "–"  # noqa: RUF001 - an en dash is meant

#: Most labels that one line lists.
_MOST = 20

DEFINITIONS = (
    "head, medium, tail: mean of the per-class accuracies of the classes in the group; "
    "mean: mean-class accuracy over all classes; in percent, mean ± sample standard deviation "
    "(ddof = 1) over the seeds; "
    f"{EMPTY}: no class of the group was tested.",
    "trainable parameters: everything that training changes: method, head and modulators; "
    "modulators: scalars that MetaPEFT trains; metapeft: yes, no, or what a control does with "
    "gamma instead of learning it; train seconds: wall time of the training loop, "
    "mean over the seeds.",
)


def write_tables(folder: RunFolder) -> MainTable:
    """Rebuild the tables in ``tables/``; the same records give the same bytes.

    Raises:
        ResultsFolderError: the folder is not a run, or cannot be written.
        RecordError: a record is damaged.
    """
    table = aggregate(folder)
    with explained(folder.tables):
        folder.tables.mkdir(exist_ok=True)
        write_file(folder.tables / "main.csv", to_csv(table).encode())
        write_file(folder.tables / "main.md", to_markdown(table).encode())
        write_file(folder.tables / "modulators.csv", modulators_csv(table).encode())
    return table


def to_csv(table: MainTable) -> str:
    """Numbers only, one column each; what is undefined is empty."""
    metrics = [f"{name}_{part}" for name in METRICS for part in ("mean", "std")]
    names = ["backbone", "target", "method", "metapeft", "variant", "evaluated_on", "seeds"]
    names += [*metrics, "trainable_parameters", "modulators", "train_seconds"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in table.rows:
        numbers = [
            "" if value is None else f"{value:.4f}"
            for name in METRICS
            for value in (row.metrics[name].mean, row.metrics[name].deviation)
        ]
        labels = (row.backbone, row.target, row.method, row.metapeft, row.variant)
        counts = (row.trainable, row.modulators, f"{row.train_seconds:.2f}")
        writer.writerow([*labels, row.evaluated_on, len(row.seeds), *numbers, *counts])
    return text.getvalue()


def to_markdown(table: MainTable) -> str:
    """A table for readers, and below it every line they must know."""
    titles, rows = _texts(table, _COLUMNS)
    lines = [f"# {table.index.matrix}", ""]
    if rows:
        lines.append(_markdown_row(titles))
        lines.append("| " + " | ".join("---" for _ in titles) + " |")
        lines += [_markdown_row(row) for row in rows]
    else:
        lines.append("No cell is finished.")
    for line in [*footnotes(table), *DEFINITIONS]:
        lines += ["", line]
    lines += _modulators_markdown(table.rows)
    return "\n".join(lines) + "\n"


def modulators_csv(table: MainTable) -> str:
    """Where the modulators ended, one line per row that has a training strategy."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    titles = [title.replace(" ", "_") for title, _ in MODULATOR_COLUMNS]
    writer.writerow(["backbone", "target", "method", "variant", "seeds", *titles])
    for row in table.rows:
        if row.gamma is not None:
            labels = (row.backbone, row.target, row.method, row.variant, len(row.seeds))
            values = [value(row.gamma) for _, value in MODULATOR_COLUMNS]
            writer.writerow([*labels, *("" if value is None else value for value in values)])
    return text.getvalue()


def _modulators_markdown(rows: Sequence[Row]) -> list[str]:
    shown = [row for row in rows if row.gamma is not None]
    if not shown:
        return []
    titles = ["row", *(title for title, _ in MODULATOR_COLUMNS)]
    lines = ["", "## Modulators", "", _markdown_row(titles)]
    lines.append("| " + " | ".join("---" for _ in titles) + " |")
    for row in shown:
        values = [] if row.gamma is None else [value(row.gamma) for _, value in MODULATOR_COLUMNS]
        lines.append(_markdown_row([row.label, *(_number(value) for value in values)]))
    return [*lines, "", EXPLANATION]


def _number(value: str | float | None) -> str:
    if value is None:
        return EMPTY
    return value if isinstance(value, str) else f"{value:.3g}"


def to_rich(table: MainTable) -> Table:
    """The columns that matter most, for a terminal. Labels may wrap, numbers never do."""
    from rich import box
    from rich.table import Table as RichTable

    titles, rows = _texts(table, _SHORT_COLUMNS)
    title = f"{table.index.matrix}: accuracy in percent"
    shown = RichTable(title=title, box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for name in titles:
        if name in METRICS or name == "seeds":
            shown.add_column(name, justify="right", no_wrap=True)
        else:
            shown.add_column(name, overflow="fold")
    for row in rows:
        shown.add_row(*row)
    return shown


def footnotes(table: MainTable) -> list[str]:
    """The lines that say what limits the numbers, the most important first."""
    cells = len(table.index.cells)
    lines = _validation(table.rows)
    lines += [f"**{text}**" for text in table.disclaimers]
    if table.missing:
        labels = _shortened(table.missing)
        lines.append(f"**missing: {len(table.missing)} of {cells} cells**: {labels}")
    if table.failed:
        reasons = _shortened([f"{label} ({reason})" for label, reason in table.failed])
        lines.append(f"**failed: {len(table.failed)} of {cells} cells**: {reasons}")
    if table.foreign:
        lines.append(
            f"left out: {table.foreign} cells in the folder that the matrix does not name "
            "(from another version of it, or of its data)"
        )
    single = [row.label for row in table.rows if len(row.seeds) == 1]
    if single:
        some = f"{len(single)} of {len(table.rows)} rows (those with '1 seed')"
        which = "all rows" if len(single) == len(table.rows) else some
        lines.append(f"**one seed only, so nothing is known of the spread**: {which}")
    if len({row.seeds for row in table.rows}) > 1:
        listed = _exceptions(table.rows, lambda row: ", ".join(map(str, row.seeds)))
        lines.append(f"**the rows do not all have the same seeds**: {listed}")
    if len({precision for row in table.rows for precision in row.precisions}) > 1:
        listed = _exceptions(table.rows, lambda row: ", ".join(row.precisions))
        lines.append(f"**the cells were not all trained in the same precision**: {listed}")
    return [*lines, *table.notes]


def _validation(rows: Sequence[Row]) -> list[str]:
    held_out = [row.label for row in rows if row.evaluated_on == "validation"]
    if not held_out:
        return []
    which = "all rows" if len(held_out) == len(rows) else _shortened(held_out)
    return [
        "**NOT TEST RESULTS: scored on the slice held out of train (evaluate_on: validation), "
        f"for choosing settings only: {which}**"
    ]


def _exceptions(rows: Sequence[Row], value: Callable[[Row], str]) -> str:
    """Every value with the rows that have it; the commonest one has "all other rows"."""
    by_value: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        by_value[value(row)].append(row.label)
    commonest = max(by_value, key=lambda text: len(by_value[text]))
    return "; ".join(
        f"{text} ({'all other rows' if text == commonest else _shortened(labels)})"
        for text, labels in by_value.items()
    )


def _shortened(labels: Sequence[str]) -> str:
    more = f", and {len(labels) - _MOST} more" if len(labels) > _MOST else ""
    return ", ".join(labels[:_MOST]) + more


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _texts(
    table: MainTable, columns: Sequence[tuple[str, Callable[[Row], str]]]
) -> tuple[list[str], list[list[str]]]:
    """Titles and rows; the column of variants is there only where one is needed."""
    needed = [
        each for each in columns if each[0] != "variant" or any(row.variant for row in table.rows)
    ]
    titles = [title for title, _ in needed]
    return titles, [[text(row) for _, text in needed] for row in table.rows]


def _percent(spread: Spread) -> str:
    if spread.mean is None:
        return EMPTY
    if spread.deviation is None:
        return f"{spread.mean:.1f}"
    return f"{spread.mean:.1f} ± {spread.deviation:.1f}"


def _metric(name: str) -> Callable[[Row], str]:
    return lambda row: _percent(row.metrics[name])


_COLUMNS: list[tuple[str, Callable[[Row], str]]] = [
    ("backbone", lambda row: row.backbone),
    ("target", lambda row: row.target),
    ("method", lambda row: row.method),
    ("metapeft", lambda row: row.metapeft),
    ("variant", lambda row: row.variant),
    ("seeds", lambda row: "1 seed" if len(row.seeds) == 1 else str(len(row.seeds))),
    *((name, _metric(name)) for name in METRICS),
    ("trainable parameters", lambda row: f"{row.trainable:,}"),
    ("modulators", lambda row: str(row.modulators)),
    ("train seconds", lambda row: f"{row.train_seconds:.1f}"),
]
_SHORT_COLUMNS: list[tuple[str, Callable[[Row], str]]] = [
    ("target", lambda row: row.target),
    ("backbone", lambda row: row.backbone),
    ("method", lambda row: row.full_method),
    ("variant", lambda row: row.variant),
    ("seeds", lambda row: str(len(row.seeds))),
    *((name, _metric(name)) for name in METRICS),
]


def print_table(table: MainTable, console: Console) -> None:
    """Print the table: short on a terminal, as Markdown elsewhere."""
    if not console.is_terminal:
        console.print(to_markdown(table), markup=False, highlight=False, soft_wrap=True, end="")
        return
    console.print(to_rich(table))
    for line in [*footnotes(table), DEFINITIONS[0]]:
        console.print(line.replace("**", ""), markup=False, highlight=False, soft_wrap=True)
