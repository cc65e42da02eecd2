import logging
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pictures as pictures_module
import pytest
from numpy.typing import NDArray
from pictures import Pictures, picture
from PIL import Image
from torchvision.transforms import v2

from rsbench.errors import BandError, ImageError, RsbenchError, TargetError
from rsbench.folders import Folders
from rsbench.imagery import Imagery
from rsbench.imagestore import (
    ImageStore,
    StreamedImages,
    build,
    channel_statistics,
    fit,
    open_store,
    value_range,
)
from rsbench.target import SplitName

Pixels = NDArray[np.uint8]


SHAPES = [(5, 7), (12, 30), (30, 12), (3, 40), (1, 1), (16, 16)]


@pytest.fixture
def target() -> Pictures:
    return Pictures([picture(*shape, seed) for seed, shape in enumerate(SHAPES)])


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(data=tmp_path / "data", cache=tmp_path / "cache", base=tmp_path)


class TestFit:
    def test_small_images_stay(self) -> None:
        image = picture(10, 40)
        assert np.array_equal(fit(image, 10), image)
        assert np.array_equal(fit(image, 99), image)

    @pytest.mark.parametrize(
        ("shape", "expected"),
        [
            ((64, 64), (16, 16)),
            ((64, 128), (16, 32)),
            ((100, 64), (25, 16)),
            ((17, 33), (16, 31)),
            ((10, 997), (10, 997)),
        ],
    )
    def test_large_images_shrink_to_the_short_side(
        self, shape: tuple[int, int], expected: tuple[int, int]
    ) -> None:
        assert fit(picture(*shape), 16).shape == (*expected, 3)

    def test_shrinking_averages(self) -> None:
        stripes = np.zeros((64, 64, 3), np.uint8)
        stripes[:, ::2] = 200
        inner = fit(stripes, 8)[1:-1, 1:-1]
        assert np.abs(inner.astype(int) - 100).max() <= 3

    def test_strips_stay_whole(self) -> None:
        strip = picture(10, 200)
        assert fit(strip, 99) is strip
        assert fit(picture(30, 997), 10).shape == (10, 332, 3)

    @pytest.mark.parametrize("size", [(600, 803), (803, 600), (427, 640), (1001, 777)])
    def test_the_long_side_is_cut_to_whole_pixels_as_torchvision_does(
        self, size: tuple[int, int]
    ) -> None:
        image = picture(*size)
        expected = np.asarray(v2.functional.resize(Image.fromarray(image), [256]))
        assert np.array_equal(fit(image, 256), expected)


class TestStore:
    def test_holds_every_image(self, target: Pictures, folders: Folders) -> None:
        store = open_store(target, "train", 64, folders)
        assert len(store) == len(SHAPES)
        assert store.heights.tolist() == [5, 12, 30, 3, 1, 16]
        assert store.widths.tolist() == [7, 30, 12, 40, 1, 16]
        assert store.heights.dtype == store.widths.dtype == np.int32
        for index, image in enumerate(target.pictures):
            assert np.array_equal(store.image(index), fit(image, 64))

    def test_images_shrink(self, target: Pictures, folders: Folders) -> None:
        store = open_store(target, "train", 8, folders)
        for index, image in enumerate(target.pictures):
            assert np.array_equal(store.image(index), fit(image, 8))
        assert np.minimum(store.heights, store.widths).max() == 8

    def test_images_are_read_only_views(self, target: Pictures, folders: Folders) -> None:
        image = open_store(target, "train", 8, folders).image(0)
        assert not image.flags.owndata
        assert not image.flags.writeable

    def test_is_built_once(self, target: Pictures, folders: Folders) -> None:
        open_store(target, "train", 8, folders)
        assert target.reads == len(SHAPES)
        open_store(target, "train", 8, folders)
        open_store(Pictures(target.pictures), "train", 8, folders)
        assert target.reads == len(SHAPES)

    def test_split_size_and_content_have_stores_of_their_own(
        self, target: Pictures, folders: Folders
    ) -> None:
        stores = [
            open_store(target, "train", 8, folders),
            open_store(target, "test", 8, folders),
            open_store(target, "train", 9, folders),
            open_store(Pictures(target.pictures, "1" * 64), "train", 8, folders),
        ]
        assert len({store.folder for store in stores}) == 4

    def test_leaves_nothing_else_behind(self, target: Pictures, folders: Folders) -> None:
        store = open_store(target, "train", 8, folders)
        assert list((folders.cache / "images").iterdir()) == [store.folder]

    def test_reports_progress(self, target: Pictures, folders: Folders) -> None:
        calls: list[tuple[int, int]] = []
        open_store(target, "train", 8, folders, lambda done, total: calls.append((done, total)))
        assert calls == [(n, len(SHAPES)) for n in range(1, len(SHAPES) + 1)]
        open_store(target, "train", 8, folders, lambda done, total: pytest.fail("built again"))

    def test_travels_to_other_processes_without_its_pixels(
        self, target: Pictures, folders: Folders
    ) -> None:
        store = open_store(target, "train", 64, folders)
        sent = pickle.dumps(store)
        assert len(sent) < 1000
        other = pickle.loads(sent)
        assert isinstance(other, ImageStore)
        assert np.array_equal(other.image(2), store.image(2))


def change_a_byte(file: Path) -> None:
    """Flip the bits of one byte; the size stays."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "pixels cut": lambda folder: os.truncate(folder / "pixels-00000.bin", 10),
    "pixels gone": lambda folder: (folder / "pixels-00000.bin").unlink(),
    "a pixel changed": lambda folder: change_a_byte(folder / "pixels-00000.bin"),
    "histogram changed": lambda folder: np.save(
        folder / "histogram.npy", np.ones((3, 256), np.int64)
    ),
    "histogram gone": lambda folder: (folder / "histogram.npy").unlink(),
    "sizes changed": lambda folder: np.save(folder / "sizes.npy", np.ones((6, 2), np.int32)),
    "sizes empty": lambda folder: (folder / "sizes.npy").write_bytes(b""),
    "sizes noise": lambda folder: (folder / "sizes.npy").write_bytes(b"noise"),
    "meta cut": lambda folder: os.truncate(folder / "store.json", 20),
    "meta other": lambda folder: (folder / "store.json").write_text("[]"),
    "meta gone": lambda folder: (folder / "store.json").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_store_is_built_anew(
    damage: str, target: Pictures, folders: Folders, caplog: pytest.LogCaptureFixture
) -> None:
    folder = open_store(target, "train", 64, folders).folder
    DAMAGE[damage](folder)
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        store = open_store(target, "train", 64, folders)
    assert "damaged and is built anew" in caplog.text
    assert str(folder) in caplog.text
    assert target.reads == 2 * len(SHAPES)
    for index, image in enumerate(target.pictures):
        assert np.array_equal(store.image(index), fit(image, 64))
    caplog.clear()
    open_store(target, "train", 64, folders)
    assert caplog.text == ""


def test_a_damaged_image_names_itself_and_leaves_no_store(
    target: Pictures, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(split: SplitName, index: int) -> Pixels:
        if index == 3:
            raise ImageError("the image does not decode", where="3.png")
        return picture(4, 4)

    monkeypatch.setattr(target, "read", read)
    with pytest.raises(ImageError, match=r"3\.png"):
        open_store(target, "train", 64, folders)
    assert list((folders.cache / "images").iterdir()) == []


@pytest.mark.parametrize(
    "wrong",
    [
        picture(4, 4).astype(np.float32),
        picture(4, 4)[..., 0],
        picture(4, 4)[..., :2],
        picture(4, 4)[:0],
    ],
)
def test_a_wrong_array_names_the_sample(wrong: NDArray[Any], folders: Folders) -> None:
    with pytest.raises(TargetError, match="sample '1' reads as"):
        open_store(Pictures([picture(4, 4), wrong]), "train", 64, folders)


@pytest.mark.parametrize(("count", "word"), [(5, "fewer"), (7, "more")])
def test_a_wrong_number_of_images(
    count: int,
    word: str,
    target: Pictures,
    folders: Folders,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read_many(split: SplitName, indices: object) -> Iterator[Pixels]:
        return (picture(4, 4) for _ in range(count))

    monkeypatch.setattr(target, "read_many", read_many)
    with pytest.raises(TargetError, match=f"asked for 6 samples of train, read_many yields {word}"):
        open_store(target, "train", 64, folders)


def test_an_unwritable_cache(target: Pictures, tmp_path: Path) -> None:
    (tmp_path / "occupied").touch()
    with pytest.raises(RsbenchError, match="cannot be written") as error:
        open_store(target, "train", 64, Folders(cache=tmp_path / "occupied"))
    assert "RSBENCH_CACHE" in error.value.remedy


def test_a_short_side_must_be_positive(target: Pictures, folders: Folders) -> None:
    with pytest.raises(RsbenchError, match="use 1 or more"):
        open_store(target, "train", 0, folders)


def test_an_abandoned_build_is_cleared_away(target: Pictures, folders: Folders) -> None:
    """Whose process died, however lately; a living one's stays, however old."""
    parent = open_store(target, "train", 8, folders).folder.parent
    started = [sys.executable, "-c", BUILDER, os.fspath(parent)]
    living, dead = (
        subprocess.Popen([*started, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for name in ("living", "dead")
    )
    for each in (living, dead):
        assert each.stdout is not None
        assert each.stdout.readline() == b"built\n"
    dead.kill()
    dead.communicate()
    mine = parent / ".mine.part"  # nothing of ours is called so
    mine.mkdir()
    for left in parent.glob(".*.part"):
        os.utime(left, (1, 1))
    open_store(target, "train", 9, folders)
    assert not list(parent.glob(".dead.*"))
    assert [each.suffix for each in sorted(parent.glob(".living.*"))] == [".lock", ".part"]
    assert mine.is_dir()
    living.communicate(b"\n")
    assert (parent / "living" / "file").is_file()
    assert not list(parent.glob(".living.*"))


BUILDER = """
import sys
from pathlib import Path
from rsbench.atomic import new_folder

with new_folder(Path(sys.argv[1]) / sys.argv[2]) as folder:
    (folder / "file").touch()
    print("built", flush=True)
    sys.stdin.read(1)
"""


def build_when_told(folder: Path) -> None:
    """What each of the processes below does."""
    target = Pictures([picture(20, 20, seed) for seed in range(200)])
    (folder / f"ready-{os.getpid()}").touch()
    while not (folder / "go").exists():
        time.sleep(0.001)
    store = open_store(target, "train", 16, Folders(cache=folder))
    images = store.images(range(len(store)))
    sys.stdout.write(str(sum(int(image.astype(np.int64).sum()) for image in images)))


def test_processes_that_build_at_once_do_no_harm(tmp_path: Path) -> None:
    command = [sys.executable, __file__, os.fspath(tmp_path)]
    path = {**os.environ, "PYTHONPATH": os.path.dirname(pictures_module.__file__)}
    builders = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=path) for _ in range(3)
    ]
    while len(list(tmp_path.glob("ready-*"))) < 3:
        assert all(builder.poll() is None for builder in builders)
        time.sleep(0.01)
    (tmp_path / "go").touch()
    sums = [builder.communicate(timeout=60)[0] for builder in builders]
    pixels = (fit(picture(20, 20, seed), 16).astype(np.int64).sum() for seed in range(200))
    assert sums == [str(sum(int(each) for each in pixels))] * 3
    assert len(list((tmp_path / "images").iterdir())) == 1


class TestStatistics:
    def test_are_the_mean_and_deviation_of_all_pixels(
        self, target: Pictures, folders: Folders
    ) -> None:
        store = open_store(target, "train", 64, folders)
        mean, deviation = channel_statistics(store)
        pixels = np.concatenate([store.image(i).reshape(-1, 3) for i in range(len(store))]) / 255
        assert mean == pytest.approx(pixels.mean(axis=0).tolist(), abs=1e-12)
        assert deviation == pytest.approx(pixels.std(axis=0).tolist(), abs=1e-12)

    def test_the_range_is_that_of_the_stored_values(self, folders: Folders) -> None:
        low, high = (
            np.full((2, 2, 3), (3, 50, 0), np.uint8),
            np.full((2, 2, 3), (9, 60, 0), np.uint8),
        )
        lowest, highest = value_range(open_store(Pictures([low, high]), "train", 8, folders))
        assert lowest.tolist() == [3, 50, 0]
        assert highest.tolist() == [9, 60, 0]


class TestOtherPixels:
    def test_bands_of_16_bits_come_back_as_they_are(self, folders: Folders) -> None:
        rng = np.random.default_rng(0)
        bands = ("B04", "B03", "B02", "B08")
        pictures = [rng.integers(0, 10001, (6, 9, 4), dtype=np.uint16) for _ in range(3)]
        imagery = Imagery(bands, "reflectance", "uint16", 10000.0)
        store = open_store(Pictures(pictures, imagery=imagery), "train", 8, folders)
        for image, expected in zip(store.images(range(3)), pictures, strict=True):
            assert image.dtype == np.uint16
            assert np.array_equal(image, expected)
        mean, deviation = channel_statistics(store, 10000.0)
        pixels = np.concatenate([image.reshape(-1, 4) for image in pictures]) / 10000
        assert mean == pytest.approx(pixels.mean(axis=0).tolist(), abs=1e-12)
        assert deviation == pytest.approx(pixels.std(axis=0).tolist(), abs=1e-12)

    def test_shrinking_16_bits_averages(self) -> None:
        stripes = np.zeros((64, 64, 2), np.uint16)
        stripes[:, ::2, 0], stripes[..., 1] = 40000, 65535
        inner = fit(stripes, 8)[1:-1, 1:-1]
        assert inner.dtype == np.uint16
        assert np.abs(inner[..., 0].astype(int) - 20000).max() <= 600
        assert (inner[..., 1] == 65535).all()

    def test_other_bands_than_stated_are_refused(self, folders: Folders) -> None:
        imagery = Imagery(("vv", "vh"), "decibel")
        with pytest.raises(TargetError, match=r"must be uint8 of shape \(height, width, 2\)"):
            open_store(Pictures([picture(4, 4)], imagery=imagery), "train", 8, folders)

    def test_digital_numbers_of_another_scale_are_refused(self, folders: Folders) -> None:
        imagery = Imagery(("B04", "B03", "B02"), "reflectance", "uint16", 10000.0)
        dark = picture(4, 4).astype(np.uint16)  # an 8-bit picture passed off as reflectance
        with pytest.raises(BandError, match="8-bit pictures"):
            open_store(Pictures([dark], imagery=imagery), "train", 8, folders)


class TestBadImages:
    LABELS = (0, 0, 0, 1, 1, 1)

    def pictures(self, *bad: int, skip: bool = True) -> Pictures:
        pictures = [None if i in bad else picture(4, 5, i) for i in range(6)]
        policy: Any = "skip" if skip else "error"
        return Pictures(pictures, labels=self.LABELS, on_bad_image=policy)

    def test_all_are_named_and_nothing_is_kept(self, folders: Folders) -> None:
        with pytest.raises(ImageError, match="2 images of train") as error:
            open_store(self.pictures(1, 4, skip=False), "train", 8, folders)
        assert "1.png: the image does not decode" in error.value.what
        assert "4.png" in error.value.what
        assert "on_bad_image: skip" in error.value.remedy
        assert list((folders.cache / "images").iterdir()) == []

    def test_are_skipped_and_counted_when_asked_to(self, folders: Folders) -> None:
        store = open_store(self.pictures(1, 4), "train", 8, folders)
        assert sorted(store.bad) == [1, 4]
        assert "4.png" in store.bad[4]
        for index in (0, 2, 3, 5):
            assert np.array_equal(store.image(index), picture(4, 5, index))

    def test_a_store_with_gaps_does_not_serve_who_wants_none(self, folders: Folders) -> None:
        open_store(self.pictures(1), "train", 8, folders)
        with pytest.raises(ImageError, match="1 image of train"):
            open_store(self.pictures(1, skip=False), "train", 8, folders)

    def test_a_class_without_any_is_an_error(self, folders: Folders) -> None:
        with pytest.raises(TargetError, match="left of: class 1"):
            open_store(self.pictures(3, 4, 5), "train", 8, folders)
        assert len(open_store(self.pictures(3, 4, 5), "test", 8, folders)) == 6
        with pytest.raises(TargetError, match="none of the test images"):
            open_store(self.pictures(*range(6)), "test", 9, folders)

    def test_mended_images_come_back(
        self, folders: Folders, caplog: pytest.LogCaptureFixture
    ) -> None:
        open_store(self.pictures(1, 4), "train", 8, folders)
        with caplog.at_level(logging.WARNING, logger="rsbench"):
            store = open_store(self.pictures(4), "train", 8, folders, thorough=True)
        assert "now can" in caplog.text
        assert sorted(store.bad) == [4]


def test_a_thorough_check_finds_what_size_and_time_do_not_tell(
    target: Pictures, folders: Folders, caplog: pytest.LogCaptureFixture
) -> None:
    folder = open_store(target, "train", 64, folders).folder
    file = folder / "pixels-00000.bin"
    stat = file.stat()
    change_a_byte(file)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    open_store(target, "train", 64, folders)  # nothing tells
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        store = open_store(target, "train", 64, folders, thorough=True)
    assert "is not the file that was written" in caplog.text
    assert np.array_equal(store.image(2), target.pictures[2])


class TestManyCores:
    COUNT = 100

    @pytest.fixture(autouse=True)
    def _help_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(build, "PATIENCE", 0.0)
        monkeypatch.setattr(build, "usable_cores", lambda: 2)

    def pictures(self, **options: Any) -> Pictures:
        return Pictures([picture(9, 7 + i % 5, i) for i in range(self.COUNT)], **options)

    def test_give_what_one_gives(self, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
        target = self.pictures()
        calls: list[tuple[int, int]] = []
        store = open_store(target, "train", 8, folders, lambda *done: calls.append(done))
        assert target.reads == 0  # others did the work
        assert calls[-1] == (self.COUNT, self.COUNT)
        assert isinstance(store, ImageStore)
        assert len(store.shards) == 7
        for index, image in enumerate(store.images(range(self.COUNT))):
            assert np.array_equal(image, fit(target.pictures[index], 8))

    def test_errors_come_through(self, folders: Folders) -> None:
        target = self.pictures()
        target.pictures[70] = None
        with pytest.raises(ImageError, match=r"70\.png"):
            open_store(target, "train", 8, folders)
        target.pictures[70] = picture(4, 4)[..., 0]
        with pytest.raises(TargetError, match="sample '70' reads as"):
            open_store(target, "train", 8, folders)
        assert list((folders.cache / "images").iterdir()) == []

    def test_a_target_that_cannot_be_sent_is_decoded_here(
        self, folders: Folders, caplog: pytest.LogCaptureFixture
    ) -> None:
        target = self.pictures()
        target.not_sent = lambda: None  # type: ignore[attr-defined]
        with caplog.at_level(logging.WARNING, logger="rsbench"):
            open_store(target, "train", 8, folders)
        assert "cannot be sent to other processes" in caplog.text
        assert target.reads == self.COUNT


class TestStreaming:
    def streamed(
        self, target: Pictures, folders: Folders, monkeypatch: pytest.MonkeyPatch
    ) -> StreamedImages:
        monkeypatch.setenv("RSBENCH_STREAM", "1")
        images = open_store(target, "train", 8, folders)
        assert isinstance(images, StreamedImages)
        return images

    def test_gives_what_a_store_gives_and_keeps_no_pixels(
        self, target: Pictures, folders: Folders, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = open_store(target, "train", 8, folders)
        streamed = self.streamed(target, folders, monkeypatch)
        assert streamed.folder != store.folder
        assert not list(streamed.folder.glob("*.bin"))
        assert np.array_equal(streamed.heights, store.heights)
        assert np.array_equal(streamed.widths, store.widths)
        order = [5, 0, 3, 3, 1]
        for ours, theirs in zip(streamed.images(order), store.images(order), strict=True):
            assert np.array_equal(ours, theirs)
        assert channel_statistics(streamed) == channel_statistics(store)

    def test_is_what_a_large_target_gets(
        self, target: Pictures, folders: Folders, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Pictures, "streams", True)
        assert isinstance(open_store(target, "train", 8, folders), StreamedImages)
        monkeypatch.setenv("RSBENCH_STREAM", "0")
        assert isinstance(open_store(target, "train", 8, folders), ImageStore)

    def test_is_the_way_out_when_the_disk_is_small(
        self,
        target: Pictures,
        folders: Folders,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(build, "_SMALLEST_CHUNK", 2)
        usage = shutil.disk_usage(folders.base)._replace(free=100)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
        with caplog.at_level(logging.WARNING, logger="rsbench"):
            images = open_store(target, "train", 8, folders)
        assert isinstance(images, StreamedImages)
        assert "more than half of what is free" in caplog.text
        assert not list(images.folder.glob("*.bin"))

    def test_an_image_lost_on_the_way_names_itself(
        self, target: Pictures, folders: Folders, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        streamed = self.streamed(target, folders, monkeypatch)
        target.pictures[3] = None
        with pytest.raises(ImageError, match="does not decode") as error:
            streamed.images([1, 3])
        assert error.value.where == "3.png"


if __name__ == "__main__":
    build_when_told(Path(sys.argv[1]))
