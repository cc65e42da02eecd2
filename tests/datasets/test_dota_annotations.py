from pathlib import Path

import pytest

from rsbench.errors import TargetError
from rsbench_datasets.dota.annotations import ObjectBox, read_annotations
from rsbench_datasets.dota.versions import CLASSES, HEAD, MEDIUM, TAIL, V1_5, V2_0

GOOD = "1 2 5 2 5 6 1 6 plane 0"


def write(folder: Path, *lines: str, header: tuple[str, ...] = ()) -> Path:
    path = folder / "P0001.txt"
    path.write_text("\n".join([*header, *lines]) + "\n")
    return path


def test_the_order_of_classes_is_the_papers() -> None:
    assert len(CLASSES) == 15
    assert list(CLASSES) == sorted(CLASSES)
    assert (CLASSES[0], CLASSES[7], CLASSES[14]) == ("baseball-diamond", "plane", "tennis-court")
    assert (len(HEAD), len(MEDIUM), len(TAIL)) == (3, 6, 6)
    assert sorted(HEAD + MEDIUM + TAIL) == list(CLASSES)


def test_reads_objects_in_order(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, "", "9.5 1.0 12 1 12 4 9.5 4 ship 1")
    assert read_annotations(path) == [
        ObjectBox((1, 2, 5, 2, 5, 6, 1, 6), 7, False),
        ObjectBox((9.5, 1, 12, 1, 12, 4, 9.5, 4), 9, True),
    ]


def test_versions_have_classes_of_their_own(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("plane", "container-crane"))
    assert [read_annotations(path, each)[0].label for each in (V1_5, V2_0)] == [15, 15]
    path = write(tmp_path, GOOD, GOOD.replace("plane", "helipad"))
    assert [each.label for each in read_annotations(path, V2_0)] == [7, 17]
    with pytest.raises(TargetError, match=r"'helipad' is not one of DOTA-v1\.5"):
        read_annotations(path, V1_5)


@pytest.mark.parametrize(
    "header",
    [("imagesource:GoogleEarth", "gsd:0.14"), ("imagesource:GF-2",), ("gsd:null",), ("",)],
)
def test_headers_are_skipped(tmp_path: Path, header: tuple[str, ...]) -> None:
    assert len(read_annotations(write(tmp_path, GOOD, header=header))) == 1


def test_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfimagesource:x\r\ngsd:1\r\n" + GOOD.encode() + b"\r\n")
    assert len(read_annotations(path)) == 1


def test_a_scene_without_objects(tmp_path: Path) -> None:
    assert read_annotations(write(tmp_path, header=("imagesource:x", "gsd:1"))) == []


@pytest.mark.parametrize(
    ("corners", "rectangle"),
    [
        ((1, 2, 5, 2, 5, 6, 1, 6), (1, 2, 5, 6)),
        ((5, 6, 1, 6, 1, 2, 5, 2), (1, 2, 5, 6)),
        ((3, 0, 6, 3, 3, 6, 0, 3), (0, 0, 6, 6)),
        ((1.2, 2.9, 5.1, 2.9, 5.1, 6.5, 1.2, 6.5), (1, 2, 6, 7)),
        ((-1.5, -2, 5, -2, 5, 6, -1.5, 6), (-2, -2, 5, 6)),
    ],
)
def test_the_rectangle_holds_all_corners(
    corners: tuple[float, ...], rectangle: tuple[int, ...]
) -> None:
    assert ObjectBox(corners, 0, False).rectangle() == rectangle


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 2 3", "3 fields in place of 10"),
        ("1 2 5 2 5 6 1 6 plane", "9 fields in place of 10"),
        ("1 2 5 2 5 6 1 six plane 0", "a coordinate is no number"),
        ("1 2 5 2 5 6 1 nan plane 0", "a coordinate is not finite"),
        ("1 2 5 2 5 6 1 6 container-crane 0", "'container-crane' is not one of DOTA-v1.0"),
        ("1 2 5 2 5 6 1 6 plane 2", "the difficult flag is '2'"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path, GOOD, line, header=("imagesource:x", "gsd:1"))
    with pytest.raises(TargetError, match=message) as error:
        read_annotations(path)
    assert error.value.where == f"{path}:4"
    assert error.value.remedy


def test_a_missing_or_binary_file(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="cannot be read") as error:
        read_annotations(tmp_path / "P.txt")
    assert error.value.where == str(tmp_path / "P.txt")
    (tmp_path / "P.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TargetError, match="cannot be read"):
        read_annotations(tmp_path / "P.txt")
