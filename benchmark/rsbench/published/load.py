"""Read and validate ``data/tables.yaml`` and the CSV file of each table."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError

from rsbench.errors import RsbenchError
from rsbench.published.number import (
    CERTAINTIES,
    METRICS,
    Certainty,
    Published,
    PublishedNumber,
    PublishedTable,
    Quantity,
    Setting,
)
from rsbench.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA = Path(__file__).parent / "data"
TABLES = "tables.yaml"
COLUMNS = (
    *("id", "target", "backbone", "method", "metapeft", "positions", "blocks", "scale_log2"),
    *("ratio", "quantity", "metric", "value", "uncertainty", "certainty", "source"),
    *("relative_to", "note"),
)
_SWITCH: dict[str, bool | None] = {"yes": True, "no": False, "": None}


class PublishedDataError(RsbenchError):
    """A file of published numbers that is damaged; they are part of the package."""


class _QuantityFacts(Settings):
    unit: str
    definition: str


class _TableFacts(Settings):
    """A table in ``tables.yaml``: what its lines share where they do not say otherwise."""

    title: str
    where: str
    source: str
    certainty: Literal["printed", "read off", "inferred", "computed"]
    uncertainty: Annotated[float, Field(ge=0.0)]
    tolerance: dict[str, Annotated[float, Field(ge=0.0)]] = Field(default_factory=dict)
    notes: tuple[str, ...]


class _Facts(Settings):
    quantities: dict[str, _QuantityFacts]
    tables: dict[str, _TableFacts]


def load_published(folder: Path = DATA) -> Published:
    """The published numbers in ``folder``.

    Raises:
        PublishedDataError: a file is missing or damaged; the message names file and line.
    """
    facts = _facts(folder / TABLES)
    quantities = {name: Quantity(q.unit, q.definition) for name, q in facts.quantities.items()}
    tables = tuple(
        PublishedTable(
            name=name,
            title=shared.title,
            where=shared.where,
            notes=shared.notes,
            numbers=_numbers(folder / f"{name}.csv", name, shared, quantities),
        )
        for name, shared in facts.tables.items()
    )
    _check_ids(tables, folder)
    return Published(tables, quantities)


def _facts(path: Path) -> _Facts:
    import yaml

    try:
        return _Facts.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise _damaged(str(error), path) from error


def _numbers(
    path: Path, table: str, shared: _TableFacts, quantities: Mapping[str, Quantity]
) -> tuple[PublishedNumber, ...]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise _damaged(f"the columns must be {', '.join(COLUMNS)}", path)
            return tuple(
                _Line(line, path, reader.line_num, table, shared, quantities).number()
                for line in reader
            )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _damaged(str(error), path) from error


@dataclass(frozen=True)
class _Line:
    """One line of a CSV file, to be made a number."""

    fields: Mapping[str, str]
    path: Path
    line: int
    table: str
    shared: _TableFacts
    quantities: Mapping[str, Quantity] = field(repr=False)

    def number(self) -> PublishedNumber:
        """The number, after every field of the line was checked."""
        if None in self.fields or None in self.fields.values():
            raise self.error(f"a line has {len(COLUMNS)} fields")
        value = self.decimal("value")
        gap = value is None
        if gap and not self.fields["note"]:
            raise self.error("a gap needs a note that says what is missing")
        if gap and (self.fields["uncertainty"] or self.fields["certainty"]):
            raise self.error("a gap has neither uncertainty nor certainty")
        uncertainty = None if gap else self.uncertainty()
        quantity = self.one_of("quantity", self.quantities)
        return PublishedNumber(
            id=self.identifier(),
            table=self.table,
            setting=self.setting(),
            quantity=quantity,
            metric=self.one_of("metric", METRICS),
            unit=self.quantities[quantity].unit,
            value=value,
            uncertainty=uncertainty,
            tolerance=None if uncertainty is None else self.tolerance(uncertainty),
            certainty="" if gap else self.certainty(),
            source=self.fields["source"] or self.shared.source,
            relative_to=self.fields["relative_to"],
            note=self.fields["note"],
        )

    def identifier(self) -> str:
        text = self.fields["id"]
        if not text.startswith(f"{self.table}/"):
            raise self.error(f"the id {text!r} must start with {self.table}/")
        return text

    def setting(self) -> Setting:
        scale = self.decimal("scale_log2")
        if scale is not None and scale != int(scale):
            raise self.error("scale_log2 must be a whole number")
        return Setting(
            target=self.fields["target"],
            backbone=self.fields["backbone"],
            method=self.fields["method"],
            metapeft=_SWITCH[self.one_of("metapeft", _SWITCH)],
            positions=tuple(frozenset(each.split()) for each in self.readings("positions")),
            blocks=self.readings("blocks"),
            scale_log2=None if scale is None else int(scale),
            ratio=self.decimal("ratio"),
        )

    def readings(self, name: str) -> tuple[str, ...]:
        text = self.fields[name]
        return tuple(each.strip() for each in text.split("|")) if text else ()

    def uncertainty(self) -> float:
        stated = self.decimal("uncertainty")
        if stated is not None and stated < 0:
            raise self.error("uncertainty must not be negative")
        return self.shared.uncertainty if stated is None else stated

    def tolerance(self, uncertainty: float) -> float:
        return max(uncertainty, self.shared.tolerance.get(self.fields["metric"], 0.0))

    def certainty(self) -> Certainty:
        text: Any = self.one_of("certainty", ("", *CERTAINTIES)) or self.shared.certainty
        chosen: Certainty = text
        return chosen

    def decimal(self, name: str) -> float | None:
        text = self.fields[name]
        try:
            return float(text) if text else None
        except ValueError as error:
            raise self.error(f"{name} {text!r} is not a number") from error

    def one_of(self, name: str, allowed: Any) -> str:
        text = self.fields[name]
        if text not in allowed:
            known = ", ".join(repr(each) for each in allowed)
            raise self.error(f"{name} {text!r} is none of {known}")
        return text

    def error(self, what: str) -> PublishedDataError:
        return _damaged(what, f"{self.path}:{self.line}")


def _check_ids(tables: tuple[PublishedTable, ...], folder: Path) -> None:
    """Every id once, and everything that is referred to is there."""
    seen: set[str] = set()
    for number in (number for table in tables for number in table.numbers):
        if number.id in seen:
            raise _damaged(f"the id {number.id} occurs twice", folder / f"{number.table}.csv")
        seen.add(number.id)
    for number in (number for table in tables for number in table.numbers):
        if number.relative_to and number.relative_to not in seen:
            raise _damaged(
                f"{number.id} refers to {number.relative_to}, which is not there",
                folder / f"{number.table}.csv",
            )


def _damaged(what: str, where: Path | str) -> PublishedDataError:
    return PublishedDataError(
        f"the published numbers cannot be read: {what}",
        where=where,
        remedy="install rsbench again, or mend the file",
    )
