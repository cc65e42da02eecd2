"""Checks of a target's index: counts, labels, classes, groups. No pixel is read."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from rsbench.dataset.known import count_differences
from rsbench.errors import TargetError
from rsbench.groups import GROUP_NAMES
from rsbench.plugin_kit.findings import Finding, finding, number_range, some
from rsbench.target import SPLITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rsbench.target import KnownCounts, Target

_LEAST_IMBALANCE = 2.0


def check_index(target: Target, known: KnownCounts | None) -> list[Finding]:
    """Everything that can be said without pixels.

    Args:
        target: an open target. Its constructor refuses some of what is looked for here; a
            plugin that sets attributes itself is caught all the same.
        known: what the data set is known to hold, or None.
    """
    labels = _labels(target)
    if labels.verdict == "fail":  # the rest counts labels
        return [_classes(target), _ids(target), labels, _content_hash(target)]
    return [
        _classes(target),
        _ids(target),
        labels,
        _train_classes(target),
        _test_classes(target),
        _known(target, known),
        _groups(target),
        _content_hash(target),
    ]


def _classes(target: Target) -> Finding:
    problems = []
    twice = [name for name, n in Counter(target.class_names).items() if n > 1]
    if twice:
        problems.append(f"names occur twice: {some(twice)}")
    if any(not (isinstance(name, str) and name.strip()) for name in target.class_names):
        problems.append("a name is empty or no text")
    if target.number_of_classes < 2:
        problems.append(f"{target.number_of_classes} class(es): nothing to tell apart")
    sizes = ", ".join(f"{len(target.samples(split)):,} {split}" for split in SPLITS)
    return finding("counts", problems, f"{target.number_of_classes} classes; {sizes} samples")


def _ids(target: Target) -> Finding:
    problems = []
    for split in SPLITS:
        ids = target.samples(split).ids
        twice = [name for name, n in Counter(ids).items() if n > 1]
        if twice:
            problems.append(f"{len(twice):,} {split} ids occur twice: {some(twice)}")
        if any(not (isinstance(name, str) and name) for name in ids):
            problems.append(f"a {split} id is empty or no text")
    return finding("sample ids", problems, "each is unique in its split")


def _labels(target: Target) -> Finding:
    highest, problems = target.number_of_classes - 1, []
    for split in SPLITS:
        samples = target.samples(split)
        labels = np.asarray(samples.labels)
        if labels.dtype.kind not in "iu" or labels.shape != (len(samples.ids),):
            problems.append(
                f"{split}: labels are {labels.dtype} of shape {labels.shape} for "
                f"{len(samples.ids)} samples; make them int64, one for each sample"
            )
            continue
        outside = np.flatnonzero((labels < 0) | (labels > highest))
        if outside.size:
            first = int(outside[0])
            problems.append(
                f"{split}: {outside.size:,} labels outside 0 to {highest}, the first is "
                f"{labels[first]} of {samples.ids[first]!r}"
            )
    return finding("labels", problems, f"all within 0 to {highest}")


def _train_classes(target: Target) -> Finding:
    counts = target.train.counts(target.number_of_classes)
    without = [target.class_names[c] for c in np.flatnonzero(counts == 0)]
    problems = [f"without a training sample: {some(without)}"] if without else []
    fine = f"{number_range(int(counts.min()), int(counts.max()))} samples a class"
    return finding("classes in train", problems, fine)


def _test_classes(target: Target) -> Finding:
    counts = target.test.counts(target.number_of_classes)
    without = [target.class_names[c] for c in np.flatnonzero(counts == 0)]
    problems = [f"without a test sample, so never scored: {some(without)}"] if without else []
    fine = f"{number_range(int(counts.min()), int(counts.max()))} samples a class"
    return finding("classes in test", problems, fine, "warning")


def _known(target: Target, known: KnownCounts | None) -> Finding:
    if known is None:
        return Finding("known counts", "skipped", "the plugin states none")
    totals = known.totals or {}
    problems = [
        *count_differences(target, "train", known.train, totals.get("train")),
        *count_differences(target, "test", known.test, totals.get("test")),
    ]
    return finding(
        "known counts", [some(problems)] if problems else [], f"as stated by {known.source}"
    )


def _groups(target: Target) -> Finding:
    try:
        target.groups.check(target.number_of_classes)
    except TargetError as error:
        return Finding("groups", "fail", error.what)
    counts = target.train.counts(target.number_of_classes)
    members = [(name, list(target.groups.of(name))) for name in GROUP_NAMES]
    ranges = {
        name: (int(counts[classes].min()), int(counts[classes].max()))
        for name, classes in members
        if classes
    }
    problems = _unordered(ranges)
    imbalance = counts.max() / max(1, counts.min())
    if imbalance < _LEAST_IMBALANCE:
        problems.append(f"train is all but balanced ({imbalance:.2g} to 1): there is no tail")
    texts = [f"{name} {number_range(low, high)}" for name, (low, high) in ranges.items()]
    fine = f"a partition; training samples a class: {', '.join(texts)}"
    return finding("groups", problems, fine, "warning")


def _unordered(ranges: Mapping[str, tuple[int, int]]) -> list[str]:
    """Groups whose classes are not all at least as frequent as those of the next group."""
    names = list(ranges)
    if len(names) == 1:
        return [f"every class is in {names[0]}"]
    return [
        f"a {one} class has {ranges[one][0]:,} training samples, and a {other} class "
        f"{ranges[other][1]:,}"
        for one, other in pairwise(names)
        if ranges[one][0] < ranges[other][1]
    ]


def _content_hash(target: Target) -> Finding:
    """Whether it is a digest. What goes into it cannot be seen from here, and the reason says so.

    Other checks find a hash that differs from one opening to the next; one that leaves the
    images' bytes out looks like any other until an image changes.
    """
    text = target.content_hash
    problems = []
    if not (isinstance(text, str) and re.fullmatch("[0-9a-f]{32,}", text)) or len(set(text)) == 1:
        problems.append(
            f"{text!r} is no hexadecimal digest: make a SHA-256 over all that can change a score"
        )
    fine = f"{str(text)[:16]}...; that it changes with the images' bytes is not checked"
    return finding("content hash", problems, fine)
