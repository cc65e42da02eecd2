"""The listing of a data set, remembered, so that opening it again need not import torchgeo."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rsbench.atomic import write_file
from rsbench.errors import TargetError
from rsbench.image_files import IMAGE_SUFFIXES
from rsbench_datasets.torchgeo_scenes.listing import Listing, list_by_reading, list_images
from rsbench_datasets.torchgeo_scenes.opening import Request, make_dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rsbench.folders import Folders

_VERSION = 3
_log = logging.getLogger("rsbench")


@dataclass(frozen=True)
class SceneIndex:
    """What a data set holds.

    Attributes:
        class_names: names in label order.
        splits: listing by torchgeo's name of the split ("" for a set of a single split).
    """

    class_names: tuple[str, ...]
    splits: dict[str, Listing]


def scene_index(
    request: Request,
    splits: Sequence[str],
    folders: Folders,
    check: Callable[[SceneIndex], None] | None = None,
) -> SceneIndex:
    """The listing of ``splits``: from the cache while the folder is as it was, else by torchgeo.

    Args:
        request: the data set.
        splits: torchgeo's names; [""] for a set of a single split.
        folders: where listings are remembered.
        check: called with a new listing before it is remembered; raises where it is wrong.

    Raises:
        NotPreparedError: torchgeo does not find the files.
        TargetError: the files are there and inconsistent.
    """
    file = folders.cache / "torchgeo" / f"{_key(request, splits)}.json"
    known = _load(file)
    if known is not None:
        index, by_files, signature = known
        if signature == tree_signature(request.root, every_file=not by_files):
            return index
    return _ask_torchgeo(request, splits, check, file)


def choose_classes(index: SceneIndex, chosen: tuple[str, ...], where: Path) -> SceneIndex:
    """``index`` with the classes ``chosen`` alone, all of them for (); others are labelled -1.

    Args:
        index: the listing.
        chosen: class names in the label order to have.
        where: folder of the set, for messages.

    Raises:
        TargetError: the set has no such class.
    """
    unknown = [name for name in chosen if name not in index.class_names]
    if unknown:
        raise TargetError(
            f"the option 'classes' names what the set does not have: {', '.join(unknown)}",
            where=where,
            remedy=f"it has: {', '.join(index.class_names)}",
        )
    names = chosen or index.class_names
    labels = [names.index(name) if name in names else -1 for name in index.class_names]
    return SceneIndex(names, _relabelled(index.splits, labels))


def tree_signature(root: Path, *, every_file: bool) -> str:
    """Digest that changes when files below ``root`` come, go, or are renamed.

    Args:
        root: folder of a data set.
        every_file: also watch size and times of images, and not only those of other files.

    Raises:
        TargetError: a folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise TargetError(
            f"the folder cannot be read: {error.strerror}",
            where=error.filename,
            remedy="check who may read it, and the disk it lies on",
        ) from error

    digest = hashlib.sha256()
    for folder, folders, files in os.walk(root, followlinks=True, onerror=refuse):
        folders.sort()
        watched = [folder]
        for name in sorted(files):
            if every_file or os.path.splitext(name)[1].lower() not in IMAGE_SUFFIXES:
                watched.append(os.path.join(folder, name))
        for path in watched:
            stat = os.stat(path)
            size = 0 if path == folder else stat.st_size  # of a folder it means nothing
            times = f"{stat.st_mtime_ns}\0{stat.st_ctime_ns}\0{stat.st_ino}"
            digest.update(os.fsencode(f"{os.path.relpath(path, root)}\0{size}\0{times}\n"))
    return digest.hexdigest()


def _ask_torchgeo(
    request: Request,
    splits: Sequence[str],
    check: Callable[[SceneIndex], None] | None,
    file: Path,
) -> SceneIndex:
    # A file that changes while torchgeo looks must not pass for listed: so the signature is
    # from before. Opening a set may unpack an archive, though, so it is opened first.
    datasets = {split: make_dataset(request, split) for split in splits}
    before = {every: tree_signature(request.root, every_file=every) for every in (False, True)}
    listings = {split: list_images(request, each) for split, each in datasets.items()}
    by_files = all(each.files is not None for each in listings.values())
    if not by_files:
        listings = {
            split: each if each.files is None else list_by_reading(request, datasets[split])
            for split, each in listings.items()
        }
    names = _same_classes(request, listings)
    index = SceneIndex(names, listings) if names else _numbered(listings)
    if check is not None:
        check(index)
    _save(file, index, before[not by_files])
    return index


def _same_classes(request: Request, listings: dict[str, Listing]) -> tuple[str, ...]:
    """Names in label order; () where the class of torchgeo has none."""
    names = {split: listing.class_names for split, listing in listings.items()}
    first, *others = names
    for other in others:
        if names[first] != names[other]:
            differ = set(names[first]) ^ set(names[other])
            raise TargetError(
                f"the splits {first!r} and {other!r} of torchgeo's {request.dataset} differ in "
                f"their classes: {', '.join(sorted(differ)) or 'another order'}",
                where=request.root,
                remedy="restore the missing files, or take away the extra folders",
            )
    return names[first]


def _numbered(listings: dict[str, Listing]) -> SceneIndex:
    """Classes without names: those numbers that are labels, called as they are."""
    numbers = sorted({label for listing in listings.values() for label in listing.labels})
    labels = {number: label for label, number in enumerate(numbers)}
    return SceneIndex(tuple(map(str, numbers)), _relabelled(listings, labels))


def _relabelled(
    listings: dict[str, Listing], labels: dict[int, int] | list[int]
) -> dict[str, Listing]:
    """``listings`` with ``labels[label]`` in place of each label."""
    return {
        split: replace(listing, labels=tuple(labels[label] for label in listing.labels))
        for split, listing in listings.items()
    }


def _key(request: Request, splits: Sequence[str]) -> str:
    arguments = sorted((name, repr(value)) for name, value in request.arguments.items())
    parts = [request.dataset, os.fspath(request.root), arguments, list(splits)]
    text = json.dumps([_VERSION, version("torchgeo"), parts])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _save(file: Path, index: SceneIndex, signature: str) -> None:
    content = json.dumps({"signature": signature, **asdict(index)})
    try:
        write_file(file, content.encode())
    except OSError as error:  # the listing is right all the same, only slow next time
        _log.warning("cannot remember what torchgeo lists in %s: %s", file, error)


def _load(file: Path) -> tuple[SceneIndex, bool, str] | None:
    """The remembered index, whether it lists files, and the signature; None where unusable."""
    try:
        content = json.loads(file.read_bytes())
        splits = {split: _listing(each) for split, each in content["splits"].items()}
        index = SceneIndex(tuple(content["class_names"]), splits)
        by_files = all(each.files is not None for each in splits.values())
        return index, by_files, str(content["signature"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _log.warning("the remembered listing %s is damaged and is made anew (%s)", file, error)
        return None


def _listing(content: dict[str, Any]) -> Listing:
    files = content["files"]
    return Listing(
        tuple(content["class_names"]),
        None if files is None else tuple(files),
        tuple(content["labels"]),
        tuple(content["digests"]),
    )
