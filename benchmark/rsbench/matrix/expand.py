"""Expand a matrix into cells, with every option of every plugin validated and filled in."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Sequence

from pydantic import JsonValue

from rsbench.cell import Cell
from rsbench.errors import SettingsError
from rsbench.matrix import MatrixWarning
from rsbench.matrix.axes import METAPEFT_KIND, Axes, Definition, resolve_axes
from rsbench.matrix.labels import Labels, matches
from rsbench.matrix.layers import Layer, validate
from rsbench.matrix.load import Matrix
from rsbench.matrix.problems import Problems
from rsbench.matrix.schema import METAPEFT_SUFFIX, Conditions, MatrixDocument, written
from rsbench.matrix.yaml_lines import KeyPath, dotted
from rsbench.settings import PluginChoice, Recipe, Settings
from rsbench.wording import near_names


def expand(matrix: Matrix, seeds: Sequence[int] | None = None) -> tuple[Cell, ...]:
    """Every cell of ``matrix``, ordered by target, backbone, seed and method.

    Labels keep the order of the file, seeds ascend. Neighbouring cells share target and
    backbone, and a sweep that is cut short has whole seeds.

    Args:
        matrix: a loaded matrix.
        seeds: used instead of the seeds of the matrix and of its ``include`` blocks.

    Raises:
        MatrixError: an unknown plugin, a wrong option, a label with two meanings, a rule
            with an unknown label, or no cell left.
        SettingsError: ``seeds`` is empty or holds a negative number.

    Warns:
        MatrixWarning: a rule that is valid matches no cell.
    """
    if seeds is not None and (not seeds or min(seeds) < 0):
        raise SettingsError("seeds must be whole numbers from 0", remedy="for example --seeds 0,1")
    document, problems = matrix.document, Problems(matrix.source)
    axes = resolve_axes(document, problems)
    problems.raise_if_any()
    _check_rules(document, axes, problems)
    problems.raise_if_any()
    kept = _without_excluded(document, _labels(document, seeds))
    if not kept:
        problems.add(("exclude",), "no cell is left", "exclude less")
    builder = _CellBuilder(document, axes, problems)
    cells = tuple(builder.build(labels) for labels in kept)
    problems.raise_if_any()
    for path, text in _without_effect(document, axes):
        line = matrix.source.line(path)
        warnings.warn(f"{matrix.file}:{line}: {dotted(path)} {text}", MatrixWarning, stacklevel=2)
    return cells


def _labels(document: MatrixDocument, seeds: Sequence[int] | None) -> list[Labels]:
    """The labels of all cells, before ``exclude``, each once and in order."""
    found: dict[Labels, None] = {}
    for block in (None, *document.include):
        targets = (block and block.targets) or document.targets
        backbones = (block and block.backbones) or document.backbones
        methods = (block and block.methods) or document.methods
        used_seeds = seeds or (block and block.seeds) or document.seeds
        for target, backbone, seed, method in itertools.product(
            targets, backbones, used_seeds, methods
        ):
            labels = Labels(
                target.name, backbone.name, method.name, method.metapeft is not None, seed
            )
            found[labels] = None
    return _in_order(found)


def _in_order(labels: Iterable[Labels]) -> list[Labels]:
    """Sorted by target, backbone, seed and method: labels by appearance, seeds ascending."""
    listed = list(labels)
    targets = _ranks(each.target for each in listed)
    backbones = _ranks(each.backbone for each in listed)
    methods = _ranks(each.method_names[-1] for each in listed)
    return sorted(
        listed,
        key=lambda each: (
            targets[each.target],
            backbones[each.backbone],
            each.seed,
            methods[each.method_names[-1]],
        ),
    )


def _ranks(values: Iterable[str]) -> dict[str, int]:
    return {value: rank for rank, value in enumerate(dict.fromkeys(values))}


def _without_excluded(document: MatrixDocument, labels: Iterable[Labels]) -> list[Labels]:
    return [
        each
        for each in labels
        if not any(matches(conditions, each) for conditions in document.exclude)
    ]


def _rules(document: MatrixDocument) -> list[tuple[KeyPath, Conditions]]:
    overrides = [
        (("overrides", number, "when"), each.when) for number, each in enumerate(document.overrides)
    ]
    excludes = [(("exclude", number), each) for number, each in enumerate(document.exclude)]
    return [*overrides, *excludes]


def _check_rules(document: MatrixDocument, axes: Axes, problems: Problems) -> None:
    """Report labels in conditions that no entry has."""
    known = {
        "target": list(axes.targets),
        "backbone": list(axes.backbones),
        "method": [*axes.methods, *(name + METAPEFT_SUFFIX for name in axes.metapeft)],
    }
    for path, conditions in _rules(document):
        for axis, labels in known.items():
            for label in getattr(conditions, axis) or ():
                if label not in labels:
                    problems.add(
                        (*path, axis),
                        f"no {axis} of this matrix is called {label!r}",
                        near_names(label, labels),
                    )


def _without_effect(document: MatrixDocument, axes: Axes) -> list[tuple[KeyPath, str]]:
    """Rules that change nothing, judged with the seeds that the matrix itself states.

    Overrides are judged on the cells that ``exclude`` leaves.
    """
    every = _labels(document, None)
    kept = _without_excluded(document, every)
    found: list[tuple[KeyPath, str]] = []
    for path, conditions in _rules(document):
        cells = kept if path[0] == "overrides" else every
        if not any(matches(conditions, labels) for labels in cells):
            found.append((path, "matches no cell and has no effect"))
    for number, override in enumerate(document.overrides):
        used = any(each.metapeft and matches(override.when, each) for each in kept)
        if override.metapeft and not used:
            path = ("overrides", number, "metapeft")
            found.append((path, "has no effect: no cell it matches uses MetaPEFT"))
    if document.metapeft and axes.strategy is None:
        found.append((("metapeft",), "has no effect: no method of this matrix uses MetaPEFT"))
    return found


class _CellBuilder:
    """Builds cells; what several cells share is validated once."""

    def __init__(self, document: MatrixDocument, axes: Axes, problems: Problems) -> None:
        self.document = document
        self.axes = axes
        self.problems = problems
        self.validated: dict[tuple[KeyPath, ...], dict[str, JsonValue]] = {}
        self.recipes: dict[tuple[int, ...], Recipe] = {}

    def build(self, labels: Labels) -> Cell:
        """The cell with these labels; with default settings where a problem was noted."""
        numbers = tuple(
            number
            for number, override in enumerate(self.document.overrides)
            if matches(override.when, labels)
        )
        method_layers = [
            Layer(("overrides", number, "method"), self.document.overrides[number].method)
            for number in numbers
        ]
        return Cell(
            target=self.choice(self.axes.targets[labels.target], "target"),
            backbone=self.choice(self.axes.backbones[labels.backbone], "backbone"),
            method=self.choice(self.axes.methods[labels.method], "method", method_layers),
            metapeft=self.metapeft(labels.method, numbers) if labels.metapeft else None,
            recipe=self.recipe(numbers),
            seed=labels.seed,
        )

    def choice(
        self, definition: Definition, axis: str, overrides: Sequence[Layer] = ()
    ) -> PluginChoice:
        """The plugin with complete options."""
        layers = [definition.layer, *(layer for layer in overrides if layer.values)]
        owner = f"{axis} {definition.name!r}"
        options = self.options(definition.plugin.Options, layers, owner)
        return PluginChoice(name=definition.name, kind=definition.kind, options=options)

    def metapeft(self, method: str, numbers: Sequence[int]) -> PluginChoice | None:
        """MetaPEFT with the options of the matrix, the method's entry, and the overrides."""
        if self.axes.strategy is None:
            return None
        layers = [Layer(("metapeft",), self.document.metapeft), self.axes.metapeft[method]]
        for number in numbers:
            values = self.document.overrides[number].metapeft
            if values:
                layers.append(Layer(("overrides", number, "metapeft"), values))
        options = self.options(self.axes.strategy.Options, layers, "MetaPEFT")
        return PluginChoice(name=METAPEFT_KIND, kind=METAPEFT_KIND, options=options)

    def options(
        self, model: type[Settings], layers: Sequence[Layer], owner: str
    ) -> dict[str, JsonValue]:
        """Validated options with defaults filled in; empty where a problem was noted."""
        key = tuple(layer.path for layer in layers)
        if key not in self.validated:
            found = validate(model, layers, self.problems, owner)
            self.validated[key] = {} if found is None else found.model_dump(mode="json")
        return self.validated[key]

    def recipe(self, numbers: tuple[int, ...]) -> Recipe:
        """The recipe of the matrix with the overrides of these numbers, in order."""
        if numbers not in self.recipes:
            layers = [Layer(("recipe",), written(self.document.recipe))]
            for number in numbers:
                values = written(self.document.overrides[number].recipe)
                layers.append(Layer(("overrides", number, "recipe"), values))
            self.recipes[numbers] = validate(Recipe, layers, self.problems, "recipe") or Recipe()
        return self.recipes[numbers]
