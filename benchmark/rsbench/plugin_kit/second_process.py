"""Open and read a target in a fresh process, as the workers of a sweep do."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from os import getpid
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.orphans import end_with
from rsbench.plugin_kit.findings import raised
from rsbench.plugin_kit.reading import pixel_digest

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from rsbench.folders import Folders
    from rsbench.groups import ClassGroups
    from rsbench.settings import Settings
    from rsbench.target import SplitName, Target

#: Slow to import; a target's module must leave them to its functions.
HEAVY = ("torch", "torchvision", "timm", "torchgeo", "matplotlib", "pandas", "rasterio")

Indices = Mapping["SplitName", Sequence[int]]
Pixels = dict[tuple["SplitName", int], str]
"""Digest, or why there is none, by split and index."""


@dataclass(frozen=True)
class Snapshot:
    """The index of a target, small enough to be sent and compared.

    Attributes:
        class_names: as the target has them.
        groups: as the target has them.
        content_hash: as the target has it.
        ids: digest of the sample ids of each split.
        labels: digest of the labels of each split.
    """

    class_names: tuple[str, ...]
    groups: ClassGroups
    content_hash: str
    ids: tuple[str, str]
    labels: tuple[str, str]

    def differences(self, other: Snapshot) -> list[str]:
        """What is not the same, in words."""
        words = {
            "class_names": "class names",
            "groups": "groups",
            "content_hash": "content hash",
            "ids": "sample ids or their order",
            "labels": "labels",
        }
        return [word for name, word in words.items() if getattr(self, name) != getattr(other, name)]


@dataclass(frozen=True)
class Request:
    """What the second process is to do.

    Attributes:
        kind: the target's class.
        name: label to open it under.
        options: its validated options.
        folders: where data and caches lie.
        indices: the samples to read, by split.
    """

    kind: type[Target]
    name: str
    options: Settings
    folders: Folders
    indices: Indices


@dataclass
class Answer:
    """What the second process found.

    Attributes:
        heavy: heavy modules that importing the plugin loaded.
        error: why it ended early, or "".
        snapshot: of the target that it opened.
        pixels: of that target.
        sent_pixels: of the target that it was sent.
        sent_error: why the target that it was sent cannot be used, or "".
    """

    heavy: list[str] = field(default_factory=list)
    error: str = ""
    snapshot: Snapshot | None = None
    pixels: Pixels = field(default_factory=dict)
    sent_pixels: Pixels = field(default_factory=dict)
    sent_error: str = ""


def take_snapshot(target: Target) -> Snapshot:
    """The index of ``target``."""
    splits = (target.train, target.test)
    return Snapshot(
        tuple(target.class_names),
        target.groups,
        target.content_hash,
        _pair(sha256("\0".join(each.ids).encode()).hexdigest() for each in splits),
        _pair(sha256(np.asarray(each.labels, np.int64).tobytes()).hexdigest() for each in splits),
    )


def read_pixels(target: Target, indices: Indices) -> Pixels:
    """Read single samples through ``read``."""
    return {
        (split, index): _digest_or_reason(target, split, index)
        for split, chosen in indices.items()
        for index in chosen
    }


def ask(request: Request, target: Target) -> Answer:
    """Send ``target`` to a fresh process, and let that open and read its own one, too."""
    try:
        sent = pickle.dumps(target)
        asked = pickle.dumps(request)
    # any member of a foreign class may refuse to be pickled, with any error
    except Exception as error:
        reason = f"it cannot be pickled: {raised(error)}"
        return Answer(error=reason, sent_error=reason)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, getpid()), name="rsbench-plugin-check")
    before = os.environ.get("PYTHONHASHSEED")
    # strings hash otherwise there: an order that comes from a set shows
    os.environ["PYTHONHASHSEED"] = "1" if before != "1" else "2"
    try:
        process.start()
    finally:
        if before is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = before
    theirs.close()
    return _talk(ours, process, (asked, sent))


def _talk(pipe: Connection, process: Any, parcels: tuple[bytes, bytes]) -> Answer:
    try:
        for parcel in parcels:
            pipe.send_bytes(parcel)
        answer = pickle.loads(pipe.recv_bytes())
    except (EOFError, OSError):
        process.join()
        reason = f"the second process died with exit code {process.exitcode}"
        answer = Answer(error=reason, sent_error=reason)
    process.join()
    pipe.close()
    if not isinstance(answer, Answer):
        raise TypeError(f"the second process answered {answer!r}")
    return answer


def _serve(pipe: Connection, parent: int) -> None:
    """The second process."""
    end_with(parent)
    answer = Answer()
    before = set(sys.modules)
    asked, sent = pipe.recv_bytes(), pipe.recv_bytes()
    try:
        request: Request = pickle.loads(asked)
        answer.heavy = [name for name in HEAVY if name in sys.modules and name not in before]
        answer.sent_pixels = read_pixels(pickle.loads(sent), request.indices)
    # foreign code may raise anything; it travels back as text
    except Exception as error:
        answer.sent_error = f"it cannot be unpickled: {raised(error)}"
    try:
        request = pickle.loads(asked)
        target = request.kind.open(request.name, request.options, request.folders)
        answer.snapshot = take_snapshot(target)
        answer.pixels = read_pixels(target, request.indices)
    # foreign code may raise anything; it travels back as text
    except Exception as error:
        answer.error = f"it does not open there: {raised(error)}"
    pipe.send_bytes(pickle.dumps(answer))


def _digest_or_reason(target: Target, split: SplitName, index: int) -> str:
    try:
        image = target.read(split, index)
        return pixel_digest(image) if isinstance(image, np.ndarray) else repr(type(image))
    # a difference between two readings is what is looked for, errors included
    except Exception as error:
        return raised(error)


def _pair(values: Any) -> tuple[str, str]:
    train, test = values
    return train, test
