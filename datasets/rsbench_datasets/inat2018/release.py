"""Where the files of iNaturalist 2018 lie, where they come from, and links to those one has.

Addresses and MD5 sums are those of the competition's own page (visipedia/inat_comp, folder
2018); sizes and SHA-256 are those that TensorFlow Datasets keeps for the same files.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Literal

from rsbench.atomic import new_folder
from rsbench.errors import DownloadError, NotPreparedError, TargetError
from rsbench_datasets.files.archives import naming_all
from rsbench_datasets.files.links import link_file, link_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rsbench.fetch import RemoteFile
    from rsbench.target import Progress, SplitName

IndexKind = Literal["annotations", "lists"]
"""Official JSON annotations, or the text files that long-tail papers release."""

CATEGORIES = "categories.json"
IMAGES = "train_val2018"
ANNOTATIONS: dict[SplitName, str] = {"train": "train2018.json", "test": "val2018.json"}

_LIST_NAMES: dict[SplitName, tuple[str, ...]] = {
    "train": ("iNaturalist18_train.txt", "train.txt"),
    "test": ("iNaturalist18_val.txt", "val.txt"),
}
#: Where releases keep the text files and categories.json, relative to their root.
_INDEX_FOLDERS = ("", "datasets/iNaturalist18", "datasets/iNaturalist2018", "iNaturalist18")
_TRIED = 20  # images that are looked for before it is said that there are none
#: Where the images may be: as the archive unpacks, without that folder, as torchvision renames
#: it, and as the released code of the paper expects them.
_IMAGE_FOLDERS = (IMAGES, "", "2018", "data/inat2018", "data/inat2018/train_val2018")

_URL = "https://ml-inat-competition-datasets.s3.amazonaws.com/2018/"
_IMAGE_ARCHIVE = f"{IMAGES}.tar.gz"
#: Name, bytes, MD5 ("" for categories.json, for which the page gives none), SHA-256.
_REMOTE: tuple[tuple[str, int, str, str], ...] = (
    (
        "categories.json.tar.gz",
        139_473,
        "",
        "2287211e8da582419dc2ca66736005fdb079e0a89eaf38936a441d8277a8162e",
    ),
    (
        "val2018.json.tar.gz",
        1_276_686,
        "f2ed8bfe3e9901cdefceb4e53cd3775d",
        "e23c47d61d3aa2a9095090dbc49de861445d9a8144884a78222873f11f7ef43e",
    ),
    (
        "train2018.json.tar.gz",
        20_951_917,
        "bfa29d89d629cbf04d826a720c0a68b0",
        "be550dd4e2692458e508dd03e3a8d79f087453e2ad570a438a4ff198a7abc68f",
    ),
    (
        _IMAGE_ARCHIVE,
        127_945_569_561,
        "b1c6952ce38f31868cc50ea72d066cc3",
        "276522b02b65d98ee5168a17415b2b1ec971b035bd62959e37b80b1092130495",
    ),
)


def remote_files() -> tuple[RemoteFile, ...]:
    """The archives of the competition that hold train, val and the names, small ones first."""
    from rsbench.fetch import RemoteFile

    return tuple(
        RemoteFile(name=name, url=_URL + name, size=size, sha256=sha256, md5=md5)
        for name, size, md5, sha256 in _REMOTE
    )


def find_index(root: Path, split: SplitName, kind: IndexKind | None) -> Path | None:
    """The index file of ``split`` below ``root``; official annotations come first.

    Args:
        root: folder of the data set.
        split: "train", or "test" for the official val split.
        kind: which index to use; None for either.
    """
    if kind != "lists" and (root / ANNOTATIONS[split]).is_file():
        return root / ANNOTATIONS[split]
    if kind == "annotations":
        return None
    return _first_file(root, _LIST_NAMES[split])


def find_categories(root: Path) -> Path | None:
    """The file ``categories.json`` below ``root``, with the true names."""
    return _first_file(root, (CATEGORIES,))


def image_folder(root: Path, files: Sequence[str]) -> Path | None:
    """The folder below ``root`` that the paths of an index start from; None where none does.

    Args:
        root: folder of the data set.
        files: the images of the index; a few of the first tell which folder it is.
    """
    for file in files[:_TRIED]:
        for name in _IMAGE_FOLDERS:
            if (root / name / file).is_file():
                return root / name
    return None


def link_source(source: Path, root: Path, progress: Progress | None = None) -> None:
    """Make the files in ``source`` those of ``root``: link what is unpacked, unpack the rest.

    Args:
        source: folder with the official files or archives, or with a release of them.
        root: folder to make; what it holds already stays.
        progress: called with (done, total) while an archive is unpacked.

    Raises:
        DownloadError: an archive is damaged.
        TargetError: ``source`` holds no index or no images, or links cannot be made.
    """
    files = [*_indexes_in(source)]
    images = _images_in(source)
    archives = [name for name, *_ in _REMOTE if (source / name).is_file()]
    if not files and not any("json" in name for name in archives):
        raise TargetError(
            "there is neither train2018.json nor iNaturalist18_train.txt here",
            where=source,
            remedy="give the folder that the archives of iNaturalist 2018 lie in or were "
            "unpacked in",
        )
    if images is None and _IMAGE_ARCHIVE not in archives:
        raise TargetError(
            "there are no images here (folders such as train_val2018/Plantae/7477)",
            where=source,
            remedy=f"unpack {_IMAGE_ARCHIVE} there, or put it there as it is",
        )
    root.mkdir(parents=True, exist_ok=True)
    for file in files:
        link_file(file.resolve(), root / file.name)
    if images is not None:
        link_folder(images.resolve(), root / IMAGES)
    for name in archives:
        _unpack(source / name, root, progress)


def download(root: Path, progress: Progress | None = None) -> None:
    """Fetch and unpack what ``root`` lacks; an archive is deleted once it is unpacked.

    Args:
        root: folder to make.
        progress: called with (done, total) by each step.

    Raises:
        DownloadError: a file cannot be fetched, is not the one it should be, or does not fit
            the disk.
    """
    from rsbench.fetch import check_space, fetch

    lacking = [each for each in remote_files() if not (root / _content(each.name)).exists()]
    # JPEG images take as much room unpacked, and the archive stays until they are.
    archives = root / "archives"
    there = sum(each.stat().st_size for each in archives.glob("*"))
    needed = 2 * sum(each.size or 0 for each in lacking) - there
    check_space(
        root,
        needed,
        "iNaturalist 2018, packed and unpacked,",
        elsewhere="choose a folder on a larger disk (RSBENCH_DATA), or link the files where you "
        "have them ('--from FOLDER')",
    )
    for done, remote in enumerate(lacking):
        try:
            archive = fetch(remote, archives, progress)
        except DownloadError as error:
            rest = [(each, archives / each.name) for each in lacking[done:]]
            raise naming_all(error, [pair for pair in rest if not pair[1].exists()]) from error
        _unpack(archive, root, progress)
        archive.unlink()
    shutil.rmtree(archives, ignore_errors=True)


def not_there(root: Path, what: str, remedy: str, command: str) -> NotPreparedError:
    """The error for a part of the data set that is missing."""
    return NotPreparedError(f"iNaturalist 2018: {what}", where=root, remedy=remedy, command=command)


def _content(archive: str) -> str:
    """What an archive unpacks to: one file or folder."""
    return archive.removesuffix(".tar.gz")


def _unpack(archive: Path, root: Path, progress: Progress | None) -> None:
    """Unpack ``archive`` so that its content is in ``root`` whole or not at all."""
    from rsbench.fetch import unpack

    content = _content(archive.name)
    if (root / content).exists():
        return
    final = root / f"{content}.unpacked"
    shutil.rmtree(final, ignore_errors=True)
    with new_folder(final) as folder:
        unpack(archive, folder, progress)
        if not (folder / content).exists():
            raise TargetError(
                f"the archive does not hold {content}", where=archive, remedy="fetch it again"
            )
        if not (root / content).exists():  # otherwise another process was first
            (folder / content).rename(root / content)
    shutil.rmtree(final, ignore_errors=True)


def _first_file(root: Path, names: tuple[str, ...]) -> Path | None:
    for folder in _INDEX_FOLDERS:
        for name in names:
            if (root / folder / name).is_file():
                return root / folder / name
    return None


def _indexes_in(source: Path) -> Iterator[Path]:
    for split in ANNOTATIONS:
        kinds: tuple[IndexKind, ...] = ("annotations", "lists")
        for kind in kinds:
            file = find_index(source, split, kind)
            if file is not None:
                yield file
    categories = find_categories(source)
    if categories is not None:
        yield categories


def _images_in(source: Path) -> Path | None:
    """The folder in ``source`` with folders such as ``Plantae/7477``."""
    for name in _IMAGE_FOLDERS:
        folder = source / name
        if folder.is_dir() and any(each.is_dir() for each in folder.glob("[A-Z]*/[0-9]*")):
            return folder
    return None
