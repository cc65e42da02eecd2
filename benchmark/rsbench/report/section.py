"""A part of the report: from a run to tables and figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rsbench.report.artefacts import Artefact
    from rsbench.report.results import RunResults


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        name: for ``rsbench report RUN --only NAME``.
        title: heading.
        introduction: one or two sentences: what question it answers.
        files: patterns (``fnmatch``) of the names of its artefacts, as wide as a run may need: a
            file of such a name that a new report does not make is one of an earlier report.
        build: the artefacts, in order. What the run does not hold at all (no axis, no
            modulators) gives an empty sequence, and the section is left out; what it could
            hold but lacks gives ``Absent``.
        begin: asks the helpers of the run for what ``build`` will need, while other sections are
            built; None where there is nothing to ask for.
    """

    name: str
    title: str
    introduction: str
    files: tuple[str, ...]
    build: Callable[[RunResults], tuple[Artefact, ...]]
    begin: Callable[[RunResults], object] | None = None

    def owns(self, name: str) -> bool:
        """Whether an artefact of this name is of this section."""
        return any(fnmatchcase(name, pattern) for pattern in self.files)
