from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rsbench.errors import ImageError
from rsbench_datasets.files.scenes import crop, read_scene, read_window, scene_size


def test_windows_and_crops_agree_with_pillow(
    tmp_path: Path, make_image: Callable[..., Path]
) -> None:
    path = make_image(tmp_path / "a.png", (30, 20))
    expected = np.asarray(Image.open(path))[4:9, 7:20]
    box = (7, 4, 20, 9)
    assert scene_size(path) == (30, 20)
    assert np.array_equal(read_window(path, box), expected)
    assert np.array_equal(crop(read_scene(path), box), expected)
    assert read_window(path, box).flags.c_contiguous


def test_grey_is_replicated_and_alpha_dropped(tmp_path: Path) -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert np.array_equal(read_scene(tmp_path / "grey.png"), np.stack([grey] * 3))
    Image.new("RGBA", (4, 3), (1, 2, 3, 4)).save(tmp_path / "alpha.png")
    assert read_scene(tmp_path / "alpha.png")[:, 0, 0].tolist() == [1, 2, 3]


def test_sixteen_bits_and_palettes_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(ImageError, match="pixel type uint16"):
        read_scene(tmp_path / "deep.png")
    picture = np.arange(768, dtype=np.uint8).reshape(16, 16, 3)
    Image.fromarray(picture).convert("P").save(tmp_path / "palette.png")
    with pytest.raises(ImageError, match="colour palette"):
        read_window(tmp_path / "palette.png", (0, 0, 1, 1))


def test_a_missing_scene(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="the image does not exist") as error:
        scene_size(tmp_path / "a.png")
    assert error.value.where == str(tmp_path / "a.png")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_damaged_scene(tmp_path: Path, make_image: Callable[..., Path], share: float) -> None:
    path = make_image(tmp_path / "a.png", (200, 200))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ImageError, match=r"does not decode|file is empty") as error:
        read_scene(path)
    assert error.value.where == str(path)
