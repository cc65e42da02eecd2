"""Is a data set what it should be: known counts, readable images, unchanged bytes, no leaks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rsbench import registry
from rsbench.atomic import write_file
from rsbench.dataset.known import count_differences
from rsbench.dataset.survey import Survey, survey
from rsbench.errors import BandError, MisfitImageError, TargetError
from rsbench.leaks import LEAK, leak_remarks
from rsbench.target import SPLITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rsbench.folders import Folders
    from rsbench.settings import PluginChoice
    from rsbench.sources import Activity
    from rsbench.target import KnownCounts, Progress, SplitName, Target


@dataclass(frozen=True)
class Verdict:
    """One check.

    Attributes:
        check: what was looked at.
        fine: what was found, where nothing is wrong.
        differences: everything that is wrong, one text each.
    """

    check: str
    fine: str
    differences: tuple[str, ...] = ()


def verify(
    choice: PluginChoice, options: Any, folders: Folders, activity: Activity
) -> Iterator[Verdict]:
    """Check a prepared target, the quick checks first.

    Args:
        choice: label and kind.
        options: validated options.
        folders: where data and caches lie.
        activity: shows what takes a while.

    Yields:
        A verdict for each check.

    Raises:
        TargetError: the target does not even open.
    """
    kind = registry.target_class(choice.kind)
    if getattr(options, "on_bad_image", "") == "error":  # so that all of them are found at once
        options = options.model_copy(update={"on_bad_image": "skip"})
    target = kind.open(choice.name, options, folders)
    yield Verdict("index", _index_text(target))
    yield from known_counts(target, kind.known_counts(options))
    leaks = tuple(each for each in target.remarks if each.startswith(LEAK))
    for remark in target.remarks:
        if remark not in leaks:
            yield Verdict("remark", remark)
    yield _unchanged(kind, choice, options, folders, target, activity)
    digests = []
    for split in SPLITS:
        with activity(f"decoding {target.name} {split}") as progress:
            verdict, found = _images(target, split, progress)
        yield verdict
        digests += [] if found is None else [found.digests]
    if len(digests) == len(SPLITS):
        leaks = (*leaks, *leak_remarks(target.name, *digests))
    yield Verdict("train and test", "no image is in both", leaks)


def _images(target: Target, split: SplitName, progress: Progress) -> tuple[Verdict, Survey | None]:
    check = f"{split} images"
    try:
        found = survey(target, split, progress)
    except (BandError, MisfitImageError) as error:
        return Verdict(check, "", (str(error).replace("\n", "; "),)), None
    bad = tuple(f"{split}: {message}" for _, message in found.bad)
    problem = found.problem(target)
    if problem:
        bad = (*bad, problem)
    return Verdict(check, f"all {len(found.sizes):,} decode", bad), found


def known_counts(target: Target, known: KnownCounts | None) -> Iterator[Verdict]:
    """Compare the samples of every class with what the data set is known to hold."""
    if known is None:
        yield Verdict("known counts", "none are known for this data set and these options")
        return
    per_class: dict[SplitName, Mapping[str, int] | None] = {
        "train": known.train,
        "test": known.test,
    }
    for split in SPLITS:
        total = (known.totals or {}).get(split)
        differences = tuple(count_differences(target, split, per_class[split], total))
        if per_class[split] is None and total is None:
            continue
        what = "classes" if per_class[split] is not None else "total"
        fine = f"{len(target.samples(split)):,} {split} samples, {what} as known ({known.source})"
        yield Verdict(f"known {split} counts", fine, differences)


def _unchanged(
    kind: type[Target],
    choice: PluginChoice,
    options: Any,
    folders: Folders,
    target: Target,
    activity: Activity,
) -> Verdict:
    """Read every byte anew: what is remembered of a file goes by its size and times.

    What is found takes the place of what was remembered, so that the next run knows it.
    """
    with activity(f"reading {target.name} anew"), tempfile.TemporaryDirectory() as empty:
        try:
            fresh = kind.open(choice.name, options, replace(folders, cache=Path(empty)))
        except TargetError as error:
            return Verdict("bytes", "", (f"opened without the cache: {error}",))
        if fresh.content_hash != target.content_hash:
            _remember(Path(empty), folders.cache)
    differences: tuple[str, ...] = ()
    if fresh.content_hash != target.content_hash:
        differences = (
            f"the files are not those that were hashed before: {target.content_hash[:16]}..., "
            f"now {fresh.content_hash[:16]}...; a file changed though its size and times did not, "
            "or the cache was wrong. The cache has been put right: the next run takes the files "
            "as they are now",
        )
    return Verdict("bytes", f"content hash {target.content_hash}", differences)


def _remember(fresh: Path, cache: Path) -> None:
    """Put what an opening has remembered in a cache of its own into ``cache``."""
    for file in fresh.rglob("*"):
        if file.is_file():
            write_file(cache / file.relative_to(fresh), file.read_bytes())


def _index_text(target: Target) -> str:
    return (
        f"{target.number_of_classes:,} classes, {len(target.train):,} train and "
        f"{len(target.test):,} test samples"
    )
