"""The short form of an axis, ``rank: {set: method.rank, to: [1, 2]}``, written out in full."""

from __future__ import annotations

from typing import Any

from rsbench.matrix.compose import Part, mapping
from rsbench.matrix.located import KeyPath, Origin
from rsbench.matrix.problems import Problems
from rsbench.matrix.schema import value_label

FORM = "for example {set: method.rank, to: [1, 2, 4]}"
PARTS = ("recipe", "method", "metapeft")


def written_out(document: Part, problems: Problems) -> Part:
    """A document whose axes all have the long form: by label the settings of each value.

    Args:
        document: a whole document, or a section of one.
        problems: takes what is wrong with a short form.
    """
    fields = document.items()
    axes = fields.get("axes")
    if axes is None or not isinstance(axes.value, dict):
        return document
    parts = {
        name: _long(part, problems) if _is_short(part.value) else part
        for name, part in axes.items().items()
    }
    fields["axes"] = mapping(parts, axes.origins[()])
    return mapping(fields, document.origins[()])


def _is_short(axis: Any) -> bool:
    """Whether ``set`` names a field; a value may be labelled 'set', and then has settings."""
    return isinstance(axis, dict) and not isinstance(axis.get("set", {}), dict | None)


def _long(axis: Part, problems: Problems) -> Part:
    here = axis.origins[()]
    field = str(axis.value["set"]).split(".")
    extra = [key for key in axis.value if key not in ("set", "to")]
    if extra or not isinstance(axis.value.get("to"), list) or not axis.value["to"]:
        problems.add(here.path, "the short form of an axis has 'set' and a list 'to'", FORM)
        return axis
    if field[0] not in PARTS or len(field) < 2 or not all(field):
        text = f"must be recipe, method or metapeft, a dot and a field, but is {'.'.join(field)!r}"
        problems.add((*here.path, "set"), text, FORM)
        return axis
    values: dict[str, Part] = {}
    for item in axis.get("to").listed():
        try:
            label = value_label(item.value)
        except ValueError as error:
            remedy = "or write the axis as labels with settings: 'qv: {method: {...}}'"
            problems.add(item.origins[()].path, str(error), remedy)
            continue
        if label in values:
            problems.add(item.origins[()].path, f"the value {label} is listed twice")
        values[label] = _nested(item, field)
    return mapping(values, here)


def _nested(item: Part, field: list[str]) -> Part:
    """``{method: {rank: 4}}`` for the field ``method.rank`` and the item 4."""
    origin = item.origins[()]
    place: KeyPath = (*origin.path, *field)
    inner = Part(item.value, {(): _at(origin, place)})
    for depth, name in reversed(list(enumerate(field))):
        inner = mapping({name: inner}, _at(origin, (*origin.path, *field[:depth])))
    return inner


def _at(origin: Origin, path: KeyPath) -> Origin:
    return Origin(origin.file, origin.line, path, origin.inherited)
