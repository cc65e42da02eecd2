"""From the labels of a cell to the cell, with every option of every plugin filled in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from rsbench.cell import Cell
from rsbench.matrix.definitions import METAPEFT_KIND, Definition, Definitions
from rsbench.matrix.entries import Options
from rsbench.matrix.labels import Labels, matches
from rsbench.matrix.layers import Layer, validate
from rsbench.matrix.located import KeyPath
from rsbench.matrix.problems import Problems
from rsbench.matrix.schema import Changes, MatrixDocument, written
from rsbench.method import FittedMethod, Method
from rsbench.settings import PluginChoice, Recipe, Settings


@dataclass(frozen=True)
class _Placed:
    """Changes and the place in the matrix that states them."""

    path: KeyPath
    changes: Changes


class CellBuilder:
    """Builds cells; what several cells share is validated once.

    Settings are laid over each other in this order: the matrix, the defaults of the method's
    kind, the method's own entry, overrides that name no axis, the values of the axes in the order
    of the file, and overrides that name an axis. Within each, a later one wins.
    """

    def __init__(
        self, document: MatrixDocument, definitions: Definitions, problems: Problems
    ) -> None:
        self.document = document
        self.definitions = definitions
        self.problems = problems
        self.validated: dict[tuple[KeyPath, ...], dict[str, JsonValue]] = {}
        self.recipes: dict[tuple[KeyPath, ...], Recipe] = {}

    def build(self, labels: Labels) -> Cell:
        """The cell with these labels; with default settings where a problem was noted."""
        definition = self.definitions.methods[labels.method]
        defaults, later = self.defaults(definition.kind), self.later(labels)
        target = self.definitions.targets[labels.target]
        backbone = self.definitions.backbones[labels.backbone]
        method = [
            *_layers(defaults, "method", _method),
            definition.layer,
            *_layers(later, "method", _method),
        ]
        return Cell(
            target=self.choice(target, "target", [target.layer]),
            backbone=self.choice(backbone, "backbone", [backbone.layer]),
            method=self.choice(definition, "method", method),
            metapeft=self.metapeft(labels.method, defaults, later) if labels.metapeft else None,
            recipe=self.recipe(definition, [*defaults, *later]),
            seed=labels.seed,
            axes=dict(labels.axes),
        )

    def defaults(self, kind: str) -> list[_Placed]:
        """The defaults of a kind of method."""
        found = self.document.defaults.get(kind)
        return [] if found is None else [_Placed(("defaults", kind), found)]

    def later(self, labels: Labels) -> list[_Placed]:
        """What comes after the method's entry, in order."""
        matching = [
            (override, _Placed(("overrides", number), override))
            for number, override in enumerate(self.document.overrides)
            if matches(override.when, labels)
        ]
        axes = [
            _Placed(("axes", name, value), self.document.axes[name][value])
            for name, value in labels.axes
        ]
        before = [placed for override, placed in matching if not override.when.axes]
        after = [placed for override, placed in matching if override.when.axes]
        return [*before, *axes, *after]

    def choice(self, definition: Definition, axis: str, layers: Sequence[Layer]) -> PluginChoice:
        """The plugin with complete options."""
        owner = f"{axis} {definition.name!r}"
        options = self.options(definition.plugin.Options, layers, owner)
        return PluginChoice(name=definition.name, kind=definition.kind, options=options)

    def metapeft(
        self, method: str, defaults: Sequence[_Placed], later: Sequence[_Placed]
    ) -> PluginChoice | None:
        """MetaPEFT with the options of the matrix, the method's entry, and what comes after."""
        if self.definitions.strategy is None:
            return None
        layers = [
            Layer(("metapeft",), self.document.metapeft),
            *_layers(defaults, "metapeft", _metapeft),
            self.definitions.metapeft[method],
            *_layers(later, "metapeft", _metapeft),
        ]
        options = self.options(self.definitions.strategy.Options, layers, "MetaPEFT")
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

    def recipe(self, method: Definition, changes: Sequence[_Placed]) -> Recipe:
        """The recipe of the matrix with these changes, in order, over the method's own rate."""
        layers = [
            Layer(("recipe",), written(self.document.recipe)),
            *_layers(changes, "recipe", _recipe),
        ]
        key = ((method.kind,), *(layer.path for layer in layers))
        if key not in self.recipes:
            assert issubclass(method.plugin, Method)
            own = Layer(("recipe",), {"learning_rate": method.plugin.learning_rate})
            found = validate(Recipe, [own, *layers], self.problems, "recipe") or Recipe()
            if found.optimizer == "adamw" and not issubclass(method.plugin, FittedMethod):
                self.check_adamw(layers)
            self.recipes[key] = found
        return self.recipes[key]

    def check_adamw(self, layers: Sequence[Layer]) -> None:
        """Report what AdamW lacks, a rate, or has no use for, in the recipe that asks for it."""
        path = next(layer.path for layer in reversed(layers) if "optimizer" in layer.values)
        if not any("learning_rate" in layer.values for layer in layers):
            self.problems.add(
                (*path, "optimizer"),
                "adamw needs a learning_rate here: the methods' own rates are SGD's",
                "state recipe.learning_rate; 0.001 is a common start",
            )
        for layer in layers:
            if "momentum" in layer.values:
                self.problems.add(
                    (*layer.path, "momentum"),
                    "is for optimizer: sgd; AdamW has its own",
                    "leave it out where the optimizer is adamw",
                )


def _recipe(changes: Changes) -> Options:
    return written(changes.recipe)


def _method(changes: Changes) -> Options:
    return changes.method


def _metapeft(changes: Changes) -> Options:
    return changes.metapeft


def _layers(
    changes: Iterable[_Placed], part: str, read: Callable[[Changes], Options]
) -> list[Layer]:
    """One part of each of ``changes``, where it states any."""
    layers = [Layer((*each.path, part), read(each.changes)) for each in changes]
    return [layer for layer in layers if layer.values]
