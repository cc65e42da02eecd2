"""Open the images of a split: build the store where it is absent or damaged, and check it."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
from typing import TYPE_CHECKING

import numpy as np

from rsbench import registry
from rsbench.atomic import remove_folder
from rsbench.errors import ImageError, RsbenchError, TargetError
from rsbench.imagery import check_values
from rsbench.imagestore.build import bad_images, build
from rsbench.imagestore.files import STORE_VERSION, read_histogram, read_meta
from rsbench.imagestore.statistics import value_range
from rsbench.imagestore.store import ImageSet, load, load_streamed
from rsbench.system import of_the_system, remedy_for
from rsbench.value_remarks import value_remarks

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.folders import Folders
    from rsbench.target import Progress, SplitName, Target

_DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError)
_log = logging.getLogger("rsbench")


def open_store(
    target: Target,
    split: SplitName,
    stored_side: int,
    folders: Folders,
    progress: Progress | None = None,
    *,
    thorough: bool = False,
) -> ImageSet:
    """The decoded images of ``split``, built first where they are absent or damaged.

    Images are kept decoded, in files that all processes of the machine share. Where the target
    says that it is too large for that (``Target.streams``), where RSBENCH_STREAM=1 asks for it,
    or where they would take more than half of the free disk, they are decoded as they are used.

    Processes that build the same store at once do the work twice and do each other no harm.

    Args:
        target: where the images come from; its content hash names the store.
        split: "train" or "test".
        stored_side: images with a longer short side are shrunk to it; see ``fit``.
        folders: the cache to keep the store in.
        progress: called with (done, total) images while the store is built.
        thorough: whether every byte is checked, and bad images are tried once more.

    Raises:
        ImageError: images are missing or do not decode, and the target does not say to skip
            them.
        TargetError: the target yields another number of images than it lists, skipped images
            leave a class without any, or values cannot be what the target says.
        RsbenchError: the cache cannot be written.
    """
    if stored_side < 1:
        raise RsbenchError(f"the short side of stored images is {stored_side}; use 1 or more")
    folder = folders.cache / "images" / store_key(target, split, stored_side)
    for _ in range(3):  # another process may replace a damaged store under our hands
        images = _load(target, split, stored_side, folder, thorough)
        if images is not None:
            _check(target, split, images)
            return images
        try:
            build(target, split, stored_side, folder, progress, keep=not _streams(target))
        except OSError as error:
            space = "free space there, or set RSBENCH_CACHE to a folder that has some"
            raise RsbenchError(
                f"the decoded images cannot be written: {error}",
                where=folder,
                remedy=space if error.errno == errno.ENOSPC else remedy_for(error, space),
            ) from error
    raise RsbenchError(
        "the store of decoded images is damaged again as soon as it is written",
        where=folder,
        remedy="check the disk, or set RSBENCH_CACHE to a folder on another one",
    )


def store_key(target: Target, split: SplitName, stored_side: int) -> str:
    """Name of a store's folder: a digest over everything its pixels depend on."""
    imagery = [target.imagery.pixels, *target.imagery.bands]
    made_from = [STORE_VERSION, target.content_hash, split, stored_side, imagery]
    if _streams(target):
        made_from.append("streamed")
    code = registry.class_digest(type(target))
    if code:  # a plugin file that is worked on reads other pixels from the same files
        made_from.append(code)
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:32]


def _streams(target: Target) -> bool:
    asked = os.environ.get("RSBENCH_STREAM", "")
    return target.streams if asked == "" else asked != "0"


def _load(
    target: Target, split: SplitName, stored_side: int, folder: Path, thorough: bool
) -> ImageSet | None:
    """What is in ``folder``; None where there is none, or a damaged one was taken away.

    Raises:
        RsbenchError: the system does not let us read it. It may be whole, and be of use to others.
    """
    if not folder.is_dir():
        return None
    try:
        images: ImageSet
        if read_meta(folder).kept:
            images = load(folder, thorough=thorough)
        else:
            images = load_streamed(folder, target, split, stored_side)
        if len(images) != len(target.samples(split)):
            raise ValueError(f"it holds {len(images)} images of {len(target.samples(split))}")
        value_range(images)  # the histogram, too, is what was written
    except (*_DAMAGE, MemoryError) as error:
        if of_the_system(error):
            raise RsbenchError(
                f"the decoded images cannot be read: {error or 'no memory is left'}",
                where=folder,
                remedy=remedy_for(error, ""),
            ) from error
        _log.warning("the image store %s is damaged and is built anew (%s)", folder, error)
        remove_folder(folder)
        return None
    if thorough and _some_are_mended(target, split, images):
        _log.warning("%s: images that could not be read now can; decoding anew", target.name)
        remove_folder(folder)
        return None
    return images


def _some_are_mended(target: Target, split: SplitName, images: ImageSet) -> bool:
    """Whether an image that did not decode does now (a network drive was away, say)."""
    again = target.read_many(split, sorted(images.bad))
    return any(not isinstance(image, ImageError) for image in again)


def _check(target: Target, split: SplitName, images: ImageSet) -> None:
    if images.bad and target.on_bad_image == "error":
        raise bad_images(target, split, list(images.bad.values()))
    labels = np.delete(target.samples(split).labels, sorted(images.bad))
    if split == "train" and images.bad:
        counts = np.bincount(labels, minlength=target.number_of_classes)
        empty = [target.class_names[label] for label in np.flatnonzero(counts == 0)]
        if empty:
            raise TargetError(
                f"{target.name}: no training image that can be used is left of: {', '.join(empty)}",
                remedy="restore images of these classes"
                + target.advice("classes", ", or leave the classes out with the option 'classes'"),
            )
    if not len(labels):
        raise TargetError(
            f"{target.name}: none of the {split} images can be used; the first: "
            f"{next(iter(images.bad.values()))}",
            remedy="check the folder that the paths start from",
        )
    check_values(target.name, target.imagery, value_range(images)[1])
    histogram = read_histogram(images.folder)
    target.add_remarks(value_remarks(target.name, split, target.imagery, histogram))
