"""What the values on the axes of a study stand for, from the settings of its cells."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rsbench.report.rows import flat, setting_of

if TYPE_CHECKING:
    from rsbench.report.sections.ablations.study import Subject, Values

#: Parts of a cell's identity that an axis can set without changing what is compared.
_PARTS = ("method", "metapeft", "recipe")


def settings_words(subject: Subject) -> dict[Values, str]:
    """The settings in which the cells of one method differ, for each finished place.

    A label of an axis is the author's choice ("depth 3", "late"); this is what was trained:
    "blocks 0-2, positions q". Nothing is said where no setting of method, MetaPEFT or recipe
    differs.
    """
    found = {
        values: _settings(setting_of(place.row.first))
        for values, place in subject.places.items()
        if place.row is not None
    }
    names = sorted({name for settings in found.values() for name in settings})
    differing = [name for name in names if len({s.get(name) for s in found.values()}) > 1]
    return {
        values: ", ".join(f"{name} {settings.get(name, 'none')}" for name in differing)
        for values, settings in found.items()
    }


def _settings(setting: dict[str, Any]) -> dict[str, str]:
    return {
        path.removeprefix("method.").replace("options.", ""): _text(value)
        for path, value in flat({part: setting.get(part) for part in _PARTS}).items()
    }


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)
