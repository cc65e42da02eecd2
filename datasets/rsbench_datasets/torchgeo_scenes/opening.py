"""Find and open torchgeo's data sets."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import tarfile
import traceback
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rsbench.errors import NotPreparedError, TargetError
from rsbench.wording import near_names
from rsbench_datasets.torchgeo_scenes.options import OWN_ARGUMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: What torchgeo's classes raise on wrong arguments, wrong files, and damaged archives.
_REFUSALS = (
    *(OSError, RuntimeError, ValueError, AssertionError, LookupError, TypeError, EOFError),
    *(AttributeError, zipfile.BadZipFile, tarfile.TarError),
)


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
    known = parameters(request.dataset)
    _check_arguments(request.dataset, arguments, known)
    for name in ("download", "checksum"):
        if name in known:
            arguments[name] = download
    return _construct(request, arguments)


def parameters(name: str) -> tuple[str, ...]:
    """What the class ``name`` of ``torchgeo.datasets`` can be given.

    Raises:
        TargetError: there is none, or it is no data set of single images.
    """
    return tuple(inspect.signature(dataset_class(name)).parameters)


def dataset_class(name: str) -> Any:
    """The class ``name`` of ``torchgeo.datasets``.

    Raises:
        TargetError: there is none, or it is no data set of single images.
    """
    import torchgeo.datasets

    base = torchgeo.datasets.NonGeoDataset
    kinds = {key: each for key, each in vars(torchgeo.datasets).items() if isinstance(each, type)}
    known = {key: each for key, each in kinds.items() if issubclass(each, base)}
    if name in known:
        return known[name]
    version = f"torchgeo {torchgeo.__version__}"
    if name in kinds:
        raise TargetError(
            f"{name} of {version} is no data set of single images",
            remedy="choose a scene classification set",
        )
    raise TargetError(f"{version} has no data set {name!r}", remedy=near_names(name, known))


def _check_arguments(dataset: str, arguments: Mapping[str, Any], known: tuple[str, ...]) -> None:
    unknown = [name for name in arguments if name not in known]
    if "split" in unknown:
        raise TargetError(
            f"torchgeo's {dataset} has no splits",
            remedy="leave 'train_split' and 'test_split' out, and give 'test_fraction'",
        )
    if unknown:
        raise TargetError(
            f"torchgeo's {dataset} takes no argument {', '.join(unknown)}",
            remedy=f"it takes: {', '.join(sorted({*known} - OWN_ARGUMENTS)) or 'none'}",
        )
    if "split" in known and "split" not in arguments:
        raise TargetError(
            f"torchgeo's {dataset} has splits, and none is chosen",
            remedy="give 'train_split'",
        )


def _construct(request: Request, arguments: dict[str, Any]) -> Any:
    from torchgeo.datasets import DatasetNotFoundError, DependencyNotFoundError

    try:
        with contextlib.redirect_stdout(io.StringIO()):  # some classes print what they do
            return dataset_class(request.dataset)(root=os.fspath(request.root), **arguments)
    except DatasetNotFoundError as error:
        split = f", split {arguments['split']!r}" if "split" in arguments else ""
        raise NotPreparedError(
            f"torchgeo does not find the files of {request.dataset}{split}", where=request.root
        ) from error
    except DependencyNotFoundError as error:
        needed = str(error).partition("\n")[0].partition(" is not installed")[0]
        raise TargetError(
            f"torchgeo's {request.dataset} needs the package {needed}, which is not installed",
            remedy=f"pip install {needed}",
        ) from error
    except _REFUSALS as error:
        raise TargetError(
            f"torchgeo's {request.dataset} cannot be opened: {_reason(error)}",
            where=request.root,
            remedy="check the splits and 'arguments' against torchgeo's documentation of the "
            "class, and that the files lie as it lays them out",
        ) from error


def _reason(error: BaseException) -> str:
    """What went wrong in torchgeo: its message, or the line that failed."""
    line = traceback.extract_tb(error.__traceback__)[-1].line
    return f"{type(error).__name__}: {str(error).strip() or line}"
