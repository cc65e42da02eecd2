"""What a finished (or failed) cell leaves: ``record.json``, read back with full validation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from rsbench.backbone import Normalisation
from rsbench.cell import Cell
from rsbench.copies import how_to_mend
from rsbench.errors import RecordError
from rsbench.imagery import RGB
from rsbench.settings import Settings
from rsbench.wording import first_problem

SCHEMA_VERSION = 1


class Metrics(Settings):
    """Test metrics as fractions of 1; definitions in ``rsbench.metrics`` (paper section 5).

    A value is None where it is undefined: an empty group, or a class without test samples.
    """

    overall: float
    mean_class: float
    head: float | None
    medium: float | None
    tail: float | None
    macro_f1: float
    worst_class: float
    harmonic_mean: float
    geometric_mean: float
    per_class: tuple[float | None, ...]


class ParameterCounts(Settings):
    """Numbers of scalars."""

    method: int
    """Trained by the method, without head and modulators (paper section 6.9)."""
    head: int
    modulators: int
    frozen: int
    """In the backbone, not trained."""

    @property
    def trainable(self) -> int:
        """Everything that training changes."""
        return self.method + self.head + self.modulators


class Timing(Settings):
    """Wall-clock seconds and speed."""

    train_seconds: float
    """The training loop alone, validation excluded."""
    total_seconds: float
    """The whole cell: reading, class means, training, testing."""
    train_images_per_second: float
    peak_memory_bytes: int | None = None
    """Peak accelerator memory, or None on the CPU."""


class InputView(Settings):
    """How a test image became the network's input."""

    image_size: int
    """Side of the input, pixels."""
    short_side: int
    """Short side before the centre crop, pixels."""
    stored_side: int | None = None
    """Short side that longer ones were shrunk to before that, pixels; None in records of identity
    version 3, whose images were shrunk to the test's short side."""
    normalisation: Normalisation
    """As applied: the target's statistics are filled in."""
    bands: tuple[str, ...] = RGB
    """Bands of the stored images."""
    channels: tuple[int, ...] = (0, 1, 2)
    """Which of them feeds each input channel."""
    full_scale: float = 255.0
    """Stored value that stands for 1.0."""
    precision: str = ""
    """Of the network in the test, whose features are handed over, and logits computed, in float32;
    empty in records of identity version 3, whose logits were in that precision too."""


class EpochLog(Settings):
    """One line per epoch."""

    epoch: int
    loss: float
    learning_rate: float
    """Rate of the last step of the epoch."""
    validation_mean_class: float | None = None


class Environment(Settings):
    """Where a cell ran; none of it is part of its identity."""

    rsbench: str
    python: str
    packages: dict[str, str]
    platform: str
    device: str
    precision: str
    """The precision that ``auto`` resolved to (paper section 9.12)."""
    threads: int
    git_commit: str | None = None
    git_dirty: bool | None = None
    started: str
    """UTC, ISO 8601."""


class Failure(Settings):
    """Why a cell failed."""

    kind: str
    message: str
    traceback: str


class Record(Settings):
    """Everything that is known about one cell."""

    schema_version: int = SCHEMA_VERSION
    id: str
    status: Literal["finished", "failed"]
    cell: Cell
    identity: dict[str, Any]
    class_names: tuple[str, ...] = ()
    groups: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    train_counts: tuple[int, ...] = ()
    """Training images per class, held-out slice excluded."""
    test_counts: tuple[int, ...] = ()
    """Images per class that the metrics were computed on."""
    metrics: Metrics | None = None
    parameters: ParameterCounts | None = None
    timing: Timing | None = None
    environment: Environment | None = None
    view: InputView | None = None
    """None in records of rsbench before 0.2."""
    epochs: tuple[EpochLog, ...] = ()
    strategy: dict[str, Any] = Field(default_factory=dict)
    """What the training strategy reports (for MetaPEFT: outer steps, audit of D_val, travel)."""
    notes: tuple[str, ...] = ()
    """Decisions a reader must know: early stopping off and why, skipped images, ..."""
    alarms: tuple[str, ...] = ()
    """Why the cell seems not to have learned, each with what usually helps (``rsbench.alarms``)."""
    disclaimers: tuple[str, ...] = ()
    """"Demo data" and the like, from target and backbone."""
    skipped: dict[str, int] = Field(default_factory=dict)
    """Images per split that could not be used and were left out (on_bad_image: skip)."""
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
            f"the record cannot be read: {error}", where=path, remedy=remedy
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
