from collections.abc import Callable
from pathlib import Path

import pytest

from rsbench.errors import ImageError, NotPreparedError, TargetError
from rsbench.folders import Folders
from rsbench_datasets.fusrs.target import Fusrs

V17 = ("cargo", "other", "fishing", "tanker", "dredger")
V25 = ("cargo", "fishing", "tanker", "dredger")

Release = Callable[..., Path]


@pytest.fixture
def release(tmp_path: Path, make_image: Callable[..., Path]) -> Release:
    def make(classes: tuple[str, ...] = V17, prefix: str = "fusrsv17/") -> Path:
        root = tmp_path / "fusrs"
        index = root / "datasets" / "FUSRS"
        index.mkdir(parents=True, exist_ok=True)
        (index / "classnames.txt").write_text("\n".join(classes))
        for split, frame in (("train", 1), ("test", 2)):
            names = [f"L{frame}_{label + 1}.png" for label in range(len(classes))]
            for name in names:
                make_image(root / "data" / "fusrsv17" / name, (4 + frame, 4))
            lines = [f"{prefix}{name} {label}" for label, name in enumerate(names)]
            (index / f"{split}.txt").write_text("\n".join(lines) + "\n")
        return root

    return make


def opened(root: Path, folders: Folders) -> Fusrs:
    return Fusrs.open("sar", Fusrs.Options.model_validate({"root": str(root)}), folders)


def test_the_default_root(release: Release, folders: Folders) -> None:
    folders.data.mkdir()
    release().rename(folders.data / "fusrs")
    assert len(Fusrs.open("sar", Fusrs.Options(), folders).train) == 5


def test_version_17(release: Release, folders: Folders) -> None:
    target = opened(release(), folders)
    assert target.class_names == V17
    assert target.groups.head == (0, 1, 2)
    assert target.groups.medium == ()
    assert target.groups.tail == (3, 4)
    assert target.train.ids[0] == "fusrsv17/L1_1.png"
    assert target.train.labels.tolist() == [0, 1, 2, 3, 4]
    assert target.read("test", 0).shape == (4, 6, 3)
    assert target.disclaimer == ""


def test_version_25_has_no_other(release: Release, folders: Folders) -> None:
    target = opened(release(V25), folders)
    assert target.groups.head == (0, 1)
    assert target.groups.tail == (2, 3)


def test_paths_may_start_at_the_image_folder(release: Release, folders: Folders) -> None:
    target = opened(release(prefix=""), folders)
    assert target.train.ids[0] == "L1_1.png"
    assert target.read("train", 0).shape == (4, 5, 3)


def test_not_prepared(tmp_path: Path, folders: Folders) -> None:
    with pytest.raises(NotPreparedError, match=r"files train\.txt, .* are not there"):
        opened(tmp_path, folders)


def test_unknown_class(release: Release, folders: Folders) -> None:
    root = release((*V17, "submarine"))
    with pytest.raises(TargetError, match="FUSRS does not have: submarine"):
        opened(root, folders)


def test_no_classes(release: Release, folders: Folders) -> None:
    root = release()
    (root / "datasets" / "FUSRS" / "classnames.txt").write_text("\n")
    with pytest.raises(TargetError, match="lists no class"):
        opened(root, folders)


@pytest.mark.parametrize("line", ["L1_1.png", "L1_1.png five", "L1_1.png 5", "L1_1.png -1", " 3"])
def test_a_wrong_line_is_named(line: str, release: Release, folders: Folders) -> None:
    file = release() / "datasets" / "FUSRS" / "train.txt"
    file.write_text(f"fusrsv17/L1_1.png 0\n{line}\n")
    with pytest.raises(TargetError, match="not a path and a label") as error:
        opened(file.parents[2], folders)
    assert error.value.where == f"{file}:2"


def test_a_missing_chip_is_named_with_its_line(release: Release, folders: Folders) -> None:
    root = release()
    (root / "data" / "fusrsv17" / "L1_3.png").unlink()
    with pytest.raises(ImageError, match=r"does not exist \(listed in train.txt:3\)"):
        opened(root, folders)
