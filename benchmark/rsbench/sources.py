"""Open the targets and backbones of a matrix, each once, and keep what stands in the way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import ValidationError

from rsbench import registry
from rsbench.errors import BandError, MissingWeightsError, NotPreparedError, RsbenchError
from rsbench.errors import SettingsError as OptionError
from rsbench.foreign import contained
from rsbench.imagery import choose_bands
from rsbench.wording import option_problem

if TYPE_CHECKING:
    from rsbench.backbone import Backbone
    from rsbench.cell import Cell
    from rsbench.file_reader import FileReader
    from rsbench.folders import Folders
    from rsbench.settings import PluginChoice, Settings
    from rsbench.target import Progress, Target

Opened = TypeVar("Opened")

Activity = Callable[[str], "AbstractContextManager[Progress]"]
"""Shows one long step: ``with activity("rendering demo") as progress: progress(done, total)``."""


@dataclass(frozen=True)
class Problem:
    """Why an input of a matrix cannot be used.

    Attributes:
        kind: what it is.
        name: its label in the matrix.
        error: what is wrong.
    """

    kind: Literal["target", "backbone", "pair"]
    name: str
    error: RsbenchError

    @property
    def missing(self) -> bool:
        """Whether its files are only not here yet, and nothing is wrong with them."""
        return isinstance(self.error, NotPreparedError | MissingWeightsError)


class Sources:
    """Targets and backbones by their settings, opened on first use; failures kept.

    Args:
        folders: where data and caches lie.
        activity: shows the preparation of targets that prepare themselves; None: do not prepare.
    """

    def __init__(self, folders: Folders, activity: Activity | None) -> None:
        self._folders = folders
        self._activity = activity
        self._targets: dict[str, Target | None] = {}
        self._backbones: dict[str, Backbone | None] = {}
        self._pairs: dict[tuple[str, str], bool] = {}
        self.problems: list[Problem] = []
        self.unprepared: list[str] = []

    def of(self, cell: Cell, wanted: bool) -> tuple[Target, Backbone] | None:
        """Target and backbone of a cell, or None where one cannot be opened or they do not fit.

        Args:
            cell: the cell.
            wanted: whether the cell is to be run: then a failure is a problem.
        """
        target = self._target(cell.target, wanted)
        backbone = self._backbone(cell.backbone, wanted)
        if target is None or backbone is None or not self._fit(cell, target, backbone, wanted):
            return None
        return target, backbone

    def _fit(self, cell: Cell, target: Target, backbone: Backbone, wanted: bool) -> bool:
        pair = (_key(cell.target), _key(cell.backbone))
        if pair not in self._pairs:
            try:
                choose_bands(target.name, target.imagery, backbone.name, backbone.info.bands)
                self._pairs[pair] = True
            except BandError as error:
                self._pairs[pair] = False
                if wanted:
                    name = f"{target.name} on {backbone.name}"
                    self.problems.append(Problem("pair", name, error))
        return self._pairs[pair]

    def _target(self, choice: PluginChoice, wanted: bool) -> Target | None:
        if _key(choice) not in self._targets:
            self._targets[_key(choice)] = self._attempt(
                "target", choice.name, lambda: self._open_target(choice, wanted), wanted
            )
        return self._targets[_key(choice)]

    def _backbone(self, choice: PluginChoice, wanted: bool) -> Backbone | None:
        if _key(choice) not in self._backbones:
            self._backbones[_key(choice)] = self._attempt(
                "backbone", choice.name, lambda: self._open_backbone(choice), wanted
            )
        return self._backbones[_key(choice)]

    def _attempt(
        self,
        kind: Literal["target", "backbone"],
        name: str,
        opening: Callable[[], Opened | None],
        wanted: bool,
    ) -> Opened | None:
        try:
            with contained(f"opening the {kind} {name}"):
                return opening()
        except RsbenchError as error:
            if wanted:
                self.problems.append(Problem(kind, name, error))
            return None

    def _open_target(self, choice: PluginChoice, wanted: bool) -> Target | None:
        kind = registry.target_class(choice.kind)
        options = checked_options(kind.Options, choice)
        try:
            return kind.open(choice.name, options, self._folders)
        except NotPreparedError:
            if not (wanted and kind.prepares_itself):
                raise
        if self._activity is None:
            self.unprepared.append(choice.name)
            return None
        with self._activity(f"preparing {choice.name}") as progress:
            kind.prepare(options, self._folders, progress=progress)
        return kind.open(choice.name, options, self._folders)

    def _open_backbone(self, choice: PluginChoice) -> Backbone:
        kind = registry.backbone_class(choice.kind)
        return kind.open(choice.name, checked_options(kind.Options, choice), self._folders)


def checked_options(model: type[Settings], choice: PluginChoice) -> Settings:
    """The options of a plugin, validated.

    Raises:
        SettingsError: an option has a wrong name, type or value.
    """
    try:
        return model.model_validate(choice.options)
    except ValidationError as error:
        text, remedy = option_problem(error, model, choice.options)
        known = f"options of {choice.kind}: {', '.join(model.model_fields) or 'none'}"
        near = "" if remedy.startswith("known: ") else remedy
        if near:
            near += " " if near.endswith("?") else "; "
        raise OptionError(f"{choice.name}: {text}", remedy=near + known) from error


def file_reader(choice: PluginChoice) -> FileReader:
    """How files become what the chosen target reads; it is not opened.

    Raises:
        UnknownNameError: no plugin registers it.
        SettingsError: an option has a wrong name, type or value.
        PluginError: its ``file_reader`` raises something else.
    """
    kind = registry.target_class(choice.kind)
    options = checked_options(kind.Options, choice)
    with contained(f"how files of {choice.name} are read"):
        return kind.file_reader(options)


def _key(choice: PluginChoice) -> str:
    return choice.model_dump_json()
