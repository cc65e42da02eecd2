"""``load.py`` of an export: the logits of the cell, on every family, without rsbench."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import timm
import torch
import yaml
from families import ARCHITECTURES, SIZE, FamilyBackbone
from safetensors.torch import save_file
from typer.testing import CliRunner
from world import HALVES, matrix, write_world

from rsbench.cli import app
from rsbench.finished.find import FinishedCell, find_cell
from rsbench.finished.predict import DecodedImages
from rsbench.folders import Folders
from rsbench.store import RunFolder
from rsbench.training.restore import RestoredModel, restore

FAMILIES = ["vit", "dinov3", "rope", "swin", "convnext"]
BACKBONES = [*FAMILIES, "resized", "demo_vit", "demo_satmae_format"]
MLP = {"kind": "lora", "positions": ["mlp1", "mlp2"], "rank": 2}


def families(folder: Path) -> list[dict[str, Any]]:
    """Checkpoints of every family; ``resized`` differs from timm's own in all that can."""
    found = []
    for family in FAMILIES:
        kind, arguments = ARCHITECTURES[family]
        save_file(FamilyBackbone(family).build().state_dict(), folder / f"{family}.safetensors")
        found.append({"name": family, "kind": "checkpoint", "architecture": kind.__name__,
                      "arguments": arguments, "weights": f"{family}.safetensors",
                      "image_size": SIZE, "normalisation": HALVES})  # fmt: skip
    name, arguments = "vit_tiny_patch16_224", {"embed_dim": 16, "depth": 1, "num_heads": 2}
    state = timm.create_model(name, img_size=48, num_classes=3, **arguments).state_dict()
    save_file({f"module.{k}": v.half() for k, v in state.items()}, folder / "r.safetensors")
    resized = {
        "name": "resized",
        "kind": "checkpoint",
        "architecture": name,
        "arguments": arguments,
        "weights": "r.safetensors",
        "image_size": 32,
        "norm_eps": 0.1,
        "position_resize": "bicubic",
        "ignore_keys": ["head."],
        "normalisation": {"statistics": "target", "multiplier": 0.25, "offset": 0.5},
    }
    beit = timm.create_model("beit_base_patch16_224", img_size=32, num_classes=0, **arguments)
    save_file(beit.state_dict(), folder / "beit.safetensors")
    without_sites = {"name": "beit", "kind": "checkpoint", "architecture": "beit_base_patch16_224",
                     "arguments": arguments, "weights": "beit.safetensors",
                     "image_size": 32, "normalisation": HALVES}  # fmt: skip
    return [*found, resized, without_sites]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of LoRA and full fine-tuning on every family."""
    folder = tmp_path_factory.mktemp("families")
    write_world(folder)
    content = matrix() | {
        "backbones": [*families(folder), "demo_vit", "demo_satmae_format"],
        "methods": [{"name": "lora", **MLP}, "full"],
        "seeds": [0],
        "recipe": {"epochs": 1, "batch_size": 8, "learning_rate": 0.05, "precision": "32"},
        "exclude": [{"method": "lora", "backbone": "beit"},
                    *({"method": "full", "backbone": name} for name in BACKBONES)],
    }  # fmt: skip
    del content["metapeft"]
    file = folder / "matrix.yaml"
    file.write_text(yaml.safe_dump(content))
    arguments = ["run", "--matrix", str(file), "--out", str(folder / "run"), "--workers", "0"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RSBENCH_CACHE", str(folder / "cache"))
        result = CliRunner().invoke(app, [*arguments, "--keep-weights"])
    assert result.exit_code == 0, result.output + repr(result.exception)
    return folder / "run"


def cell_of(run: Path, backbone: str) -> FinishedCell:
    wanted = f"/ {backbone} /"
    (listed,) = (each for each in RunFolder(run).read_index().cells if wanted in each.label)
    return find_cell(f"{run}/{listed.id}")


def exported(run: Path, backbone: str, to: str, out: Path) -> RestoredModel:
    """Export a cell to ``out``; return its model as rsbench has it."""
    cell = cell_of(run, backbone)
    arguments = ["export", f"{run}/{cell.record.id}", "--to", to, "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    assert cell.base is not None
    return restore(cell.record, cell.folder, Folders(base=cell.base), torch.device("cpu"))


def loader(out: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("exported_load", out / "load.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def images(model: RestoredModel) -> torch.Tensor:
    side = model.view.image_size
    return torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("backbone", [*BACKBONES, "beit"])
@pytest.mark.parametrize("to", ["merged", "peft"])
@torch.no_grad()
def test_it_gives_the_logits_of_the_cell(backbone: str, to: str, run: Path, tmp_path: Path) -> None:
    if to == "peft":
        pytest.importorskip("peft", reason="the peft library is not installed")
        if backbone == "beit":
            pytest.skip("full fine-tuning is no LoRA")
    model = exported(run, backbone, to, tmp_path / "out")
    features, logits = model.both(images(model))
    found = loader(tmp_path / "out").load()
    assert not found.training
    torch.testing.assert_close(found.network(images(model)), features, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found(images(model)), logits, atol=1e-4, rtol=1e-4)
    assert (features[0] - features[1]).abs().max() > 1e-2


@pytest.mark.parametrize("backbone", ["vit", "resized"])
def test_it_prepares_pixels_as_the_cells_test_did(backbone: str, run: Path, tmp_path: Path) -> None:
    model = exported(run, backbone, "merged", tmp_path / "out")
    side, short = model.view.image_size, model.view.short_side
    pixels = np.random.default_rng(0).integers(0, 256, (2, short, short, 3), dtype=np.uint8)
    reader = model.reader(DecodedImages(list(pixels)), np.zeros(2, dtype=np.int64))
    expected, _ = reader.test(np.arange(2), short)
    edge = round((short - side) / 2)
    centre = torch.from_numpy(pixels[:, edge : edge + side, edge : edge + side] / 255)
    found = loader(tmp_path / "out").prepare(centre.permute(0, 3, 1, 2))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_it_needs_no_rsbench(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    model = exported(run, "demo_vit", "merged", out)
    save_file({"images": images(model)}, tmp_path / "images.safetensors")
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(out)!r})\n"
        "from load import load\n"
        "from safetensors.torch import load_file\n"
        f"images = load_file({str(tmp_path / 'images.safetensors')!r})['images']\n"
        "print(load()(images).tolist())\n"
        "assert not [name for name in sys.modules if name.startswith('rsbench')]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with torch.no_grad():
        expected = model.both(images(model))[1]
    torch.testing.assert_close(torch.tensor(json.loads(done.stdout)), expected)


@pytest.mark.parametrize("to", ["merged", "safetensors"])
def test_as_a_script_it_says_how_images_are_prepared(
    to: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exported(run, "vit", to, tmp_path / "out")
    module = loader(tmp_path / "out")
    with torch.no_grad():
        module.main()
    printed = capsys.readouterr().out
    about = module.about()
    assert all(step in printed for step in about["input_steps"])
    assert '"short_side"' in printed
    wanted = about["class_names"] if to == "merged" else ["block0_mlp1.down (16, 2)", "head.weight"]
    assert all(each in printed for each in wanted)


def test_an_adapter_alone_says_that_it_needs_rsbench(run: Path, tmp_path: Path) -> None:
    exported(run, "vit", "safetensors", tmp_path / "out")
    with pytest.raises(RuntimeError, match=r"only rsbench puts it[\s\S]*--to merged"):
        loader(tmp_path / "out").load()


def test_a_network_that_timm_does_not_build_is_given(run: Path, tmp_path: Path) -> None:
    model = exported(run, "vit", "merged", tmp_path / "out")
    file = tmp_path / "out" / "rsbench.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"network": None}))
    module = loader(tmp_path / "out")
    with pytest.raises(RuntimeError, match=r"timm does not build[\s\S]*load\(network\)"):
        module.load()
    with torch.no_grad():
        found = module.load(FamilyBackbone("vit").build())(images(model))
        torch.testing.assert_close(found, model.both(images(model))[1], atol=1e-4, rtol=1e-4)


def test_heads_that_see_centred_or_standardised_features(tmp_path: Path) -> None:
    """A linear head has a bias; both may bring the statistics of the features."""
    source = Path(sys.modules["rsbench.finished.find"].__file__ or "").with_name("load.py")
    (tmp_path / "load.py").write_bytes(source.read_bytes())
    module = loader(tmp_path)
    random = torch.Generator().manual_seed(0)
    features, weight = (torch.randn(n, 5, generator=random) for n in (4, 3))
    bias, mean = (torch.randn(n, generator=random) for n in (3, 5))
    deviation = torch.rand(5, generator=random) + 0.5
    seen = (features - mean) / deviation
    statistics = {"mean": mean, "deviation": deviation}
    linear = module.Model(
        torch.nn.Identity(), {"weight": weight, "bias": bias, **statistics}, {"kind": "linear"}
    )
    torch.testing.assert_close(linear(features), seen @ weight.T + bias)
    cosine = module.Model(
        torch.nn.Identity(), {"weight": weight, **statistics}, {"kind": "cosine", "scale": 20.0}
    )
    expected = 20 * torch.nn.functional.cosine_similarity(seen[:, None], weight[None], dim=-1)
    torch.testing.assert_close(cosine(features), expected)
