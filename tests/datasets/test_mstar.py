import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rsbench.errors import ImageError, NotPreparedError, TargetError
from rsbench.folders import Folders
from rsbench_datasets.mstar import CLASSES, Mstar

Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    def make(names: tuple[str, ...] = CLASSES, test: str = "val", each: int = 3) -> Path:
        root = tmp_path / "chips"
        for part, split in enumerate(("train", test)):
            for label, name in enumerate(names):
                for number in range(each):
                    file = root / split / name / f"{number + 9:05d}.jpeg"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    random = np.random.default_rng([part, label, number])
                    pixels = random.integers(0, 256, (12, 12), dtype=np.uint8)
                    Image.fromarray(pixels).save(file)
        return root

    return make


def opened(folders: Folders, **options: Any) -> Mstar:
    return Mstar.open("mstar", Mstar.Options.model_validate(options), folders)


NUMBERS = tuple(str(label) for label in range(10))
SPELLINGS = (
    "2s1", "bmp_2", "BRDM-2", "btr60", "BTR_70", "d7", "T-62", "t72", "zil_131", "ZSU_23_4",
)  # fmt: skip


@pytest.mark.parametrize("names", [NUMBERS, SPELLINGS])
@pytest.mark.parametrize("test", ["val", "test"])
def test_folders_may_be_called_in_several_ways(
    names: tuple[str, ...], test: str, tree: Tree, folders: Folders
) -> None:
    target = opened(folders, root=str(tree(names, test)))
    assert target.class_names == CLASSES
    assert target.train.counts(10).tolist() == [3] * 10
    assert target.train.ids[:2] == ("train/2S1/00009.jpeg", "train/2S1/00010.jpeg")
    assert target.test.ids[-1] == "test/ZSU234/00011.jpeg"


def test_the_content_hash_does_not_depend_on_the_names(tree: Tree, folders: Folders) -> None:
    root = tree(NUMBERS)
    before = opened(folders, root=str(root)).content_hash
    shutil.rmtree(root)
    assert opened(folders, root=str(tree(SPELLINGS, "test"))).content_hash == before


def test_grey_is_replicated(tree: Tree, folders: Folders) -> None:
    root = tree()
    target = opened(folders, root=str(root))
    image = target.read("test", 29)
    stored = np.asarray(Image.open(root / "val" / "ZSU234" / "00011.jpeg"))
    assert image.shape == (12, 12, 3)
    assert all(np.array_equal(image[..., band], stored) for band in range(3))


def test_prepare_links_the_tree(tree: Tree, folders: Folders) -> None:
    source = tree()
    for _ in range(2):  # may be repeated
        root = Mstar.prepare(Mstar.Options(), folders, source=source)
    assert root == folders.data / "mstar"
    assert (root / "train").is_symlink()
    assert (root / "val").is_symlink()
    assert len(opened(folders).train) == 30


def test_prepare_says_what_to_fetch_by_hand(folders: Folders) -> None:
    with pytest.raises(TargetError, match="has to be fetched by hand") as error:
        Mstar.prepare(Mstar.Options(), folders)
    assert "https://www.sdms.afrl.af.mil" in error.value.remedy
    assert "train/<class>" in error.value.remedy
    assert error.value.command == "rsbench data prepare mstar --from FOLDER"


def test_not_prepared(folders: Folders, tmp_path: Path) -> None:
    with pytest.raises(NotPreparedError, match="train and val or test are not there") as error:
        opened(folders)
    assert error.value.where == str(folders.data / "mstar")
    assert error.value.command.startswith("rsbench data prepare mstar")
    with pytest.raises(NotPreparedError, match="are not there"):
        Mstar.prepare(Mstar.Options(), folders, source=tmp_path)


def test_a_missing_class(tree: Tree, folders: Folders) -> None:
    root = tree()
    (root / "val" / "D7").rename(root / "val" / "bulldozer")
    with pytest.raises(TargetError, match="without a folder: D7; other folders: bulldozer") as e:
        opened(folders, root=str(root))
    assert e.value.where == str(root / "val")
    with pytest.raises(TargetError, match="without a folder: D7"):
        Mstar.prepare(Mstar.Options(), folders, source=root)


def test_two_folders_of_a_class_or_of_the_test(tree: Tree, folders: Folders) -> None:
    root = tree()
    (root / "train" / "d_7").mkdir()
    with pytest.raises(TargetError, match="class D7 has two folders: D7 and d_7"):
        opened(folders, root=str(root))
    (root / "test").mkdir()
    with pytest.raises(TargetError, match="There are val and test"):
        opened(folders, root=str(root))


def test_other_folders_are_left_out(
    tree: Tree, folders: Folders, caplog: pytest.LogCaptureFixture
) -> None:
    root = tree()
    shutil.copytree(root / "train" / "D7", root / "train" / "SLICY")
    (root / "train" / "D7" / "notes.txt").write_text("no picture")
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        assert len(opened(folders, root=str(root)).train) == 30
    assert "left out, no class of MSTAR: SLICY" in caplog.text


def test_a_long_tail(tree: Tree, folders: Folders) -> None:
    root = tree(each=20)
    settings = {"imbalance": 10, "seed": 3, "order": "given"}
    target = opened(folders, root=str(root), long_tail=settings)
    counts = target.train.counts(10).tolist()
    assert (counts[0], counts[9]) == (20, 2)
    assert counts == sorted(counts, reverse=True)
    assert target.test.counts(10).tolist() == [20] * 10
    assert target.remarks == ()
    assert target.groups.head == (0, 1, 2)
    assert target.groups.tail == (7, 8, 9)
    again = opened(folders, root=str(root), long_tail=settings)
    assert again.content_hash == target.content_hash
    other = opened(folders, root=str(root), long_tail=settings | {"seed": 4})
    assert other.content_hash != target.content_hash
    assert np.array_equal(
        target.read("train", 0), opened(folders, root=str(root)).read("train", 0)
    ) == (target.train.ids[0] == "train/2S1/00009.jpeg")


def test_a_long_tail_of_too_few_chips_is_told(tree: Tree, folders: Folders) -> None:
    root = tree(each=20)
    for number in range(2, 20):
        (root / "train" / "BMP2" / f"{number + 9:05d}.jpeg").unlink()
    (remark,) = opened(folders, root=str(root), long_tail={"imbalance": 10}).remarks
    assert remark.startswith("mstar: long tail: 10 to 1 was asked for, 10 to 1 is what there is")
    assert remark.endswith("too few images of BMP2 (2 of 15 wanted)")


def test_bad_chips(tree: Tree, folders: Folders) -> None:
    root = tree()
    (root / "train" / "T72" / "00009.jpeg").write_bytes(b"")
    with pytest.raises(ImageError, match=r"empty|bytes"):
        opened(folders, root=str(root))
    assert len(opened(folders, root=str(root), on_bad_image="skip").train) == 30


def test_known_counts() -> None:
    known = Mstar.known_counts(Mstar.Options())
    assert known is not None
    assert known.train is not None
    assert known.totals == {"train": 2_747, "test": 2_425}
    assert (known.train["2S1"], known.train["T72"]) == (299, 232)
    options = Mstar.Options.model_validate({"long_tail": {"imbalance": 50}})
    thinned = Mstar.known_counts(options)
    assert thinned is not None
    assert thinned.train is not None
    assert thinned.test == known.test
    assert (thinned.train["2S1"], thinned.train["ZSU234"]) == (299, 5)
    assert thinned.totals == {"train": sum(thinned.train.values()), "test": 2_425}


def test_real_chips(shared_data: Path, folders: Folders) -> None:
    """A tree by numbers whose train split has been thinned already: 649 chips, 232 to 5."""
    Mstar.prepare(Mstar.Options(), folders, source=shared_data / "mstar")
    target = opened(folders)
    assert target.train.counts(10).tolist() == [232, 11, 26, 17, 7, 150, 97, 5, 63, 41]
    assert target.test.counts(10).tolist() == [195] * 10
    assert target.groups.head == (0, 5, 6)
    assert target.groups.tail == (1, 4, 7)
    assert target.remarks == ()
    image = target.read("train", 0)
    assert image.shape == (128, 128, 3)
    assert image.dtype == np.uint8
    assert np.array_equal(image[..., 0], image[..., 1])
    steeper = opened(folders, long_tail={"imbalance": 200, "order": "count"})
    counts = steeper.train.counts(10)
    assert (counts.max(), counts.min()) == (232, 1)
    (remark,) = opened(folders, long_tail={"imbalance": 10}).remarks
    assert "10 to 1 was asked for, 46.4 to 1 is what there is" in remark
    assert set(steeper.train.ids) < set(target.train.ids)
