from pathlib import Path

import numpy as np
import pytest
import shapely
from maps import (
    UTM,
    Opener,
    at,
    box,
    label,
    point,
    windows,
    write_labels,
)

from rsbench.errors import NotPreparedError, TargetError


def test_numbers_serve_as_names_in_natural_order(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    shapes = [box(10 * i, 0, 10 * i + 8, 8) for i in range(6)]
    split = ["train"] * 3 + ["test"] * 3
    label(tmp_path, shapes[:3], shapes[3:], crop=[10, 2, 1, 10, 2, 1], split=split)
    assert open_chips().class_names == ("1", "2", "10")
    label(tmp_path, shapes[:3], shapes[3:], crop=[10.0, 2.0, 1.5, 10.0, 2.0, 1.5], split=split)
    assert open_chips().class_names == ("1.5", "2", "10")
    target = open_chips(classes=["10", "2"], class_names={"10": "ten"})
    assert target.class_names == ("ten", "2")
    assert target.train.ids[0].startswith("10/")
    assert any("2 rows with labels that are not in 'classes'" in each for each in target.remarks)


BOW_TIE = shapely.Polygon([at(0, 0), at(9, 9), at(9, 0), at(0, 9)])
BAD_ROWS = {
    "without a shape": (None, "a"),
    "without a shape, empty": (shapely.Polygon(), "a"),
    "without a value in column 'crop'": (box(0, 0, 9, 9), None),
    "with an invalid polygon": (BOW_TIE, "a"),
    "with a shape of type LineString": (shapely.LineString([at(0, 0), at(9, 9)]), "a"),
    "with a shape of type MultiPoint": (shapely.MultiPoint([at(0, 0), at(9, 9)]), "a"),
    "with a point, without 'chip_size'": (point(5, 5), "a"),
    "with the shape of row 1 and another label": (box(10, 20, 30, 50), "b"),
}


HAS = {
    "without a shape": "has no shape",
    "without a shape, empty": "has no shape",
    "without a value in column 'crop'": "has no value in column 'crop'",
    "with an invalid polygon": "has an invalid polygon",
    "with a shape of type LineString": "has a shape of type LineString",
    "with a shape of type MultiPoint": "has a shape of type MultiPoint",
    "with a point, without 'chip_size'": "has a point, without 'chip_size' or 'chip_metres'",
    "with the shape of row 1 and another label": "has the shape of row 1 and another label",
}


@pytest.mark.parametrize("what", BAD_ROWS)
def test_bad_rows_stop_or_are_counted(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray, what: str
) -> None:
    shape, name = BAD_ROWS[what]
    label(
        tmp_path,
        [box(10, 20, 30, 50), shape],
        crop=["a", name, "a"],
        split=["train", "train", "test"],
    )
    message = what.split(",")[0] if "empty" in what else what
    with pytest.raises(TargetError, match=f"row 2 {HAS[what]}") as error:
        open_chips()
    assert error.value.where == str(tmp_path / "labels.gpkg")
    target = open_chips(bad_rows="skip")
    assert windows(target) == [[10, 20, 30, 50]]
    assert any(f"rows left out: 1 {message}" in each for each in target.remarks)


def test_repetitions_are_left_out(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    reordered = shapely.Polygon(np.roll(shapely.get_coordinates(box(10, 20, 30, 50))[:4], 1, 0))
    nearly = box(10.1, 20.1, 30, 50)
    label(tmp_path, [box(10, 20, 30, 50), reordered, nearly])
    target = open_chips()
    assert windows(target) == [[10, 20, 30, 50]]
    assert "maps: labels.gpkg: 1 rows repeat another one and are left out" in target.remarks
    assert any("1 chips repeat another chip's pixels and label" in each for each in target.remarks)


def test_rows_of_other_classes_are_not_judged(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    label(
        tmp_path,
        [box(10, 20, 30, 50), box(10, 20, 30, 50), BOW_TIE],
        crop=["a", "b", "b", "a"],
        split=["train", "train", None, "test"],
    )
    assert windows(open_chips(classes=["a"])) == [[10, 20, 30, 50]]


def test_the_same_row_in_train_and_test(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    label(tmp_path, [box(10, 20, 30, 50)], [box(10, 20, 30, 50)])
    with pytest.raises(TargetError, match="row 2 has the shape of row 1 and another split"):
        open_chips()


def test_missing_columns_and_layers(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    file = label(tmp_path, [box(10, 20, 30, 50)])
    with pytest.raises(TargetError, match=r"no column 'kind'[\s\S]*one of: crop, split"):
        open_chips(label_column="kind")
    with pytest.raises(TargetError, match=r"no column 'fold'[\s\S]*'split: \{column"):
        open_chips(split={"by": "column", "column": "fold"})
    with pytest.raises(TargetError, match="has 'test' in column 'crop'; there are: a"):
        open_chips(split={"by": "column", "column": "crop", "train": "a"})
    write_labels(file, [box(0, 0, 9, 9)], {"crop": ["b"]}, layer="other", append=False)
    with pytest.raises(TargetError, match=r"the file has 2 layers[\s\S]*labels, other"):
        open_chips()
    assert open_chips(layer="labels").class_names == ("a",)
    with pytest.raises(TargetError, match="there is no layer 'third'"):
        open_chips(layer="third")
    with pytest.raises(NotPreparedError, match="the file of labels does not exist"):
        open_chips(labels="nothing.gpkg")
    write_labels(tmp_path / "empty.gpkg", [], {"crop": [], "split": []})
    with pytest.raises(TargetError, match="the file has no usable row"):
        open_chips(labels="empty.gpkg")
    (tmp_path / "text.gpkg").write_text("no GeoPackage")
    with pytest.raises(TargetError, match="the file of labels cannot be read"):
        open_chips(labels="text.gpkg")


def test_labels_without_a_coordinate_system(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    columns = {"crop": ["a", "a"], "split": ["train", "test"]}
    shapes = [box(10, 20, 30, 50), box(60, 60, 70, 70)]
    write_labels(tmp_path / "labels.gpkg", shapes, columns, None)
    with pytest.raises(TargetError, match=r"the labels have no coordinate system[\s\S]*labels_crs"):
        open_chips()
    assert windows(open_chips(labels_crs=UTM)) == [[10, 20, 30, 50]]
    write_labels(tmp_path / "labels.gpkg", shapes, columns, UTM)
    with pytest.raises(TargetError, match="UTM zone 31N by their file, and in EPSG:4326"):
        open_chips(labels_crs="EPSG:4326")
