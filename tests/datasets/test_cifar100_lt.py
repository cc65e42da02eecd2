import hashlib
import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision.datasets import CIFAR100

from rsbench.errors import DownloadError, NotPreparedError, TargetError
from rsbench.folders import Folders
from rsbench_datasets.cifar100_lt.release import CLASSES, FILES, FOLDER
from rsbench_datasets.cifar100_lt.target import (
    Cifar100Lt,
    ImbalanceRatio,
    cifar_groups,
    long_tail_rows,
)

EACH = 20  # training images per class of the generated files
RATIOS: tuple[ImbalanceRatio, ...] = (10, 50, 100)


def entry(split: str, each: int, seed: int) -> dict[str, Any]:
    """What the file of a split holds; labels in random order."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat(np.arange(100), each)).tolist()
    pixels = random.integers(0, 256, (len(labels), 3072), dtype=np.uint8)
    return {
        "filenames": [f"{CLASSES[label]}_s_{i:06d}.png" for i, label in enumerate(labels)],
        "batch_label": f"{split}ing batch 1 of 1",
        "fine_labels": labels,
        "coarse_labels": [label // 5 for label in labels],
        "data": pixels,
    }


@pytest.fixture(scope="module")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the three files."""
    root = tmp_path_factory.mktemp("cifar")
    (root / FOLDER).mkdir()
    meta = {"fine_label_names": list(CLASSES), "coarse_label_names": ["fish"] * 20}
    contents = {"train": entry("train", EACH, 1), "test": entry("test", 2, 2), "meta": meta}
    for name, content in contents.items():
        write(root, name, content)
    return root


def write(root: Path, name: str, content: object) -> None:
    with (root / FOLDER / name).open("wb") as stream:
        pickle.dump(content, stream, protocol=2)


@pytest.fixture(autouse=True)
def accept(genuine: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Let torchvision take the files below a folder for the genuine ones; first ours."""

    def accepted(root: Path) -> None:
        sums = {name: md5((root / FOLDER / name).read_bytes()) for name in FILES}
        monkeypatch.setattr(CIFAR100, "train_list", [["train", sums["train"]]])
        monkeypatch.setattr(CIFAR100, "test_list", [["test", sums["test"]]])
        meta = {"filename": "meta", "key": "fine_label_names", "md5": sums["meta"]}
        monkeypatch.setattr(CIFAR100, "meta", meta)

    accepted(genuine)
    return accepted


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def opened(folders: Folders, root: Path, ratio: int = 10) -> Cifar100Lt:
    options = {"root": str(root), "imbalance_ratio": ratio}
    return Cifar100Lt.open("cifar", Cifar100Lt.Options.model_validate(options), folders)


class TestTheRule:
    @pytest.mark.parametrize(
        ("ratio", "total", "smallest"), [(10, 19_573, 50), (50, 12_608, 10), (100, 10_847, 5)]
    )
    def test_totals(self, ratio: ImbalanceRatio, total: int, smallest: int) -> None:
        labels = np.random.default_rng(5).permutation(np.repeat(np.arange(100), 500))
        rows = long_tail_rows(labels, ratio)
        counts = np.bincount(labels[rows], minlength=100)
        assert counts.sum() == len(rows) == len(set(rows.tolist())) == total
        assert (counts[0], counts[99]) == (500, smallest)
        known = Cifar100Lt.known_counts(Cifar100Lt.Options(imbalance_ratio=ratio))
        assert known.totals == {"train": total, "test": 10_000}
        assert known.train == dict(zip(CLASSES, counts.tolist(), strict=True))
        assert known.test == dict.fromkeys(CLASSES, 100)

    @pytest.mark.parametrize("ratio", RATIOS)
    def test_the_images_are_those_that_the_paper_draws(self, ratio: ImbalanceRatio) -> None:
        """The recipe of section 4.4, followed with numpy's global generator."""
        labels = np.random.default_rng(6).permutation(np.repeat(np.arange(100), 500))
        drawn: list[int] = []
        state = np.random.get_state()
        try:
            np.random.seed(0)
            for label in range(100):
                members = np.where(labels == label)[0]
                np.random.shuffle(members)
                size = int(500.0 * {10: 0.1, 50: 0.02, 100: 0.01}[ratio] ** (label / 99.0))
                drawn.extend(members[:size].tolist())
        finally:
            np.random.set_state(state)
        assert long_tail_rows(labels, ratio).tolist() == sorted(drawn)

    def test_groups_are_those_of_ratio_100(self, genuine: Path, folders: Folders) -> None:
        groups = cifar_groups()
        assert [len(groups.head), len(groups.medium), len(groups.tail)] == [35, 35, 30]
        assert groups.head == tuple(range(35))
        assert groups.tail == tuple(range(70, 100))
        assert opened(folders, genuine).groups == groups  # of ratio 10

    def test_class_names(self) -> None:
        assert len(CLASSES) == len(set(CLASSES)) == 100
        assert list(CLASSES) == sorted(CLASSES)


class TestOpen:
    def test_images_and_labels(self, genuine: Path, folders: Folders) -> None:
        target = opened(folders, genuine)
        stored = entry("train", EACH, 1)
        counts = target.train.counts(100)
        assert (counts[0], counts[99]) == (20, 2)
        assert target.test.counts(100).tolist() == [2] * 100
        assert target.class_names == CLASSES
        for index in (0, 17, len(target.train) - 1):
            split, name, row = target.train.ids[index].split("/")
            label = stored["fine_labels"][int(row)]
            assert (split, name) == ("train", CLASSES[label])
            assert target.train.labels[index] == label
            planes = stored["data"][int(row)].reshape(3, 32, 32)
            image = target.read("train", index)
            assert image.shape == (32, 32, 3)
            assert image.flags["C_CONTIGUOUS"]
            assert np.array_equal(image, np.moveaxis(planes, 0, -1))

    def test_the_content_hash(
        self, genuine: Path, folders: Folders, tmp_path: Path, accept: Callable[[Path], None]
    ) -> None:
        before = opened(folders, genuine)
        assert opened(folders, genuine).content_hash == before.content_hash
        changed = entry("test", 2, 2)
        changed["data"][0, 0] ^= 1
        root = copied(genuine, tmp_path)
        write(root, "test", changed)
        accept(root)
        assert opened(folders, root).content_hash != before.content_hash

    def test_a_class_without_images(self, genuine: Path, folders: Folders) -> None:
        with pytest.raises(TargetError, match=r"without a training sample: .*worm"):
            opened(folders, genuine, 100)  # 20 images are too few for that

    def test_it_can_be_sent_to_another_process(self, genuine: Path, folders: Folders) -> None:
        target = opened(folders, genuine)
        again = pickle.loads(pickle.dumps(target))
        assert np.array_equal(again.read("test", 3), target.read("test", 3))

    def test_not_prepared(self, folders: Folders) -> None:
        with pytest.raises(NotPreparedError, match="the file is not there") as error:
            Cifar100Lt.open("cifar", Cifar100Lt.Options(), folders)
        assert error.value.where == str(folders.data / "cifar100" / FOLDER / "train")
        assert error.value.command == "rsbench data prepare cifar100_lt"


class Intruder:
    """What a pickle that was tampered with would hold."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (os.fspath(self.mark),)


class TestFilesAreNotTrusted:
    def test_a_pickle_that_was_tampered_with_runs_no_code(
        self, genuine: Path, folders: Folders, tmp_path: Path
    ) -> None:
        root = copied(genuine, tmp_path)
        write(root, "train", Intruder(tmp_path / "mark"))
        with pytest.raises(TargetError, match="damaged, or no file of CIFAR-100") as error:
            opened(folders, root)
        assert error.value.where == str(root / FOLDER)
        assert not (tmp_path / "mark").exists()
        pickle.loads((root / FOLDER / "train").read_bytes())
        assert (tmp_path / "mark").exists()  # it would have

    @pytest.mark.parametrize("name", ["train", "test", "meta"])
    def test_a_truncated_file(
        self, name: str, genuine: Path, folders: Folders, tmp_path: Path
    ) -> None:
        root = copied(genuine, tmp_path)
        file = root / FOLDER / name
        file.write_bytes(file.read_bytes()[:-10])
        with pytest.raises(TargetError, match="damaged"):
            opened(folders, root)


class TestPrepare:
    def prepared(self, folders: Folders, source: Path | None = None) -> Path:
        options = Cifar100Lt.Options(imbalance_ratio=10)
        return Cifar100Lt.prepare(options, folders, source=source)

    @pytest.mark.parametrize("inside", [False, True])
    def test_from_a_folder(self, inside: bool, genuine: Path, folders: Folders) -> None:
        root = self.prepared(folders, genuine / FOLDER if inside else genuine)
        assert (root / FOLDER).is_symlink()
        assert opened(folders, root).content_hash == opened(folders, genuine).content_hash

    def test_from_the_archive(self, genuine: Path, folders: Folders, tmp_path: Path) -> None:
        root = self.prepared(folders, packed(genuine, tmp_path / "cifar.tar.gz"))
        assert root == folders.data / "cifar100"
        assert len(opened(folders, root).test) == 200

    def test_the_download(
        self, genuine: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Offline, with the archive put by hand where the download would put it."""
        monkeypatch.setenv("RSBENCH_OFFLINE", "1")
        with pytest.raises(DownloadError) as error:
            self.prepared(folders)
        assert CIFAR100.url in error.value.remedy
        place = packed(genuine, Path(str(error.value.where)))
        with pytest.raises(DownloadError, match="MD5"):
            self.prepared(folders)  # it is not the genuine one
        monkeypatch.setattr(CIFAR100, "tgz_md5", md5(place.read_bytes()))
        root = self.prepared(folders)
        assert len(opened(folders, root).test) == 200
        assert not place.exists()
        self.prepared(folders)  # nothing is missing any more

    def test_a_wrong_source(self, folders: Folders, tmp_path: Path) -> None:
        with pytest.raises(TargetError, match="train, test, meta are not there"):
            self.prepared(folders, tmp_path)
        with pytest.raises(TargetError, match="both splits"):
            Cifar100Lt.prepare(Cifar100Lt.Options(), folders, split="train")


def copied(genuine: Path, tmp_path: Path) -> Path:
    root = tmp_path / "copy"
    (root / FOLDER).mkdir(parents=True)
    for file in (genuine / FOLDER).iterdir():
        (root / FOLDER / file.name).write_bytes(file.read_bytes())
    return root


def packed(genuine: Path, place: Path) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(place, "w:gz", compresslevel=1) as tar:
        tar.add(genuine / FOLDER, arcname=FOLDER)
    return place
