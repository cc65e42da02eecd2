"""``rsbench predict``: new images get the labels that the test gave them."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from finished import cell_of
from PIL import Image
from torchvision.transforms import v2
from world import CLASSES

from rsbench.cli import main
from rsbench.errors import ImageError
from rsbench.image_files import find_images

Run = Callable[..., tuple[int, list[dict[str, str]], str]]


@pytest.fixture
def predict(every_cell: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call the command for a method's cell: exit code, CSV rows, standard error."""

    def call(method: str, *arguments: object) -> tuple[int, list[dict[str, str]], str]:
        cell = cell_of(every_cell, method)
        texts = [str(each) for each in arguments]
        code = main(["predict", f"{every_cell}/{cell.record.id}", *texts, "--csv", "-"])
        captured = capsys.readouterr()
        return code, list(csv.DictReader(io.StringIO(captured.out))), captured.err

    return call


@pytest.mark.parametrize("method", ["full", "lora", "lora+metapeft", "vpt_deep+metapeft"])
def test_test_images_get_the_prediction_and_confidence_of_the_test(
    method: str, predict: Run, every_cell: Path
) -> None:
    stored = pd.read_parquet(cell_of(every_cell, method).folder / "predictions.parquet")
    world = every_cell.parents[1]
    code, rows, _ = predict(method, *(world / name for name in stored.id), "--top", 1)
    assert code == 0
    assert [row["file"] for row in rows] == [str(world / name) for name in stored.id]
    assert [row["class"] for row in rows] == [CLASSES[c] for c in stored.prediction]
    confidences = np.array([float(row["confidence"]) for row in rows])
    np.testing.assert_allclose(confidences, stored.confidence, atol=1e-6)
    assert len(set(confidences)) > 10, "the images are not told apart"


def test_one_image_alone_gets_the_same_as_among_others(predict: Run, every_cell: Path) -> None:
    stored = pd.read_parquet(cell_of(every_cell, "lora").folder / "predictions.parquet")
    for row in stored.itertuples():
        _, (found,), _ = predict("lora", every_cell.parents[1] / row.id, "--top", 1)
        assert found["class"] == CLASSES[row.prediction]
        assert abs(float(found["confidence"]) - row.confidence) < 5e-6


def test_an_image_larger_than_the_network_is_shrunk_as_in_training(
    predict: Run, every_cell: Path, tmp_path: Path
) -> None:
    """Torchvision's Resize to the test's short side, then the centre."""
    pixels = np.random.default_rng(3).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "large.png")
    view = cell_of(every_cell, "lora").record.view
    assert view is not None
    planes = torch.from_numpy(pixels).permute(2, 0, 1)
    shrunk = v2.functional.resize(planes, [view.short_side], antialias=True)
    Image.fromarray(shrunk.permute(1, 2, 0).numpy()).save(tmp_path / "shrunk.png")
    _, rows, _ = predict("lora", tmp_path / "large.png", tmp_path / "shrunk.png", "--top", 1)
    large, shrunk = (float(row["confidence"]) for row in rows)
    assert large == pytest.approx(shrunk, abs=1e-6)  # rows of a batch round differently


def test_all_classes_are_ranked_and_add_up_to_one(predict: Run, every_cell: Path) -> None:
    _, rows, _ = predict("lora", every_cell.parents[1] / "test_2_0.png")  # 5 asked for, 3 there
    assert [row["rank"] for row in rows] == ["1", "2", "3"]
    confidences = [float(row["confidence"]) for row in rows]
    assert confidences == sorted(confidences, reverse=True)
    assert abs(sum(confidences) - 1) < 1e-6
    assert {row["class"] for row in rows} == set(CLASSES)


def test_unreadable_images_are_named_and_the_others_labelled(
    predict: Run, make_image: Callable[..., Path], tmp_path: Path
) -> None:
    good = make_image(tmp_path / "good.png", (20, 18))
    deep = tmp_path / "deep.png"
    Image.fromarray(np.full((18, 20), 40_000, dtype=np.uint16)).save(deep)
    (tmp_path / "torn.jpg").write_bytes(b"no image")
    (tmp_path / "photo.heic").touch()
    make_image(tmp_path / os.fsdecode(b"\xe4.png"))
    code, rows, errors = predict("lora", tmp_path, tmp_path / "gone.png", "--top", 1)
    assert code == 1
    assert [row["file"] for row in rows] == [str(good)]
    for name in ("deep.png", "torn.jpg", "gone.png", "\\udce4.png"):
        assert name in errors
    assert "8-bit" in errors
    assert "1 .heic: images of a kind that is not read" in errors


def test_no_image_at_all_is_exit_code_1_with_the_reason(predict: Run, tmp_path: Path) -> None:
    code, rows, errors = predict("lora", tmp_path)
    assert (code, rows) == (1, [])
    assert "no image in this folder" in errors


def test_folders_are_searched_through_in_order(
    make_image: Callable[..., Path], tmp_path: Path
) -> None:
    expected = [make_image(tmp_path / name) for name in ("a/2.png", "a/b/1.JPG", "c.bmp")]
    (tmp_path / "notes.txt").touch()
    make_image(tmp_path / ".hidden" / "x.png")
    found, below = find_images([tmp_path, tmp_path / "c.bmp"])
    assert found == [*expected, tmp_path / "c.bmp"]
    assert below.left_out == (
        "left out: 1 hidden or system files and folders (.hidden); 1 .txt: no images"
    )
    (gone,), _ = find_images([tmp_path / "gone"])
    assert isinstance(gone, ImageError)


def test_a_table_and_a_csv_file(
    every_cell: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = f"{every_cell}/{cell_of(every_cell, 'lora').record.id}"
    image = str(every_cell.parents[1] / "test_1_0.png")
    assert main(["predict", reference, image]) == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("file", "rank", "class", "confidence", *CLASSES))
    out = tmp_path / "new" / "labels.csv"
    assert main(["predict", reference, image, "--csv", str(out)]) == 0
    assert out.read_text().splitlines()[0] == "file,rank,class,confidence"
    assert len(out.read_text().splitlines()) == 1 + len(CLASSES)
    assert main(["predict", reference, image, "--csv", str(tmp_path)]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_it_needs_no_data_set(every_cell: Path, tmp_path: Path, predict: Run) -> None:
    """Only the weights file and the cell: the split file and training images are not opened."""
    import shutil

    cell = cell_of(every_cell, "lora")
    shutil.copytree(cell.folder, tmp_path / "cell")
    shutil.copy(every_cell.parents[1] / "weights.safetensors", tmp_path)
    image = every_cell.parents[1] / "test_1_0.png"
    arguments = ["predict", str(tmp_path / "cell"), str(image), "--csv", str(tmp_path / "a.csv")]
    assert main([*arguments, "--base", str(tmp_path)]) == 0
