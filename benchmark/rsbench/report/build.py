"""Build the report of a run: every section that it has something for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.errors import SettingsError
from rsbench.report.artefacts import Artefact, Figure, Table
from rsbench.report.results import RunResults, load_results
from rsbench.report.section import Section
from rsbench.report.sections import all_sections
from rsbench.store import RunFolder
from rsbench.wording import near_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rsbench.report.helpers import Helpers


@dataclass(frozen=True)
class BuiltSection:
    """A section with what it came to.

    Attributes:
        section: its name, title and introduction.
        artefacts: in order; never empty.
    """

    section: Section
    artefacts: tuple[Artefact, ...]

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Those of the artefacts that are drawn."""
        return tuple(each for each in self.artefacts if isinstance(each, Figure))


@dataclass(frozen=True)
class Report:
    """A report before it is written.

    Attributes:
        results: the run.
        sections: those that the run has something for.
        empty: those that it has nothing for.
    """

    results: RunResults
    sections: tuple[BuiltSection, ...]
    empty: tuple[Section, ...] = ()

    def __post_init__(self) -> None:
        """Refuse two artefacts of one name: one's files would replace the other's unseen."""
        counts = Counter(each.name for each in self.artefacts())
        repeated = [name for name, count in counts.items() if count > 1]
        if repeated:
            raise ValueError(f"the report has several artefacts called {', '.join(repeated)}")

    def artefacts(self) -> tuple[Artefact, ...]:
        """Everything, in order."""
        return tuple(each for built in self.sections for each in built.artefacts)

    def figures(self) -> tuple[Figure, ...]:
        """Every figure, in order."""
        return tuple(each for built in self.sections for each in built.figures)


def build_report(
    folder: RunFolder,
    helpers: Helpers | None = None,
    when_built: Callable[[BuiltSection], object] = lambda _: None,
) -> Report:
    """Read a run and build every section.

    Args:
        folder: the run.
        helpers: take over a part of the work; nobody by default.
        when_built: is told of each section at once.

    Raises:
        ResultsFolderError: the folder is not a run.
        RecordError: a record or another file of a cell is damaged.
    """
    results = load_results(folder, helpers)
    for section in all_sections():
        if section.begin is not None:
            section.begin(results)
    built = []
    for section in all_sections():
        built.append(BuiltSection(section, section.build(results)))
        when_built(built[-1])
    return Report(
        results,
        tuple(each for each in built if each.artefacts),
        tuple(each.section for each in built if not each.artefacts),
    )


def chosen(report: Report, only: Sequence[str]) -> tuple[Artefact, ...]:
    """The artefacts that ``only`` names: by section, by own name, or as "tables" or "figures".

    Raises:
        SettingsError: a name that nothing has, or a section that the run has nothing for.
    """
    found: dict[str, Artefact] = {}
    for name in only:
        matching = [
            artefact
            for built in report.sections
            for artefact in built.artefacts
            if name in (built.section.name, artefact.name)
            or (name == "tables" and isinstance(artefact, Table))
            or (name == "figures" and isinstance(artefact, Figure))
        ]
        if not matching and name not in ("tables", "figures"):
            raise _unknown(report, name)
        found.update({each.name: each for each in matching})
    return tuple(found.values())


def _unknown(report: Report, name: str) -> SettingsError:
    """Why nothing has this name: a section without content is not a name that does not exist."""
    for section in report.empty:
        if not section.owns(name) and name != section.name:
            continue
        if not report.results.rows:
            return SettingsError(
                f"nothing can be made of {name!r}: no cell of this run is finished",
                remedy="train cells ('rsbench run'), or report the whole run: what an earlier "
                "report left is removed then",
            )
        return SettingsError(
            f"this run has nothing for {name!r}: the section {section.title!r} is empty "
            f"({section.introduction})",
            remedy="leave it out, or report the whole run: what an earlier report left is removed "
            "then",
        )
    return SettingsError(f"this report has no {name!r}", remedy=_names(report, name))


def _names(report: Report, wrong: str) -> str:
    sections = [built.section.name for built in report.sections]
    artefacts = [each.name for each in report.artefacts()]
    known = dict.fromkeys(["tables", "figures", "page", *sections, *artefacts])
    return near_names(wrong, list(known))
