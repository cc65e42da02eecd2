"""Which files of a folder are images, what is passed over, and that it is said."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from rsbench.errors import ImageError
from rsbench.image_files import IMAGE_SUFFIXES, find_images, look_below, passed_over, subfolders
from rsbench.images import read_rgb

MakeImage = Callable[..., Path]
HIDDEN = [".ipynb_checkpoints/x.png", "@eaDir/x.jpg", ".thumbnails/x.png", "__MACOSX/x.jpg",
          "._x.jpg", "#recycle/x.png", "@EADIR/x.png"]  # fmt: skip


def below(folder: Path) -> list[str]:
    return sorted(each.relative_to(folder).as_posix() for each in look_below(folder).images)


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_and_system_files_are_no_data(
    tmp_path: Path, make_image: MakeImage, name: str
) -> None:
    make_image(tmp_path / "a" / "1.png")
    make_image(tmp_path / "a" / name)
    assert below(tmp_path) == ["a/1.png"]
    assert f"1 hidden or system files and folders ({name.split('/')[0]})" in (
        look_below(tmp_path).left_out
    )


def test_what_is_passed_over_is_counted(tmp_path: Path, make_image: MakeImage) -> None:
    make_image(tmp_path / "1.png")
    for name in ("1.HEIC", "2.heic", "3.nc", "notes.txt", "Thumbs.db", "1.png.aux.xml", "README"):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe.png")
    assert look_below(tmp_path).left_out == (
        "left out: 1 hidden or system files and folders (Thumbs.db); "
        "1 pipes, devices or links that lead back or nowhere (pipe.png); "
        "2 .heic, 1 .nc: images of a kind that is not read; 1 .txt, 1 README: no images"
    )
    assert below(tmp_path) == ["1.png"]


def test_nothing_is_said_where_nothing_is_left_out(tmp_path: Path, make_image: MakeImage) -> None:
    make_image(tmp_path / "1.png")
    assert look_below(tmp_path).left_out == ""


def test_links_to_folders_are_followed(tmp_path: Path, make_image: MakeImage) -> None:
    make_image(tmp_path / "elsewhere" / "deep" / "2.png")
    make_image(tmp_path / "a" / "1.png")
    (tmp_path / "a" / "more").symlink_to(tmp_path / "elsewhere")
    assert below(tmp_path / "a") == ["1.png", "more/deep/2.png"]


def test_a_link_that_leads_back_ends_the_search(tmp_path: Path, make_image: MakeImage) -> None:
    make_image(tmp_path / "a" / "b" / "1.png")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    assert below(tmp_path) == ["a/b/1.png"]
    assert "links that lead back or nowhere (up)" in look_below(tmp_path).left_out


def test_dead_links_are_missing_images_or_counted(tmp_path: Path) -> None:
    (tmp_path / "1.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "folder").symlink_to(tmp_path / "not mounted")
    assert below(tmp_path) == ["1.png"]
    assert "(folder)" in look_below(tmp_path).left_out


def test_a_folder_that_cannot_be_read_is_an_error(
    tmp_path: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_image(tmp_path / "a" / "1.png")
    (tmp_path / "closed").mkdir()
    plain = os.scandir

    def scandir(folder: Path) -> object:
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied", os.fspath(folder))
        return plain(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(ImageError, match="closed: the folder cannot be read: Permission denied"):
        look_below(tmp_path)


def test_subfolders(tmp_path: Path) -> None:
    for name in ("a", "b", ".hidden", "@eaDir", "__MACOSX"):
        (tmp_path / name).mkdir()
    (tmp_path / "c").symlink_to(tmp_path / "a")
    (tmp_path / "file").touch()
    assert sorted(subfolders(tmp_path)) == ["a", "b", "c"]


def test_an_image_that_is_named_is_read_wherever_it_lies(
    tmp_path: Path, make_image: MakeImage
) -> None:
    path = make_image(tmp_path / ".thumbnails" / "x.png")
    assert find_images([path])[0] == [path]


def test_names_of_the_system_are_told_from_names_of_users() -> None:
    assert not any(map(passed_over, ("a", "eadir", "thumbs", "thumbs.png", "_x.jpg", "recycle")))


@pytest.mark.parametrize(("kind", "name"), [("EPS", "a.png"), ("PDF", "a.jpg"), ("TGA", "a.png")])
def test_a_file_of_another_kind_is_never_handed_on(tmp_path: Path, kind: str, name: str) -> None:
    """Pillow would start Ghostscript for one of them."""
    Image.new("RGB", (8, 8), "red").save(tmp_path / name, format=kind)
    with pytest.raises(ImageError, match="not an image of a kind that is read"):
        read_rgb(tmp_path / name)


def test_files_are_read_by_what_they_are_and_not_by_their_name(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), (200, 30, 90)).save(tmp_path / "a.tif", format="PNG")
    assert read_rgb(tmp_path / "a.tif")[0, 0].tolist() == [200, 30, 90]


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "y.png")
    with pytest.raises(ImageError, match="is a pipe or a device"):
        read_rgb(tmp_path / "y.png")


def test_kinds_that_are_read_are_not_listed_as_unread() -> None:
    from rsbench import image_files

    assert not IMAGE_SUFFIXES & image_files._NOT_READ


def header_alone(path: Path, side: int) -> Path:
    """A 1-bit PNG that says how large it is and holds no pixels."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


def test_a_whole_scene_is_no_attack(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not decode") as caught:
        read_rgb(header_alone(tmp_path / "scene.png", 14_000))  # 196 megapixels
    assert "attack" not in caught.value.what


def test_an_image_that_no_memory_holds_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="40000 x 40000 pixels, more than 1,073,741,824") as caught:
        read_rgb(header_alone(tmp_path / "world.png", 40_000))
    assert caught.value.remedy == "cut it into tiles"
