"""A copy of a run that is small enough for a repository, and its report."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rsbench.atomic import new_folder, write_file
from rsbench.copies import TEST_IMAGES
from rsbench.errors import ResultsFolderError
from rsbench.record import RECORD, Record
from rsbench.recorded import check_recorded, describe, describe_all, shared_name
from rsbench.report.artefact_files import ADAPTED, FROZEN, SHARED, ArtefactFiles
from rsbench.report.prediction_files import SHARED_IDS
from rsbench.store import RunFolder, RunIndex, explained

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

FeatureChoice = Literal["drawn", "classes", "none"]

#: Fields of a record that must stay as they are: the id is a hash of the identity.
_EXACT = ("identity", "class_names")
#: A relative path that begins outside of its folder.
_PARENTS = re.compile(r"(?<![\w/.])(?:\.\./)+(?:[^\s/\"':,;()]+/)*([^\s/\"':,;()]+)")
#: An absolute path of two parts or more, on Unix or Windows, that no word or URL ends in front of.
_ABSOLUTE = re.compile(
    r"(?<![\w/.:~-])(?:~|[A-Za-z]:)?[/\\](?:[^\s/\\\"':,;()]+[/\\])+([^\s/\\\"':,;()]+)"
)
#: In records, which nobody runs again; a matrix keeps its relative paths.
_OUTSIDE = (_ABSOLUTE, _PARENTS)


@dataclass(frozen=True)
class Published:
    """What became of a run.

    Attributes:
        folder: where the copy lies.
        cells: number of cells in it, failed ones included.
        size: bytes of the copy, report excluded.
        hidden: how many absolute paths were shortened to their last part.
    """

    folder: RunFolder
    cells: int
    size: int
    hidden: int


def publish(
    run: RunFolder,
    place: Path,
    features: FeatureChoice = "drawn",
    drawn: Collection[str] = (),
    gamma_paths: bool = True,
    confidences: bool = True,
) -> Published:
    """Copy what a report is made from: the list of cells, records, predictions, gammas, features.

    Weights stay behind. Predictions are packed; what all cells of a target share, the ids of the
    test images and the frozen backbone's class means, is kept once (``test_images/``). Paths in
    records that lead out of the project are shortened to their last part; no result depends on
    them. Cells that the matrix does not name are left out.

    Args:
        run: a run folder.
        place: the new folder; it must not exist.
        features: "classes": centroids and spreads by class; "drawn": the same, and the features
            image by image of the cells in ``drawn``; "none".
        drawn: ids of the cells whose images the report draws one by one.
        gamma_paths: whether to keep the gammas of every outer step, or the last ones alone.
        confidences: whether to keep the confidence of every prediction; calibration needs them.

    Raises:
        ResultsFolderError: ``run`` is no run, or ``place`` exists or cannot be written.
        RecordError: a record is damaged, or a file is not the one that was recorded.
    """
    index = run.read_index()
    if place.exists():
        raise ResultsFolderError(
            "this folder exists already",
            where=place,
            remedy="delete it, or publish under another name with --as",
        )
    hidden = 0
    with explained(place), new_folder(place) as scratch:
        copy = RunFolder(scratch)
        copy.cells.mkdir()
        records = list(_records(run, index))
        for record in records:
            keep = "classes" if features == "drawn" and record.id not in drawn else features
            copy.cell(record.id).mkdir()
            _copy_gammas(run.cell(record.id), copy.cell(record.id), gamma_paths)
            shared = [_pack_predictions(run, copy, record, confidences)]
            if keep != "none":
                shared.append(_pack_features(run, copy, record, keep == "drawn"))
            hidden += _write_record(copy, record, [each for each in shared if each])
        hidden += _copy_index(run, copy, index, place)
    size = sum(each.stat().st_size for each in place.rglob("*") if each.is_file())
    return Published(RunFolder(place), len(records), size, hidden)


def _records(run: RunFolder, index: RunIndex) -> Iterable[Record]:
    for identifier in dict.fromkeys(each.id for each in index.cells if each.id):
        record = run.record(identifier)
        if record is not None:
            yield record


def _write_record(copy: RunFolder, record: Record, shared: Sequence[Path]) -> int:
    """The record, after the files of the cell: it describes them as they are in the copy."""
    target = copy.cell(record.id)
    artefacts = describe_all(target) | {shared_name(each): describe(each) for each in shared}
    fields = record.model_copy(update={"artefacts": artefacts}).model_dump(mode="json")
    value, hidden = without_paths({k: v for k, v in fields.items() if k not in _EXACT}, _OUTSIDE)
    value |= {key: fields[key] for key in _EXACT}
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    (target / RECORD).write_text(text + "\n", encoding="utf-8")
    return hidden


def _copy_gammas(source: Path, target: Path, paths: bool) -> None:
    for name in ("gamma.csv", "gamma_final.csv") if paths else ("gamma_final.csv",):
        if (source / name).is_file():
            check_recorded(source, name)
            shutil.copyfile(source / name, target / name)


def _pack_predictions(
    run: RunFolder, copy: RunFolder, record: Record, confidences: bool
) -> Path | None:
    """Predictions without the ids of the images, which all cells of a target share.

    Returns:
        The file with those.
    """
    import pyarrow

    read = ArtefactFiles(run).predictions(record.id)
    if read is None:
        return None
    digest = hashlib.sha256(json.dumps([read.images, read.labels.tolist()]).encode())
    split = f"{record.cell.target.name}-{record.cell.recipe.evaluate_on}"
    ids = copy.path / TEST_IMAGES / f"{split}-{digest.hexdigest()[:8]}.parquet"
    if not ids.exists():
        ids.parent.mkdir(exist_ok=True)
        names = pyarrow.table({"id": list(read.images), "label": read.labels})
        _write_packed(names, ids, {"id": "DELTA_BYTE_ARRAY"}, ["label"])
    columns: dict[str, Any] = {"label": read.labels, "prediction": read.predictions}
    if confidences and read.confidences is not None:
        columns["confidence"] = read.confidences
    packed = pyarrow.table(columns).replace_schema_metadata({SHARED_IDS: ids.name})
    target = copy.cell(record.id) / "predictions.parquet"
    _write_packed(packed, target, {"confidence": "BYTE_STREAM_SPLIT"}, ["label", "prediction"])
    return ids


def _write_packed(table: Any, target: Path, encoding: dict[str, str], repeated: list[str]) -> None:
    import pyarrow.parquet

    pyarrow.parquet.write_table(
        table,
        target,
        compression="zstd",
        compression_level=19,
        use_dictionary=repeated,
        column_encoding=encoding,
    )


def _pack_features(run: RunFolder, copy: RunFolder, record: Record, images: bool) -> Path | None:
    """Features by class; those of the frozen backbone, the same in many cells, are kept once.

    Returns:
        The file with those.
    """
    import numpy as np

    files = ArtefactFiles(run)
    read = files.class_features(record.id)
    if read is None:
        return None
    frozen = {name: getattr(read, name) for name in FROZEN}
    digest = hashlib.sha256(b"".join(array.tobytes() for array in frozen.values())).hexdigest()
    shared = copy.path / TEST_IMAGES / f"{record.cell.target.name}-frozen-{digest[:8]}.npz"
    if not shared.exists():
        shared.parent.mkdir(exist_ok=True)
        np.savez_compressed(shared, allow_pickle=False, **frozen)
    arrays = {name: getattr(read, name) for name in ADAPTED} | {SHARED: np.array(shared.name)}
    by_image = files.image_features(record.id) if images else None
    if by_image is not None:  # half precision is how cells keep them
        arrays |= {"features_after": by_image.features.astype(np.float16)}
        arrays |= {"labels": by_image.labels}
    target = copy.cell(record.id) / "features.npz"
    np.savez_compressed(target, allow_pickle=False, **arrays)
    return shared


def _copy_index(run: RunFolder, copy: RunFolder, index: RunIndex, place: Path) -> int:
    value, hidden = without_paths(index.model_dump(mode="json"))
    value["base"] = _base(run, index, place)
    write_file(copy.index_file, (json.dumps(value, indent=1) + "\n").encode())
    matrix = run.path / "matrix.yaml"
    if matrix.is_file():
        text, more = without_paths(matrix.read_text(encoding="utf-8"))
        (copy.path / "matrix.yaml").write_text(text, encoding="utf-8")
        hidden += more
    return hidden


def _base(run: RunFolder, index: RunIndex, place: Path) -> str | None:
    """Where relative paths of the matrix start, seen from the copy; None outside its project."""
    if index.base is None:
        return None
    base = (run.path / index.base).resolve()
    project = place.resolve().parents[min(2, len(place.resolve().parents) - 1)]
    return os.path.relpath(base, place.resolve()) if base.is_relative_to(project) else None


def without_paths(
    value: Any, patterns: Sequence[re.Pattern[str]] = (_ABSOLUTE,)
) -> tuple[Any, int]:
    """A JSON value with every absolute path in its texts shortened to ``.../<last part>``.

    Args:
        value: texts, lists and mappings.
        patterns: what is a path; its first group is the last part.

    Returns:
        The new value, and how many paths were shortened.
    """
    if isinstance(value, str):
        return _shortened(value, patterns)
    if isinstance(value, list):
        pairs = [without_paths(each, patterns) for each in value]
        return [each for each, _ in pairs], sum(count for _, count in pairs)
    if isinstance(value, dict):
        parts = {key: without_paths(each, patterns) for key, each in value.items()}
        return (
            {key: each for key, (each, _) in parts.items()},
            sum(count for _, count in parts.values()),
        )
    return value, 0


def _shortened(text: str, patterns: Sequence[re.Pattern[str]]) -> tuple[str, int]:
    found = 0
    for pattern in patterns:
        text, more = pattern.subn(lambda match: f".../{match.group(1)}", text)
        found += more
    return text, found
