"""Read YAML together with the line of every key and item, for errors that point at it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from rsbench.errors import MatrixError
from rsbench.matrix.located import KeyPath, LocatedYaml, Origin, dotted

#: A hundred times what the largest shipped matrix has.
MOST_VALUES = 100_000


def read_yaml(file: Path) -> LocatedYaml:
    """Read one YAML document.

    Scalars follow YAML 1.2: only ``true`` and ``false`` are booleans, so ``on``, ``off``,
    ``yes`` and ``no`` stay text, and ``1e-3`` is a number.

    Raises:
        MatrixError: the file cannot be read, is not YAML, states a key twice, or uses a
            feature that a matrix has no use for (tags, keys that are not text).
    """
    text = _read_text(file)
    try:
        return _parse(file, text)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(file, error) from error
    except yaml.YAMLError as error:
        raise MatrixError(f"this is not YAML: {error}", where=file) from error
    except RecursionError as error:
        raise MatrixError("the YAML is nested too deeply", where=file) from error


def _parse(file: Path, text: str) -> LocatedYaml:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise MatrixError("the file is empty", where=file, remedy="write a matrix into it")
        values = _values_in(node, {})
        if values > MOST_VALUES:
            raise MatrixError(
                f"the YAML stands for {values:,} values, each alias counted as what it repeats; "
                f"a matrix has at most {MOST_VALUES:,}",
                where=file,
                remedy="write axes and seeds in place of copies",
            )
        return _Converter(file, loader).convert_document(node)
    finally:
        loader.dispose()


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise MatrixError(
            f"this is not a text file in UTF-8: {error.reason} at byte {error.start}",
            where=file,
            remedy="save it as UTF-8",
        ) from error
    except OSError as error:
        raise MatrixError(
            f"the matrix file cannot be read: {error.strerror or error}",
            where=file,
            remedy="check the path and its permissions",
        ) from error


def _syntax_error(file: Path, error: yaml.MarkedYAMLError) -> MatrixError:
    mark = error.problem_mark or error.context_mark
    where = str(file) if mark is None else f"{file}:{mark.line + 1}"
    parts = [part for part in (error.context, error.problem) if part]
    return MatrixError(
        f"this is not valid YAML: {', '.join(parts)}",
        where=where,
        remedy="check indentation, colons and brackets on this line and the one above",
    )


def _values_in(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node becomes, aliases written out; nothing is written out for it."""
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in known:
        known[id(node)] = 1  # an alias that contains itself is told later
        pairs = isinstance(node, yaml.MappingNode)
        children = [each for pair in node.value for each in pair] if pairs else node.value
        known[id(node)] = 1 + sum(_values_in(each, known) for each in children)
    return known[id(node)]


class _Loader(yaml.SafeLoader):
    """The safe loader with the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


_PREFIX = "tag:yaml.org,2002:"
_RESOLVERS = (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?(?:0|[1-9][0-9]{0,17})$", list("-+0123456789")),
    (
        "float",
        r"^[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?"
        r"|[0-9]+[eE][-+]?[0-9]+|\.inf|\.nan)$",
        list("-+.0123456789"),
    ),
)
for _kind, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_PREFIX + _kind, re.compile(_pattern), _first)

NUMBER_RESOLVERS = tuple(
    (_PREFIX + kind, re.compile(pattern), first)
    for kind, pattern, first in _RESOLVERS
    if kind in ("int", "float")
)
"""Tag, pattern and first characters of what is read as a number."""

_SCALARS = {_PREFIX + kind for kind in ("null", "bool", "int", "float", "str")}


class _Converter:
    """Turns nodes into values and notes their lines."""

    def __init__(self, file: Path, loader: _Loader) -> None:
        self.file = file
        self.loader = loader
        self.lines: dict[KeyPath, int] = {}
        self.open_nodes: list[yaml.Node] = []

    def convert_document(self, node: yaml.Node) -> LocatedYaml:
        self.lines[()] = _line(node)
        value = self.convert(node, ())
        origins = {path: Origin(self.file, line, path) for path, line in self.lines.items()}
        return LocatedYaml(self.file, value, origins)

    def convert(self, node: yaml.Node, path: KeyPath) -> Any:
        if any(node is each for each in self.open_nodes):
            raise self.error(node, path, "an alias that contains itself")
        self.open_nodes.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self.mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return self.sequence(node, path)
            return self.scalar(node, path)
        finally:
            self.open_nodes.pop()

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.key(key_node, path)
            child = (*path, key)
            if key in values:
                raise MatrixError(
                    f"{dotted(child)} is stated twice, first on line {self.lines[child]}",
                    where=f"{self.file}:{_line(key_node)}",
                    remedy="keep one of the two",
                )
            self.lines[child] = _line(key_node)
            values[key] = self.convert(value_node, child)
        return values

    def key(self, node: yaml.Node, path: KeyPath) -> str:
        if isinstance(node, yaml.ScalarNode) and node.tag == _PREFIX + "str":
            return str(node.value)
        shown = node.value if isinstance(node, yaml.ScalarNode) else "a list or mapping"
        raise self.error(node, path, f"a key that is not text: {shown}", "write it in quotes")

    def sequence(self, node: yaml.SequenceNode, path: KeyPath) -> list[Any]:
        values = []
        for position, item in enumerate(node.value):
            self.lines[(*path, position)] = _line(item)
            values.append(self.convert(item, (*path, position)))
        return values

    def scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        if node.tag not in _SCALARS:
            raise self.error(node, path, f"the tag {node.tag}", "write plain values without tags")
        try:
            return self.loader.construct_object(node)
        except (ValueError, KeyError) as error:  # an explicit tag such as !!int on a word
            raise self.error(node, path, f"{node.value!r} tagged as {node.tag}") from error

    def error(
        self, node: yaml.Node, path: KeyPath, what: str, remedy: str = "remove it"
    ) -> MatrixError:
        place = f" at {dotted(path)}" if path else ""
        return MatrixError(
            f"a matrix cannot hold {what}{place}",
            where=f"{self.file}:{_line(node)}",
            remedy=remedy,
        )


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
