"""Ask torchgeo which images a data set has, with which labels; the only place that imports it."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import io
import os
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rsbench.errors import ImageError, NotPreparedError, TargetError
from rsbench.image_files import passed_over

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

#: What torchgeo's classes raise on wrong arguments, wrong files, and damaged archives.
_REFUSALS = (
    *(OSError, RuntimeError, ValueError, AssertionError, KeyError, TypeError, EOFError),
    *(zipfile.BadZipFile, tarfile.TarError),
)
_CHECK_FILES = "check that the files lie as torchgeo lays them out, or prepare the set anew"


@dataclass(frozen=True)
class Request:
    """Which data set to ask torchgeo for.

    Attributes:
        dataset: class in ``torchgeo.datasets``.
        root: folder that the class is given.
        arguments: further arguments of the class, the split not among them.
    """

    dataset: str
    root: Path
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Listing:
    """The images of one split.

    Attributes:
        class_names: names in label order; () where the class has none.
        files: image files, relative to the root, with forward slashes; None where the class
            does not tell (its images are then known by their number alone).
        labels: class index per image.
        digests: SHA-256 of the pixels per image where ``files`` is None, else ().
    """

    class_names: tuple[str, ...]
    files: tuple[str, ...] | None
    labels: tuple[int, ...]
    digests: tuple[str, ...] = ()


def make_dataset(request: Request, split: str, *, download: bool = False) -> Any:
    """The torchgeo data set of one split ("" for a set without splits).

    Checksums are checked on download only: torchgeo checks archives, and an unpacked set has
    none any more.

    Raises:
        NotPreparedError: torchgeo does not find the files.
        TargetError: torchgeo has no such class, or refuses the arguments or the files.
    """
    arguments: dict[str, Any] = {**request.arguments}
    if split:
        arguments["split"] = split
    known = inspect.signature(dataset_class(request.dataset)).parameters
    for name in ("download", "checksum"):
        if name in known:
            arguments[name] = download
    return _construct(request, arguments, known)


def dataset_class(name: str) -> Any:
    """The class ``name`` of ``torchgeo.datasets``.

    Raises:
        TargetError: there is none, or it is no data set of single images.
    """
    import torchgeo.datasets

    found = getattr(torchgeo.datasets, name, None)
    base = torchgeo.datasets.NonGeoDataset
    if not (isinstance(found, type) and issubclass(found, base)):
        names = sorted(
            each.__name__
            for each in vars(torchgeo.datasets).values()
            if isinstance(each, type) and issubclass(each, base)
        )
        raise TargetError(
            f"torchgeo {torchgeo.__version__} has no data set of single images called {name!r}",
            remedy=f"it has: {', '.join(names)}",
        )
    return found


def _construct(request: Request, arguments: dict[str, Any], known: Mapping[str, Any]) -> Any:
    from torchgeo.datasets import DatasetNotFoundError, DependencyNotFoundError

    unknown = [name for name in arguments if name not in known]
    if unknown:
        raise TargetError(
            f"torchgeo's {request.dataset} takes no argument {', '.join(unknown)}",
            remedy=f"it takes: {', '.join(name for name in known if name != 'self')}",
        )
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # some classes print what they do
            return dataset_class(request.dataset)(root=os.fspath(request.root), **arguments)
    except DatasetNotFoundError as error:
        raise NotPreparedError(
            f"torchgeo does not find the files of {request.dataset}", where=request.root
        ) from error
    except DependencyNotFoundError as error:
        raise TargetError(
            f"torchgeo's {request.dataset} needs a further package: {error}",
            remedy="install it into this environment",
        ) from error
    except _REFUSALS as error:
        reason = str(error).strip() or f"{type(error).__name__} in its constructor"
        raise TargetError(
            f"torchgeo's {request.dataset} cannot be opened: {reason}",
            where=request.root,
            remedy=_CHECK_FILES,
        ) from error


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
    label = label_of(request, item, index)
    pixels: NDArray[Any] = item["image"].numpy()
    return pixels, label


def label_of(request: Request, item: Any, index: int) -> int:
    """The label of an item of a torchgeo data set.

    Raises:
        TargetError: it has no image, or not exactly one label.
    """
    label = item.get("label") if isinstance(item, dict) else None
    if label is None or "image" not in item or label.numel() != 1:
        holds = ", ".join(item) if isinstance(item, dict) else type(item).__name__
        raise TargetError(
            f"image {index} of torchgeo's {request.dataset} has not exactly one image and one "
            f"label (it has: {holds})",
            remedy="choose a scene classification set, and in 'arguments' its classification task",
        )
    return int(label.item())


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
    names = tuple(getattr(dataset, "classes", None) or ())
    if names and not (all(isinstance(name, str) for name in names) and max(labels) < len(names)):
        raise TargetError(
            f"torchgeo's {request.dataset} has labels up to {max(labels)} and {len(names)} names",
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
