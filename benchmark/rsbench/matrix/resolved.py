"""A matrix that is made of several files, as one file that can be run again."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from rsbench.matrix.inert import without_inert
from rsbench.matrix.load import Matrix
from rsbench.matrix.yaml_lines import NUMBER_RESOLVERS


class _Dumper(yaml.SafeDumper):
    """Quotes whatever our reader or a reader of YAML 1.1 would not take for text."""

    def ignore_aliases(self, data: object) -> bool:
        """Repeated parts are written out."""
        return True


for _tag, _pattern, _first in NUMBER_RESOLVERS:
    _Dumper.add_implicit_resolver(_tag, _pattern, _first)


def resolved_text(matrix: Matrix, folder: Path) -> str:
    """``matrix`` with everything merged, as the text of a file in ``folder``.

    Inherited rules that match nothing are left out. A comment on top names the files that it was
    made from.

    Args:
        matrix: the matrix.
        folder: where the file is to lie; relative paths in it keep their meaning there.

    Raises:
        MatrixError: a plugin is not known.
    """
    names = [file.name for file in matrix.files]
    made_from = ", ".join(names[:-1] if matrix.stage else names)
    stage = f" on the stage {matrix.stage} ({names[-1]})" if matrix.stage else ""
    values = without_inert(matrix)
    values.pop("base", None)
    values["base"] = Path(os.path.relpath(matrix.base, folder)).as_posix()
    text = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return f"# Made by rsbench from {made_from}{stage}: everything merged.\n{text}"


def copy_of(matrix: Matrix, folder: Path) -> Path | str:
    """What a run folder keeps of its matrix: the file, or one made from several."""
    return resolved_text(matrix, folder) if len(matrix.files) > 1 else matrix.file
