from pathlib import Path

import numpy as np
import pytest
from maps import (
    LEFT,
    SIDE,
    TOP,
    UTM,
    Opener,
    box,
    far_field,
    gaps,
    label,
    north_up,
    point,
    scene_pixels,
    windows,
    write_labels,
    write_scene,
)
from rasterio.transform import Affine

from rsbench.errors import TargetError
from rsbench_datasets.map_chips.deal import deal, spare
from rsbench_datasets.map_chips.footprints import footprints
from rsbench_datasets.map_chips.headers import Scene
from rsbench_datasets.map_chips.target import MapChips


@pytest.mark.parametrize("crs", [UTM, "EPSG:4326"])
@pytest.mark.parametrize("gap", [0, 160])
def test_blocks_do_not_leak(open_chips: Opener, tmp_path: Path, crs: str, gap: float) -> None:
    far_field(tmp_path, crs=crs)
    split = {"by": "blocks", "block_metres": 1600, "gap_metres": gap}
    target = open_chips(chip_size=16, split=split)
    distance = gaps(target)
    assert (distance >= gap / 16).all()
    assert len(target.train) + len(target.test) < 300  # some had to go
    assert any("training chips that" in each and "left out" in each for each in target.remarks)
    for samples in (target.train, target.test):
        assert (samples.counts(3) > 0).all()
    share = len(target.test) / 300
    assert 0.2 < share < 0.4
    again = open_chips(chip_size=16, split=split)
    assert again.content_hash == target.content_hash
    other = open_chips(chip_size=16, split=split | {"seed": 1})
    assert other.test.ids != target.test.ids


def test_whole_blocks_go_to_one_side(open_chips: Opener, tmp_path: Path) -> None:
    far_field(tmp_path)
    target = open_chips(chip_size=16, split={"by": "blocks", "block_metres": 1600})
    sides: dict[tuple[float, float], set[str]] = {}
    for split in ("train", "test"):
        for x1, y1, x2, y2 in windows(target, split):
            x, y = LEFT + 8 * (x1 + x2), TOP - 8 * (y1 + y2)
            sides.setdefault((x // 1600, y // 1600), set()).add(split)
    assert {len(each) for each in sides.values()} == {1}
    assert 25 <= len(sides) <= 49
    remark = next(each for each in target.remarks if "split by squares of 1600 m" in each)
    assert "UTM zone 31N" in remark


def test_the_system_of_the_squares_can_be_stated(open_chips: Opener, tmp_path: Path) -> None:
    far_field(tmp_path)
    split = {"by": "blocks", "block_metres": 1600}
    target = open_chips(chip_size=16, split=split | {"crs": "EPSG:3035"})
    assert any("in ETRS89-extended / LAEA Europe" in each for each in target.remarks)
    with pytest.raises(TargetError, match="WGS 84, which is not projected in metres"):
        open_chips(chip_size=16, split=split | {"crs": "EPSG:4326"})
    with pytest.raises(TargetError, match="the split's 'crs' is no coordinate system"):
        open_chips(chip_size=16, split=split | {"crs": "nonsense"})


def test_chips_that_share_an_edge_do_not_overlap(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    tiles = [box(x, y, x + 16, y + 16) for x in range(0, 128, 16) for y in range(0, 128, 16)]
    write_labels(tmp_path / "labels.gpkg", tiles, {"crop": ["a"] * 64})
    blocks = {"by": "blocks", "block_metres": 320}
    whole = open_chips(split=blocks)
    assert len(whole.train) + len(whole.test) == 64
    gap = open_chips(split=blocks | {"gap_metres": 160})  # the next but one is just far enough
    assert gaps(gap).min() == 16
    assert len(gap.train) > 0


def test_a_class_in_one_block_only_is_for_training(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    shapes = [box(x, y, x + 4, y + 4) for x in (5, 55, 105) for y in (5, 55, 105)]
    names = ["a"] * 8 + ["b"]
    write_labels(tmp_path / "labels.gpkg", shapes, {"crop": names})
    for seed in range(5):
        split = {"by": "blocks", "block_metres": 500, "seed": seed, "test_fraction": 0.9}
        target = open_chips(split=split)
        assert target.train.counts(2).tolist()[1] == 1
        assert "maps: classes without a test chip: b" in target.remarks
    with pytest.raises(TargetError, match=r"all chips lie in one[\s\S]*'block_metres' smaller"):
        open_chips(split={"by": "blocks", "block_metres": 1e8})
    write_labels(tmp_path / "labels.gpkg", shapes, {"crop": list("abcdefghi")})
    with pytest.raises(TargetError, match="none of the 9 squares of 500 m can be spared"):
        open_chips(split={"by": "blocks", "block_metres": 500})


def test_a_class_that_the_gap_takes_away(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    shapes = [box(10, 10, 20, 20), box(60, 10, 70, 20)]
    write_labels(tmp_path / "labels.gpkg", shapes, {"crop": ["a", "a"]})
    with pytest.raises(TargetError, match=r"none of the 2 squares of 500 m can[\s\S]*smaller gap"):
        open_chips(split={"by": "blocks", "block_metres": 500, "gap_metres": 5000})


def test_split_by_scenes(open_chips: Opener, tmp_path: Path) -> None:
    shapes = []
    for index in range(4):
        shift = index * 64  # scenes overlap by a half
        write_scene(
            tmp_path / "scenes" / f"{index}.tif", scene_pixels(index), north_up(LEFT + 10 * shift)
        )
        shapes += [box(shift + x, 50, shift + x + 10, 60) for x in (2, 20, 40, 58, 80)]
    write_labels(tmp_path / "labels.gpkg", shapes, {"crop": ["a"] * len(shapes)})
    target = open_chips(split={"by": "scenes"})
    names = [{each.split("_")[0] for each in s.ids} for s in (target.train, target.test)]
    assert not names[0] & names[1]
    assert any("split by scenes" in each for each in target.remarks)


def test_random_and_column_splits_tell_of_overlap(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    crowd = [point(10 + x, 64) for x in range(0, 100, 5)]
    write_labels(tmp_path / "labels.gpkg", crowd, {"crop": ["a"] * 10 + ["b"] * 10})
    target = open_chips(chip_size=8, split={"by": "random", "seed": 3})
    assert target.test.counts(2).tolist() == [3, 3]
    assert "maps: split at random: neighbours of test chips can be in train" in target.remarks
    leaking = sum(distance < 0 for distance in gaps_of_test(target))
    assert f"LEAK in maps: {leaking} of 6 test chips overlap training chips" in target.remarks
    clean = open_chips(chip_size=8, split={"by": "random", "seed": 3, "gap_metres": 0})
    assert gaps(clean).min() >= 0
    assert not any("LEAK" in each for each in clean.remarks)
    label(tmp_path, [box(10, 20, 30, 50)], [box(29, 49, 40, 60)])
    assert "LEAK in maps: 1 of 1 test chips overlap training chips" in open_chips().remarks


def gaps_of_test(target: MapChips) -> list[float]:
    train, test = (np.array(windows(target, split)) for split in ("train", "test"))
    apart = np.maximum(
        train[:, None, :2] - test[None, :, 2:], test[None, :, :2] - train[:, None, 2:]
    )
    return np.where((apart < 0).all(axis=2).any(axis=0), -1.0, 1.0).tolist()


def test_other_values_of_the_split_column(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    shapes = [box(10 * i, 0, 10 * i + 8, 8) for i in range(4)]
    label(tmp_path, shapes[:2], shapes[2:], split=["1", "val", "2", "2"])
    target = open_chips(split={"by": "column", "train": "1", "test": "2"})
    assert (len(target.train), len(target.test)) == (1, 2)
    assert "maps: 1 chips of other values in column 'split' are left out" in target.remarks


def test_deal_gives_every_class_both_sides_where_it_can() -> None:
    """A closed form: two units hold each class, so that each side must get one of them."""
    counts = np.array([[10, 0, 0], [1, 0, 0], [0, 7, 0], [0, 2, 0], [0, 0, 3], [0, 0, 3]])
    for seed in range(20):
        test = deal(counts, 0.3, np.random.default_rng(seed))
        assert (counts[test].sum(axis=0) > 0).all()
        assert (counts[~test].sum(axis=0) > 0).all()


def test_a_unit_that_alone_holds_a_class_is_for_training() -> None:
    counts = np.array([[1, 100], [1, 0]])
    for seed in range(10):
        assert deal(counts, 0.3, np.random.default_rng(seed)).tolist() == [False, True]


def test_units_in_the_way_of_a_class_go_to_training() -> None:
    """Chip 0 has test chips of units 1 and 2 in its way, chip 1 one of unit 3, the largest."""
    units = np.array([0, 0, 1, 2, 3, 3, 3])
    test = np.array([False, True, True, True])
    pairs = np.array([0, 0, 1]), np.array([2, 3, 4])
    assert spare(test, units, *pairs).tolist() == [False, False, False, True]
    assert spare(test, units, pairs[0][:0], pairs[1][:0]).tolist() == test.tolist()


def test_a_wide_class_keeps_training_chips(open_chips: Opener, tmp_path: Path) -> None:
    """Every box of class b overlaps chips of a in three squares or more."""
    write_scene(tmp_path / "scenes" / "a.tif", scene_pixels(0, 128), north_up())
    many = [box(x, y, x + 2, y + 2) for x in range(0, 128, 4) for y in range(0, 128, 4)]
    wide = [box(2, y, 126, y + 4) for y in (10, 60, 110)]
    names = ["a"] * len(many) + ["b"] * len(wide)
    write_labels(tmp_path / "labels.gpkg", [*many, *wide], {"crop": names})
    for seed in range(5):
        target = open_chips(split={"by": "blocks", "block_metres": 320, "seed": seed})
        assert (target.train.counts(2) > 0).all()
        assert (target.test.counts(2) > 0).all()
        assert gaps(target).min() >= 0


def test_deal_comes_near_the_share() -> None:
    random = np.random.default_rng(0)
    counts = random.poisson(4, (200, 5))
    test = deal(counts, 0.3, random)
    assert counts[test].sum(axis=0) / counts.sum(axis=0) == pytest.approx(0.3, abs=0.03)


def scene_at(crs: str, transform: Affine, name: str = "a.tif") -> Scene:
    return Scene(name, Path(name), SIDE, SIDE, tuple(transform)[:6], crs, ("grey",), False, "")


def test_metres_of_footprints() -> None:
    """100 pixels of 1/1000 degree: at the equator 11.1 km, and at 60 degrees half as much."""
    window = np.array([[0, 0, 100, 100]])
    for latitude, expected in ((0.0, 11_131.9), (60.0, 5_570.0)):
        scene = scene_at("EPSG:4326", Affine(1e-3, 0, 9, 0, -1e-3, latitude + 0.05))
        ground = footprints([scene], np.array([0]), window)
        assert "UTM zone 32" in ground.system
        width = np.linalg.norm(ground.corners[0, 1] - ground.corners[0, 0])
        assert width == pytest.approx(expected, rel=2e-3)
    mercator = scene_at("EPSG:3857", Affine(10, 0, 1e6, 0, -10, 8.4e6))
    assert "UTM zone 32" in footprints([mercator], np.array([0]), window).system


def test_a_gap_holds_all_over_the_world() -> None:
    """At 70 degrees north EPSG:6933 squeezes 1 km northwards to 0.4, and stretches eastwards."""
    scenes = [
        scene_at("EPSG:4326", Affine(1e-3, 0, longitude, 0, -1e-3, latitude))
        for longitude, latitude in ((0, 70), (90, 0), (-120, -40))
    ]
    east = [0, 0, 10, 10], [10 + 26, 0, 46, 10]  # 26 pixels between them are 0.99 km
    windows = np.array([*east, [0, 0, 10, 10], [0, 0, 10, 10]])
    ground = footprints(scenes, np.array([0, 0, 1, 2]), windows)
    first, second = np.eye(4, dtype=bool)[:2]
    assert "UTM" not in ground.system
    assert ground.stretch > 2
    assert ground.near(first, second, 1000)[0]
    assert not ground.near(first, second, 200)[0]
