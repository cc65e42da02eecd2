"""DOTA-v1.0 on disk as torchgeo lays it out: index, download, and links to files one has.

torchgeo's class serves for these three only. It drops the difficult flag, numbers the classes
otherwise and decodes whole scenes as floats (paper, section 9.14), so that annotations and
pixels are read elsewhere. Its import takes seconds and is put off until it is needed.
"""

from __future__ import annotations

import csv
import io
import logging
import os
import shutil
from typing import TYPE_CHECKING, Literal

from rsbench.atomic import write_file
from rsbench.errors import NotPreparedError, TargetError
from rsbench.images import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rsbench.target import Progress

DotaSplit = Literal["train", "val"]
SPLITS: tuple[DotaSplit, ...] = ("train", "val")
VERSION = "1.0"
INDEX = "samples.csv"

_COLUMNS = ("image_path", "annotation_path", "split", "version")
_ANNOTATION_FOLDERS = ("labelTxt", "labelTxt-v1.0/labelTxt", "labelTxt-v1.0")
_BY_HAND = (
    "fetch DOTA-v1.0 by hand (https://captain-whu.github.io/DOTA) and run "
    "'rsbench data prepare dota --from FOLDER --split train' and again with val"
)
_log = logging.getLogger("rsbench")


def is_prepared(root: Path, split: DotaSplit) -> bool:
    """Whether the folders and the index of ``split`` are there."""
    folders = (_images(root, split), _annotations(root, split))
    return (root / INDEX).is_file() and all(folder.is_dir() for folder in folders)


def scene_index(root: Path, split: DotaSplit, remedy: str) -> list[tuple[str, str]]:
    """Image and annotation file of every scene of ``split``, relative to ``root``, sorted.

    Args:
        root: prepared folder.
        split: "train" or "val".
        remedy: what to do when the split is not there.

    Raises:
        NotPreparedError: the split is not there.
        TargetError: the index is damaged.
    """
    if not is_prepared(root, split):
        raise NotPreparedError(f"DOTA's {split} split is not there", where=root, remedy=remedy)
    from torchgeo.datasets import DOTA

    try:
        table = DOTA(os.fspath(root), split=split, version=VERSION, download=False).sample_df
        scenes = sorted(zip(table["image_path"], table["annotation_path"], strict=True))
    except (KeyError, ValueError, TypeError) as error:
        raise TargetError(
            f"the index is damaged: {error!r}", where=root / INDEX, remedy="prepare the data again"
        ) from error
    if not scenes:
        raise NotPreparedError(
            f"the index lists no scene of {split}, version {VERSION}",
            where=root / INDEX,
            remedy=remedy,
        )
    return [(str(image), str(annotation)) for image, annotation in scenes]


def download(root: Path, split: DotaSplit) -> None:
    """Fetch and unpack ``split`` through torchgeo, with checksums; about 10 GB for both.

    Raises:
        TargetError: the download failed or a checksum did not match.
    """
    if is_prepared(root, split):
        _log.warning("%s: the %s split is there already; nothing is downloaded", root, split)
        return
    from torchgeo.datasets import DOTA

    root.mkdir(parents=True, exist_ok=True)
    try:
        DOTA(os.fspath(root), split=split, version=VERSION, download=True, checksum=True)
    except (OSError, RuntimeError, ValueError, EOFError) as error:
        raise TargetError(
            f"the download of DOTA-v1.0 {split} through torchgeo failed: {error}",
            where=root,
            remedy=f"try again, or {_BY_HAND}",
        ) from error


def link_source(
    source: Path, root: Path, split: str | None, progress: Progress | None = None
) -> list[DotaSplit]:
    """Lay out the files of an original DOTA folder under ``root`` by symbolic links.

    Args:
        source: folder with ``images`` and ``labelTxt``; or, without ``split``, a folder that
            has such folders as ``train`` and ``val``.
        root: prepared folder; what it holds already stays.
        split: the split that ``source`` holds.
        progress: called with (done, total) scenes.

    Returns:
        The splits that were linked.

    Raises:
        TargetError: ``source`` is not such a folder, or files of other content are in the way.
    """
    parts = _parts(source, split)
    pairs = [(part, *pair) for part, folder in parts.items() for pair in _pairs(folder)]
    copied = 0
    for done, (part, image, annotation) in enumerate(pairs, start=1):
        copied += _link(image, _images(root, part) / image.name)
        copied += _link(annotation, _annotations(root, part) / annotation.name)
        if progress is not None:
            progress(done, len(pairs))
    if copied:
        _log.warning("%s: links are not possible here; %d files were copied", root, copied)
    _merge_index(root, ((part, image.name, annotation.name) for part, image, annotation in pairs))
    return list(parts)


def _images(root: Path, split: DotaSplit) -> Path:
    return root / split / "images"


def _annotations(root: Path, split: DotaSplit) -> Path:
    return root / split / "annotations" / f"version{VERSION}"


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


def _pairs(source: Path) -> list[tuple[Path, Path]]:
    """Image and annotation file of every scene of an original folder, by name."""
    found = [source / name for name in _ANNOTATION_FOLDERS if (source / name).is_dir()]
    if not (source / "images").is_dir() or not found:
        raise TargetError(
            "this is no DOTA folder: it needs the folders images and labelTxt",
            where=source,
            remedy="give the folder that the archives of one split were unpacked in",
        )
    files = (source / "images").iterdir()
    images = {each.stem: each for each in files if each.suffix.lower() in IMAGE_SUFFIXES}
    texts = {each.stem: each for each in found[0].iterdir() if each.suffix.lower() == ".txt"}
    unpaired = sorted(images.keys() ^ texts.keys())
    if unpaired:
        raise TargetError(
            f"{len(unpaired)} scenes have an image or annotations but not both: "
            f"{', '.join(unpaired[:5])}{', ...' if len(unpaired) > 5 else ''}",
            where=source,
            remedy="unpack the archives of images and of annotations completely",
        )
    if not images:
        raise TargetError("the folder holds no scene", where=source, remedy="unpack the archives")
    return [(images[name].resolve(), texts[name].resolve()) for name in sorted(images)]


def _link(file: Path, link: Path) -> bool:
    """Make ``link`` stand for ``file``; whether it had to be copied."""
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink():
        link.unlink()  # a link of an earlier preparation
    elif link.exists():
        if link.stat().st_size == file.stat().st_size and link.read_bytes() == file.read_bytes():
            return False
        raise TargetError(
            f"another file of this name is in the way of {file}",
            where=link,
            remedy="remove it, or prepare into another folder with --data-dir",
        )
    try:
        link.symlink_to(file)
    except (OSError, NotImplementedError):
        shutil.copy2(file, link)
        return True
    return False


def _merge_index(root: Path, scenes: Iterable[tuple[DotaSplit, str, str]]) -> None:
    """Add ``scenes`` to the index that torchgeo reads; rows it has already stay."""
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    columns = list(_COLUMNS)
    if (root / INDEX).is_file():
        with (root / INDEX).open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = list(dict.fromkeys([*(reader.fieldnames or ()), *_COLUMNS]))
            for row in reader:
                rows[tuple(row.get(name) or "" for name in _COLUMNS)] = row
    for split, image, annotation in scenes:
        paths = (_images(root, split) / image, _annotations(root, split) / annotation)
        cells = (*(path.relative_to(root).as_posix() for path in paths), split, VERSION)
        rows.setdefault(cells, dict(zip(_COLUMNS, cells, strict=True)))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows[key] for key in sorted(rows))
    write_file(root / INDEX, text.getvalue().encode())
