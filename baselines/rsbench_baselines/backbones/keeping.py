"""Fetch, convert, keep and verify the weights of named backbones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rsbench.errors import CheckpointError, DownloadError, MissingWeightsError
from rsbench.fetch import HubFile, fetch
from rsbench_baselines.backbones.file_hash import file_hash
from rsbench_baselines.backbones.stored import (
    Note,
    note_path,
    read_note,
    weights_folder,
    write_note,
)

if TYPE_CHECKING:
    from rsbench.folders import Folders
    from rsbench.target import Progress
    from rsbench_baselines.backbones.named import NamedBackbone


def fetch_weights(
    kind: type[NamedBackbone], folders: Folders, source: Path | None, progress: Progress | None
) -> list[str]:
    """As :meth:`rsbench.pretrained.PretrainedBackbone.fetch_weights`.

    Raises:
        DownloadError: the file cannot be fetched, or is not the published one.
        CheckpointError: the file does not hold these weights.
    """
    path = kind.weights_file(folders)
    if source is None and path.is_file() and note_path(path).is_file():
        note = read_note(path)
        if file_hash(path) == note.sha256:
            return [f"{path} is there already, from {note.source}"]
    file = _download(kind, folders, progress) if source is None else source
    return _keep(kind, file, folders, downloaded=source is None)


def _download(kind: type[NamedBackbone], folders: Folders, progress: Progress | None) -> Path:
    """Fetch the published file.

    Raises:
        DownloadError: nobody publishes it, or it cannot be fetched.
    """
    published = kind.declared.source
    if published is None:
        raise DownloadError(
            f"nobody publishes the weights of {kind.kind}",
            remedy="give a checkpoint you have",
            command=kind.fetch_command(),
        )
    return fetch(published, weights_folder(folders) / "downloads" / kind.kind, progress)


def _keep(
    kind: type[NamedBackbone], file: Path, folders: Folders, *, downloaded: bool
) -> list[str]:
    """Convert ``file`` to where the weights lie, and write the note beside it."""
    from rsbench_baselines.backbones.convert import convert_file

    path = kind.weights_file(folders)
    source_sha256 = file_hash(file)
    known = "" if kind.declared.source is None else kind.declared.source.sha256
    converted = convert_file(file, path, kind.native_options(), kind.another_file())
    note = Note(
        source=kind.declared.published_as if downloaded else file.name,
        revision=_revision(kind, file) if downloaded else "",
        source_sha256=source_sha256,
        published=downloaded or source_sha256 == known,
        sha256=converted.sha256,
        parameters=converted.parameters,
    )
    try:
        write_note(path, note)
    except OSError as error:
        raise CheckpointError(f"the note cannot be written: {error}", where=path) from error
    spare = weights_folder(folders) / "downloads" in file.parents
    return [
        f"{path}",
        f"from {note.source} {note.revision}".rstrip(),
        *([f"no longer needed: {file}"] if spare else []),
        f"source sha256 {source_sha256}: {_verdict(known, source_sha256, downloaded)}",
        *converted.lines(),
    ]


def _verdict(known: str, found: str, downloaded: bool) -> str:
    if known == found:
        return "as published"
    if known:
        return f"not the published file ({known}); results will say so"
    if downloaded:
        return "its publisher shows no checksum to compare with; recorded"
    return "there is no published checksum to compare with; results will say so"


def _revision(kind: type[NamedBackbone], file: Path) -> str:
    """The commit that the hub's cache has the file from, or what was asked for."""
    published = kind.declared.source
    if not isinstance(published, HubFile):
        return ""
    inside_cache = file.parent.parent.name == "snapshots"
    return file.parent.name if inside_cache else published.revision


def verify_weights(kind: type[NamedBackbone], folders: Folders) -> list[str]:
    """As :meth:`rsbench.pretrained.PretrainedBackbone.verify_weights`.

    Raises:
        MissingWeightsError: they are not there.
        CheckpointError: they are damaged or do not fit.
    """
    path = kind.weights_file(folders)
    if not path.is_file():
        raise MissingWeightsError(
            f"the weights of {kind.kind} are not on this machine",
            where=path,
            command=kind.fetch_command(),
        )
    note = read_note(path)
    again = kind.fetch_command()
    if file_hash(path) != note.sha256:
        raise CheckpointError("the checksum is wrong", where=path, command=again)
    network = kind(kind.kind, kind.native_options(), path, note.sha256).build()
    state = network.state_dict()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    if parameters != kind.declared.parameters:
        raise CheckpointError(
            f"{parameters:,} parameters instead of {kind.declared.parameters:,}",
            where=path,
            command=again,
        )
    return [
        f"{path}",
        f"from {note.source} {note.revision}".rstrip()
        + ("" if note.published else " (not known to be the published file)"),
        f"sha256 {note.sha256}: as fetched",
        f"{kind.declared.architecture}: all {len(state)} keys fit, {parameters:,} parameters, "
        "all finite",
    ]
