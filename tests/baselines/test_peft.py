"""Our LoRA beside that of Hugging Face's ``peft`` library, and what we export for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from families import FamilyBackbone, family_images
from finished import cell_of, train
from safetensors.torch import load_file, save_file
from tiny import TinyBackbone, attach, images, randomise
from torch import nn
from torch.nn import functional
from world import ARGUMENTS, write_world

from rsbench.cli import main
from rsbench.errors import ExportError
from rsbench.folders import Folders
from rsbench.insertion import Attachment
from rsbench.registry import method_class
from rsbench.training.restore import restore
from rsbench_baselines.lora.config import POSITIONS

peft = pytest.importorskip("peft", reason="the peft library is not installed")

FUSED = {"q": 0, "k": 1, "v": 2}
OWN_LAYERS = {"out": "attn.proj", "mlp1": "mlp.fc1", "mlp2": "mlp.fc2"}


def adapter_folder(
    folder: Path, network: nn.Module, attachment: Attachment, method: str, **options: Any
) -> Path:
    """The adapter as ``rsbench export --to peft`` writes it, without the head."""
    kind = method_class(method)
    adapter = kind(kind.Options(**options)).peft_adapter(network, attachment)
    (folder / "adapter_config.json").write_text(json.dumps(adapter.config, allow_nan=False))
    tensors = {name: tensor.contiguous() for name, tensor in adapter.tensors.items()}
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


@pytest.mark.parametrize("positions", [*((each,) for each in POSITIONS), POSITIONS, ("k", "q")])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_the_peft_library_computes_the_same_features_from_our_export(
    positions: tuple[str, ...], dtype: torch.dtype, tolerance: float, tmp_path: Path
) -> None:
    backbone = TinyBackbone(dtype)
    network = backbone.build()
    bare = network(images(dtype=dtype))
    options = {"rank": 3, "alpha": 2.0, "positions": positions}
    attachment = attach("lora", network, backbone, **options)
    randomise(attachment, dtype)
    for number, (_, module) in enumerate(attachment.modules()):
        gamma = torch.tensor(0.7 + 0.3 * number, dtype=dtype)
        module.gamma = lambda gamma=gamma: gamma  # type: ignore[misc]
    adapted = network(images(dtype=dtype))
    assert (adapted - bare).abs().max() > 100 * tolerance
    adapter_folder(tmp_path, network, attachment, "lora", **options)
    theirs = peft.PeftModel.from_pretrained(backbone.build(), str(tmp_path))
    torch.testing.assert_close(theirs(images(dtype=dtype)), adapted, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("family", ["swin", "convnext"])
def test_exports_of_other_families_load_too(family: str, tmp_path: Path) -> None:
    backbone = FamilyBackbone(family, torch.float64)
    network = backbone.build()
    sites = {site.position for site in backbone.sites(network)}
    options = {"rank": 2, "positions": [each for each in POSITIONS if each in sites]}
    attachment = attach("lora", network, backbone, **options)
    randomise(attachment, torch.float64)
    pictures = family_images(dtype=torch.float64)
    adapted = network(pictures)
    adapter_folder(tmp_path, network, attachment, "lora", **options)
    theirs = peft.PeftModel.from_pretrained(backbone.build(), str(tmp_path))
    torch.testing.assert_close(theirs(pictures), adapted, atol=1e-10, rtol=1e-10)
    attachment.detach()
    assert (network(pictures) - adapted).abs().max() > 1e-3


def test_ranks_and_alphas_per_layer(tmp_path: Path) -> None:
    backbone = TinyBackbone()
    network = backbone.build()
    attachment = attach("lora", network, backbone, rank=2, alpha="rank")
    for number, (_, module) in enumerate(attachment.modules()):
        module.gamma = lambda number=number: torch.tensor(0.5 + number)  # type: ignore[misc]
    adapter_folder(tmp_path, network, attachment, "lora", rank=2, alpha="rank")
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    tensors = load_file(tmp_path / "adapter_model.safetensors")
    assert (config["r"], config["lora_alpha"]) == (6, 6.0)  # the first layer: q, k and v fused
    assert config["rank_pattern"]["blocks.1.mlp.fc2"] == 2
    assert config["alpha_pattern"]["blocks.0.attn.proj"] == 2 * 3.5  # rank x gamma
    assert config["alpha_pattern"]["blocks.1.mlp.fc2"] == 2 * 11.5
    assert "blocks.1.attn.qkv" not in config["alpha_pattern"]  # its gammas are folded into B
    assert len(config["target_modules"]) == len(set(config["target_modules"])) == 8
    down = tensors["base_model.model.blocks.0.attn.qkv.lora_A.weight"]
    assert down.shape == (6, 16)
    assert tensors["base_model.model.blocks.0.attn.qkv.lora_B.weight"].shape == (48, 6)


@pytest.mark.parametrize("method", ["linear", "probe", "full", "bitfit", "adapter", "adaptformer",
                                    "vpt_shallow", "vpt_deep"])  # fmt: skip
def test_other_methods_are_refused_with_the_reason(method: str) -> None:
    backbone = TinyBackbone()
    network = backbone.build()
    attachment = attach(method, network, backbone)
    kind = method_class(method)
    with pytest.raises(ExportError, match="low-rank additions to linear layers"):
        kind(kind.Options()).peft_adapter(network, attachment)


def test_a_sequential_out_delta_is_refused_with_the_reason() -> None:
    backbone = TinyBackbone()
    network = backbone.build()
    attachment = attach("lora", network, backbone, out="sequential")
    kind = method_class("lora")
    with pytest.raises(ExportError, match=r"block0_out is sequential.*reads a layer's input"):
        kind(kind.Options(out="sequential")).peft_adapter(network, attachment)


@pytest.mark.filterwarnings("error")
def test_an_exported_cell_gives_the_same_features_and_logits(tmp_path: Path) -> None:
    """From the command line to the library: trained gammas, the head file, no warning."""
    from timm.models.vision_transformer import VisionTransformer

    write_world(tmp_path)
    cell = cell_of(train(tmp_path, ["lora+metapeft"]), "lora+metapeft")
    out = tmp_path / "peft"
    assert main(["export", str(cell.folder), "--to", "peft", "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {
        "adapter_config.json", "adapter_model.safetensors", "backbone.safetensors",
        "head.safetensors", "rsbench.json", "load.py"
    }  # fmt: skip
    network = VisionTransformer(img_size=16, num_classes=0, **ARGUMENTS).eval()
    network.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    bare = network(images(8))
    theirs = peft.PeftModel.from_pretrained(network, str(out)).eval()
    ours = restore(cell.record, cell.folder, Folders(base=tmp_path), torch.device("cpu"))
    with torch.no_grad():
        features, logits = ours.both(images(8))
        found = theirs(images(8))
    torch.testing.assert_close(found, features, atol=1e-5, rtol=1e-5)
    assert (found - bare).abs().max() > 1e-3
    head = load_file(out / "head.safetensors")["weight"]
    scale = json.loads((out / "rsbench.json").read_text())["head"]["scale"]
    again = scale * functional.normalize(found, dim=-1) @ functional.normalize(head, dim=-1).T
    torch.testing.assert_close(again, logits, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("positions", [POSITIONS, ("q", "v")])
def test_our_lora_equals_theirs_forward_and_backward(positions: tuple[str, ...]) -> None:
    """Same A and B in float64: same output, and the same gradients of A and B.

    The library has one pair per layer, so q, k and v are compared with a fused pair whose B has
    one block per position; outside of the blocks B is fixed at zero there, and its gradient has no
    counterpart here.
    """
    rank, scale = 3, 2.0 / 3
    backbone = TinyBackbone(torch.float64)
    network = backbone.build()
    attachment = attach("lora", network, backbone, rank=rank, alpha=2.0, positions=positions)
    randomise(attachment, torch.float64)
    theirs = their_lora(backbone.build(), attachment, rank, scale)
    pictures = images(dtype=torch.float64)
    weights = torch.linspace(-1, 1, 16, dtype=torch.float64)
    ours_out, theirs_out = network(pictures), theirs(pictures)
    torch.testing.assert_close(ours_out, theirs_out, atol=1e-12, rtol=1e-12)
    (ours_out.sin() @ weights).sum().backward()
    (theirs_out.sin() @ weights).sum().backward()
    for site, module in attachment.modules():
        layer = theirs.get_submodule(f"base_model.model.{site.layer}")
        columns = columns_of(site.position, positions, rank)
        rows = slice(site.output_start, site.output_start + site.output_dim)
        down, up = layer.lora_A["default"].weight.grad, layer.lora_B["default"].weight.grad
        for ours, gradient in ((module.down, down[columns]), (module.up, up[rows, columns])):
            assert ours.grad.abs().max() > 1e-6
            torch.testing.assert_close(ours.grad, gradient.T, atol=1e-12, rtol=1e-10)


def their_lora(network: nn.Module, attachment: Attachment, rank: int, scale: float) -> Any:
    """The library's LoRA with the weights of ours: built by the library, filled by hand."""
    layers: dict[str, list[str]] = {}
    for site, _ in attachment.modules():
        layers.setdefault(site.layer, []).append(site.position)
    ranks = {layer: rank * len(found) for layer, found in layers.items()}
    config = peft.LoraConfig(
        r=rank,
        target_modules=list(layers),
        rank_pattern=ranks,
        alpha_pattern={layer: scale * r for layer, r in ranks.items()},
    )
    model = peft.get_peft_model(network, config)
    with torch.no_grad():
        for site, module in attachment.modules():
            layer = model.get_submodule(f"base_model.model.{site.layer}")
            columns = columns_of(site.position, tuple(layers[site.layer]), rank)
            rows = slice(site.output_start, site.output_start + site.output_dim)
            layer.lora_A["default"].weight[columns] = module.down.T
            layer.lora_B["default"].weight[rows, columns] = module.up.T
    return model


def columns_of(position: str, positions: tuple[str, ...], rank: int) -> slice:
    """Where a position's own rank lies in the summed rank of its layer."""
    if position in OWN_LAYERS:
        return slice(0, rank)
    index = sorted((each for each in positions if each in FUSED), key=FUSED.__getitem__).index(
        position
    )
    return slice(rank * index, rank * (index + 1))
