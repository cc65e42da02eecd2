import logging
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
from maps import (
    Opener,
    box,
    far_field,
    holed,
    label,
    north_up,
    scene_pixels,
    write_scene,
)
from pydantic import ValidationError

from rsbench.errors import BandError, ImageError
from rsbench.folders import Folders
from rsbench_datasets.map_chips.target import MapChips


def test_each_scene_is_opened_once_and_no_whole_scene_is_read(
    open_chips: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far_field(tmp_path)
    target = open_chips(chip_size=16, split={"by": "random"})
    opens: list[str] = []
    shapes: set[tuple[int, ...]] = set()
    rasterio_open = rasterio.open

    class Watched:
        def __init__(self, raster: Any) -> None:
            self._raster = raster

        def __getattr__(self, name: str) -> Any:
            return getattr(self._raster, name)

        def __enter__(self) -> Any:
            self._raster.__enter__()
            return self

        def __exit__(self, *error: object) -> None:
            self._raster.__exit__(*error)

        def read(self, *args: Any, **kwargs: Any) -> Any:
            values = self._raster.read(*args, **kwargs)
            shapes.add(values.shape)
            return values

    def watch(path: Any, *args: Any, **kwargs: Any) -> Any:
        opens.append(str(path))
        return Watched(rasterio_open(path, *args, **kwargs))

    monkeypatch.setattr(rasterio, "open", watch)
    images = list(target.read_many("train", range(len(target.train))))
    assert len(images) == len(target.train) > 100
    assert len(opens) == 1
    assert shapes == {(3, 16, 16)}
    assert np.array_equal(images[7], target.read("train", 7))


def test_a_target_goes_to_threads_and_processes(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    label(tmp_path, [box(10, 20, 30, 50)])
    target = open_chips()
    target.read("train", 0)
    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(target.read, ["train"] * 8, [0] * 8))
    assert all(np.array_equal(image, images[0]) for image in images)
    copy = pickle.loads(pickle.dumps(target))
    assert np.array_equal(copy.read("train", 0), one_scene[20:50, 10:30])
    assert copy.content_hash == target.content_hash


def test_reopening_reads_neither_labels_nor_pixels(
    open_chips: Opener, tmp_path: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    holed(tmp_path / "scenes" / "a.tif", "nodata")
    label(tmp_path, [box(54, 0, 74, 10), box(62, 20, 72, 30)])
    first = open_chips(nodata={"most": 0.2})

    def never(*args: object, **kwargs: object) -> None:
        raise RuntimeError("must not be called")

    with monkeypatch.context() as patch:
        patch.setattr(pyogrio.raw, "read", never)
        patch.setattr("rsbench_datasets.map_chips.reading.raster_values", never)
        again = open_chips(nodata={"most": 0.2}, groups={"rule": "thresholds"}, disclaimer="demo")
        with pytest.raises(RuntimeError, match="must not"):
            open_chips(nodata={"most": 0.5})
    assert again.train.ids == first.train.ids
    assert again.remarks == first.remarks
    for file in (folders.cache / "map_chips").iterdir():
        file.write_bytes(b"damage")
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        assert open_chips(nodata={"most": 0.2}).content_hash == first.content_hash
    assert "is damaged and is made anew" in caplog.text


def test_what_changes_the_content_hash(
    open_chips: Opener, tmp_path: Path, folders: Folders
) -> None:
    scene = tmp_path / "scenes" / "a.tif"
    write_scene(scene, scene_pixels(), north_up())
    label(tmp_path, [box(10, 20, 30, 50), box(60, 20, 70, 50)])
    before = open_chips().content_hash
    assert open_chips(disclaimer="other", bad_rows="skip").content_hash == before
    seen = {before}

    def changed(**options: Any) -> None:
        digest = open_chips(**options).content_hash
        assert digest not in seen
        seen.add(digest)

    changed(margin=1)
    changed(nodata={"value": 7})
    changed(pixels={"bands": ["red", "green", "blue"]})
    changed(split={"by": "random", "seed": 1})
    changed(class_names=["b"])
    label(tmp_path, [box(10, 20, 30, 50), box(61, 20, 70, 50)])
    changed()
    label(tmp_path, [box(10, 20, 30, 50), box(60, 20, 70, 50)])
    assert open_chips().content_hash == before
    write_scene(scene, scene_pixels(), north_up(), nodata=0)
    changed()
    pixels = scene_pixels()
    pixels[0, 0, 0] ^= 1
    write_scene(scene, pixels, north_up())
    changed()


VRT = """<VRTDataset rasterXSize="128" rasterYSize="128"><SRS>EPSG:32631</SRS>
<GeoTransform>500000, 10, 0, 5600000, 0, -10</GeoTransform>
<VRTRasterBand dataType="Byte" band="1"><SimpleSource>
<SourceFilename relativeToVRT="1">{name}</SourceFilename><SourceBand>1</SourceBand>
</SimpleSource></VRTRasterBand></VRTDataset>"""


def test_the_files_that_a_scene_is_made_of_count(open_chips: Opener, tmp_path: Path) -> None:
    """The sources of a virtual raster do; statistics that a viewer left beside do not."""
    write_scene(tmp_path / "source.tif", scene_pixels(0)[:1], north_up())
    (tmp_path / "mosaic.vrt").write_text(VRT.format(name="source.tif"))
    label(tmp_path, [box(10, 20, 30, 50)])
    first = open_chips(scenes="mosaic.vrt")
    assert first.read("train", 0).shape == (30, 20, 3)
    (tmp_path / "mosaic.vrt.aux.xml").write_text("<PAMDataset></PAMDataset>")
    (tmp_path / "source.tif.aux.xml").write_text("<PAMDataset></PAMDataset>")
    assert open_chips(scenes="mosaic.vrt").content_hash == first.content_hash
    write_scene(tmp_path / "source.tif", scene_pixels(1)[:1], north_up())
    assert open_chips(scenes="mosaic.vrt").content_hash != first.content_hash


PAM = "<PAMDataset><PAMRasterBand band='1'>{}</PAMRasterBand></PAMDataset>"


def test_what_lies_beside_a_scene(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    """A description is nothing; a nodata value that is stated there changes pixels."""
    label(tmp_path, [box(10, 20, 30, 50)])
    first = open_chips()
    beside = tmp_path / "scenes" / "a.tif.aux.xml"
    beside.write_text(PAM.format("<Description>seen</Description>"))
    assert open_chips().content_hash == first.content_hash
    beside.write_text(PAM.format("<NoDataValue>7</NoDataValue>"))
    assert open_chips().content_hash != first.content_hash


def test_a_scene_that_states_another_scale_is_refused(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    label(tmp_path, [box(10, 20, 30, 50)])
    with rasterio.open(tmp_path / "scenes" / "a.tif", "r+") as scene:
        scene.scales, scene.offsets = [0.01] * 3, [-1.0] * 3
    pixels = {"bands": ["a", "b", "c"], "full_scale": 100}
    with pytest.raises(BandError, match="another scale") as error:
        open_chips(pixels=pixels)
    assert "state full_scale: 100, offset: -100" in error.value.remedy


def test_the_hash_does_not_depend_on_where_the_files_lie(tmp_path: Path) -> None:
    digests = set()
    for place in ("one", "two/deeper"):
        base = tmp_path / place
        write_scene(base / "scenes" / "a.tif", scene_pixels(), north_up())
        label(base, [box(10, 20, 30, 50)])
        options = MapChips.Options.model_validate(
            {"scenes": "scenes", "labels": "labels.gpkg", "label_column": "crop",
             "split": {"by": "column"}}
        )  # fmt: skip
        folders = Folders(data=base, cache=base / "cache", base=base)
        digests.add(MapChips.open(place, options, folders).content_hash)
    assert len(digests) == 1


def test_damaged_scenes(open_chips: Opener, tmp_path: Path) -> None:
    scene = tmp_path / "scenes" / "a.tif"
    label_shapes = [box(10, 5, 30, 15), box(10, 100, 30, 120)]

    def damage(**profile: Any) -> None:
        write_scene(scene, scene_pixels(0), north_up(), compress="deflate", **profile)
        content = bytearray(scene.read_bytes())
        content[-2000:] = os.urandom(2000)  # the last block in the file is the last of the scene
        scene.write_bytes(bytes(content))

    damage()
    label(tmp_path, label_shapes)
    target = open_chips()
    images = list(target.read_many("test", range(len(target.test))))
    assert isinstance(images[0], ImageError)
    with pytest.raises(ImageError, match="do not decode") as error:
        target.read("test", 0)
    assert error.value.where == str(scene)
    assert target.read("train", 0).shape == (10, 20, 3)
    damage(nodata=0)
    with pytest.raises(ImageError, match="do not decode"):
        open_chips()
    label(tmp_path, [*label_shapes, box(100, 100, 105, 105)], [box(80, 5, 90, 15)])
    skipping = open_chips(on_bad_image="skip")
    assert skipping.on_bad_image == "skip"
    assert any("places have a chip that does not decode" in each for each in skipping.remarks)
    scene.write_bytes(b"")
    with pytest.raises(ImageError, match="empty"):
        open_chips()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chip_size": 4, "chip_metres": 4}, "not both"),
        ({"cut": "middle"}, "'cut: middle' needs"),
        ({"classes": ["a", "a"]}, "listed twice: a"),
        ({"scene_column": "x"}, "is for 'coordinates: pixels'"),
        ({"coordinates": "pixels", "chip_metres": 5}, "does not go with: chip_metres"),
        (
            {"coordinates": "pixels", "split": {"by": "blocks", "block_metres": 5}},
            "does not go with: split",
        ),
        ({"split": {"by": "magic"}}, "'blocks', 'scenes', 'column', 'random'"),
        ({"split": {"by": "blocks"}}, "block_metres"),
        ({"pixels": {"bands": ["vv"], "nodata": 0}}, "state 'nodata: "),
        ({"nodata": {"most": 2}}, "less than or equal to 1"),
    ],
)
def test_options_that_contradict(open_chips: Opener, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        open_chips(**options)
