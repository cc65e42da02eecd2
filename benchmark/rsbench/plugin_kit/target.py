"""The conformance kit for targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rsbench import registry
from rsbench.errors import NotPreparedError, RsbenchError
from rsbench.folders import Folders
from rsbench.plugin_kit.findings import Finding, finding, raised, some
from rsbench.plugin_kit.index_checks import check_index
from rsbench.plugin_kit.pixel_checks import check_pixels
from rsbench.plugin_kit.reading import read_split, spread
from rsbench.plugin_kit.second_process import (
    Answer,
    Indices,
    Pixels,
    Request,
    ask,
    read_pixels,
    take_snapshot,
)
from rsbench.settings import PluginChoice, Settings
from rsbench.sources import checked_options
from rsbench.target import SPLITS

if TYPE_CHECKING:
    from rsbench.target import Progress, Target

DEFAULT_LIMIT = 2000
"""Images of each split that are read unless all are asked for."""
_READ_AGAIN = 24  # images of each split that are read several times


def check_target(
    kind: str | type[Target],
    options: Mapping[str, Any] | Settings | None = None,
    folders: Folders | None = None,
    *,
    name: str = "",
    limit: int | None = DEFAULT_LIMIT,
    prepare: bool = False,
    progress: Progress | None = None,
) -> list[Finding]:
    """Open a target, look at its index and its images, and read some in a second process.

    Args:
        kind: registered name, or the class itself.
        options: as in a matrix, or validated.
        folders: where data and caches lie, and where relative paths start.
        name: label to open it under; by default its kind.
        limit: images of each split to read, evenly spread; None for all of them.
        prepare: whether a target that prepares itself, and is not, is prepared first.
        progress: called with (done, total) images for each split in turn.

    Returns:
        One finding for each check; where the target does not open, the only one.

    Raises:
        UnknownNameError: no plugin registers the name.
        SettingsError: an option is wrong.
    """
    found = registry.target_class(kind) if isinstance(kind, str) else kind
    label = name or (kind if isinstance(kind, str) else kind.__name__)
    checked = validated(found, label, options)
    folders = folders or Folders()
    request = Request(found, label, checked, folders, {})
    try:
        target = _open(request, prepare, progress)
        known = found.known_counts(checked)
    # foreign code may raise anything; that it does is the finding
    except Exception as error:
        return [Finding("opens", "fail", _why(error))]
    findings = [Finding("opens", "pass", found.__name__)]
    try:
        findings += check_index(target, known)
        findings += _check_reading(target, request, limit, progress)
        findings.append(_reads_files(target, request))
    # ... and a target may hold anything in place of what the checks look at
    except Exception as error:
        findings.append(Finding("is a target", "fail", f"looking at it raises {raised(error)}"))
    return findings


def _open(request: Request, prepare: bool, progress: Progress | None) -> Target:
    kind = request.kind
    try:
        return kind.open(request.name, request.options, request.folders)
    except NotPreparedError:
        if not (prepare and kind.prepares_itself):
            raise
    kind.prepare(request.options, request.folders, progress=progress)
    return kind.open(request.name, request.options, request.folders)


def validated(kind: Any, name: str, options: Mapping[str, Any] | Settings | None) -> Settings:
    """The options of a plugin class, checked.

    Raises:
        SettingsError: an option has a wrong name, type or value.
    """
    if isinstance(options, Settings):
        return options
    choice = PluginChoice(name=name, kind=name, options=dict(options or {}))
    return checked_options(kind.Options, choice)


def _why(error: Exception) -> str:
    if not isinstance(error, RsbenchError):
        return raised(error)
    where = f"{error.where}: " if error.where else ""
    remedies = "; run: ".join(text for text in (error.remedy, error.command) if text)
    remedy = f" ({remedies})" if remedies else ""
    return " ".join(f"{where}{error.what}{remedy}".split())


def _check_reading(
    target: Target, request: Request, limit: int | None, progress: Progress | None
) -> list[Finding]:
    train, test = (read_split(target, split, limit, progress) for split in SPLITS)
    again: Indices = {
        each.split: [each.indices[i] for i in spread(len(each.indices), _READ_AGAIN)]
        for each in (train, test)
    }
    request = Request(request.kind, request.name, request.options, request.folders, again)
    first: Pixels = {
        (each.split, index): digest
        for each in (train, test)
        for index, digest in each.digests.items()
        if index in set(again[each.split])
    }
    answer = ask(request, target)
    return [
        *check_pixels(target, train, test),
        _same_twice(target, first, again),
        _same_opened(target, first, request),
        _same_elsewhere(target, first, answer),
        _pickles(first, answer, target),
        _is_light(answer),
    ]


def _same_twice(target: Target, first: Pixels, again: Indices) -> Finding:
    """``read`` after ``read_many``: the same pixels by both ways, and at both times."""
    problems = _unlike(target, first, read_pixels(target, again))
    fine = f"{len(first)} images, by read_many and by read"
    return finding("reads twice alike", problems, fine)


def _same_opened(target: Target, first: Pixels, request: Request) -> Finding:
    try:
        other = request.kind.open(request.name, request.options, request.folders)
    # foreign code may raise anything
    except Exception as error:
        return Finding("opens twice alike", "fail", f"the second time: {raised(error)}")
    problems = [f"other {word}" for word in take_snapshot(target).differences(take_snapshot(other))]
    problems += _unlike(target, first, read_pixels(other, request.indices))
    return finding("opens twice alike", problems, "ids, labels, content hash and pixels")


def _same_elsewhere(target: Target, first: Pixels, answer: Answer) -> Finding:
    if answer.error or answer.snapshot is None:
        return Finding("in a second process", "fail", answer.error)
    differences = take_snapshot(target).differences(answer.snapshot)
    problems = [f"other {word}" for word in differences]
    problems += _unlike(target, first, answer.pixels)
    return finding("in a second process", problems, "ids, labels, content hash and pixels")


def _pickles(first: Pixels, answer: Answer, target: Target) -> Finding:
    if answer.sent_error:
        return Finding("pickles", "fail", answer.sent_error)
    problems = _unlike(target, first, answer.sent_pixels)
    return finding("pickles", problems, f"{len(first)} images read from the copy")


def _is_light(answer: Answer) -> Finding:
    problems = []
    if answer.heavy:
        names = ", ".join(answer.heavy)
        problems.append(f"its module imports {names}: import them inside functions")
    if not problems and answer.error:
        return Finding("light import", "skipped", answer.error)
    return finding("light import", problems, "nothing heavy is loaded", "warning")


def _reads_files(target: Target, request: Request) -> Finding:
    """``rsbench predict`` refuses cells of a target whose files it reads otherwise."""
    files, samples = request.kind.file_reader(request.options).imagery, target.imagery
    facts = (files.bands, files.full_scale), (samples.bands, samples.full_scale)
    said = [f"{', '.join(bands)} with a full scale of {scale:g}" for bands, scale in facts]
    problems = [f"file_reader gives {said[0]}, and read {said[1]}"] if said[0] != said[1] else []
    fine = f"file_reader gives the bands of read: {said[0]}"
    return finding("files to predict", problems, fine, "warning")


def _unlike(target: Target, one: Pixels, other: Pixels) -> list[str]:
    """Which samples have other pixels, in words."""
    names = [
        f"{split} {target.samples(split).ids[index]}"
        for (split, index), digest in one.items()
        if other.get((split, index)) != digest
    ]
    return [f"{len(names)} of {len(one)} images have other pixels: {some(names)}"] if names else []
