"""What weights files look like: wrapped, several in one, numpy's numbers, and wrong ones."""

from __future__ import annotations

import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from world import HALVES

from rsbench.cli import main
from rsbench.errors import CheckpointError
from rsbench.folders import Folders
from rsbench_baselines.backbones.checkpoint import Checkpoint
from rsbench_baselines.backbones.checkpoint_options import CheckpointOptions
from rsbench_baselines.backbones.convert import convert_file

ARGUMENTS = {"patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2}
IMAGES = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return VisionTransformer(img_size=16, num_classes=0, **ARGUMENTS).eval()


def state(seed: int = 0, prefix: str = "") -> dict[str, Tensor]:
    return {f"{prefix}{key}": value for key, value in network(seed).state_dict().items()}


def options(**changes: Any) -> CheckpointOptions:
    fields = {"architecture": "VisionTransformer", "arguments": ARGUMENTS, "image_size": 16,
              "weights": "weights.pth", "normalisation": HALVES}  # fmt: skip
    return CheckpointOptions.model_validate(fields | changes)


def built(folder: Path, stored: object, **changes: Any) -> nn.Module:
    if stored is not None:
        torch.save(stored, folder / "weights.pth")
    return Checkpoint.open("mine", options(**changes), Folders(base=folder)).build()


def is_network(found: nn.Module, seed: int = 0) -> bool:
    return torch.equal(found(IMAGES), network(seed)(IMAGES))


OPTIMISER = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.1}]}


class TestFound:
    @pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.",
                                        "teacher.backbone.", "model.encoder."])  # fmt: skip
    @pytest.mark.parametrize("key", ["", "model", "state_dict", "net", "state.model"])
    def test_weights_that_are_there_once(self, tmp_path: Path, key: str, prefix: str) -> None:
        stored: Any = state(prefix=prefix)
        for name in reversed(key.split(".") if key else []):
            stored = {name: stored, "optimizer": OPTIMISER, "epoch": 3}
        assert is_network(built(tmp_path, stored))

    def test_in_safetensors_too(self, tmp_path: Path) -> None:
        save_file(state(prefix="module."), tmp_path / "weights.safetensors")
        assert is_network(built(tmp_path, None, weights="weights.safetensors"))

    def test_what_lies_outside_of_the_prefix_is_left_out(self, tmp_path: Path) -> None:
        head = {"module.head.weight": torch.zeros(4, 16), "loss.centre": torch.zeros(4)}
        assert is_network(built(tmp_path, {"model": state(prefix="module.backbone.") | head}))

    def test_what_lies_behind_it_must_fit(self, tmp_path: Path) -> None:
        stored = state(prefix="module.") | {"module.head.weight": torch.zeros(4, 16)}
        with pytest.raises(CheckpointError, match=r"unexpected head.weight"):
            built(tmp_path, stored)
        assert is_network(built(tmp_path, stored, ignore_keys=["head."]))

    def test_another_dictionary_of_tensors_is_not_mistaken_for_weights(
        self, tmp_path: Path
    ) -> None:
        other = {"centre": torch.zeros(9), "blocks.0.norm1.weight": torch.zeros(16)}
        assert is_network(built(tmp_path, {"a_loss": other, "model": state(), "z_loss": other}))

    def test_an_autoencoders_decoder_is_not_the_encoder(self, tmp_path: Path) -> None:
        decoder = state(1, "decoder.")
        del decoder["decoder.patch_embed.proj.weight"]
        assert is_network(built(tmp_path, state(prefix="encoder.") | decoder))


SEVERAL: dict[str, tuple[Any, dict[str, str], list[str]]] = {
    "ema": ({"model": state(0), "model_ema": state(1)}, {"key": "model_ema"}, ["'model_ema'"]),
    "state_dict_ema": (
        {"state_dict": state(0), "state_dict_ema": state(1)},
        {"key": "state_dict_ema"},
        ["'state_dict'", "'state_dict_ema'"],
    ),
    "dino": (
        {"student": state(0, "module.backbone."), "teacher": state(1, "backbone.")},
        {"key": "teacher"},
        ["key 'student', prefix 'module.backbone.'", "key 'teacher', prefix 'backbone.'"],
    ),
    "lightning": (
        {"state_dict": state(0, "student.backbone.") | state(1, "teacher.backbone.")},
        {"prefix": "teacher.backbone"},
        ["'student.backbone.'", "'teacher.backbone.'"],
    ),
    "beside": (state(0) | state(1, "ema."), {"prefix": "ema."}, ["prefix ''", "prefix 'ema.'"]),
    "root": ({**state(1), "model": state(0)}, {"key": ""}, ["key ''", "key 'model'"]),
    "swin authors": (
        {"model": {k: v for k, v in state(0).items() if k != "cls_token"},
         "ema": {k: v for k, v in state(1).items() if k != "norm.bias"}},
        {},
        ["'model'", "'ema'"],
    ),
}  # fmt: skip


class TestSeveral:
    @pytest.mark.parametrize("case", list(SEVERAL))
    def test_are_named_with_the_options_and_never_chosen(self, tmp_path: Path, case: str) -> None:
        stored, chosen, named = SEVERAL[case]
        with pytest.raises(CheckpointError, match="2 times") as caught:
            built(tmp_path, stored)
        assert all(each in caught.value.what for each in named)
        assert "options key and prefix" in caught.value.remedy
        if chosen:
            assert is_network(built(tmp_path, stored, **chosen), 1)

    def test_what_was_chosen_is_part_of_the_identity(self, tmp_path: Path) -> None:
        torch.save(SEVERAL["ema"][0], tmp_path / "weights.pth")
        shapes = [
            Checkpoint.open("x", options(**chosen), Folders(base=tmp_path)).info.architecture
            for chosen in ({}, {"key": "model"}, {"key": "model_ema"})
        ]
        assert len({repr(shape) for shape in shapes}) == 3
        assert "key" not in shapes[0], "cells of before have the same identity"

    def test_a_key_that_is_not_there_lists_those_that_are(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match=r"key 'ema'[\s\S]*one of: 'model', 'state.net'"):
            built(tmp_path, {"model": state(), "state": {"net": state()}}, key="ema")

    def test_a_prefix_that_is_not_there_lists_the_keys(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match=r"prefix 'net'[\s\S]*module\. \(30\), epoch"):
            built(tmp_path, state(prefix="module.") | {"epoch": torch.zeros(1)}, prefix="net")

    def test_weights_of_something_else_list_their_keys(self, tmp_path: Path) -> None:
        other = {f"layer{i}.{k}": torch.randn(3, 3) for i in range(9) for k in ("conv", "norm")}
        with pytest.raises(CheckpointError, match=r"missing cls_token") as caught:
            built(tmp_path, {"model": other, "opt": {"m": torch.zeros(1)}})
        assert "Their keys: layer0. (2), layer1. (2)" in caught.value.what
        assert "and 3 more" in caught.value.what

    def test_the_command_line_takes_both(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        source, out = tmp_path / "weights.pth", tmp_path / "out.safetensors"
        torch.save(SEVERAL["dino"][0], source)
        command = ["weights", "convert", str(source), "--out", str(out), "--image-size", "16",
                   "--architecture", "VisionTransformer"]  # fmt: skip
        command += [part for k, v in ARGUMENTS.items() for part in ("--argument", f"{k}={v}")]
        assert main(command) == 2
        assert "--key ... --prefix ..." in " ".join(capsys.readouterr().err.split())
        assert main([*command, "--key", "teacher", "--prefix", "backbone"]) == 0
        assert is_network(built(tmp_path, None, weights="out.safetensors"), 1)


NUMBERS = [np.float64(0.5), np.float32(2), np.int64(3), np.bool_(True), np.uint8(7), np.str_("a")]


class TestNumpy:
    @pytest.mark.parametrize("number", NUMBERS, ids=lambda number: type(number).__name__)
    @pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
    def test_numbers_beside_the_weights_are_read(
        self, tmp_path: Path, number: Any, module: bytes
    ) -> None:
        """A numpy 1 wrote the older name of the module, and pickles are made by either."""
        torch.save({"model": state(), "best": number}, tmp_path / "new.pth")
        with (
            zipfile.ZipFile(tmp_path / "new.pth") as new,
            zipfile.ZipFile(tmp_path / "weights.pth", "w") as old,
        ):
            for item in new.infolist():
                content = new.read(item)
                if item.filename.endswith("data.pkl"):
                    assert b"numpy._core.multiarray" in content
                    content = content.replace(b"numpy._core.multiarray", module)
                old.writestr(item, content)
        assert is_network(built(tmp_path, None))

    def test_a_dtype_is_read(self, tmp_path: Path) -> None:
        assert is_network(built(tmp_path, {"model": state(), "dtype": np.dtype("float32")}))

    def test_the_allowance_ends_with_the_reading(self, tmp_path: Path) -> None:
        assert is_network(built(tmp_path, {"model": state(), "best": np.float64(0.5)}))
        with pytest.raises(pickle.UnpicklingError, match="numpy"):
            torch.load(tmp_path / "weights.pth", weights_only=True)

    def test_arrays_of_objects_are_refused(self, tmp_path: Path) -> None:
        stored = {"model": state(), "names": np.array(["a", None], dtype=object)}
        with pytest.raises(CheckpointError, match=r"wants to run numpy\S*_reconstruct"):
            built(tmp_path, stored)


def altered(key: str, change: Any) -> dict[str, Tensor]:
    changed = state()
    changed[key] = change(changed[key])
    return changed


FC1, QKV = "blocks.1.mlp.fc1.weight", "blocks.0.attn.qkv.weight"
WRONG = {
    "int32": (altered(FC1, lambda t: t.to(torch.int32)), rf"not floating-point: {FC1} \(int32\)"),
    "int8": (altered(QKV, lambda t: t.to(torch.int8)), rf"not floating-point: {QKV} \(int8\)"),
    "bool": (altered(QKV, lambda t: t > 0), rf"not floating-point: {QKV} \(bool\)"),
    "complex": (
        altered("pos_embed", lambda t: t.to(torch.complex64)),
        r"not floating-point: pos_embed \(complex64\)",
    ),
    "sparse": (altered(FC1, lambda t: t.to_sparse()), rf"{FC1} \(sparse_coo float32\)"),
    "meta": (
        altered(FC1, lambda t: t.to("meta")),
        rf"without values \(on the meta device\): {FC1}$",
    ),
    "zeros": (altered(FC1, torch.zeros_like), rf"constant: {FC1}$"),
    "all zeros": ({k: torch.zeros_like(v) for k, v in state().items()}, "constant: patch_embed"),
    "constant": (altered(QKV, lambda t: torch.full_like(t, 0.3)), rf"constant: {QKV}$"),
    "nan": (
        altered("norm.bias", lambda t: t.index_fill(0, torch.tensor(3), torch.nan)),
        r"not finite: norm.bias$",
    ),
    "infinite": (
        altered(FC1, lambda t: (t * 1e9).half()),
        rf"not finite: {FC1}$",
    ),
}


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
class TestWrongNumbers:
    @pytest.mark.parametrize("case", list(WRONG))
    @pytest.mark.parametrize("image_size", [16, 32])
    def test_are_a_fault_of_the_file(self, tmp_path: Path, case: str, image_size: int) -> None:
        stored, message = WRONG[case]
        with pytest.raises(CheckpointError) as caught:
            built(tmp_path, stored, image_size=image_size, position_resize="bicubic")
        assert caught.value.where == str(tmp_path / "weights.pth")
        assert re.search(message, caught.value.what), caught.value.what
        assert "weights of a trained network" in caught.value.what

    @pytest.mark.parametrize("case", list(WRONG))
    def test_are_not_converted(self, tmp_path: Path, case: str) -> None:
        stored, message = WRONG[case]
        torch.save(stored, tmp_path / "weights.pth")
        with pytest.raises(CheckpointError, match=message.removesuffix("$")):
            convert_file(tmp_path / "weights.pth", tmp_path / "out.safetensors", options())
        assert not (tmp_path / "out.safetensors").exists()

    def test_are_no_matter_in_what_is_left_out(self, tmp_path: Path) -> None:
        head = {"head.weight": torch.zeros(4, 16), "step": torch.tensor(3)}
        assert is_network(built(tmp_path, state() | head, ignore_keys=["head.", "step"]))

    def test_biases_scales_and_tokens_may_be_constant(self, tmp_path: Path) -> None:
        flat = {
            k: torch.zeros_like(v) if k.endswith(("bias", "token", "pos_embed")) else v
            for k, v in state().items()
        }
        assert torch.isfinite(built(tmp_path, flat)(IMAGES)).all()

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_other_precisions_are_right(self, tmp_path: Path, dtype: torch.dtype) -> None:
        found = built(tmp_path, {k: v.to(dtype) for k, v in state().items()})
        assert {parameter.dtype for parameter in found.parameters()} == {torch.float32}
