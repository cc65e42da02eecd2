"""Read the rows of the vector file: a class and a shape each."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.errors import NotPreparedError, TargetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rsbench_datasets.map_chips.options import MapChipsOptions


_POINT, _POLYGON, _MULTIPOINT, _MULTIPOLYGON = 0, 3, 4, 6  # GEOS type numbers


@dataclass(frozen=True)
class Places:
    """Labelled places, in the order of the file.

    Attributes:
        file: the vector file.
        names: class of each place.
        shapes: shapely points and polygons, object, shape (places,), without height.
        is_point: bool, shape (places,).
        splits: value of the split column for each place; () without one.
        scenes: value of the scene column for each place; () without one.
        crs: coordinate system of the shapes, as text that pyproj reads; "" in pixels.
        remarks: what was left out.
    """

    file: Path
    names: tuple[str, ...]
    shapes: NDArray[np.object_]
    is_point: NDArray[np.bool_]
    splits: tuple[str, ...]
    scenes: tuple[str, ...]
    crs: str
    remarks: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class _Rows:
    """All rows of the file; cells are text, "" where there is no value."""

    cells: dict[str, list[str]]
    shapes: NDArray[np.object_]
    crs: str


def read_places(file: Path, options: MapChipsOptions) -> Places:
    """The usable rows of ``file``.

    Rows whose label is not in ``options.classes``, and repetitions of a row (same shape, same
    label), are left out and counted.

    Raises:
        NotPreparedError: the file does not exist.
        TargetError: it cannot be read, it has several layers and none is chosen, a column or
            the coordinate system is missing, or (unless they are to be skipped) a row has no
            label, no usable shape, or the shape of another row with another label.
    """
    split = options.split
    columns = {
        "label": options.label_column,
        "split": split.column if split.by == "column" else None,
        "scene": options.scene_column,
    }
    rows = _read(file, options, {role: name for role, name in columns.items() if name})
    wanted, labels = options.classes, rows.cells["label"]
    unused = {i for i, name in enumerate(labels) if wanted and name and name not in wanted}
    problems, repeated = _judge(rows, columns, options, unused)
    if problems and options.bad_rows == "error":
        raise _bad_row(file, problems)
    out = unused | repeated | problems.keys()
    keep = [i for i in range(len(labels)) if i not in out]
    if not keep:
        raise TargetError(
            "the file has no usable row",
            where=file,
            remedy="check the file, and the options 'layer', 'label_column' and 'classes'",
        )
    shapes = rows.shapes[keep]
    return Places(
        file=file,
        names=tuple(labels[i] for i in keep),
        shapes=shapes,
        is_point=_is_point(shapes),
        splits=tuple(rows.cells["split"][i] for i in keep) if columns["split"] else (),
        scenes=tuple(rows.cells["scene"][i] for i in keep) if columns["scene"] else (),
        crs=rows.crs,
        remarks=tuple(f"{file.name}: {each}" for each in _remarks(problems, repeated, unused)),
    )


def _remarks(problems: dict[int, str], repeated: set[int], unused: set[int]) -> Iterator[str]:
    if problems:
        counts = sorted(Counter(problems.values()).items())
        yield f"rows left out: {'; '.join(f'{count} {what}' for what, count in counts)}"
    if repeated:
        yield f"{len(repeated)} rows repeat another one and are left out"
    if unused:
        yield f"{len(unused)} rows with labels that are not in 'classes' are left out"


def label_files(file: Path) -> list[Path]:
    """The files that make up a vector file.

    A shapefile has companions, a GeoPackage may have a write-ahead log, and a file geodatabase
    is a folder.

    Raises:
        NotPreparedError: the file does not exist.
    """
    if file.is_dir():
        return sorted(each for each in file.rglob("*") if each.is_file())
    if not file.is_file():
        raise NotPreparedError(
            "the file of labels does not exist",
            where=file,
            remedy="check the option 'labels'; relative paths start from the matrix file's folder",
        )
    companions = [file.with_name(f"{file.name}-wal")]
    if file.suffix.lower() == ".shp":
        suffixes = (".shx", ".dbf", ".prj", ".cpg")
        companions += [file.with_suffix(suffix) for suffix in suffixes]
    return [file, *(each for each in companions if each.is_file())]


def _read(file: Path, options: MapChipsOptions, columns: dict[str, str]) -> _Rows:
    import pyogrio
    import shapely
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        layer = _layer(file, options.layer, pyogrio.list_layers(file))
        about = pyogrio.read_info(file, layer=layer)
        _check_columns(file, list(about["fields"]), columns)
        wanted = list(dict.fromkeys(columns.values()))
        meta, _, shapes, cells = pyogrio.raw.read(
            file, layer=layer, columns=wanted, force_2d=True, datetime_as_string=True
        )
    except (DataSourceError, DataLayerError) as error:
        raise TargetError(
            f"the file of labels cannot be read: {error}",
            where=file,
            remedy="use a GeoPackage, GeoJSON or shapefile",
        ) from error
    of_column = dict(zip(meta["fields"], cells, strict=True))
    texts = {role: [_text(cell) for cell in of_column[name]] for role, name in columns.items()}
    crs = "" if options.coordinates == "pixels" else _crs(file, meta["crs"], options.labels_crs)
    return _Rows(texts, shapely.from_wkb(shapes, on_invalid="ignore"), crs)


def _layer(file: Path, chosen: str | None, layers: Sequence[Sequence[str | None]]) -> str:
    names = [str(name) for name, kind in layers if kind is not None]
    if chosen is None and len(names) == 1:
        return names[0]
    if chosen in names:
        return str(chosen)
    if not names:
        raise TargetError(
            "the file holds no shapes", where=file, remedy="give a file of points or polygons"
        )
    raise TargetError(
        f"there is no layer {chosen!r}" if chosen else f"the file has {len(names)} layers",
        where=file,
        remedy=f"set the option 'layer' to one of: {', '.join(names)}",
    )


def _check_columns(file: Path, present: list[str], columns: dict[str, str]) -> None:
    options = {"label": "label_column", "split": "split: {column: ...}", "scene": "scene_column"}
    for role, name in columns.items():
        if name not in present:
            raise TargetError(
                f"there is no column {name!r}",
                where=file,
                remedy=f"set the option '{options[role]}' to one of: {', '.join(present) or '-'}",
            )


def _crs(file: Path, found: str | None, stated: str | None) -> str:
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    if found is None and stated is None:
        raise TargetError(
            "the labels have no coordinate system",
            where=file,
            remedy="state it in the option 'labels_crs', such as \"EPSG:4326\"",
        )
    try:
        crs = CRS(found or stated)
        if found is not None and stated is not None and not crs.equals(CRS(stated), True):
            raise TargetError(
                f"the labels are in {crs.name} by their file, and in {stated} by the option "
                "'labels_crs'",
                where=file,
                remedy="take the option out, or mend the file",
            )
    except CRSError as error:
        raise TargetError(f"not a coordinate system: {error}", where=file) from error
    return found or str(stated)


def _text(cell: Any) -> str:
    """``cell`` as a name: whole numbers without a decimal point, "" where there is none."""
    if cell is None:
        return ""
    if isinstance(cell, float | np.floating):
        if math.isnan(cell):
            return ""
        return str(int(cell)) if float(cell).is_integer() else str(float(cell))
    return str(cell).strip()


def _judge(
    rows: _Rows, columns: dict[str, str | None], options: MapChipsOptions, unused: set[int]
) -> tuple[dict[int, str], set[int]]:
    """What is wrong with the used rows, by index from 0; and which repeat an earlier one."""
    import shapely

    problems = {}
    for role, cells in rows.cells.items():
        what = f"without a value in column {columns[role]!r}"
        problems.update({i: what for i, cell in enumerate(cells) if not cell and i not in unused})
    for i, what in _shape_problems(rows.shapes, options):
        if i not in unused:
            problems.setdefault(i, what)
    first: dict[tuple[bytes, str], int] = {}
    repeated = set()
    nothing = [""] * len(rows.shapes)
    labels, splits = rows.cells["label"], rows.cells.get("split", nothing)
    places = zip(
        shapely.to_wkb(shapely.normalize(rows.shapes)),
        rows.cells.get("scene", nothing),
        strict=True,
    )
    for i, place in enumerate(places):
        if i in problems or i in unused:
            continue
        other = first.setdefault(place, i)
        if labels[other] != labels[i]:
            problems[i] = f"with the shape of row {other + 1} and another label"
        elif splits[other] != splits[i]:
            problems[i] = f"with the shape of row {other + 1} and another split"
        elif other != i:
            repeated.add(i)
    return problems, repeated


def _shape_problems(
    shapes: NDArray[np.object_], options: MapChipsOptions
) -> Iterator[tuple[int, str]]:
    import shapely

    sized = options.chip_size is not None or options.chip_metres is not None
    kinds = shapely.get_type_id(shapes)
    empty = shapely.is_empty(shapes) | (kinds == -1)
    finite = np.isfinite(shapely.bounds(shapes)).all(axis=1)
    valid = shapely.is_valid(shapes)
    point = _is_point(shapes)
    for i in range(len(shapes)):
        if empty[i]:
            yield i, "without a shape"
        elif not finite[i]:
            yield i, "with coordinates that are not finite"
        elif not point[i] and kinds[i] not in (_POLYGON, _MULTIPOLYGON):
            yield i, f"with a shape of type {shapes[i].geom_type}"
        elif not valid[i]:
            yield i, "with an invalid polygon"
        elif point[i] and not sized:
            yield i, "with a point, without 'chip_size' or 'chip_metres'"


def _is_point(shapes: NDArray[np.object_]) -> NDArray[np.bool_]:
    import shapely

    kinds = shapely.get_type_id(shapes)
    single = (kinds == _MULTIPOINT) & (shapely.get_num_geometries(shapes) == 1)
    is_point: NDArray[np.bool_] = (kinds == _POINT) | single
    return is_point


def _has(problem: str) -> str:
    """``problem`` as what a row has: ``without a shape`` as ``has no shape``."""
    absent = problem.removeprefix("without a ")
    return f"has no {absent}" if absent != problem else f"has {problem.removeprefix('with ')}"


def _bad_row(file: Path, problems: dict[int, str]) -> TargetError:
    first = min(problems)
    more = f" ({len(problems)} such rows in all)" if len(problems) > 1 else ""
    return TargetError(
        f"row {first + 1} {_has(problems[first])}{more}",
        where=file,
        remedy="mend the file, or leave such rows out with 'bad_rows: skip'",
    )
