"""Two methods of one run beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.errors import NotComparableError, SettingsError
from rsbench.report.results import load_results
from rsbench.report.sections.statistics.comparison_tables import methods_table
from rsbench.report.sections.statistics.contrasts import method_contrasts
from rsbench.report.sections.statistics.run import statistics_of
from rsbench.report.tables.layout import identifier
from rsbench.wording import near_names

if TYPE_CHECKING:
    from rsbench.report.artefacts import Table
    from rsbench.store import RunFolder


def compare_methods(folder: RunFolder, methods: str) -> Table:
    """The first method minus the second wherever the run has both.

    Rows are paired by target, backbone and axis values, cells by seed, test images by id; verdicts
    are corrected over all comparisons of the two on one metric.

    Args:
        folder: the run.
        methods: their names in its tables, "lora,linear".

    Raises:
        SettingsError: these are not two different names.
        NotComparableError: the run has no finished row of one, or none of both at one place.
        ResultsFolderError: the folder is not a run.
        RecordError: a record or the predictions of a cell are damaged.
    """
    names = [name.strip() for name in methods.split(",")]
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise SettingsError(
            f"--methods {methods}: not two different methods", remedy="e.g. --methods lora,linear"
        )
    results = load_results(folder)
    known = list(dict.fromkeys(row.full_method for row in results.rows))
    for name in names:
        if name not in known:
            raise NotComparableError(
                f"no cell of a method {name!r} is finished",
                where=folder.path,
                remedy=near_names(name, known),
            )
    contrasts = method_contrasts(results, *names)
    if not contrasts:
        raise NotComparableError(
            f"no row of {names[0]} has one row of {names[1]} to stand beside: on the same target "
            "and backbone, at the same axis values",
            where=folder.path,
            remedy="see the table main of the report for what was trained",
        )
    findings = statistics_of(results).judged(contrasts)
    return methods_table(results, findings, f"compare-{'-minus-'.join(map(identifier, names))}")
