"""``rsbench weights``: what it lists, fetches, verifies and converts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mae_layout import TINY, checkpoint, random_model
from safetensors.torch import load_file, save_file

from rsbench.cli import main
from rsbench.folders import Folders
from rsbench_baselines.backbones.catalogue import CATALOGUE

TINY_VIT = [
    *("--architecture", "VisionTransformer", "--image-size", str(TINY.image)),
    *("--argument", f"patch_size={TINY.patch}", "--argument", f"embed_dim={TINY.width}"),
    *("--argument", f"depth={TINY.depth}", "--argument", f"num_heads={TINY.heads}"),
]

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def dinov2(tmp_path: Path) -> Path:
    """Random numbers in the layout of timm's DINOv2 ViT-S/14, half precision."""
    import timm

    with torch.device("meta"):
        network = timm.create_model("vit_small_patch14_dinov2", num_classes=0)
    weights = {
        name: torch.randn(tensor.shape, dtype=torch.float16)
        for name, tensor in network.state_dict().items()
    }
    save_file(weights, tmp_path / "mine.safetensors")
    return tmp_path / "mine.safetensors"


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_ls_names_every_backbone_of_the_catalogue(
    columns: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert main(["weights", "ls"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == sorted(CATALOGUE)
    assert max(len(line.rstrip()) for line in lines) <= 80
    assert main(["weights", "ls", "--long"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines[1:]} == set(CATALOGUE)
    (line,) = [line for line in lines if line.startswith("in21k_vit_l16 ")]
    for part in ("303.3 M", "1.3 GB", "Apache-2.0", " no ", "timm/vit_large_patch16_224"):
        assert part in line


def test_fetch_from_a_file_then_verify(
    dinov2: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(dinov2.parent)
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["weights", "verify", "dinov2_vit_s14"]) == 2
    assert "rsbench weights fetch dinov2_vit_s14" in capsys.readouterr().err
    assert main(["weights", "fetch", "dinov2_vit_s14", "--from", "mine.safetensors"]) == 0
    shown = capsys.readouterr().out
    assert "weights/dinov2_vit_s14.safetensors" in shown
    assert "from mine.safetensors" in shown
    assert "174 tensors, 22,056,192 parameters" in shown
    assert main(["weights", "verify", "dinov2_vit_s14"]) == 0
    assert "all 174 keys fit, 22,056,192 parameters, all finite" in capsys.readouterr().out
    assert main(["weights", "ls"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if " yes " in line] == ["dinov2_vit_s14"]


@pytest.mark.parametrize(
    "command", [["fetch", "dinov2_vit_s14", "--from"], ["convert", "--as", "dinov2_vit_s14"]]
)
def test_a_file_that_is_not_there_is_named_without_a_matrix(
    command: list[str], tmp_path: Path, capsys: Captured
) -> None:
    out = ["--out", str(tmp_path / "out.safetensors")] if command[0] == "convert" else []
    assert main(["weights", *command, str(tmp_path / "absent.pth"), *out]) == 2
    shown = capsys.readouterr().err
    assert "there is no such file" in shown
    assert "absent.pth" in shown
    assert "matrix" not in shown


@pytest.mark.parametrize("name", ["README.md", "weights.safetensors", "weights.pth", "cut.pth"])
def test_what_is_no_weights_file_is_said_in_our_words(
    name: str, tmp_path: Path, capsys: Captured
) -> None:
    torch.save({"a": torch.zeros(1000)}, tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()[:1500] if name == "cut.pth" else b"# Title\n"
    (tmp_path / name).write_bytes(content)
    assert main(["weights", "fetch", "dinov2_vit_s14", "--from", str(tmp_path / name)]) == 2
    shown = capsys.readouterr().err
    assert "neither a safetensors file nor a torch file" in shown
    assert "weights_only" not in shown
    assert "file an issue" not in shown
    assert len(shown) < 500 + len(str(tmp_path))


def test_the_data_folder_can_be_named(dinov2: Path, tmp_path: Path) -> None:
    command = ["weights", "fetch", "dinov2_vit_s14", "--from", str(dinov2)]
    assert main([*command, "--data-dir", str(tmp_path / "here")]) == 0
    assert (tmp_path / "here" / "weights" / "dinov2_vit_s14.safetensors").is_file()
    assert not Folders().data.exists()


@pytest.mark.parametrize(
    ("name", "file"),
    [("in21k_vit_b16", "model.safetensors"), ("satmae_vit_l16", "fmow_pretrain.pth")],
)
def test_offline_it_says_which_file_to_put_where(
    name: str, file: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RSBENCH_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(Folders().cache / "no-hub"))
    assert main(["weights", "fetch", name]) == 2
    shown = capsys.readouterr().err
    assert "the network is off" in shown
    assert f"https://{'zenodo.org' if 'satmae' in name else 'huggingface.co'}/" in shown
    assert str(Folders().data / "weights" / "downloads" / name / file) in shown


def test_an_unknown_name_is_answered_with_near_ones(capsys: Captured) -> None:
    assert main(["weights", "fetch", "in21k_vit_b"]) == 2
    assert "in21k_vit_b16" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "said"),
    [("demo_vit", "comes with its weights"), ("checkpoint", "a weights file of your own")],
)
def test_a_backbone_without_a_download_says_so(name: str, said: str, capsys: Captured) -> None:
    for command in ("fetch", "verify"):
        assert main(["weights", command, name]) == 2
        shown = capsys.readouterr().err
        assert said in shown
        assert "nothing to fetch" in shown
        assert "did you mean" not in shown


def test_convert_as_a_named_backbone(dinov2: Path, tmp_path: Path, capsys: Captured) -> None:
    out = tmp_path / "out.safetensors"
    assert (
        main(["weights", "convert", str(dinov2), "--as", "dinov2_vit_s14", "--out", str(out)]) == 0
    )
    assert load_file(out).keys() == load_file(dinov2).keys()
    assert "174 tensors" in capsys.readouterr().out
    assert (
        main(["weights", "convert", str(dinov2), "--as", "in21k_vit_b16", "--out", str(out)]) == 2
    )
    shown = capsys.readouterr().err
    assert "do not fit the architecture" in shown
    assert "as published by timm/vit_base_patch16_224.augreg_in21k" in shown


def test_convert_for_any_architecture(tmp_path: Path, capsys: Captured) -> None:
    model = random_model(TINY)
    torch.save(checkpoint(model), tmp_path / "pretrain.pth")
    command = ["weights", "convert", str(tmp_path / "pretrain.pth"), *TINY_VIT]
    command += ["--out", str(tmp_path / "out.safetensors")]
    assert main(command) == 2
    assert "unexpected mask_token, decoder_pos_embed" in capsys.readouterr().err
    assert main([*command, "--ignore", "decoder_", "--ignore", "mask_token"]) == 0
    assert torch.equal(
        load_file(tmp_path / "out.safetensors")["blocks.1.attn.qkv.weight"],
        model["blocks.1.attn.qkv.weight"],
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--as NAME"),
        (["--as", "dinov2_vit_s14", "--architecture", "convnext_base"], "--as NAME"),
        (["--as", "dinov2_vit_s14", "--ignore", "head."], "knows its own arguments"),
        (["--architecture", "convnext_base", "--argument", "depths"], "not KEY=VALUE"),
        (["--architecture", "convnext_base", "--argument", "img_size=3"], "state image_size"),
        (["--architecture", "convnext_base"], "cannot be read"),
    ],
)
def test_wrong_usage_is_explained(
    tmp_path: Path, arguments: list[str], said: str, capsys: Captured
) -> None:
    (tmp_path / "w.pth").write_bytes(b"nothing of use")
    out = str(tmp_path / "out.safetensors")
    assert main(["weights", "convert", str(tmp_path / "w.pth"), "--out", out, *arguments]) == 2
    assert said in capsys.readouterr().err
