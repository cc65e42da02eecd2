"""Download DOTA from the copy on the Hugging Face hub that torchgeo uses.

The checksums are those that torchgeo 0.10 publishes. They stand here so that every torchgeo
checks alike (0.8 knows MD5 sums only), and a broken download goes on where it broke.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rsbench.errors import TargetError
from rsbench.fetch import HubFile, fetch
from rsbench_datasets.dota.layout import (
    INDEX,
    add_scenes,
    annotations_folder,
    images_folder,
    listed_scenes,
)
from rsbench_datasets.dota.versions import V1_0, V2_0, DotaSplit, DotaVersion
from rsbench_datasets.files.archives import fetch_and_unpack

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.target import Progress

REPOSITORY = "isaaccorley/dota"
REVISION = "672e63236622f7da6ee37fca44c50ac368b77cab"
SHA256 = {
    "dotav1.0_images_train.tar.gz": (
        "2fd69eeb9ba0c775db007c7fe11d7708fb905a67ca3a663874147434db68e7ac"
    ),
    "dotav1.0_images_val.tar.gz": (
        "f7ab9c570b3aba66d07d6ec91801f76c840fde2ffc12b4f8efa02c90aeb32c83"
    ),
    "dotav2.0_images_train.tar.gz": (
        "ceccafe50e4e49c5f1ad6b0bce917e356c4df29321fd79037c77912bad594989"
    ),
    "dotav2.0_images_val.tar.gz": (
        "76005d65bc1d0e8ee2dd4b4c2922b47fddc73d07dd93a87eb5f022d22727a0fd"
    ),
    "dotav1.0_annotations_train.tar.gz": (
        "79096d14f5065e1582af47817b5d7c2d1c1611cadc7f1ccc3f868ded1c41a9f6"
    ),
    "dotav1.0_annotations_val.tar.gz": (
        "879e8f013a5231cb52c3dc95b5ade7d4aeb3a0d3e600cb658a5a4d13ea7116c2"
    ),
    "dotav1.5_annotations_train.tar.gz": (
        "0c8fe411f50331dcb0d1aeef90606045e24d6f34b225630f8b98af3044c469fc"
    ),
    "dotav1.5_annotations_val.tar.gz": (
        "d9a5c8412f0094fcba088c8b41e1f214e5dbc22da415beba32289d6b9f32e2a5"
    ),
    "dotav2.0_annotations_train.tar.gz": (
        "f142824f6eafef3b1922f7ff1583375e4d59d2a841d4670c312be854652631a6"
    ),
    "dotav2.0_annotations_val.tar.gz": (
        "66cde2e76f131a55243904884b68ef450a73b1404668001df92bc94dde4a2e25"
    ),
}
"""Every archive of the copy. Its index has no published checksum; the revision fixes it."""

_log = logging.getLogger("rsbench")


def download(
    root: Path, split: DotaSplit, version: DotaVersion, progress: Progress | None = None
) -> None:
    """Fetch and unpack what is missing of ``split``.

    Scenes that are there, for another version or because an earlier call was broken off, are
    not downloaded again. Archives are deleted when they are unpacked.

    Args:
        root: prepared folder.
        split: "train" or "val".
        version: version of DOTA.
        progress: called with (bytes done, all bytes) of one file after the other.

    Raises:
        DownloadError: a file cannot be had or is not the right one.
        TargetError: the archives lack a scene that the index lists.
    """
    index = fetch(_file(INDEX), root / "downloads", progress)
    scenes = listed_scenes(index, split, version)
    wanted = [
        archive
        for archive, files in _archives(index, root, split, version).items()
        if not all(file.is_file() for file in files)
    ]
    if not wanted:
        _log.warning("%s: the %s split is there already; nothing is downloaded", root, split)
    for archive in wanted:
        fetch_and_unpack(_file(archive), root, progress)
    _check_complete(root, split, version, scenes)
    add_scenes(root, split, version, scenes)


def _archives(
    index: Path, root: Path, split: DotaSplit, version: DotaVersion
) -> dict[str, list[Path]]:
    """The archives that ``split`` comes in, and the files that each of them is needed for."""
    scenes = listed_scenes(index, split, version)
    images, annotations = images_folder(root, split), annotations_folder(root, split, version)
    old = {image for image, _ in listed_scenes(index, split, V1_0)}
    archives = {
        f"dotav{version.number}_annotations_{split}.tar.gz": [
            annotations / text for _, text in scenes
        ],
        f"dotav1.0_images_{split}.tar.gz": [images / name for name, _ in scenes if name in old],
    }
    if version is V2_0:
        added = [images / name for name, _ in scenes if name not in old]
        archives[f"dotav2.0_images_{split}.tar.gz"] = added
    return archives


def _file(name: str) -> HubFile:
    return HubFile(REPOSITORY, name, REVISION, kind="dataset", sha256=SHA256.get(name, ""))


def _check_complete(
    root: Path, split: DotaSplit, version: DotaVersion, scenes: list[tuple[str, str]]
) -> None:
    images, annotations = images_folder(root, split), annotations_folder(root, split, version)
    files = [file for image, text in scenes for file in (images / image, annotations / text)]
    absent = [file for file in files if not file.is_file()]
    if absent or not scenes:
        raise TargetError(
            f"the archives lack {len(absent)} of {len(files)} files of the {split} split, "
            f"{absent[0].name if absent else 'its index'} first",
            where=root,
            remedy="report this: the copy that is downloaded is not the one that was declared",
        )
