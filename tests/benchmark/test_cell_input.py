"""Content hash, record, export and ``predict`` agree on what a cell read, whatever it read."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from four_kinds import KINDS, PIXELS, SIDE, Trained
from world import CLASSES

from rsbench.cli import main

STEPS = {
    "pictures": ["8-bit RGB; grey is repeated"],
    "radar": [
        "in this order: vv, vh",
        "red (its vv), green (its vh), blue (its vv)",
        "decibel: 10 * log10(intensity)",
        "vv -22 to 0, vh -25 to 0 become 0 to 255",
    ],
    "bands": ["B01, B02, B03", "offset: -1000 is added", "kept as uint16, in which 10000 stands"],
    "maps": [
        "squares of 18 pixels around a point",
        "is moved inside",
        "8-bit RGB",
        "0 where every",
    ],
}
OTHER: dict[str, dict[str, Any]] = {
    "radar": {"pixels": PIXELS["radar"] | {"use": {"red": "vh", "green": "vv", "blue": "vh"}}},
    "bands": {"pixels": PIXELS["bands"] | {"offset": -900}},
    "maps": {"chip_size": SIDE - 4},
}


def exported(trained: Trained, out: Path) -> Any:
    """Export the cell; return its ``load.py`` as a module."""
    assert main(["export", trained.reference, "--to", "merged", "--out", str(out)]) == 0
    spec = importlib.util.spec_from_file_location("exported_load", out / "load.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", KINDS)
def test_the_record_and_the_export_say_what_the_target_read(
    kind: str, trained: Callable[[str], Trained], tmp_path: Path
) -> None:
    cell = trained(kind)
    reader, target = cell.reader(), cell.target()
    assert cell.cell.record.identity["target"]["content"] == target.content_hash
    assert reader.imagery == target.imagery
    assert cell.view.read_as == json.loads(json.dumps(reader.options))
    told = exported(cell, tmp_path / "out").about()
    assert told["input"] == cell.view.model_dump(mode="json")
    said = "\n".join(told["input_steps"])
    assert all(step in said for step in STEPS[kind])
    assert "divided by full_scale" in said


@pytest.mark.parametrize("kind", OTHER)
def test_other_options_change_hash_record_and_words(
    kind: str, trained: Callable[[str], Trained]
) -> None:
    cell, other = trained(kind), OTHER[kind]
    assert cell.target(**other).content_hash != cell.target().content_hash
    assert cell.reader(**other).options != cell.reader().options
    assert cell.reader(**other).steps != cell.reader().steps


@pytest.mark.parametrize("kind", ["pictures", "radar", "bands"])
def test_files_of_the_data_set_are_read_and_labelled_as_in_the_cell(
    kind: str, trained: Callable[[str], Trained], capsys: pytest.CaptureFixture[str]
) -> None:
    cell = trained(kind)
    target, read = cell.target(), cell.reader().read
    for index, name in enumerate(target.train.ids):
        np.testing.assert_array_equal(read(cell.base / name), target.read("train", index))
    stored = cell.stored
    files = [str(cell.base / name) for name in stored.id]
    capsys.readouterr()
    assert main(["predict", cell.reference, *files, "--top", "1", "--csv", "-"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["file"] for row in rows] == files
    assert [row["class"] for row in rows] == [CLASSES[each] for each in stored.prediction]
    confidences = [float(row["confidence"]) for row in rows]
    np.testing.assert_allclose(confidences, stored.confidence, atol=1e-8)
    assert len(set(confidences)) > 10


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_the_export_gives_the_confidences_of_the_test(
    kind: str, trained: Callable[[str], Trained], tmp_path: Path
) -> None:
    """What ``read`` gives, cut and divided as the steps say, through ``load.py`` alone."""
    cell = trained(kind)
    target, module, stored = cell.target(), exported(cell, tmp_path / "out"), cell.stored
    side = cell.view.image_size
    cut = []
    for name in stored.id:
        image = target.read("test", target.test.ids.index(name))
        assert min(image.shape[:2]) == cell.view.short_side == SIDE  # nothing is resized
        top, left = (round((edge - side) / 2) for edge in image.shape[:2])
        cut.append(image[top : top + side, left : left + side].astype(np.float32))
    pixels = torch.from_numpy(np.stack(cut).transpose(0, 3, 1, 2) / cell.view.full_scale)
    found = module.load()(module.prepare(pixels)).softmax(1)
    np.testing.assert_allclose(found.max(1).values, stored.confidence, atol=1e-5)


def test_files_of_another_kind_are_named_with_what_the_cell_reads(
    trained: Callable[[str], Trained], capsys: pytest.CaptureFixture[str]
) -> None:
    image = trained("pictures").base / "test_0_0.png"
    assert main(["predict", trained("radar").reference, str(image)]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "test_0_0.png: the file has 3 bands, and 'bands' names 2 (vv, vh)" in said
    assert "decibel: 10 * log10(intensity)" in said
    assert main(["predict", trained("maps").reference, str(image)]) == 1
    assert "--map FILE" in capsys.readouterr().err


class TestTargetsThatAreNotAsTheyWere:
    """The record of a cell, changed in what it says of its target."""

    @pytest.fixture
    def changed(self, trained: Callable[[str], Trained], tmp_path: Path) -> Callable[..., Path]:
        def make(**changes: Any) -> Path:
            cell = trained("radar").cell
            for file in cell.folder.iterdir():
                (tmp_path / file.name).write_bytes(file.read_bytes())
            record = json.loads((tmp_path / "record.json").read_text())
            record["cell"]["target"] |= changes.pop("target", {})
            record["view"] |= changes
            (tmp_path / "record.json").write_text(json.dumps(record))
            return tmp_path

        return make

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"target": {"kind": "my_radar"}}, "my_radar.*is not here"),
            ({"bands": ["hh", "hv", "hh"]}, "bands red, green, blue .in training: hh, hv, hh"),
            ({"full_scale": 10000.0}, "full scale 255.0 .in training: 10000.0"),
            ({"read_as": {"pixels": {"bands": None}}}, "pixels .*in training: {'bands': None}"),
        ],
    )
    def test_are_not_predicted_with_and_the_export_says_so(
        self, changes: dict[str, Any], message: str, changed: Callable[..., Path],
        trained: Callable[[str], Trained], capsys: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        base, folder = trained("radar").base, changed(**changes)
        common = ["--base", str(base)]
        assert main(["predict", str(folder), str(base / "test_0_0.tif"), *common]) == 2
        assert re.search(message, " ".join(capsys.readouterr().err.split()))
        out = folder / "out"
        assert main(["export", str(folder), "--to", "merged", "--out", str(out), *common]) == 0
        assert "is not part of the export" in caplog.text
        told = json.loads((out / "rsbench.json").read_text())
        assert re.search(message, told["input_steps"][0])
        assert told["input"] == json.loads((folder / "record.json").read_text())["view"]

    def test_an_older_record_says_less_and_is_used(
        self, changed: Callable[..., Path], trained: Callable[[str], Trained], tmp_path: Path
    ) -> None:
        base, folder = trained("radar").base, changed(read_as=None)
        common = ["--base", str(base)]
        assert main(["predict", str(folder), str(base / "test_0_0.tif"), *common]) == 0
        out = tmp_path / "out"
        assert main(["export", str(folder), "--to", "merged", "--out", str(out), *common]) == 0
        told = json.loads((out / "rsbench.json").read_text())
        assert told["input"]["read_as"]["pixels"]["decibel"] == "intensity"
