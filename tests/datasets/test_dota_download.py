import csv
import hashlib
import logging
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rsbench.errors import DownloadError, TargetError
from rsbench.folders import Folders
from rsbench_datasets.dota import download as dota_download
from rsbench_datasets.dota.download import REPOSITORY, REVISION, SHA256
from rsbench_datasets.dota.target import Dota, Dota15, Dota20
from rsbench_datasets.dota.versions import CLASSES

Archives = Callable[..., Path]


def line(label: int, name: str) -> str:
    x = 3 * label
    return f"{x} 2 {x + 2} 2 {x + 2} 5 {x} 5 {name} 0"


def lines(*more: str) -> list[str]:
    return [line(label, name) for label, name in enumerate((*CLASSES, *more))]


SCENES = {
    "1.0": {"P0000": lines()},
    "1.5": {"P0000": lines("container-crane")},
    "2.0": {
        "P0000": lines("container-crane"),
        "P5000": [line(0, "airport"), line(1, "helipad"), line(2, "helipad")],
    },
}


@pytest.fixture
def archives(
    folders: Folders,
    tmp_path: Path,
    make_image: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Archives:
    """The copy on the hub, as if somebody had put its files into ``downloads`` by hand."""
    monkeypatch.setenv("RSBENCH_OFFLINE", "1")

    def make(*leave_out: str) -> Path:
        downloads = folders.data / "dota" / "downloads"
        downloads.mkdir(parents=True, exist_ok=True)
        rows: list[dict[str, str]] = []
        for part, split in enumerate(("train", "val")):
            for version, scenes in SCENES.items():
                tree = tmp_path / f"annotations-{split}-{version}"
                names = [f"{name}-{split}" for name in scenes]
                for name, content in zip(names, scenes.values(), strict=True):
                    text = tree / split / "annotations" / f"version{version}" / f"{name}.txt"
                    text.parent.mkdir(parents=True, exist_ok=True)
                    text.write_text("\n".join(content) + "\n")
                    rows.append(
                        {
                            "": str(len(rows)),
                            "image_path": f"{split}/images/{name}.png",
                            "annotation_path": text.relative_to(tree).as_posix(),
                            "split": split,
                            "version": version,
                        }
                    )
                pack(tree, downloads / f"dotav{version}_annotations_{split}.tar.gz")
            for version, name in (("1.0", "P0000"), ("2.0", "P5000")):
                tree = tmp_path / f"images-{split}-{version}"
                make_image(tree / split / "images" / f"{name}-{split}.png", (64, 48), seed=part)
                pack(tree, downloads / f"dotav{version}_images_{split}.tar.gz")
        with (downloads / "samples.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        for file in downloads.iterdir():
            if file.name in SHA256:
                monkeypatch.setitem(SHA256, file.name, digest(file))
            if file.name in leave_out:
                file.unlink()
        return downloads

    return make


def pack(tree: Path, archive: Path) -> None:
    with tarfile.open(archive, "w:gz") as tar:
        for child in sorted(tree.iterdir()):
            tar.add(child, arcname=child.name)


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def prepared(kind: type[Dota], folders: Folders, split: str | None = None) -> Path:
    return kind.prepare(kind.Options(), folders, split=split)


def test_what_is_downloaded_opens(archives: Archives, folders: Folders) -> None:
    downloads = archives()
    root = prepared(Dota, folders)
    target = Dota.open("dota", Dota.Options(), folders)
    assert target.train.counts(15).tolist() == [1] * 15
    assert target.read("test", 0).shape == (3, 2, 3)
    assert not (downloads / "dotav1.0_images_train.tar.gz").exists()  # unpacked and deleted
    assert (downloads / "dotav1.5_annotations_train.tar.gz").exists()
    with (root / "samples.csv").open(newline="") as stream:
        assert [row["version"] for row in csv.DictReader(stream)] == ["1.0", "1.0"]


def test_versions_share_the_scenes(archives: Archives, folders: Folders) -> None:
    downloads = archives()
    prepared(Dota, folders)
    before = Dota.open("dota", Dota.Options(), folders).content_hash
    images = {file: file.stat().st_mtime_ns for file in folders.data.rglob("*.png")}
    prepared(Dota15, folders)  # without the archives of images, which are deleted
    target = Dota15.open("dota15", Dota15.Options(), folders)
    assert target.class_names == (*CLASSES, "container-crane")
    assert {file: file.stat().st_mtime_ns for file in images} == images
    prepared(Dota20, folders)
    newest = Dota20.open("dota20", Dota20.Options(), folders)
    assert newest.train.counts(18).tolist() == [*[1] * 17, 2]
    assert not list(downloads.glob("*.tar.gz"))
    assert Dota.open("dota", Dota.Options(), folders).content_hash == before
    assert Dota15.open("dota15", Dota15.Options(), folders).content_hash == target.content_hash


def test_one_split_alone(archives: Archives, folders: Folders) -> None:
    archives()
    root = prepared(Dota, folders, split="val")
    assert (root / "val").is_dir()
    assert not (root / "train").exists()


def test_a_broken_off_preparation_goes_on(archives: Archives, folders: Folders) -> None:
    downloads = archives("dotav1.0_images_val.tar.gz")
    with pytest.raises(DownloadError, match=r"dotav1.0_images_val.tar.gz is needed and not here"):
        prepared(Dota, folders)
    assert not (downloads / "dotav1.0_images_train.tar.gz").exists()
    archives()
    (downloads / "dotav1.0_images_train.tar.gz").unlink()
    prepared(Dota, folders)
    assert len(Dota.open("dota", Dota.Options(), folders).test) == 15


def test_what_is_there_is_not_downloaded_again(
    archives: Archives, folders: Folders, caplog: pytest.LogCaptureFixture
) -> None:
    archives()
    prepared(Dota, folders)
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        prepared(Dota, folders)
    assert "the train split is there already; nothing is downloaded" in caplog.text
    assert "the val split is there already; nothing is downloaded" in caplog.text


def test_a_wrong_archive_is_refused(archives: Archives, folders: Folders) -> None:
    downloads = archives()
    with (downloads / "dotav1.0_images_train.tar.gz").open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(DownloadError, match="SHA-256"):
        prepared(Dota, folders)


def test_an_incomplete_copy_is_refused(archives: Archives, folders: Folders) -> None:
    downloads = archives()
    index = downloads / "samples.csv"
    index.write_text(index.read_text() + "9,train/images/P9.png,train/x/P9.txt,train,1.0\n")
    with pytest.raises(TargetError, match=r"lack 2 of 4 files of the train split, P9.png first"):
        prepared(Dota, folders)


def test_without_network_it_says_what_to_fetch(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RSBENCH_OFFLINE", "1")
    with pytest.raises(DownloadError) as error:
        prepared(Dota, folders)
    where = str(folders.data / "dota" / "downloads" / "samples.csv")
    assert error.value.where == where
    assert where in error.value.remedy
    assert f"/datasets/{REPOSITORY}/resolve/{REVISION}/samples.csv" in error.value.remedy
    assert "'--from FOLDER --split train'" in error.value.remedy


def test_the_copy_is_torchgeos() -> None:
    from torchgeo.datasets import DOTA

    assert DOTA.url.endswith(f"datasets/{REPOSITORY}/resolve/{REVISION}/{{}}")
    theirs = {
        archive["filename"]: archive.get("sha256")
        for split in DOTA.file_info.values()
        for kind in split.values()
        for archive in kind.values()
    }
    assert theirs.keys() == dota_download.SHA256.keys()
    if all(theirs.values()):  # torchgeo 0.8 knows MD5 sums only
        assert theirs == dota_download.SHA256
