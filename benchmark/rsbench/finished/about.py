"""The ``README.md`` of a published run: what made it, what it cost, how to rebuild its report."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rsbench.atomic import write_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rsbench.record import Environment, Record
    from rsbench.report.results import RunResults

FEATURES = "features"
#: What a copy may lack besides the weights.
LEFT_OUT = {
    FEATURES: "features (no distances)",
    "image features": "features image by image (no embedding)",
    "gamma paths": "the gammas before the last step (no paths)",
    "confidences": "confidences (no calibration)",
}


def write_about(
    results: RunResults, folder: Path, only: Sequence[str] = (), left_out: Sequence[str] = ()
) -> None:
    """Write ``README.md`` into the folder of a published run; the same run gives the same text.

    Args:
        results: the published run.
        folder: its folder; the text names it as seen from the working directory, or, where it
            is elsewhere, from the folder that holds it.
        only: the parts of the report that it holds; nothing for all of it.
        left_out: keys of ``LEFT_OUT``: what the copy does not hold, besides the weights.
    """
    text = about(results, _seen_from_here(folder), only, left_out)
    write_file(folder / "README.md", text.encode())


def _seen_from_here(folder: Path) -> str:
    """The path without the parts that are this machine's; the name alone for one elsewhere."""
    place, here = folder.resolve(), Path.cwd()
    if place.is_relative_to(here):
        return place.relative_to(here).as_posix()
    return place.name


def about(
    results: RunResults, place: str, only: Sequence[str] = (), left_out: Sequence[str] = ()
) -> str:
    """What a reader of the folder ``place`` must know, from the records alone."""
    rebuild = "".join([f"rsbench report {place}", *(f" --only {n}" for n in only)])
    records = [record for row in results.rows for record in row.records]
    records = list({record.id: record for record in records}.values())
    places = [record.environment for record in records if record.environment]
    lines = [f"# {results.index.matrix}", ""]
    lines += [f"**{text}**\n" for text in results.disclaimers]
    lines += [
        f"- Made by `{results.index.command}`." if results.index.command else "",
        f"- Cells: {len(records)} finished, {len(results.failures)} failed, "
        f"{len(results.missing)} missing.",
        f"- Code: {_counted(_commit(place) for place in places)}; {_versions(places)}.",
        f"- Machine: {_counted(_machine(place) for place in places)}.",
        f"- Cost: {_cost(records)}.",
        f"- Rebuild the report{_from_where(place)}: `{rebuild}`. The same rsbench and package "
        "versions give the same bytes.",
        f"- Left out: {', '.join(['weights', *(LEFT_OUT[each] for each in left_out)])}.",
        "- Once for each target, in `test_images/`: the image ids in the order of the predictions"
        + ("." if FEATURES in left_out else ", and the class means of the frozen features."),
    ]
    return "\n".join(line for line in lines if line) + "\n"


def _from_where(place: str) -> str:
    return "" if "/" in place else ", from the folder that holds this one"


def _commit(place: Environment) -> str:
    if place.git_commit is None:
        return f"rsbench {place.rsbench}"
    return f"commit {place.git_commit[:12]}{' with changes' if place.git_dirty else ''}"


def _machine(place: Environment) -> str:
    threads = "1 thread" if place.threads == 1 else f"{place.threads} threads"
    return f"{place.device}, {threads} a cell, precision {place.precision}"


def _versions(places: Iterable[Environment]) -> str:
    texts = (
        "Python "
        + place.python
        + "".join(
            f", {name} {place.packages[name]}"
            for name in ("torch", "timm")
            if name in place.packages
        )
        for place in places
    )
    return _counted(texts)


def _cost(records: Iterable[Record]) -> str:
    """Sum of the cells' wall times; threads make core time of it."""
    wall = core = 0.0
    for record in records:
        if record.timing is not None:
            wall += record.timing.total_seconds
            core += record.timing.total_seconds * (
                record.environment.threads if record.environment else 1
            )
    return f"{wall / 3600:.2f} hours of cells one after the other, {core / 3600:.2f} thread hours"


def _counted(texts: Iterable[str]) -> str:
    """Each text once, the commonest first, with its number of cells where there are several."""
    counts = Counter(texts)
    if not counts:
        return "unknown"
    if len(counts) == 1:
        return next(iter(counts))
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return "; ".join(f"{text} ({count} cells)" for text, count in ordered)
