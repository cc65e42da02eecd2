import logging
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rsbench.errors import DownloadError, ImageError, NotPreparedError, TargetError
from rsbench.folders import Folders
from rsbench_datasets.files.path_lists import read_path_list
from rsbench_datasets.fusrs.versions import Fusrs17, Fusrs25, ReleasedFusrs

Release = Callable[..., Path]


def chip(path: Path, seed: int, side: int = 64) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """The release: an archive with the chips of both versions, and the code with the index."""

    def make() -> Path:
        for kind in (Fusrs17, Fusrs25):
            images = tmp_path / "chips" / kind.image_folders[0].removeprefix("data/")
            index = tmp_path / "code" / kind.index_folders[0]
            index.mkdir(parents=True)
            (index / "classnames.txt").write_text("\n".join(kind.classes))
            for part, split in enumerate(("train", "test")):
                lines = []
                for label, name in enumerate(kind.classes):
                    file = f"L{part}_{label}.png" if label else f"Ship_C07S11N000{part}.png"
                    chip(images / file, seed=100 * part + ord(name[0]), side=64 * (1 + label % 2))
                    lines.append(f"{file} {label}")
                repeated = [lines[0]] * 2 if split == "test" else []  # as in the released list
                (index / f"{split}.txt").write_text("\n".join([*lines, *repeated]) + "\n")
        with tarfile.open(tmp_path / "fusrs.tar.gz", "w:gz") as tar:
            for folder in sorted((tmp_path / "chips").iterdir()):
                tar.add(folder, arcname=folder.name)
        return tmp_path

    return make


def prepared(kind: type[ReleasedFusrs], folders: Folders, source: Path | None = None) -> Path:
    return kind.prepare(kind.Options(), folders, source=source)


def opened(kind: type[ReleasedFusrs], folders: Folders, **options: Any) -> ReleasedFusrs:
    target = kind.open("sar", kind.Options.model_validate(options), folders)
    assert isinstance(target, ReleasedFusrs)
    return target


def test_both_versions_from_what_one_has(release: Release, folders: Folders) -> None:
    here = release()
    with pytest.raises(NotPreparedError, match="the chips are not there") as error:
        prepared(Fusrs17, folders, here / "code")
    assert error.value.command == "rsbench data prepare fusrs17"
    root = prepared(Fusrs17, folders, here / "fusrs.tar.gz")
    assert root == folders.data / "fusrs"
    target = opened(Fusrs17, folders)
    assert target.class_names == ("cargo", "other", "fishing", "tanker", "dredger")
    assert target.train.ids[0] == "Ship_C07S11N0000.png"
    assert target.groups.head == (0, 1, 2)
    assert target.groups.tail == (3, 4)
    prepared(Fusrs25, folders, here / "code")  # its chips came in the same archive
    newer = opened(Fusrs25, folders)
    assert newer.class_names == ("cargo", "fishing", "tanker", "dredger")
    assert newer.train.labels.tolist() == [0, 1, 2, 3]
    assert newer.groups.head == (0, 1)
    image = newer.read("train", 1)
    assert image.shape == (128, 128, 3)
    assert np.array_equal(image[..., 0], image[..., 2])


def test_from_folders_without_copies(release: Release, folders: Folders) -> None:
    here = release()
    with pytest.raises(NotPreparedError, match=r"index files train\.txt, test\.txt are not there"):
        prepared(Fusrs25, folders, here / "chips" / "fusrsv25")
    root = prepared(Fusrs25, folders, here / "code" / "datasets" / "FUSRSv25")
    assert (root / "data" / "fusrsv25").is_symlink()
    assert len(opened(Fusrs25, folders).train) == 4
    shutil.rmtree(folders.data)
    tree = here / "whole"
    shutil.copytree(here / "code", tree)
    shutil.copytree(here / "chips", tree / "data")
    prepared(Fusrs25, folders, tree)
    assert len(opened(Fusrs25, folders).train) == 4
    before = opened(Fusrs25, folders).content_hash
    assert opened(Fusrs25, folders, root=str(tree)).content_hash == before


def test_the_download(release: Release, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline, with the files put by hand where the download would put them."""
    here = release()
    monkeypatch.setenv("RSBENCH_OFFLINE", "1")
    with pytest.raises(DownloadError, match=r"train\.txt is needed and not here") as index:
        prepared(Fusrs17, folders)
    assert "doem97/metalora/HEAD/datasets/FUSRSv17/train.txt" in index.value.remedy
    root = folders.data / "fusrs"
    for name in ("test.txt", "fusrs.tar.gz"):
        assert f"/{name} as {root}" in index.value.remedy
    shutil.copytree(here / "code", root, dirs_exist_ok=True)
    with pytest.raises(DownloadError, match=r"fusrs\.tar\.gz is needed and not here") as archive:
        prepared(Fusrs17, folders)
    assert "datasets/doem1997/rs_lt/resolve/main/fusrs.tar.gz" in archive.value.remedy
    assert ".txt" not in archive.value.remedy
    place = Path(str(archive.value.where))
    assert place == root / "data" / "downloads" / "fusrs.tar.gz"
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(here / "fusrs.tar.gz", place)
    prepared(Fusrs17, folders)
    assert len(opened(Fusrs17, folders).train) == 5
    assert not place.exists()
    prepared(Fusrs17, folders)  # nothing is missing any more


def test_another_index_is_noticed(
    release: Release, folders: Folders, caplog: pytest.LogCaptureFixture
) -> None:
    here = release()
    shutil.copytree(here / "chips", here / "code" / "data")
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        prepared(Fusrs17, folders, here / "code")
    assert "has 5 and 7 lines for train and test, not 6971 and 2129" in caplog.text


def test_a_wrong_source(folders: Folders, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"neither an index .*looked in: \., datasets/FUSRSv17"):
        prepared(Fusrs17, folders, tmp_path)
    with pytest.raises(TargetError, match="both splits"):
        Fusrs17.prepare(Fusrs17.Options(), folders, split="train")


def test_not_prepared(folders: Folders) -> None:
    with pytest.raises(NotPreparedError, match="looked for in: datasets/FUSRSv25") as error:
        opened(Fusrs25, folders)
    assert error.value.where == str(folders.data / "fusrs")
    assert error.value.command == "rsbench data prepare fusrs25"


class TestIndex:
    @pytest.fixture
    def root(self, release: Release, folders: Folders) -> Path:
        here = release()
        shutil.copytree(here / "chips", here / "code" / "data")
        return here / "code"

    def test_repeated_lines_count_and_are_told(self, root: Path, folders: Folders) -> None:
        target = opened(Fusrs17, folders, root=str(root))
        name = "Ship_C07S11N0001.png"
        assert target.test.ids[0] == name
        assert target.test.ids[-2:] == (f"{name}#2", f"{name}#3")
        told = "test.txt: 2 of 7 lines list an image that was listed before; they count once more"
        assert told in target.remarks

    def test_repeated_lines_can_be_left_out(self, root: Path, folders: Folders) -> None:
        target = opened(Fusrs17, folders, root=str(root), repeats="drop")
        assert len(target.test) == 5
        assert "they are left out" in target.remarks[0]
        whole = opened(Fusrs17, folders, root=str(root))
        assert target.content_hash != whole.content_hash

    def test_an_image_under_two_classes_is_told(self, root: Path, folders: Folders) -> None:
        file = root / "datasets" / "FUSRSv17" / "train.txt"
        file.write_text(file.read_text() + "L0_1.png 3\n")
        (remark, _) = opened(Fusrs17, folders, root=str(root)).remarks
        assert "1 of 6 lines list an image that was listed before, 1 of them under an" in remark

    def test_class_names_need_not_be_there(self, root: Path, folders: Folders) -> None:
        (root / "datasets" / "FUSRSv17" / "classnames.txt").unlink()
        assert opened(Fusrs17, folders, root=str(root)).class_names == Fusrs17.classes

    def test_the_index_of_another_version_is_refused(self, root: Path, folders: Folders) -> None:
        names = root / "datasets" / "FUSRSv25" / "classnames.txt"
        shutil.copy(root / "datasets" / "FUSRSv17" / "classnames.txt", names)
        with pytest.raises(TargetError, match=r"the classes are cargo, other.*this version has"):
            opened(Fusrs25, folders, root=str(root))

    def test_labels_are_those_of_the_version(self, root: Path, folders: Folders) -> None:
        file = root / "datasets" / "FUSRSv25" / "test.txt"
        file.write_text(file.read_text() + "L1_1.png 4\n")
        with pytest.raises(TargetError, match="not a path and a label") as error:
            opened(Fusrs25, folders, root=str(root))
        assert error.value.where == f"{file}:7"
        assert "0 to 3" in error.value.remedy

    @pytest.mark.parametrize("path", ["../secret.png", "/etc/secret.png", "..\\secret.png"])
    def test_paths_stay_inside(self, path: str, root: Path, folders: Folders) -> None:
        file = root / "datasets" / "FUSRSv25" / "test.txt"
        file.write_text(f"{path} 0\n")
        with pytest.raises(TargetError, match="leads out of the image folder"):
            opened(Fusrs25, folders, root=str(root))

    def test_bad_chips(self, root: Path, folders: Folders) -> None:
        (root / "data" / "fusrsv17" / "L1_3.png").write_bytes(b"")
        with pytest.raises(ImageError):
            opened(Fusrs17, folders, root=str(root))
        target = opened(Fusrs17, folders, root=str(root), on_bad_image="skip")
        assert target.on_bad_image == "skip"
        (error,) = target.read_many("test", [3])
        assert isinstance(error, ImageError)


def test_known_counts() -> None:
    counts = {"train": 6_971, "test": 2_129}
    for kind, totals in ((Fusrs17, counts), (Fusrs25, {"train": 5_261, "test": 1_700})):
        known = kind.known_counts(kind.Options())
        assert known is not None
        assert known.train is not None
        assert known.test is not None
        assert known.totals == totals
        assert totals == {"train": sum(known.train.values()), "test": sum(known.test.values())}
        assert tuple(known.train) == tuple(known.test) == kind.classes
        assert kind.known_counts(kind.Options.model_validate({"repeats": "drop"})) is None


def test_a_list_from_windows_names_the_same_images(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a\\b\\c.png 0\n")
    (entry,) = read_path_list(tmp_path / "list.txt", 1)
    assert entry.path == "a/b/c.png"
