"""Link the files of a DOTA folder, original or torchgeo's, into the prepared one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rsbench.errors import TargetError
from rsbench.image_files import look_below
from rsbench_datasets.dota.layout import add_scenes, annotations_folder, images_folder
from rsbench_datasets.dota.versions import SPLITS, V1_0, V1_5, V2_0, DotaSplit, DotaVersion
from rsbench_datasets.files.links import link_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rsbench.target import Progress

_log = logging.getLogger("rsbench")


def link_source(
    source: Path,
    root: Path,
    version: DotaVersion,
    split: str | None,
    progress: Progress | None = None,
) -> list[DotaSplit]:
    """Lay out the files of a DOTA folder under ``root``.

    Args:
        source: folder with ``images`` and annotations (``labelTxt``,
            ``labelTxt-v1.5/DOTA-v1.5_train``, torchgeo's ``annotations/version1.5``, ...); or,
            without ``split``, a folder that has such folders as ``train`` and ``val``. Scenes may
            lie in folders below ``images``; those of other versions alone are left out.
        root: prepared folder; what it holds already stays.
        version: version of the annotations.
        split: the split that ``source`` holds.
        progress: called with (done, total) scenes.

    Returns:
        The splits that were linked.

    Raises:
        TargetError: ``source`` is not such a folder, or files of other content are in the way.
    """
    parts = _parts(source, split)
    pairs = {part: _pairs(folder, part, version) for part, folder in parts.items()}
    total = sum(len(each) for each in pairs.values())
    done = copied = 0
    for part, scenes in pairs.items():
        images, annotations = (
            images_folder(root, part),
            annotations_folder(root, part, version),
        )
        for image, annotation in scenes:
            copied += link_file(image, images / image.name)
            copied += link_file(annotation, annotations / annotation.name)
            done += 1
            if progress is not None:
                progress(done, total)
        add_scenes(root, part, version, ((image.name, text.name) for image, text in scenes))
    if copied:
        _log.warning("%s: links are not possible here; %d files were copied", root, copied)
    return list(parts)


def _parts(source: Path, split: str | None) -> dict[DotaSplit, Path]:
    if split is not None:
        known: dict[str, DotaSplit] = {name: name for name in SPLITS}
        if split not in known:
            raise TargetError(f"DOTA has no split {split!r}", remedy="use train or val")
        return {known[split]: source}
    parts = {name: source / name for name in SPLITS if (source / name / "images").is_dir()}
    if not parts:
        raise TargetError(
            "which split is this? The folder has no train/images and no val/images",
            where=source,
            remedy="say --split train or --split val",
        )
    return parts


def _pairs(source: Path, split: DotaSplit, version: DotaVersion) -> list[tuple[Path, Path]]:
    """Image and annotation file of every scene of ``version``, by name."""
    names = version.annotation_folders(split)
    found = [source / name for name in names if _has_texts(source / name)]
    if not (source / "images").is_dir() or not found:
        raise TargetError(
            f"this is no DOTA folder: it needs the folder images and, with text files, one of: "
            f"{', '.join(names)}",
            where=source,
            remedy="give the folder that the archives of one split were unpacked in",
        )
    below = look_below(source / "images")
    if below.left_out:
        _log.warning("%s: %s", source / "images", below.left_out)
    images = _by_stem(sorted(below.images))
    texts = _by_stem(each for each in found[0].iterdir() if each.suffix.lower() == ".txt")
    others = (images.keys() - texts.keys()) & _scenes_of_others(source, split, version)
    if others:
        _log.warning("%s: %d scenes of other versions alone are left out", source, len(others))
    unpaired = sorted((images.keys() ^ texts.keys()) - others)
    if unpaired:
        raise TargetError(
            f"{len(unpaired)} scenes have an image or annotations but not both: "
            f"{', '.join(unpaired[:5])}{', ...' if len(unpaired) > 5 else ''}",
            where=source,
            remedy="unpack the archives of images and of annotations completely",
        )
    return [(images[name].resolve(), texts[name].resolve()) for name in sorted(texts)]


def _scenes_of_others(source: Path, split: DotaSplit, version: DotaVersion) -> set[str]:
    """Names of the scenes that the annotations of other versions in ``source`` have."""
    folders = {
        source / name
        for other in (V1_0, V1_5, V2_0)
        if other is not version
        for name in other.annotation_folders(split)
    }
    return {text.stem for folder in folders for text in folder.glob("*.txt")}


def _has_texts(folder: Path) -> bool:
    return folder.is_dir() and any(each.suffix.lower() == ".txt" for each in folder.iterdir())


def _by_stem(files: Iterable[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in files:
        other = found.setdefault(file.stem, file)
        if other is not file:
            raise TargetError(
                f"two files are called {file.stem}", where=file, remedy=f"remove it, or {other}"
            )
    return found
