import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rsbench.errors import DownloadError, ImageError, NotPreparedError, TargetError
from rsbench.folders import Folders
from rsbench_datasets.places_lt import LISTS, LISTS_URL, NAMES, PlacesLt

COUNTS = {"airfield": 102, "alley": 100, "arena-hockey": 20, "yard": 19, "zen_garden": 5}
Tree = Callable[[], Path]


@pytest.fixture
def tree(tmp_path: Path, make_image: Callable[..., Path]) -> Tree:
    """Images as Places365 unpacks, and lists as LIFT has them; all images are two pictures."""

    def make() -> Path:
        images, lists = tmp_path / "places365_standard", tmp_path / "code/datasets/Places_LT"
        lists.mkdir(parents=True)
        train, test = make_image(tmp_path / "a.jpg"), make_image(tmp_path / "b.jpg", seed=1)
        lines: dict[str, list[str]] = {name: [] for name in LISTS}
        for label, (name, count) in enumerate(COUNTS.items()):
            files = [f"train/{name}/{number:08d}.jpg" for number in range(count)]
            tests = [f"val/{name}/Places365_val_{label:08d}.jpg"]
            for file, picture in [*((f, train) for f in files), *((f, test) for f in tests)]:
                (images / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(picture, images / file)
            lines[LISTS[0]] += [f"{file} {label}" for file in files]
            lines[LISTS[1]] += [f"{file} {label}" for file in tests]
        for name, content in lines.items():
            (lists / name).write_text("\n".join(content) + "\n")
        (lists / NAMES).write_text("".join(f"{name} {name.title()}\n" for name in COUNTS))
        return tmp_path

    return make


def prepared(folders: Folders, source: Path | None = None) -> Path:
    return PlacesLt.prepare(PlacesLt.Options(), folders, source=source)


def opened(folders: Folders, **options: Any) -> PlacesLt:
    return PlacesLt.open("places", PlacesLt.Options.model_validate(options), folders)


def test_images_and_lists_one_after_the_other(
    tree: Tree, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tree()
    monkeypatch.setenv("RSBENCH_OFFLINE", "1")
    with pytest.raises(DownloadError, match=r"Places_LT_train\.txt is needed and not") as error:
        prepared(folders, here / "places365_standard")
    assert f"{LISTS_URL}/Places_LT_train.txt" in error.value.remedy
    root = prepared(folders, here / "code")
    assert root == folders.data / "places_lt"
    assert (root / "train").is_symlink()
    target = opened(folders)
    assert target.class_names == ("Airfield", "Alley", "Arena-Hockey", "Yard", "Zen_Garden")
    assert target.train.counts(5).tolist() == list(COUNTS.values())
    assert target.train.ids[0] == "train/airfield/00000000.jpg"
    assert target.test.ids[0] == "val/airfield/Places365_val_00000000.jpg"
    assert target.read("test", 4).shape == (6, 8, 3)


def test_groups_by_thresholds(tree: Tree, folders: Folders) -> None:
    here = tree()
    shutil.copytree(here / "code", here / "places365_standard", dirs_exist_ok=True)
    prepared(folders, here / "places365_standard")
    groups = opened(folders).groups
    assert (groups.head, groups.medium, groups.tail) == ((0,), (1, 2), (3, 4))


def test_the_released_layout(tree: Tree, folders: Folders) -> None:
    here = tree()
    (here / "code" / "data").mkdir()
    (here / "places365_standard").rename(here / "code" / "data" / "places_lt")
    in_place = opened(folders, root=str(here / "code"))
    prepared(folders, here / "code")
    assert opened(folders).content_hash == in_place.content_hash


def test_from_an_archive(tree: Tree, folders: Folders) -> None:
    here = tree()
    with tarfile.open(here / "places_lt.tar.gz", "w:gz") as tar:
        tar.add(here / "places365_standard", arcname="images")
    shutil.copytree(here / "code" / "datasets" / "Places_LT", folders.data / "places_lt")
    root = prepared(folders, here / "places_lt.tar.gz")
    assert (root / "images" / "val").is_dir()
    assert len(opened(folders).test) == 5


def test_without_images_it_says_what_to_fetch_by_hand(folders: Folders, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="have to be fetched by hand") as error:
        prepared(folders)
    assert "places365standard_easyformat.tar" in error.value.remedy
    assert "Places_LT_train.txt, Places_LT_test.txt, classnames.txt" in error.value.remedy
    assert error.value.command == "rsbench data prepare places_lt --from FOLDER"
    with pytest.raises(TargetError, match=r"neither images .* nor lists"):
        prepared(folders, tmp_path)
    with pytest.raises(TargetError, match="both splits"):
        PlacesLt.prepare(PlacesLt.Options(), folders, split="train")


def test_not_prepared(tree: Tree, folders: Folders) -> None:
    with pytest.raises(NotPreparedError, match=r"the lists .* are not there; looked for in") as e:
        opened(folders)
    assert e.value.where == str(folders.data / "places_lt")
    assert e.value.command == "rsbench data prepare places_lt --from FOLDER"
    here = tree()
    with pytest.raises(NotPreparedError, match=r"looked for train/airfield/00000000\.jpg in: \., "):
        opened(folders, root=str(here / "code"))


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        (LISTS[0], "train/airfield/00000000.jpg 5", "not a path and a label"),
        (LISTS[1], "../val/1.jpg 0", "leads out"),
        (NAMES, "airfield", "not a folder and a name"),
    ],
)
def test_a_wrong_line(file: str, line: str, message: str, tree: Tree, folders: Folders) -> None:
    here = tree()
    place = here / "code" / "datasets" / "Places_LT" / file
    place.write_text(f"{line}\n" + place.read_text())
    with pytest.raises(TargetError, match=message) as error:
        opened(folders, root=str(here / "code"))
    assert error.value.where == f"{place}:1"


def test_a_missing_image(tree: Tree, folders: Folders) -> None:
    here = tree()
    (here / "places365_standard" / "val" / "yard" / "Places365_val_00000003.jpg").unlink()
    shutil.copytree(here / "code", here / "places365_standard", dirs_exist_ok=True)
    root = str(here / "places365_standard")
    with pytest.raises(ImageError, match=r"listed in Places_LT_test\.txt:4"):
        opened(folders, root=root)
    assert len(opened(folders, root=root, on_bad_image="skip").test) == 5


def test_known_counts() -> None:
    known = PlacesLt.known_counts(PlacesLt.Options())
    assert known.totals == {"train": 62_500, "test": 36_500}
