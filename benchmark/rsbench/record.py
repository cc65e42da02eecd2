"""What a finished (or failed) cell leaves: ``record.json``, read back with full validation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from rsbench.backbone import Normalisation
from rsbench.cell import Cell
from rsbench.copies import how_to_mend
from rsbench.errors import RecordError
from rsbench.imagery import RGB
from rsbench.settings import Fraction, Positive, Settings
from rsbench.system import remedy_for
from rsbench.wording import first_problem

SCHEMA_VERSION = 1
#: Name of the file, in the folder of the cell.
RECORD = "record.json"

Count = Annotated[int, Field(ge=0)]
Side = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0.0)]


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """Refuse what JSON has no word for, at any depth."""
    json.dumps(values, allow_nan=False)
    return values


FiniteValues = Annotated[dict[str, Any], AfterValidator(_finite)]


class Metrics(Settings):
    """Test metrics as fractions of 1; definitions in ``rsbench.metrics`` (paper section 5).

    A value is None where it is undefined: an empty group, or a class without test samples.
    """

    overall: Fraction
    mean_class: Fraction
    head: Fraction | None
    medium: Fraction | None
    tail: Fraction | None
    macro_f1: Fraction
    worst_class: Fraction
    harmonic_mean: Fraction
    geometric_mean: Fraction
    per_class: tuple[Fraction | None, ...]


class ParameterCounts(Settings):
    """Numbers of scalars."""

    method: Count
    """Trained by the method, without head and modulators (paper section 6.9)."""
    head: Count
    modulators: Count
    frozen: Count
    """In the backbone, not trained."""

    @property
    def trainable(self) -> int:
        """Everything that training changes."""
        return self.method + self.head + self.modulators


class Timing(Settings):
    """Wall-clock seconds and speed."""

    train_seconds: NotNegative
    """The training loop alone, validation excluded."""
    total_seconds: NotNegative
    """The whole cell: reading, class means, training, testing."""
    train_images_per_second: NotNegative
    peak_memory_bytes: Count | None = None
    """Peak accelerator memory, or None on the CPU."""


class InputView(Settings):
    """How a test image became the network's input."""

    image_size: Side
    """Side of the input, pixels."""
    short_side: Side
    """Short side before the centre crop, pixels."""
    stored_side: Side | None = None
    """Short side that longer ones were shrunk to before that, pixels; None in records of identity
    version 3, whose images were shrunk to the test's short side."""
    normalisation: Normalisation
    """As applied: the target's statistics are filled in."""
    bands: tuple[str, ...] = RGB
    """Bands of the stored images."""
    channels: tuple[Count, ...] = (0, 1, 2)
    """Which of them feeds each input channel."""
    full_scale: Positive = 255.0
    """Stored value that stands for 1.0."""
    read_as: FiniteValues | None = None
    """The target's options, defaults included, that say how values of its files became stored ones
    (``FileReader.options``); None in older records."""
    precision: str = ""
    """Of the network in the test, whose features are handed over, and logits computed, in float32;
    empty in records of identity version 3, whose logits were in that precision too."""


class EpochLog(Settings):
    """One line per epoch."""

    epoch: Count
    loss: float
    learning_rate: NotNegative
    """Rate of the last step of the epoch."""
    validation_mean_class: Fraction | None = None


class Environment(Settings):
    """Where a cell ran; none of it is part of its identity."""

    rsbench: str
    python: str
    packages: dict[str, str]
    platform: str
    device: str
    precision: str
    """The precision that ``auto`` resolved to (paper section 9.12)."""
    threads: Count
    git_commit: str | None = None
    git_dirty: bool | None = None
    started: str
    """UTC, ISO 8601."""


class Failure(Settings):
    """Why a cell failed."""

    kind: str
    message: str
    traceback: str


class Artefact(Settings):
    """A file as it was when the record was written."""

    size: Count
    """Bytes."""
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Record(Settings):
    """Everything that is known about one cell."""

    schema_version: int = SCHEMA_VERSION
    id: str
    status: Literal["finished", "failed"]
    cell: Cell
    identity: dict[str, Any]
    class_names: tuple[str, ...] = ()
    groups: dict[str, tuple[Count, ...]] = Field(default_factory=dict)
    train_counts: tuple[Count, ...] = ()
    """Training images per class, held-out slice excluded."""
    test_counts: tuple[Count, ...] = ()
    """Images per class that the metrics were computed on."""
    metrics: Metrics | None = None
    parameters: ParameterCounts | None = None
    timing: Timing | None = None
    environment: Environment | None = None
    view: InputView | None = None
    """None in records of rsbench before 0.2."""
    epochs: tuple[EpochLog, ...] = ()
    strategy: FiniteValues = Field(default_factory=dict)
    """What the training strategy reports (for MetaPEFT: outer steps, audit of D_val, travel)."""
    notes: tuple[str, ...] = ()
    """Decisions a reader must know: early stopping off and why, skipped images, ..."""
    alarms: tuple[str, ...] = ()
    """Why the cell seems not to have learned, each with what usually helps (``rsbench.alarms``)."""
    disclaimers: tuple[str, ...] = ()
    """"Demo data" and the like, from target and backbone."""
    skipped: dict[str, Count] = Field(default_factory=dict)
    """Images per split that could not be used and were left out (on_bad_image: skip)."""
    artefacts: dict[str, Artefact] = Field(default_factory=dict)
    """The files of the cell by their path in its folder; in a published copy, those of
    ``test_images/`` that it needs too. Empty in older records, whose files are not checked."""
    failure: Failure | None = None

    def to_json(self) -> str:
        """Indented JSON with a final newline; not-a-number is refused."""
        return json.dumps(self.model_dump(mode="json"), indent=1, allow_nan=False) + "\n"


def read_record(path: Path) -> Record:
    """Read and validate one ``record.json``.

    Raises:
        RecordError: the file is missing, is not JSON, misses fields, or has another schema.
    """
    remedy = how_to_mend(path.parent)
    try:
        raw = path.read_bytes()
        # text and fields at once: twice as fast as one after the other
        record = Record.model_validate_json(raw)
    except OSError as error:
        raise RecordError(
            f"the record cannot be read: {error}", where=path, remedy=remedy_for(error, remedy)
        ) from error
    except ValidationError as error:
        raise _explained(raw, error, path, remedy) from error
    if record.schema_version != SCHEMA_VERSION:
        raise _other_schema(record.schema_version, path, remedy)
    return record


def _explained(raw: bytes, error: ValidationError, path: Path, remedy: str) -> RecordError:
    """What is wrong with a record: no JSON, another schema, or a field."""
    try:
        data = json.loads(raw)
    except ValueError as fault:
        return RecordError(f"the record cannot be read: {fault}", where=path, remedy=remedy)
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        return _other_schema(version, path, remedy)
    if error.errors(include_url=False)[0]["type"] == "extra_forbidden":
        remedy = f"use the rsbench that wrote it, or {remedy}"
    return RecordError(f"the record is damaged: {first_problem(error)}", where=path, remedy=remedy)


def _other_schema(version: object, path: Path, remedy: str) -> RecordError:
    return RecordError(
        f"the record has schema {version!r}; this rsbench reads schema {SCHEMA_VERSION}",
        where=path,
        remedy=remedy,
    )
