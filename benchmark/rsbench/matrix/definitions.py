"""Resolve the entries of a matrix: which label means which plugin with which options."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rsbench import registry
from rsbench.backbone import Backbone
from rsbench.errors import RsbenchError
from rsbench.matrix.entries import PluginEntry
from rsbench.matrix.layers import Layer
from rsbench.matrix.located import KeyPath
from rsbench.matrix.problems import Problems
from rsbench.matrix.schema import MatrixDocument
from rsbench.method import Method
from rsbench.strategy import Strategy
from rsbench.target import Target
from rsbench.wording import near_names

#: Entry-point name of the strategy that ``+metapeft`` means.
METAPEFT_KIND = "metapeft"

Entries = Iterable[tuple[KeyPath, PluginEntry]]
Plugin = type[Target] | type[Backbone] | type[Method] | type[Strategy]


@dataclass(frozen=True)
class Definition:
    """What a label means.

    Attributes:
        name: the label.
        kind: entry-point name of the plugin.
        plugin: its class.
        layer: its options as written.
    """

    name: str
    kind: str
    plugin: Plugin
    layer: Layer


@dataclass(frozen=True)
class Definitions:
    """The definitions of every label.

    Attributes:
        targets: by label.
        backbones: by label.
        methods: by label, with and without MetaPEFT alike.
        metapeft: MetaPEFT's own options of a method's entry, by the method's label.
        strategy: the MetaPEFT strategy, or None where no method uses it.
    """

    targets: dict[str, Definition]
    backbones: dict[str, Definition]
    methods: dict[str, Definition]
    metapeft: dict[str, Layer]
    strategy: type[Strategy] | None


def resolve_definitions(document: MatrixDocument, problems: Problems) -> Definitions:
    """Find the plugin behind every label.

    Args:
        document: the matrix.
        problems: takes unknown names, labels with two meanings, plugins that cannot be
            imported, and MetaPEFT on a method that has nothing to modulate.
    """
    methods = define(document.method_entries(), "rsbench.methods", registry.method_class, problems)
    return Definitions(
        targets=define(
            document.plugin_entries("targets"), "rsbench.datasets", registry.target_class, problems
        ),
        backbones=define(
            document.plugin_entries("backbones"),
            "rsbench.backbones",
            registry.backbone_class,
            problems,
        ),
        methods=methods,
        metapeft=_metapeft_layers(document, methods, problems),
        strategy=_strategy(document, problems),
    )


def define(
    entries: Entries, group: str, find_class: Callable[[str], Plugin], problems: Problems
) -> dict[str, Definition]:
    """Definitions by label; an entry that is only a name may refer to a full one anywhere.

    Args:
        entries: each with its path.
        group: entry-point group of the plugins.
        find_class: of that group.
        problems: takes unknown names and labels with two meanings.
    """
    listed = list(entries)
    full = [(path, entry) for path, entry in listed if not entry.is_reference]
    short = [(path, entry) for path, entry in listed if entry.is_reference]
    defined_in_file = [entry.name for _, entry in full]
    found: dict[str, Definition] = {}
    failed: set[str] = set()
    for path, entry in full + short:
        if entry.name in failed:
            continue
        if entry.name not in found:
            kind = _kind(path, entry, group, defined_in_file, problems)
            plugin = None if kind is None else _plugin(path, kind, find_class, problems)
            if kind is not None and plugin is not None:
                found[entry.name] = Definition(entry.name, kind, plugin, Layer(path, entry.options))
            else:
                failed.add(entry.name)
        elif not entry.is_reference:
            _check_same(path, entry, found[entry.name], problems)
    return found


def _kind(
    path: KeyPath, entry: PluginEntry, group: str, defined: list[str], problems: Problems
) -> str | None:
    """The plugin's entry-point name, or None when it is not known."""
    known = registry.names(group)
    kind = entry.kind or entry.name
    if kind in known and entry.name in known and kind != entry.name:
        what = registry.GROUPS[group]
        problems.add(
            path,
            f"the label {entry.name!r} is the name of another {what} than its kind {kind!r}",
            "give it another name: a table would show one for the other",
        )
        return None
    if kind in known:
        return kind
    what = registry.GROUPS[group]
    if entry.kind is not None:
        remedy = _or_in_a_file(near_names(kind, known))
        problems.add((*path, "kind"), f"there is no {what} {kind!r}", remedy)
    elif entry.is_reference:
        remedy = _or_in_a_file(near_names(kind, sorted({*known, *defined})))
        problems.add(path, f"there is no {what} called {kind!r}", remedy)
    else:
        remedy = f"state one of: {', '.join(known)}"
        if registry.plugin_file_hint():
            remedy += "; or name its file with --plugin FILE"
        problems.add(path, f"{entry.name!r} needs 'kind', the {what} it is made from", remedy)
    return None


def _or_in_a_file(remedy: str) -> str:
    return "; ".join(part for part in (remedy, registry.plugin_file_hint()) if part)


def _plugin(
    path: KeyPath, kind: str, find_class: Callable[[str], Plugin], problems: Problems
) -> Plugin | None:
    try:
        return find_class(kind)
    except RsbenchError as error:
        problems.add(path, error.what, error.remedy)
        return None


def _check_same(path: KeyPath, entry: PluginEntry, first: Definition, problems: Problems) -> None:
    if (entry.kind or entry.name, entry.options) != (first.kind, first.layer.values):
        place = problems.line_of(first.layer.path)
        problems.add(
            path,
            f"the label {entry.name!r} has other settings on {place}",
            "give one of the two another name",
        )


def _metapeft_layers(
    document: MatrixDocument, methods: dict[str, Definition], problems: Problems
) -> dict[str, Layer]:
    layers: dict[str, Layer] = {}
    for path, entry in document.method_entries():
        if entry.metapeft is None or entry.name not in methods:
            continue
        _check_modulates(path, methods[entry.name], problems)
        layer = Layer((*path, "metapeft"), entry.metapeft)
        first = layers.get(entry.name)
        if first is None or not first.values:
            layers[entry.name] = layer
        elif layer.values and layer.values != first.values:
            place = problems.line_of(first.path)
            problems.add(
                layer.path,
                f"'{entry.name}+metapeft' has other MetaPEFT options on {place}",
                "give one of the two methods another name",
            )
    return layers


def _check_modulates(path: KeyPath, definition: Definition, problems: Problems) -> None:
    if issubclass(definition.plugin, Method) and not definition.plugin.modulates:
        problems.add(
            path,
            f"MetaPEFT cannot train the scales of {definition.name!r}: there is nothing to "
            "modulate, because this method inserts no modules",
            f"write {definition.name!r} without metapeft",
        )


def _strategy(document: MatrixDocument, problems: Problems) -> type[Strategy] | None:
    for path, entry in document.method_entries():
        if entry.metapeft is not None:
            try:
                return registry.strategy_class(METAPEFT_KIND)
            except RsbenchError as error:
                problems.add(path, error.what, error.remedy)
                return None
    return None
