"""``rsbench export``: what is written gives the same logits without rsbench's own modules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from families import FamilyBackbone, family_images
from finished import cell_of, every_method
from safetensors.torch import load_file
from timm.models.vision_transformer import VisionTransformer
from tiny import TinyBackbone, attach, images, randomise
from torch.nn import functional
from typer.testing import CliRunner
from world import ARGUMENTS, CLASSES

from rsbench import registry
from rsbench.cli import app, main
from rsbench.errors import ExportError
from rsbench.folders import Folders
from rsbench.training.restore import RestoredModel, restore

MERGEABLE = {"linear", "probe", "full", "bitfit", "lora", "lora_qv"}


def export(run: Path, method: str, to: str, out: Path) -> dict[str, Any]:
    """Export the cell of ``method`` and return the description beside its weights."""
    cell = cell_of(run, method)
    arguments = ["export", f"{run}/{cell.record.id}", "--to", to, "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    description: dict[str, Any] = json.loads((out / "rsbench.json").read_text())
    return description


def restored(run: Path, method: str) -> RestoredModel:
    cell = cell_of(run, method)
    assert cell.base is not None
    return restore(cell.record, cell.folder, Folders(base=cell.base), torch.device("cpu"))


def network() -> VisionTransformer:
    return VisionTransformer(img_size=16, num_classes=0, **ARGUMENTS).eval()


def logits(features: torch.Tensor, out: Path, description: dict[str, Any]) -> torch.Tensor:
    """As ``rsbench.json`` says, with plain torch."""
    head = load_file(out / "head.safetensors")
    names = {"normalize": lambda values: functional.normalize(values, dim=-1), **head}
    values = {**description["head"], "features": features, **names}
    found: torch.Tensor = eval(description["head"]["logits"].split(", ")[0], values)
    return found


@pytest.mark.parametrize(
    "method", [each for each in every_method() if each.removesuffix("+metapeft") in MERGEABLE]
)
def test_a_merged_backbone_gives_the_same_logits_in_timm_alone(
    method: str, every_cell: Path, tmp_path: Path
) -> None:
    out = tmp_path / "merged"
    description = export(every_cell, method, "merged", out)
    assert {path.name for path in out.iterdir()} == {
        "model.safetensors", "head.safetensors", "rsbench.json", "load.py"
    }  # fmt: skip
    merged = network()
    merged.load_state_dict(load_file(out / "model.safetensors"))
    model = restored(every_cell, method)
    with torch.no_grad():
        expected = model.both(images(8))[1]
        found = logits(merged(images(8)), out, description)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    bare = network()
    bare.load_state_dict(load_file(every_cell.parents[1] / "weights.safetensors"))
    with torch.no_grad():
        unadapted = logits(bare(images(8)), out, description)
    assert torch.allclose(unadapted, expected, atol=1e-5) == (method in ("linear", "probe"))


OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("lora", {"rank": 3, "alpha": 2.0}),
    ("lora", {"rank": 3, "alpha": 2.0, "out": "sequential"}),
    ("lora_qv", {"rank": 2, "blocks": "last:1"}),
    ("bitfit", {}),
]


@pytest.mark.parametrize(("method", "options"), OPTIONS, ids=lambda value: str(value))
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_merging_is_exact_in_both_precisions_at_random_weights_and_gammas(
    method: str, options: dict[str, Any], dtype: torch.dtype, tolerance: float
) -> None:
    backbone = TinyBackbone(dtype)
    bare = backbone.build()
    attachment = attach(method, bare, backbone, **options)
    randomise(attachment, dtype)
    for number, (_, module) in enumerate(attachment.modules()):
        gamma = torch.tensor(0.15 * number, dtype=dtype)  # the first one is off
        module.gamma = lambda gamma=gamma: gamma  # type: ignore[misc]
    kind = registry.method_class(method)
    before = {name: tensor.clone() for name, tensor in bare.state_dict().items()}
    state = kind(kind.Options(**options)).merged_state(bare, attachment)
    pictures = images(dtype=dtype)
    adapted = bare(pictures)
    assert all(torch.equal(before[name], tensor) for name, tensor in bare.state_dict().items())
    attachment.detach()
    assert (bare(pictures) - adapted).abs().max() > 1e-3
    bare.load_state_dict(state)
    torch.testing.assert_close(bare(pictures), adapted, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("family", ["swin", "convnext", "convnextv2"])
@pytest.mark.parametrize("method", ["lora", "bitfit"])
def test_merging_works_on_every_family(method: str, family: str) -> None:
    backbone = FamilyBackbone(family, torch.float64)
    bare = backbone.build()
    sites = {site.position for site in backbone.sites(bare)}
    kind = registry.method_class(method)
    positions = [each for each in kind.Options().positions if each in sites]
    attachment = attach(method, bare, backbone, positions=positions)
    randomise(attachment, torch.float64)
    for number, (_, module) in enumerate(attachment.modules()):
        gamma = torch.tensor(0.5 + 0.1 * number, dtype=torch.float64)
        module.gamma = lambda gamma=gamma: gamma  # type: ignore[misc]
    pictures = family_images(dtype=torch.float64)
    adapted = bare(pictures)
    state = kind(kind.Options(positions=positions)).merged_state(bare, attachment)
    attachment.detach()
    assert (bare(pictures) - adapted).abs().max() > 1e-3
    bare.load_state_dict(state)
    torch.testing.assert_close(bare(pictures), adapted, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("method", ["adapter+metapeft", "adaptformer", "vpt_deep", "vpt_shallow"])
def test_what_cannot_be_folded_is_refused_with_the_reason(
    method: str, every_cell: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = cell_of(every_cell, method)
    out = tmp_path / "out"
    reference = f"{every_cell}/{cell.record.id}"
    assert main(["export", reference, "--to", "merged", "--out", str(out)]) == 2
    printed = " ".join(capsys.readouterr().err.split())
    assert ("tokens beside those of the image" in printed) == ("vpt" in method)
    assert ("nonlinear" in printed) == ("adapt" in method)
    assert "--to safetensors" in printed
    assert not out.exists()


@pytest.mark.parametrize("method", every_method())
def test_the_adapter_alone_holds_what_was_trained_and_how_to_use_it(
    method: str, every_cell: Path, tmp_path: Path
) -> None:
    description = export(every_cell, method, "safetensors", tmp_path / "out")
    cell = cell_of(every_cell, method)
    saved = load_file(tmp_path / "out" / "adapter.safetensors")
    original = load_file(cell.folder / "adapter.safetensors")
    assert saved.keys() == original.keys()
    assert all(torch.equal(saved[name], original[name]) for name in saved)
    assert any(name.startswith("network.") for name in saved) == (method == "full")
    assert description["class_names"] == list(CLASSES)
    assert description["method"]["name"] == method.removesuffix("+metapeft")
    assert description["backbone"] == cell.record.identity["backbone"]
    assert description["input"]["image_size"] == 16
    assert description["input"]["normalisation"]["mean"] == [0.5, 0.5, 0.5]
    gammas = {k.removeprefix("gamma."): v for k, v in original.items() if k.startswith("gamma.")}
    assert description["gammas"].keys() == gammas.keys()
    for key, value in description["gammas"].items():
        assert torch.equal(torch.tensor(value), gammas[key])
    assert (description["metapeft"] is not None) == bool(gammas) == method.endswith("+metapeft")
    assert str(every_cell.parents[1]) not in json.dumps(description), "paths of this machine"


def test_a_folder_in_use_is_left_alone(every_cell: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine").touch()
    cell = cell_of(every_cell, "lora")
    arguments = ["export", f"{every_cell}/{cell.record.id}", "--to", "merged", "--out"]
    result = CliRunner().invoke(app, [*arguments, str(taken)])
    assert isinstance(result.exception, ExportError)
    assert "not empty" in str(result.exception)
    assert [path.name for path in taken.iterdir()] == ["mine"]
    (taken / "mine").unlink()
    assert CliRunner().invoke(app, [*arguments, str(taken)]).exit_code == 0


def test_the_default_folder_names_run_cell_and_format(
    every_cell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cell = cell_of(every_cell, "lora")
    arguments = ["export", f"{every_cell}/{cell.record.id}", "--to", "safetensors"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert (tmp_path / "results" / "exports" / f"cells-{cell.record.id[:8]}-safetensors").is_dir()


def test_paths_of_the_matrix_can_be_moved_with_base(
    every_cell: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cell's folder alone does not know where its weights lie."""
    import shutil

    alone = tmp_path / "alone"
    shutil.copytree(cell_of(every_cell, "lora").folder, alone)
    arguments = ["export", str(alone), "--to", "merged", "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "--base" in capsys.readouterr().err
    assert main([*arguments, "--base", str(every_cell.parents[1])]) == 0
