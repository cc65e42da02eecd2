"""Ask a torchgeo data set which images it has, with which labels."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.errors import ImageError, TargetError
from rsbench.image_files import passed_over

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rsbench_datasets.torchgeo_scenes.opening import Request

_CHECK_FILES = "check that the files lie as torchgeo lays them out, or prepare the set anew"


@dataclass(frozen=True)
class Listing:
    """The images of one split.

    Attributes:
        class_names: names in label order; () where the class has none.
        files: image files, relative to the root, with forward slashes; None where the class
            does not tell (its images are then known by their number alone).
        labels: class index per image; any whole numbers where the class has no names.
        digests: SHA-256 of the pixels per image where ``files`` is None, else ().
    """

    class_names: tuple[str, ...]
    files: tuple[str, ...] | None
    labels: tuple[int, ...]
    digests: tuple[str, ...] = ()


def list_images(request: Request, dataset: Any) -> Listing:
    """What ``dataset`` says about its images.

    Classes built on class folders, lists of files, or lists of images and targets are asked for
    their lists. For all others, every image is read once to learn its label.

    Raises:
        TargetError: the set is empty, or is not one of single images with single labels.
    """
    if len(dataset) == 0:
        raise TargetError(
            f"torchgeo's {request.dataset} is empty", where=request.root, remedy=_CHECK_FILES
        )
    pairs = _pairs(request, dataset)
    if pairs is None:
        return list_by_reading(request, dataset)
    names = _class_names(request, dataset, [label for _, label in pairs])
    pairs = sorted((_below(Path(path), request.root), label) for path, label in pairs)
    _refuse_hidden(request, [path for path, _ in pairs])
    return Listing(names, tuple(path for path, _ in pairs), tuple(label for _, label in pairs))


def list_folders(root: Path, pattern: str) -> Listing:
    """The images below ``root`` that match ``pattern``, each in the folder of its class.

    Raises:
        TargetError: there is none.
    """
    found = (each.relative_to(root) for each in root.glob(pattern))
    files = sorted(each.as_posix() for each in found if not any(map(passed_over, each.parts)))
    if not files:
        raise TargetError(f"no file matches {pattern}", where=root, remedy=_CHECK_FILES)
    folders = [file.split("/")[-2] for file in files]
    names = tuple(sorted(set(folders)))
    return Listing(names, tuple(files), tuple(map(names.index, folders)))


def _refuse_hidden(request: Request, files: list[str]) -> None:
    """Refuse thumbnails and the like, which torchgeo takes for images."""
    hidden = [each for each in files if any(map(passed_over, each.split("/")))]
    if hidden:
        raise TargetError(
            f"{len(hidden)} of the images of torchgeo's {request.dataset} are hidden or system "
            f"files, {hidden[0]} the first",
            where=request.root,
            remedy="delete them: they are no data",
        )


def list_by_reading(request: Request, dataset: Any) -> Listing:
    """As :func:`list_images`, by reading every image in the order of the class.

    Raises:
        ImageError: torchgeo cannot read an image.
        TargetError: an image has not exactly one label.
    """
    labels, digests = [], []
    for index in range(len(dataset)):
        pixels, label = read_item(request, dataset, index)
        labels.append(label)
        digests.append(hashlib.sha256(repr((pixels.dtype.str, pixels.shape)).encode()))
        digests[-1].update(pixels.tobytes())
    names = _class_names(request, dataset, labels)
    return Listing(names, None, tuple(labels), tuple(each.hexdigest() for each in digests))


def read_item(request: Request, dataset: Any, index: int) -> tuple[NDArray[Any], int]:
    """Image ``index`` of a torchgeo data set, shape (bands, height, width), and its label.

    Raises:
        ImageError: torchgeo cannot read it.
        TargetError: it is not one image with one label.
    """
    try:
        item = dataset[index]
    except (OSError, RuntimeError, ValueError, TypeError, LookupError) as error:
        raise ImageError(
            f"torchgeo's {request.dataset} cannot read image {index}: {error}",
            where=request.root,
            remedy="restore its files from their source",
        ) from error
    misfit = _misfit(item)
    if misfit:
        raise TargetError(
            f"image {index} of torchgeo's {request.dataset} {misfit}",
            where=request.root,
            remedy="choose a scene classification set, and in 'arguments' its classification task",
        )
    return np.asarray(item["image"]), int(np.asarray(item["label"]).item())


def _misfit(item: Any) -> str:
    """Why an item of a torchgeo data set is not one image with one class; "" where it is."""
    if not isinstance(item, dict):
        return f"is a {type(item).__name__}, not a dictionary"
    if any(
        key.startswith("bbox") for key in item
    ):  # where every image has one object, all else would fit
        return f"has labels of objects, not of the scene (it has: {', '.join(item)})"
    label = np.asarray(item.get("label", 0))
    if label.size != 1:
        return f"has {label.size} labels, not one"
    lacking = [key for key in ("image", "label") if key not in item]
    if lacking:
        return f"has no {' and no '.join(lacking)} (it has: {', '.join(item)})"
    if label.dtype.kind not in "biuf" or label.item() != np.rint(label.item()):
        return f"has the label {label.item()!r}, which is no class but a measurement or text"
    shape = np.asarray(item["image"]).shape
    if len(shape) != 3:
        return f"is an array of shape {shape}, not (bands, height, width)"
    return ""


def _pairs(request: Request, dataset: Any) -> list[tuple[str, int]] | None:
    """Image file and label of every image, or None where the class has no such list."""
    from torchgeo.datasets import NonGeoClassificationDataset

    if isinstance(dataset, NonGeoClassificationDataset):
        return list(dataset.samples)
    pairs = _from_files(dataset) or _from_images(dataset)
    if pairs is not None:
        _, first = read_item(request, dataset, 0)  # guards against lists that mean other things
        if len(pairs) != len(dataset) or pairs[0][1] != first:
            return None
    return pairs


def _from_files(dataset: Any) -> list[tuple[str, int]] | None:
    """From ``files``, one mapping per image (ADVANCE, MillionAID)."""
    files = getattr(dataset, "files", None)
    index = getattr(dataset, "class_to_idx", None)
    if not (isinstance(files, list) and isinstance(index, dict)):
        return None
    pairs = []
    for each in files:
        name = each.get("cls", each.get("label")) if isinstance(each, dict) else None
        name = name[0] if isinstance(name, list) and len(name) == 1 else name
        if not isinstance(name, str) or name not in index or "image" not in each:
            return None
        pairs.append((str(each["image"]), int(index[name])))
    return pairs


def _from_images(dataset: Any) -> list[tuple[str, int]] | None:
    """From ``images`` (relative to the root) and ``targets`` (COWC)."""
    images, targets = getattr(dataset, "images", None), getattr(dataset, "targets", None)
    if not (isinstance(images, list) and isinstance(targets, list)):
        return None
    return [
        (os.path.join(dataset.root, image), int(target))
        for image, target in zip(images, targets, strict=True)
    ]


def _class_names(request: Request, dataset: Any, labels: list[int]) -> tuple[str, ...]:
    stated = getattr(dataset, "classes", None)
    names = () if stated is None else tuple(map(str, stated))
    if names and not 0 <= min(labels) <= max(labels) < len(names):
        raise TargetError(
            f"torchgeo's {request.dataset} has labels from {min(labels)} to {max(labels)} and "
            f"{len(names)} names",
            where=request.root,
            remedy="choose its classification task in 'arguments'",
        )
    return names


def _below(path: Path, root: Path) -> str:
    if not path.is_absolute():
        path = root / path
    if not path.is_relative_to(root):
        raise TargetError("the image lies outside the folder of its set", where=path)
    return path.relative_to(root).as_posix()
