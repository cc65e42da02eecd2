"""Checks of what was read: decoding, shapes, types, values, copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.errors import BandError
from rsbench.imagery import check_values
from rsbench.plugin_kit.findings import Finding, Verdict, finding, number_range, some

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rsbench.plugin_kit.reading import Reading
    from rsbench.target import Target

_DARK = 0.05  # share of the full scale that the brightest pixel of all should reach


def check_pixels(target: Target, train: Reading, test: Reading) -> list[Finding]:
    """Everything that one pass over the images tells.

    Args:
        target: where the images are from.
        train: what was read of train.
        test: what was read of test.
    """
    both = (train, test)
    findings = [_decodes(target, both)]
    if not any(each.types for each in both):
        return [*findings, Finding("pixels", "skipped", "no image could be read")]
    return [
        *findings,
        _shapes(target, both),
        _types(target, both),
        _values(target, both),
        _constants(target, both),
        _leakage(target, train, test),
        _copies(target, train),
    ]


def _decodes(target: Target, readings: Sequence[Reading]) -> Finding:
    broken = [f"{each.split}: {each.broken}" for each in readings if each.broken]
    bad = [
        f"{len(each.unreadable):,} of {each.extent} images do not decode: "
        + some(target.samples(each.split).ids[index] for index in each.unreadable)
        + f" (the first: {next(iter(each.unreadable.values()))})"
        for each in readings
        if each.unreadable
    ]
    otherwise: Verdict = "warning" if target.on_bad_image == "skip" and not broken else "fail"
    fine = f"{' and '.join(each.extent for each in readings)} images"
    return finding("images decode", [*broken, *bad], fine, otherwise)


def _shapes(target: Target, readings: Sequence[Reading]) -> Finding:
    wanted = f"{target.imagery.channels} channels"
    problems = [
        f"{count:,} {each.split} images have {shape} in place of (height, width, "
        f"{target.imagery.channels})"
        for each in readings
        for shape, count in each.shapes.items()
        if shape != wanted
    ]
    sides = [side for each in readings if each.sides for side in each.sides]
    size = f"sides of {number_range(min(sides), max(sides))} pixels" if sides else "no size"
    return finding("image shapes", problems, f"{wanted}; {size}")


def _types(target: Target, readings: Sequence[Reading]) -> Finding:
    wanted = str(target.imagery.dtype)
    problems = [
        f"{count:,} {each.split} images are {kind} in place of {wanted}"
        for each in readings
        for kind, count in each.types.items()
        if kind != wanted
    ]
    floats = any("float" in kind for each in readings for kind in each.types)
    if floats and _highest(readings) <= 1.0:
        problems.append(
            f"they are floats up to 1: multiply by {target.imagery.full_scale:g} before the cast"
        )
    return finding("pixel type", problems, wanted)


def _values(target: Target, readings: Sequence[Reading]) -> Finding:
    imagery, highest = target.imagery, _highest(readings)
    lows = [float(each.lowest.min()) for each in readings if each.lowest is not None]
    if not lows:
        return Finding("values", "skipped", "the images have no values to look at")
    fine = f"{min(lows):g} to {highest:g}; {imagery.quantity}, full scale {imagery.full_scale:g}"
    if highest <= 1.0 < imagery.full_scale:
        what = (
            f"no value above {highest:g} where {imagery.full_scale:g} is full scale: floats in "
            "[0, 1] cast to whole numbers? multiply before the cast"
        )
        return Finding("values", "fail", what)
    try:
        for each in readings:
            if each.highest is not None:
                check_values(target.name, imagery, each.highest)
    except BandError as error:
        return Finding("values", "fail", error.what)
    if imagery.quantity == "display" and highest < _DARK * imagery.full_scale:
        what = f"the brightest value of all is {highest:g} of {imagery.full_scale:g}: very dark"
        return Finding("values", "warning", what)
    return Finding("values", "pass", fine)


def _highest(readings: Sequence[Reading]) -> float:
    return max(
        (float(each.highest.max()) for each in readings if each.highest is not None), default=0.0
    )


def _constants(target: Target, readings: Sequence[Reading]) -> Finding:
    constant = sum(len(each.constant) for each in readings)
    read = sum(len(each.digests) for each in readings)
    if read and constant == read:
        return Finding("constant images", "fail", "every image is of one colour")
    names = [
        f"{each.split} {target.samples(each.split).ids[index]}"
        for each in readings
        for index in sorted(each.constant)
    ]
    problems = (
        [f"{constant:,} of {read:,} images are of one colour: {some(names)}"] if names else []
    )
    dead = [
        band for band, empty in zip(target.imagery.bands, _dead(readings), strict=False) if empty
    ]
    if dead:
        problems.append(f"bands with one value everywhere: {some(dead)}")
    return finding("constant images", problems, "none", "warning")


def _dead(readings: Sequence[Reading]) -> list[bool]:
    """For each band whether all images have the same single value in it."""
    known = [(each.lowest, each.highest) for each in readings]
    pairs = [(low, high) for low, high in known if low is not None and high is not None]
    if not pairs or len({low.shape for low, _ in pairs}) > 1:
        return []
    low = [min(values) for values in zip(*(pair[0].tolist() for pair in pairs), strict=True)]
    high = [max(values) for values in zip(*(pair[1].tolist() for pair in pairs), strict=True)]
    return [one == other for one, other in zip(low, high, strict=True)]


def _leakage(target: Target, train: Reading, test: Reading) -> Finding:
    first = _by_digest(train)
    shared = [(index, first[digest][0]) for index, digest in _informative(test) if digest in first]
    names = [f"{target.test.ids[index]} = {target.train.ids[other]}" for index, other in shared]
    problems = (
        [f"{len(shared):,} of {test.extent} images have the pixels of a train image: {some(names)}"]
        if shared
        else []
    )
    fine = f"no pixels in common between {train.extent} and {test.extent} images"
    if not (train.whole and test.whole):
        fine += "; --all compares every one"
    return finding("leakage", problems, fine)


def _copies(target: Target, train: Reading) -> Finding:
    groups = [indices for indices in _by_digest(train).values() if len(indices) > 1]
    labels = target.train.labels
    torn = sum(len({int(labels[index]) for index in indices}) > 1 for indices in groups)
    names = [f"{target.train.ids[one]} = {target.train.ids[other]}" for one, other, *_ in groups]
    problems = []
    if groups:
        copies = sum(len(indices) - 1 for indices in groups)
        problems.append(f"{copies:,} copies among {train.extent} images: {some(names)}")
    if torn:
        problems.append(f"{torn:,} pictures carry several labels")
    return finding("copies in train", problems, f"none among {train.extent} images", "warning")


def _informative(reading: Reading) -> list[tuple[int, str]]:
    """Index and digest of the images that are not of one colour: those are all alike."""
    return [pair for pair in reading.digests.items() if pair[0] not in reading.constant]


def _by_digest(reading: Reading) -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = {}
    for index, digest in _informative(reading):
        found.setdefault(digest, []).append(index)
    return found
