"""Read weights files: every dictionary of tensors in them, and nothing that runs code."""

from __future__ import annotations

import argparse
import pickle
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor

from rsbench.errors import CheckpointError

#: Dictionaries of tensors by dotted key; the file itself is "".
Stored = dict[str, dict[str, Tensor]]

#: So many groups of keys are told in a message.
_TOLD = 6
#: Characters of a library's message that are told.
_LONGEST = 120
#: So deep may the weights lie: ``state.model.encoder``.
_DEEPEST = 3
#: Type codes of numpy scalars: a checkpoint may hold a learning rate or a score of that kind.
_NUMBERS = "?bhilqBHILQefdgFDGSU"


def read_stored(path: Path) -> Stored:
    """Every dictionary of tensors in ``path``, as it is stored; other entries are left out.

    A safetensors file is one dictionary. A torch file may hold several (``model`` beside
    ``model_ema``, ``student`` beside ``teacher``) and much else (optimiser, epoch, arguments).
    Nothing in it is executed: ``argparse.Namespace``, which MAE's checkpoints hold, and numpy's
    numbers are all that is allowed beside tensors and plain containers.

    Raises:
        CheckpointError: the file cannot be read, wants to run code, or holds no dictionary of
            tensors.
    """
    try:
        loaded = _load(path)
    except (
        OSError,
        ValueError,
        RuntimeError,
        EOFError,
        KeyError,
        pickle.UnpicklingError,
        SafetensorError,
    ) as error:
        raise _unreadable(path, error) from error
    stored = _dictionaries(loaded, _DEEPEST)
    if not stored:
        found = f" (its keys: {', '.join(map(str, loaded))})" if isinstance(loaded, dict) else ""
        raise CheckpointError(
            f"the file holds no dictionary of tensors{found}",
            where=path,
            remedy="save the state dict of a timm network itself",
        )
    return stored


def outline(keys: Iterable[str]) -> str:
    """The keys by their first part, with numbers, such as ``blocks. (144), cls_token``."""
    groups = Counter(first + dot for first, dot, _ in (key.partition(".") for key in keys))
    told = [f"{group} ({n})" if group.endswith(".") else group for group, n in groups.items()]
    more = len(told) - _TOLD
    return ", ".join(told[:_TOLD]) + (f" and {more} more" if more > 0 else "")


def _load(path: Path) -> object:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    mapped = zipfile.is_zipfile(path)  # then what is not used of it is not read
    with torch.serialization.safe_globals(_harmless()):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)


def _harmless() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """What may be built besides tensors; numpy 2 renamed the module that makes scalars."""
    scalar = np._core.multiarray.scalar  # type: ignore[attr-defined]
    paths = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    kinds = {type(np.dtype(code)) for code in _NUMBERS}
    return [argparse.Namespace, np.dtype, *kinds, *((scalar, path) for path in paths)]


def _dictionaries(loaded: object, depth: int, key: str = "") -> Stored:
    if not isinstance(loaded, dict):
        return {}
    named = {name: value for name, value in loaded.items() if isinstance(name, str)}
    tensors = {name: value for name, value in named.items() if isinstance(value, Tensor)}
    found: Stored = {key: tensors} if tensors else {}
    for name, value in named.items() if depth else ():
        found |= _dictionaries(value, depth - 1, f"{key}.{name}" if key else name)
    return found


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    wanted = re.search(r"GLOBAL (\S+)", str(error))
    if wanted:
        return CheckpointError(
            f"the file wants to run {wanted[1]} when it is read, and was refused",
            where=path,
            remedy="do not use this file unless you trust its author; only tensors, numpy's "
            "numbers and argparse.Namespace are read: save the state dict alone",
        )
    if isinstance(error, OSError):
        return CheckpointError(
            f"the weights cannot be read: {error.strerror or error}",
            where=path,
            remedy="check the path",
        )
    return CheckpointError(
        "the weights cannot be read: this is neither a safetensors file nor a torch file that "
        f"can be read without running code ({_reason(error)})",
        where=path,
        remedy="check that it is the right file and that it is complete; safetensors files end "
        "in .safetensors",
    )


def _reason(error: Exception) -> str:
    """One short line of what the library says, never its advice to run the file's code."""
    told = str(error).rpartition("WeightsUnpickler error:")[2]
    first = next(iter(told.strip().splitlines()), "").split(". This is an internal")[0]
    if not first:
        return "it ends too early"
    unknown = first.startswith("Unsupported operand") or isinstance(error, KeyError)
    if unknown or "weights_only" in first:
        return "its content is of another kind"
    return first if len(first) <= _LONGEST else f"{first[: _LONGEST - 3]}..."
