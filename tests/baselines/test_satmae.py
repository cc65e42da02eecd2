"""Checkpoints in SatMAE's layout become timm ViTs: exactly, strictly, and without running code."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from mae_layout import (
    BASE,
    LARGE,
    TINY,
    MaeSize,
    checkpoint,
    decoder_shapes,
    encode,
    encoder_shapes,
    hollow_model,
    random_model,
)
from named import tiny_kind
from safetensors.torch import load_file
from torch import Tensor

from rsbench.errors import CheckpointError
from rsbench.folders import Folders
from rsbench_baselines.backbones.demo_satmae_format import DemoSatmaeFormat
from rsbench_baselines.backbones.demo_vit import DemoViT
from rsbench_baselines.backbones.mae import DECODER_KEYS
from rsbench_baselines.backbones.named import NamedBackbone, NamedOptions, named_backbone
from rsbench_baselines.backbones.reading import read_stored


def kept(folder: Path, model: dict[str, Tensor], **changes: Any) -> tuple[NamedBackbone, Folders]:
    """The tiny backbone after ``rsbench weights fetch tiny --from FILE``."""
    kind, folders = tiny_kind(), Folders()
    torch.save(checkpoint(model), folder / "pretrain.pth")
    kind.fetch_weights(folders, source=folder / "pretrain.pth")
    return kind.open("satmae", NamedOptions(**changes), folders), folders


def images(size: int = TINY.image) -> Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))


class TestFeatures:
    def test_the_class_token_is_that_of_an_independent_encoder(self, tmp_path: Path) -> None:
        model = random_model(TINY)
        backbone, _ = kept(tmp_path, model)
        features = backbone.features(backbone.build(), images())
        torch.testing.assert_close(features, encode(model, TINY, images())[:, 0])

    def test_the_mean_of_the_patches_is_an_option(self, tmp_path: Path) -> None:
        model = random_model(TINY)
        backbone, _ = kept(tmp_path, model, pooling="mean")
        features = backbone.features(backbone.build(), images())
        torch.testing.assert_close(features, encode(model, TINY, images())[:, 1:].mean(1))

    def test_the_position_table_is_resized_for_another_image_size(self, tmp_path: Path) -> None:
        model = random_model(TINY)
        backbone, _ = kept(tmp_path, model, image_size=48)
        table = model["pos_embed"]
        grid = table[:, 1:].reshape(1, 4, 4, TINY.width).permute(0, 3, 1, 2)
        grid = torch.nn.functional.interpolate(grid, size=(6, 6), mode="bicubic")
        resized = torch.cat([table[:, :1], grid.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)
        features = backbone.features(backbone.build(), images(48))
        expected = encode({**model, "pos_embed": resized}, TINY, images(48))[:, 0]
        torch.testing.assert_close(features, expected)

    def test_a_file_given_in_the_matrix_is_read_the_same_way(self, tmp_path: Path) -> None:
        model = random_model(TINY)
        torch.save(checkpoint(model), tmp_path / "pretrain.pth")
        options = NamedOptions(weights="pretrain.pth")
        backbone = tiny_kind().open("satmae", options, Folders(base=tmp_path))
        features = backbone.features(backbone.build(), images())
        torch.testing.assert_close(features, encode(model, TINY, images())[:, 0])
        assert "pretrain.pth" in backbone.info.disclaimer


class TestConversion:
    def test_only_the_encoder_is_kept(self, tmp_path: Path) -> None:
        model = random_model(TINY)
        backbone, _ = kept(tmp_path, model)
        stored = load_file(backbone.path)
        assert stored.keys() == encoder_shapes(TINY).keys()
        assert all(torch.equal(stored[name], model[name]) for name in stored)

    def test_the_same_source_gives_the_same_bytes(self, tmp_path: Path) -> None:
        torch.save(checkpoint(random_model(TINY)), tmp_path / "a.pth")
        torch.save(checkpoint(random_model(TINY), blr=2.0), tmp_path / "b.pth")
        for name in ("a", "b"):
            tiny_kind().convert_weights(tmp_path / f"{name}.pth", tmp_path / f"{name}.safetensors")
        first = (tmp_path / "a.safetensors").read_bytes()
        assert first == (tmp_path / "b.safetensors").read_bytes()

    def test_an_encoder_alone_will_do(self, tmp_path: Path) -> None:
        model = {k: v for k, v in random_model(TINY).items() if k in encoder_shapes(TINY)}
        torch.save({"model": model}, tmp_path / "encoder.pth")
        lines = tiny_kind().convert_weights(tmp_path / "encoder.pth", tmp_path / "e.safetensors")
        assert "0 others were left out" in lines[0]

    @pytest.mark.parametrize("lost", ["cls_token", "blocks.1.attn.qkv.bias", "norm.weight"])
    def test_a_missing_key_is_named(self, tmp_path: Path, lost: str) -> None:
        model = random_model(TINY)
        del model[lost]
        with pytest.raises(CheckpointError, match=rf"missing {lost}"):
            kept(tmp_path, model)

    def test_an_unexpected_key_is_named(self, tmp_path: Path) -> None:
        model = random_model(TINY) | {"decoder_of_another_kind": torch.zeros(1)}
        with pytest.raises(CheckpointError, match="unexpected decoder_of_another_kind"):
            kept(tmp_path, model)

    @pytest.mark.parametrize(
        ("extra", "advice"),
        [("channel_embed", "multi-spectral SatMAE"), ("head.weight", "fine-tuned network")],
    )
    def test_the_authors_other_checkpoints_are_recognised(
        self, tmp_path: Path, extra: str, advice: str
    ) -> None:
        with pytest.raises(CheckpointError, match=rf"unexpected {extra}[\s\S]*{advice}"):
            kept(tmp_path, random_model(TINY) | {extra: torch.zeros(1)})

    def test_nothing_is_left_behind_by_a_failure(self, tmp_path: Path) -> None:
        torch.save(checkpoint({"cls_token": torch.zeros(1, 1, 16)}), tmp_path / "bad.pth")
        out = tmp_path / "out" / "w.safetensors"
        with pytest.raises(CheckpointError):
            tiny_kind().convert_weights(tmp_path / "bad.pth", out)
        assert not out.parent.exists()

    def test_others_may_read_the_file(self, tmp_path: Path) -> None:
        backbone, _ = kept(tmp_path, random_model(TINY))
        (tmp_path / "plain").touch()
        assert backbone.path.stat().st_mode == (tmp_path / "plain").stat().st_mode


class TestFullSize:
    @pytest.mark.parametrize(("name", "size"), [("b16", BASE), ("l16", LARGE)])
    def test_every_key_and_shape_is_timms(self, name: str, size: MaeSize) -> None:
        import timm

        declared = named_backbone(f"satmae_vit_{name}").declared
        with torch.device("meta"):
            network = timm.create_model(declared.architecture, num_classes=0)
        own = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
        assert encoder_shapes(size) == own
        assert all(key.startswith(DECODER_KEYS) for key in decoder_shapes(size))
        assert {type(module.norm1).__name__ for module in network.blocks} == {"LayerNorm"}
        assert network.blocks[0].attn.num_heads == size.heads

    def test_a_checkpoint_of_full_size_converts(self, tmp_path: Path) -> None:
        """ViT-L with its decoder; 8-bit numbers keep it at 0.3 GB."""
        kind = named_backbone("satmae_vit_l16")
        source, out = tmp_path / "fmow_pretrain.pth", tmp_path / "w.safetensors"
        torch.save(checkpoint(hollow_model(LARGE, torch.float8_e4m3fn)), source)
        lines = kind.convert_weights(source, out)
        assert "294 tensors, 303,301,632 parameters" in lines[0]
        assert f"{len(decoder_shapes(LARGE))} others were left out" in lines[0]
        shapes = {name: tuple(tensor.shape) for name, tensor in load_file(out).items()}
        assert shapes == encoder_shapes(LARGE)
        out.unlink()


class Malicious:
    """Its pickle makes a file when it is read by plain ``pickle.load``."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.proof),))


class TestSafety:
    def test_a_file_that_runs_code_is_refused(self, tmp_path: Path) -> None:
        proof = tmp_path / "executed"
        stored = checkpoint(random_model(TINY)) | {"epoch": Malicious(proof)}
        torch.save(stored, tmp_path / "evil.pth")
        with pytest.raises(CheckpointError, match=r"evil.pth[\s\S]*wants to run \S*mkdir"):
            tiny_kind().convert_weights(tmp_path / "evil.pth", tmp_path / "w.safetensors")
        assert not proof.exists()
        torch.load(tmp_path / "evil.pth", weights_only=False)  # what it would have done
        assert proof.exists()

    def test_a_namespace_hides_nothing_else(self, tmp_path: Path) -> None:
        stored = checkpoint(random_model(TINY), output_dir=Malicious(tmp_path / "executed"))
        torch.save(stored, tmp_path / "evil.pth")
        with pytest.raises(CheckpointError, match="refused"):
            read_stored(tmp_path / "evil.pth")
        assert not (tmp_path / "executed").exists()

    def test_a_namespace_alone_is_read(self, tmp_path: Path) -> None:
        torch.save(checkpoint(random_model(TINY)), tmp_path / "pretrain.pth")
        assert "mask_token" in read_stored(tmp_path / "pretrain.pth")["model"]

    def test_the_allowance_ends_with_the_reading(self, tmp_path: Path) -> None:
        read = tmp_path / "pretrain.pth"
        torch.save(checkpoint(random_model(TINY)), read)
        read_stored(read)
        assert argparse.Namespace not in torch.serialization.get_safe_globals()

    def test_a_truncated_file_names_itself(self, tmp_path: Path) -> None:
        torch.save(checkpoint(random_model(TINY)), tmp_path / "pretrain.pth")
        whole = (tmp_path / "pretrain.pth").read_bytes()
        (tmp_path / "short.pth").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(CheckpointError, match=r"short.pth[\s\S]*cannot be read"):
            read_stored(tmp_path / "short.pth")


class TestDemo:
    def test_it_is_the_demo_network_through_the_conversion(self) -> None:
        folders = Folders()
        plain = DemoViT.open("a", DemoViT.Options(), folders)
        backbone = DemoSatmaeFormat.open("b", DemoSatmaeFormat.Options(), folders)
        probe = torch.randn(2, 3, 48, 48)
        expected = plain.features(plain.build(), probe)
        assert torch.equal(backbone.features(backbone.build(), probe), expected)
        (written,) = backbone.path.parent.glob("*.pth")
        with torch.serialization.safe_globals([argparse.Namespace]):
            stored = torch.load(written, weights_only=True)
        assert isinstance(stored["args"], argparse.Namespace)
        assert {key for key in stored["model"] if key.startswith(DECODER_KEYS)}

    def test_its_identity_is_the_same_on_every_machine(self, tmp_path: Path) -> None:
        infos = [
            DemoSatmaeFormat.open("b", None, Folders(cache=tmp_path / name)).info
            for name in ("one", "two")
        ]
        assert infos[0] == infos[1]
        assert not list(tmp_path.rglob("*.pth"))

    def test_it_never_passes_for_satmae(self) -> None:
        info = DemoSatmaeFormat.open("b", None, Folders()).info
        assert "SatMAE-FORMAT, not SatMAE" in DemoSatmaeFormat.description
        assert "not SatMAE" in info.disclaimer
        assert "demo numbers" in info.disclaimer

    def test_it_takes_no_time(self) -> None:
        started = time.process_time()
        DemoSatmaeFormat.open("b", None, Folders()).build()
        assert time.process_time() - started < 2.0

    def test_a_cache_that_cannot_be_written_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "cache").write_text("in the way")
        backbone = DemoSatmaeFormat.open("b", None, Folders(cache=tmp_path / "cache"))
        with pytest.raises(CheckpointError, match=r"demo checkpoint cannot be written[\s\S]*CACHE"):
            backbone.build()
