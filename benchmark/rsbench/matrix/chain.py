"""The files that one matrix is made of: those it extends, itself, and a stage it runs on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import rsbench
from rsbench.errors import MatrixError
from rsbench.matrix.compose import Part, lay_over, mapping, without_in_blocks
from rsbench.matrix.located import LocatedYaml
from rsbench.matrix.problems import Problems
from rsbench.matrix.schema import MatrixDocument
from rsbench.matrix.short_axes import written_out
from rsbench.matrix.yaml_lines import read_yaml
from rsbench.wording import did_you_mean, near_names

SUFFIXES = (".yaml", ".yml")
#: What only the file that was asked for can say.
OWN = ("name", "description", "base", "extends", "on")
#: Fields that a stage says for all cells, those of ``include`` blocks as well.
EVERYWHERE = ("targets", "backbones", "methods", "seeds")


@dataclass(frozen=True)
class Stage:
    """A partial matrix that others are laid under.

    Attributes:
        name: what the names of sweeps on it end in.
        source: its document.
    """

    name: str
    source: LocatedYaml


def shipped_matrices() -> dict[str, Path]:
    """The matrix files that come with rsbench, by name."""
    return _shipped("matrices")


def shipped_stages() -> dict[str, Path]:
    """The stages that come with rsbench, by name."""
    return _shipped("matrices/stages")


def _shipped(folder: str) -> dict[str, Path]:
    files = sorted((Path(rsbench.__file__).parent / folder).glob("*.yaml"))
    return {file.stem: file for file in files}


def read_chain(file: Path) -> list[LocatedYaml]:
    """The document in ``file``, and before it those that it extends, the farthest first.

    Raises:
        MatrixError: a file cannot be read, is not there, or extends itself in the end.
    """
    chain = [_read(file)]
    seen = [file.resolve()]
    while True:
        child = chain[0]
        stated = child.value.get("extends") if isinstance(child.value, dict) else None
        if stated is None:
            return chain
        parent = _parent(stated, child)
        if parent.resolve() in seen:
            names = " -> ".join(each.name for each in [*seen, parent])
            raise MatrixError(
                f"extends: the matrix extends itself: {names}",
                where=child.where(("extends",)),
                remedy="name a matrix that stands on its own",
            )
        seen.append(parent.resolve())
        chain.insert(0, _read(parent))


def _parent(stated: object, child: LocatedYaml) -> Path:
    """The file that ``extends`` means."""
    shipped = shipped_matrices()
    where = child.where(("extends",))
    if not isinstance(stated, str) or not stated:
        raise MatrixError(
            "extends: must be the name of a shipped matrix or the path of a file",
            where=where,
            remedy=f"shipped are {', '.join(shipped)}",
        )
    path = child.file.parent / Path(stated).expanduser()
    if path.is_file():
        return path
    if looks_like_path(stated):
        raise MatrixError(
            f"extends: there is no file {path}",
            where=where,
            remedy="the path starts from the folder of the file that states it",
        )
    if stated not in shipped:
        raise MatrixError(
            f"extends: there is no matrix called {stated!r}",
            where=where,
            remedy=f"{did_you_mean(stated, shipped)} shipped are {', '.join(shipped)}".strip(),
        )
    return shipped[stated]


def looks_like_path(text: str) -> bool:
    """Whether ``text`` is a path and no name: it ends in .yaml or .yml, or contains a slash."""
    return Path(text).suffix in SUFFIXES or "/" in text


def read_stage(stage: str) -> Stage:
    """A stage by its name, or by the path of its file.

    Raises:
        MatrixError: there is none, or it says what a stage cannot say.
    """
    shipped = shipped_stages()
    path = Path(stage).expanduser()
    if not looks_like_path(stage) and not path.is_file():
        if stage not in shipped:
            near = did_you_mean(stage, shipped)
            raise MatrixError(
                f"there is no stage called {stage!r}",
                remedy=f"{near} shipped are {', '.join(shipped)}; "
                "for a file of your own give its path, ending in .yaml".strip(),
            )
        path = shipped[stage]
    source = _read(path, "stage")
    problems = Problems(source)
    _check_section(Part.of(source), ("name", "axes", "base", "extends", "on"), problems)
    problems.raise_if_any()
    return Stage(path.stem, source)


def _read(file: Path, what: str = "matrix") -> LocatedYaml:
    """One document, its sections for stages checked."""
    if not file.is_file():
        missing = f"there is no such {what} file"
        raise MatrixError(
            "this is a folder, not a file" if file.is_dir() else missing,
            where=file,
            remedy=f"check the path; 'rsbench ls {_plural(what)}' lists the shipped ones",
        )
    source = read_yaml(file)
    problems = Problems(source)
    sections = Part.of(source).items().get("on")
    if sections is not None and sections.value is not None:
        if not isinstance(sections.value, dict):
            problems.add(("on",), "must be a mapping of stages to what differs on them")
        for section in sections.items().values():
            _check_section(section, OWN, problems)
    problems.raise_if_any()
    return source


def _plural(what: str) -> str:
    return "matrices" if what == "matrix" else f"{what}s"


def _check_section(section: Part, refused: Sequence[str], problems: Problems) -> None:
    """Report what a stage, or a matrix's section for one, cannot say."""
    here = section.origins[()].path
    if not isinstance(section.value, dict):
        problems.add(here, "must be a mapping of fields of a matrix")
        return
    known = [name for name in MatrixDocument.model_fields if name not in refused]
    for key in section.value:
        if key in refused and key != "description":
            problems.add((*here, key), "cannot be stated for a stage", "remove it")
        elif key not in MatrixDocument.model_fields:
            problems.add((*here, key), "there is no such field", near_names(key, known))


def compose(chain: Sequence[LocatedYaml], stage: Stage | None = None) -> LocatedYaml:
    """One document of a chain of files and a stage.

    The parents come first, then the matrix, then the stage, then what parents and matrix say
    under ``on`` for that stage. The name of a matrix on a stage is ``<name>-<stage>``.

    Raises:
        MatrixError: the short form of an axis is wrong.
    """
    own = chain[-1]
    if len(chain) == 1 and not isinstance(own.value, dict):
        return own  # the schema says what is wrong with it
    documents = [_part(source) for source in chain]
    result = documents[0].without(*(OWN if len(chain) > 1 else ("extends", "on")))
    result = result.marked(len(chain) > 1 or stage is not None)
    for number, document in enumerate(documents[1:], start=2):
        last = number == len(chain)
        top = document.without(*(("extends", "on") if last else OWN))
        result = lay_over(result, top.marked(not last or stage is not None))
    if stage is not None:
        result = _on_stage(result, chain, documents, stage)
    return LocatedYaml(own.file, result.value, result.origins)


def _part(source: LocatedYaml) -> Part:
    problems = Problems(source)
    if not isinstance(source.value, dict):
        problems.add((), "a matrix is a mapping: 'name: ...', 'targets: ...' and so on")
    part = written_out(Part.of(source), problems)
    problems.raise_if_any()
    return part


def _on_stage(
    matrix: Part, chain: Sequence[LocatedYaml], documents: Sequence[Part], stage: Stage
) -> Part:
    top = Part.of(stage.source).without("description")
    stated = [key for key in EVERYWHERE if stage.source.value.get(key) is not None]
    result = lay_over(without_in_blocks(matrix, stated), top.marked(True))
    for source, document in zip(chain, documents, strict=True):
        sections = document.items().get("on")
        section = None if sections is None else sections.items().get(stage.name)
        if section is not None:
            problems = Problems(source)
            full = written_out(section, problems)
            problems.raise_if_any()
            result = lay_over(result, full.marked(source is not chain[-1]))
    fields = result.items()
    name = fields.get("name")
    if name is not None and isinstance(name.value, str):
        fields["name"] = Part(f"{name.value}-{stage.name}", name.origins)
    return mapping(fields, matrix.origins[()])
