"""Which data sets there are, and which of them are on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from rsbench import registry
from rsbench.errors import NotPreparedError, RsbenchError

if TYPE_CHECKING:
    from rsbench.folders import Folders

GROUP = "rsbench.datasets"
State = Literal["here", "not here", "yours", "unusable"]


@dataclass(frozen=True)
class Listed:
    """One data set.

    Attributes:
        name: what to write in a matrix.
        state: whether it opens with its default options; ``yours``: it has none, since it reads
            files of one's own; ``unusable``: it cannot be used as it is, and ``problem`` says why.
        description: one line.
        licence: terms of use in a few words.
        download: size of what is downloaded.
        problem: why it cannot be used, or "".
    """

    name: str
    state: State
    description: str = ""
    licence: str = ""
    download: str = ""
    problem: str = ""


def list_datasets(folders: Folders) -> list[Listed]:
    """Every registered data set, by name."""
    return [_listed(name, folders) for name in registry.names(GROUP)]


def _listed(name: str, folders: Folders) -> Listed:
    try:
        kind = registry.target_class(name)
    except RsbenchError as error:
        return Listed(name, "unusable", problem=error.what)
    except Exception as error:  # foreign code may raise anything; shown, and the rest listed
        return Listed(name, "unusable", problem=f"cannot be loaded: {error}")
    facts = (kind.description, kind.licence, kind.download_size)
    try:
        options = kind.Options.model_validate({})
    except ValidationError:
        return Listed(name, "yours", *facts)
    try:
        kind.open(name, options, folders)
    except NotPreparedError:
        return Listed(name, "not here", *facts)
    except RsbenchError as error:
        problem = f"{error.what}; {error.remedy}" if error.remedy else error.what
        return Listed(name, "unusable", *facts, problem=problem)
    except Exception as error:  # as above
        return Listed(name, "unusable", *facts, problem=f"{type(error).__name__}: {error}")
    return Listed(name, "here", *facts)
