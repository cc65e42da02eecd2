"""Bring the files of a scene data set where torchgeo looks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.errors import NotPreparedError, TargetError
from rsbench.fetch import check_space, fetch, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rsbench.target import Progress
    from rsbench_datasets.torchgeo_scenes.catalogue import SceneSet


def absent(scene: SceneSet, root: Path) -> list[str]:
    """Folders and lists of ``scene`` that are not below ``root``."""
    missing = [folder for folder in scene.layout if not (root / folder).is_dir()]
    return missing + [name for name in lists(scene) if not (root / name).is_file()]


def lists(scene: SceneSet) -> tuple[str, ...]:
    """Names of the files that list the images of each split; () where there are none."""
    return tuple(scene.lists.format(split=split) for split in scene.splits if scene.lists)


def not_prepared(scene: SceneSet, root: Path, kind: str) -> NotPreparedError:
    """The error for a set whose files are not below ``root``."""
    missing = ", ".join(absent(scene, root))
    if not scene.files:
        return NotPreparedError(
            f"{scene.title}: not there: {missing}",
            where=root,
            remedy=f"{scene.by_hand}; the terms of the set are: {scene.licence}",
        )
    return NotPreparedError(
        f"{scene.title}: not there: {missing}",
        where=root,
        remedy="prepare the set, or set the option 'root' to the folder that has these",
        command=f"rsbench data prepare {kind}",
    )


def prepare_files(
    scene: SceneSet, root: Path, source: Path | None, progress: Progress | None
) -> None:
    """Have the files of ``scene`` below ``root``.

    What is there is kept. Archives that were downloaded, or linked from ``source``, are taken out
    of ``root`` once they are unpacked.

    Args:
        scene: the data set.
        root: folder to fill.
        source: a folder that holds the set as torchgeo lays it out or its archives, or one of
            its archives; they are linked, not copied.
        progress: called with (bytes done, all bytes).

    Raises:
        NotPreparedError: files are missing that no command fetches.
        DownloadError: a file cannot be fetched, checked or unpacked, or the disk is too small.
        TargetError: ``source`` holds nothing of the set.
    """
    if source is not None and source.resolve() != root.resolve():
        _link(scene, root, source)
    missing = [folder for folder in scene.layout if not (root / folder).is_dir()]
    archives = [file for file in scene.files if file.name not in lists(scene)]
    if missing and not archives:
        raise not_prepared(scene, root, scene.name)
    if missing:
        if scene.unpacked is not None:
            check_space(root, scene.unpacked, f"{scene.title}, unpacked,")
        for file in archives:
            place = root / file.name
            is_theirs = place.exists() and not place.is_symlink()
            archive = fetch(file, root, progress)
            unpack(archive, root, progress)
            if not is_theirs:
                archive.unlink()
    for file in scene.files:
        if file.name in lists(scene) and not (root / file.name).is_file():
            fetch(file, root, progress)


def _link(scene: SceneSet, root: Path, source: Path) -> None:
    """Link what ``source`` has of the set into ``root``."""
    files = [file.name for file in scene.files]
    if source.is_dir():
        names = _present(source, [*(folder.split("/")[0] for folder in scene.layout), *files])
        where = source
    else:
        names = _present(source.parent, [name for name in files if name == source.name])
        where = source.parent
    if not names:
        raise TargetError(
            f"there is nothing of {scene.dataset} here",
            where=source,
            remedy=f"give a folder that holds {' and '.join(scene.layout)}"
            + (f", or the archive {' or '.join(files[:1])}" if files else ""),
        )
    partly = [folder for folder in scene.layout if not (where / folder).is_dir()]
    if any(folder.split("/")[0] in names for folder in partly):  # never unpack into these files
        raise TargetError(
            f"{scene.dataset} is not complete here: {', '.join(partly)} is not there",
            where=source,
            remedy="restore what is missing, or leave --from out to fetch the set",
        )
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        link = root / name
        if link.is_symlink():
            link.unlink()
        if link.exists():
            raise TargetError(
                f"{name} is there already",
                where=root,
                remedy="move it away, or leave --from out",
            )
        link.symlink_to((where / name).resolve())


def _present(folder: Path, names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if (folder / name).exists()]
