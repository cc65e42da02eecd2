import json
import logging
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rsbench.errors import ImageError, RsbenchError, TargetError
from rsbench.folders import Folders
from rsbench.groups import ClassGroups
from rsbench.imagestore import ImageStore, channel_statistics, fit, open_store
from rsbench.settings import Settings
from rsbench.target import Split, SplitName, Target

Pixels = NDArray[np.uint8]


def picture(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


class Pictures(Target):
    """A target over arrays in memory; it counts how often it is read."""

    def __init__(self, pictures: Sequence[Any], content_hash: str = "0" * 64) -> None:
        self.pictures = pictures
        self.reads = 0
        ids = tuple(str(index) for index in range(len(pictures)))
        split = Split(ids, np.zeros(len(ids), dtype=np.int64))
        super().__init__(
            "pictures",
            class_names=("all",),
            groups=ClassGroups((0,), (), ()),
            train=split,
            test=split,
            content_hash=content_hash,
        )

    @classmethod
    def open(cls, name: str, options: Settings, folders: Folders) -> Target:
        raise NotImplementedError

    def read(self, split: SplitName, index: int) -> Pixels:
        self.reads += 1
        found: Pixels = self.pictures[index]
        return found


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
        [((64, 64), (16, 16)), ((64, 128), (16, 32)), ((100, 64), (25, 16)), ((17, 33), (16, 31))],
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

    @pytest.mark.parametrize("length", [41, 42, 57, 100])
    @pytest.mark.parametrize("turned", [False, True])
    def test_strips_keep_their_middle(self, length: int, turned: bool) -> None:
        image = picture(10, length)
        kept = fit(image.transpose(1, 0, 2) if turned else image, 99)
        kept = kept.transpose(1, 0, 2) if turned else kept
        assert kept.shape[0] == 10
        assert kept.shape[1] in (40, 41)
        cut = length - kept.shape[1]
        assert cut % 2 == 0
        assert np.array_equal(kept, image[:, cut // 2 : length - cut // 2])

    @pytest.mark.parametrize("length", [90, 91, 160, 333])
    def test_the_centre_square_of_the_test_is_untouched(self, length: int) -> None:
        """The square and a pixel around it, at the same place relative to the centre."""
        strip = picture(20, length)
        kept = fit(strip, 20)
        views = []
        for image in (strip, kept):
            start = (image.shape[1] - 20) // 2
            views.append(image[:, start - 1 : start + 22])
        assert np.array_equal(views[0], views[1])
        assert (strip.shape[1] - 20) % 2 == (kept.shape[1] - 20) % 2  # no half pixel either

    def test_the_cut_comes_before_the_shrinking(self) -> None:
        """So a long strip shrinks by the same factor along both sides."""
        assert fit(picture(30, 997), 10).shape == (10, 40, 3)


class TestStore:
    def test_holds_every_image(self, target: Pictures, folders: Folders) -> None:
        store = open_store(target, "train", 64, folders)
        assert len(store) == len(SHAPES)
        assert store.heights.tolist() == [5, 12, 30, 3, 1, 16]
        assert store.widths.tolist() == [7, 30, 12, 12, 1, 16]
        assert store.heights.dtype == store.widths.dtype == np.int32
        assert store.offsets.dtype == np.int64
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


DAMAGE: dict[str, Callable[[Path], object]] = {
    "pixels cut": lambda folder: os.truncate(folder / "pixels.bin", 10),
    "pixels gone": lambda folder: (folder / "pixels.bin").unlink(),
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
    with pytest.raises(TargetError, match=f"lists 6 samples, but read_many yields {word}"):
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
    folder = open_store(target, "train", 8, folders).folder
    fresh, old = (folder.with_name(f".{folder.name}.{n}.part") for n in ("fresh", "old"))
    for left in (fresh, old):
        left.mkdir()
        (left / "pixels.bin").touch()
    os.utime(old, (1, 1))
    (folder / "store.json").unlink()
    open_store(target, "train", 8, folders)
    assert fresh.is_dir()
    assert not old.exists()


def build_when_told(folder: Path) -> None:
    """What each of the processes below does."""
    target = Pictures([picture(20, 20, seed) for seed in range(200)])
    (folder / f"ready-{os.getpid()}").touch()
    while not (folder / "go").exists():
        time.sleep(0.001)
    store = open_store(target, "train", 16, Folders(cache=folder))
    sys.stdout.write(str(int(np.asarray(store.pixels, dtype=np.int64).sum())))


def test_processes_that_build_at_once_do_no_harm(tmp_path: Path) -> None:
    command = [sys.executable, __file__, os.fspath(tmp_path)]
    builders = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
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

    def test_span_more_than_a_block(
        self, target: Pictures, folders: Folders, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = open_store(target, "train", 64, folders)
        whole = channel_statistics(store)
        (store.folder / "statistics.json").unlink()
        monkeypatch.setattr("rsbench.imagestore._BLOCK", 30)
        assert channel_statistics(store) == whole

    def test_are_kept(self, target: Pictures, folders: Folders) -> None:
        store = open_store(target, "train", 64, folders)
        first = channel_statistics(store)
        kept = store.folder / "statistics.json"
        assert json.loads(kept.read_text())["mean"] == list(first[0])
        kept.write_text('{"mean": [1, 2, 3], "std": [4, 5, 6]}')
        assert channel_statistics(store) == ((1, 2, 3), (4, 5, 6))

    def test_are_counted_again_when_damaged(
        self, target: Pictures, folders: Folders, caplog: pytest.LogCaptureFixture
    ) -> None:
        store = open_store(target, "train", 64, folders)
        first = channel_statistics(store)
        (store.folder / "statistics.json").write_text('{"mean": [1, 2]}')
        with caplog.at_level(logging.WARNING, logger="rsbench"):
            assert channel_statistics(store) == first
        assert "damaged" in caplog.text


if __name__ == "__main__":
    build_when_told(Path(sys.argv[1]))
