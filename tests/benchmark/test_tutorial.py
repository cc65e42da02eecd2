"""The README's section "Add your own data set", carried out as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rsbench import registry
from rsbench.cli import main
from rsbench.folders import Folders

README = Path(__file__).resolve().parents[2] / "README.md"
HEADING = "### Add your own data set"
CLASSES = (
    *("AnnualCrop", "Forest", "HerbaceousVegetation", "Highway", "Industrial"),
    *("Pasture", "PermanentCrop", "Residential", "River", "SeaLake"),
)
IMAGES = 16  # of each class


def blocks() -> dict[str, str]:
    """The fenced blocks of the section by language; "" is that of the commands."""
    text = README.read_text(encoding="utf-8")
    assert text.count(HEADING) == 1
    section = re.split(r"^#{1,3} ", text.split(HEADING)[1], maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(r"^```(\w*)\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    assert sorted(language for language, _ in found) == ["", "python", "yaml"]
    return dict(found)


def save_geotiff(pixels: np.ndarray, file: Path) -> None:
    import rasterio

    shape = {"height": pixels.shape[0], "width": pixels.shape[1], "count": 3, "dtype": "uint8"}
    where = {"crs": "EPSG:32632", "transform": rasterio.Affine(10, 0, 600_000, 0, -10, 5_300_000)}
    with rasterio.open(file, "w", driver="GTiff", **shape, **where) as raster:
        raster.write(pixels.transpose(2, 0, 1))


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: the tutorial's two files, and scenes in EuroSAT's layout."""
    monkeypatch.setenv("RSBENCH_PLUGINS", "")
    monkeypatch.chdir(tmp_path)
    section = blocks()
    (tmp_path / "my_scenes.py").write_text(section["python"], encoding="utf-8")
    (tmp_path / "my_scenes.yaml").write_text(section["yaml"], encoding="utf-8")
    random = np.random.default_rng(0)
    for label, name in enumerate(CLASSES):
        folder = tmp_path / "EuroSAT" / "2750" / name
        folder.mkdir(parents=True)
        for number in range(1, IMAGES + 1):
            pixels = np.clip(random.normal(30 + 20 * label, 20, (24, 24, 3)), 0, 255)
            if label % 2:
                save_geotiff(pixels.astype(np.uint8), folder / f"{name}_{number}.tif")
            else:
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{name}_{number}.jpg")
    return tmp_path


def commands() -> list[list[str]]:
    """The arguments of the section's ``rsbench`` commands."""
    lines = [shlex.split(line) for line in blocks()[""].splitlines() if line.strip()]
    assert all(line[0] == "rsbench" for line in lines)
    return [line[1:] for line in lines]


def test_the_code_is_under_40_lines() -> None:
    assert len([line for line in blocks()["python"].splitlines() if line.strip()]) < 40


def test_check_and_sweep(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check, run = commands()
    assert check[:2] == ["plugin", "check"]
    assert main(check) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "22 checks: 21 pass, 1 skipped"

    # what the tutorial trains, but for one method and one seed, in a worker process
    assert run[0] == "run"
    assert main([*run, "--only", "method=linear", "--seeds", "0", "--workers", "1"]) == 0
    assert "trained 1 cell, found 0 finished, 0 failed" in capsys.readouterr().out
    table = pd.read_csv(workplace / "results" / "my_scenes" / "tables" / "main.csv")
    assert len(table) == 1
    # brightness tells the ten classes apart; chance is 10 %
    assert float(table["mean_mean"].iloc[0]) > 30


def test_the_tail_and_the_groups(workplace: Path) -> None:
    from rsbench.plugin_files import use_files

    use_files([workplace / "my_scenes.py"])
    kind = registry.target_class("my_scenes")
    options = kind.Options(folder="EuroSAT/2750", imbalance=4)
    target = kind.open("my_scenes", options, Folders(base=workplace))
    counts = target.train.counts(10).tolist()
    assert counts == sorted(counts, reverse=True)
    assert (counts[0], counts[-1]) == (12, 3)
    assert target.test.counts(10).tolist() == [4] * 10
    assert target.groups.head == (0, 1, 2)
    assert target.groups.tail == (7, 8, 9)
    assert not set(target.train.ids) & set(target.test.ids)
    other = kind.open("my_scenes", kind.Options(folder="EuroSAT/2750"), Folders(base=workplace))
    assert other.content_hash != target.content_hash


def test_an_edited_file_gives_other_cells(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rsbench.matrix.expand import expand
    from rsbench.matrix.load import load_matrix
    from rsbench.plan import plan_cells

    loaded = load_matrix(workplace / "my_scenes.yaml")
    ids: list[set[str]] = []
    for note in ("", "# edited\n"):
        file = workplace / f"scenes{len(ids)}.py"  # a process loads a file once
        file.write_text((workplace / "my_scenes.py").read_text(encoding="utf-8") + note)
        monkeypatch.setenv("RSBENCH_PLUGINS", str(file))
        plan = plan_cells(expand(loaded), Folders(base=loaded.base))
        ids.append({run.id for run in plan.runs()})
    assert len(ids[0]) == len(ids[1]) == 6
    assert not ids[0] & ids[1]
