"""The targets of a matrix file alone: to look at data, it need not say what is trained on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from rsbench import registry
from rsbench.matrix.chain import compose, read_chain
from rsbench.matrix.definitions import define
from rsbench.matrix.entries import PluginEntry
from rsbench.matrix.layers import validate
from rsbench.matrix.load import find_matrix
from rsbench.matrix.located import KeyPath
from rsbench.matrix.problems import Problems, explain
from rsbench.settings import PluginChoice

Entries = tuple[PluginEntry, ...]


class _Block(BaseModel):
    targets: Entries = ()


class _Targets(BaseModel):
    targets: Annotated[Entries, Field(min_length=1)]
    include: tuple[_Block, ...] = ()
    base: str | None = None


def targets_of(name_or_path: str | Path) -> tuple[tuple[PluginChoice, ...], Path]:
    """The targets of a matrix with complete options, and where relative paths in them start.

    Args:
        name_or_path: as ``load_matrix`` takes it; every field but ``targets`` may be left out.

    Raises:
        MatrixError: there is no such matrix, or something about its targets is wrong.
    """
    path, folder = find_matrix(name_or_path)
    source = compose(read_chain(path))
    problems = Problems(source)
    try:
        document = _Targets.model_validate(source.value)
    except ValidationError as error:
        problems.extend(explain(error, _Targets, source))
        problems.raise_if_any()
        raise
    entries: list[tuple[KeyPath, PluginEntry]] = [
        (("targets", i), each) for i, each in enumerate(document.targets)
    ]
    entries += [
        (("include", number, "targets", i), each)
        for number, block in enumerate(document.include)
        for i, each in enumerate(block.targets)
    ]
    found = define(entries, "rsbench.datasets", registry.target_class, problems)
    choices = []
    for each in found.values():
        options = validate(each.plugin.Options, [each.layer], problems, f"target {each.name!r}")
        if options is not None:
            dumped = options.model_dump(mode="json")
            choices.append(PluginChoice(name=each.name, kind=each.kind, options=dumped))
    problems.raise_if_any()
    return tuple(choices), folder if document.base is None else (folder / document.base).resolve()
