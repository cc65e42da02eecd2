"""The local checkpoint backbone: strict loading, position tables, clear errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import save_file
from world import HALVES

from rsbench.backbone import Normalisation
from rsbench.errors import CheckpointError
from rsbench.folders import Folders
from rsbench.imagery import PICTURE, BandInput
from rsbench_baselines.backbones.checkpoint import Checkpoint
from rsbench_baselines.backbones.checkpoint_options import CheckpointOptions

ARGUMENTS = {"patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2}


def options(**changes: Any) -> CheckpointOptions:
    fields = {
        "architecture": "VisionTransformer",
        "arguments": ARGUMENTS,
        "weights": "weights.safetensors",
        "image_size": 16,
        "normalisation": HALVES,
    }
    return CheckpointOptions.model_validate(fields | changes)


def network(image_size: int = 16) -> torch.nn.Module:
    from timm.models.vision_transformer import VisionTransformer

    torch.manual_seed(0)
    return VisionTransformer(img_size=image_size, num_classes=0, **ARGUMENTS)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    save_file(network().state_dict(), tmp_path / "weights.safetensors")
    return Folders(base=tmp_path)


def test_weights_load_strictly_and_stay_frozen(folders: Folders) -> None:
    backbone = Checkpoint.open("mine", options(), folders)
    built = backbone.build()
    expected = network().eval()
    images = torch.randn(2, 3, 16, 16)
    assert torch.equal(backbone.features(built, images), expected(images))
    assert not built.training
    assert not any(parameter.requires_grad for parameter in built.parameters())
    assert len([site for site in backbone.sites(built) if site.kind == "linear"]) == 6


def test_half_precision_weights_become_single(folders: Folders, tmp_path: Path) -> None:
    halves = {name: tensor.half() for name, tensor in network().state_dict().items()}
    save_file(halves, tmp_path / "weights.safetensors")
    built = Checkpoint.open("mine", options(), folders).build()
    assert {parameter.dtype for parameter in built.parameters()} == {torch.float32}


def test_the_hash_follows_the_file_and_the_identity_follows_the_arguments(
    folders: Folders, tmp_path: Path
) -> None:
    one = Checkpoint.open("mine", options(), folders).info
    other = Checkpoint.open("mine", options(norm_eps=1e-5), folders).info
    assert one.weights_hash == other.weights_hash
    assert one.architecture != other.architecture
    changed = {name: tensor + 1 for name, tensor in network().state_dict().items()}
    save_file(changed, tmp_path / "weights.safetensors")
    assert Checkpoint.open("mine", options(), folders).info.weights_hash != one.weights_hash


def test_norm_eps_reaches_every_norm(folders: Folders) -> None:
    built = Checkpoint.open("mine", options(norm_eps=0.125), folders).build()
    norms = [m for m in built.modules() if isinstance(m, torch.nn.LayerNorm)]
    assert norms
    assert {norm.eps for norm in norms} == {0.125}


def test_a_position_table_of_another_grid_needs_a_choice(folders: Folders) -> None:
    with pytest.raises(CheckpointError, match=r"2x2 grid[\s\S]*4x4[\s\S]*position_resize"):
        Checkpoint.open("mine", options(image_size=32), folders).build()


@pytest.mark.parametrize("antialias", [False, True])
def test_a_position_table_is_resized_as_asked(folders: Folders, antialias: bool) -> None:
    way = "bicubic_antialias" if antialias else "bicubic"
    chosen = options(image_size=32, position_resize=way)
    table = Checkpoint.open("mine", chosen, folders).build().pos_embed
    stored = network().pos_embed
    grid = stored[:, 1:].reshape(1, 2, 2, 16).permute(0, 3, 1, 2)  # type: ignore[operator, index]
    expected = torch.nn.functional.interpolate(
        grid, size=(4, 4), mode="bicubic", antialias=antialias
    )
    assert torch.equal(table[:, :1], stored[:, :1])  # type: ignore[index]
    torch.testing.assert_close(table[:, 1:], expected.permute(0, 2, 3, 1).reshape(1, 16, 16))  # type: ignore[index]


def test_a_missing_file_names_itself(folders: Folders) -> None:
    with pytest.raises(CheckpointError, match=r"absent.safetensors[\s\S]*cannot be opened"):
        Checkpoint.open("mine", options(weights="absent.safetensors"), folders)


def test_a_damaged_file_names_itself(folders: Folders, tmp_path: Path) -> None:
    for name in ("weights.safetensors", "weights.pth"):
        (tmp_path / name).write_bytes(b"nothing of use")
        backbone = Checkpoint.open("mine", options(weights=name), folders)
        with pytest.raises(CheckpointError, match=rf"{name}[\s\S]*cannot be read"):
            backbone.build()


def test_missing_and_unexpected_keys_are_named(folders: Folders, tmp_path: Path) -> None:
    state = network().state_dict()
    state["head.weight"] = torch.zeros(3, 16)
    del state["cls_token"]
    save_file(state, tmp_path / "weights.safetensors")
    with pytest.raises(CheckpointError, match=r"cls_token[\s\S]*head.weight"):
        Checkpoint.open("mine", options(), folders).build()
    state["cls_token"] = torch.zeros(1, 1, 16)
    save_file(state, tmp_path / "weights.safetensors")
    Checkpoint.open("mine", options(ignore_keys=["head."]), folders).build()


@pytest.mark.parametrize(
    "changes", [{"architecture": "vit_of_nowhere"}, {"arguments": {"no_such_argument": 1}}]
)
def test_an_unknown_architecture_or_argument_is_named(
    folders: Folders, changes: dict[str, Any]
) -> None:
    with pytest.raises(CheckpointError, match=r"vit_of_nowhere|no_such_argument"):
        Checkpoint.open("mine", options(**changes), folders).build()


def test_the_real_galileo_weights_fit(shared_data: Path) -> None:
    chosen = CheckpointOptions(
        architecture="VisionTransformer",
        arguments={"patch_size": 8, "embed_dim": 128, "depth": 4, "num_heads": 8,
                   "class_token": False, "global_pool": "avg", "fc_norm": False},
        weights="weights/galileo_nano_rgb_96px_timm.safetensors",
        image_size=96,
        norm_eps=1e-5,
        normalisation=Normalisation(statistics="target"),
    )  # fmt: skip
    backbone = Checkpoint.open("galileo_nano", chosen, Folders(base=shared_data))
    built = backbone.build()
    assert sum(parameter.numel() for parameter in built.parameters()) == 836_480
    assert backbone.features(built, torch.zeros(1, 3, 96, 96)).shape == (1, 128)
    assert len([site for site in backbone.sites(built) if site.kind == "linear"]) == 24


def test_the_real_dinov2_weights_fit_at_another_size(shared_data: Path) -> None:
    chosen = CheckpointOptions(
        architecture="vit_small_patch14_dinov2",
        weights="weights/dinov2_vit_s14_timm_fp16.safetensors",
        image_size=98,
        normalisation=Normalisation(statistics="target"),
        position_resize="bicubic",
    )
    backbone = Checkpoint.open("dinov2_vit_s14", chosen, Folders(base=shared_data))
    built = backbone.build()
    with torch.no_grad():
        features = backbone.features(built, torch.zeros(1, 3, 98, 98))
    assert features.shape == (1, 384)
    assert torch.isfinite(features).all()


@pytest.mark.parametrize("name", ["img_size", "num_classes"])
def test_arguments_that_rsbench_states_itself_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must not be among the arguments"):
        options(arguments=ARGUMENTS | {name: 16})


def test_a_wrong_patch_size_is_not_blamed_on_the_position_table(folders: Folders) -> None:
    wrong = options(arguments=ARGUMENTS | {"patch_size": 4})
    with pytest.raises(CheckpointError, match=r"patch_embed.proj.weight"):
        Checkpoint.open("mine", wrong, folders).build()


def test_another_family_of_networks_is_refused_with_a_reason(folders: Folders) -> None:
    with pytest.raises(CheckpointError, match="timm VisionTransformer"):
        Checkpoint.open("mine", options(architecture="resnet18", arguments={}), folders).build()


@pytest.mark.parametrize("wrapper", ["model", "state_dict"])
def test_weights_are_taken_out_of_a_training_checkpoint(
    folders: Folders, tmp_path: Path, wrapper: str
) -> None:
    torch.save({wrapper: network().state_dict(), "epoch": 3}, tmp_path / "weights.pth")
    built = Checkpoint.open("mine", options(weights="weights.pth"), folders).build()
    images = torch.randn(2, 3, 16, 16)
    assert torch.equal(built(images), network().eval()(images))


def test_a_file_without_weights_is_refused(folders: Folders, tmp_path: Path) -> None:
    torch.save({"epoch": 3, "model": {"nested": {"a": 1.0}}}, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=r"no dictionary of tensors.*epoch, model"):
        Checkpoint.open("mine", options(weights="weights.pth"), folders).build()


def test_a_message_names_some_keys_and_counts_the_others(folders: Folders) -> None:
    deeper = options(arguments=ARGUMENTS | {"depth": 5})
    with pytest.raises(CheckpointError, match=r"missing blocks\.1\.norm1\.weight.* and 40 more;?"):
        Checkpoint.open("mine", deeper, folders).build()


class TestBands:
    BANDS = ("B02", "B03", "B04", "B08")
    REFLECTANCE: ClassVar[dict[str, Any]] = {
        "bands": BANDS,
        "quantity": "reflectance",
        "normalisation": {"mean": [0.1, 0.1, 0.1, 0.3], "std": [0.2, 0.2, 0.2, 0.2]},
    }

    def test_every_band_has_an_input_channel(self, folders: Folders, tmp_path: Path) -> None:
        from timm.models.vision_transformer import VisionTransformer

        four = VisionTransformer(img_size=16, num_classes=0, in_chans=4, **ARGUMENTS)
        save_file(four.state_dict(), tmp_path / "weights.safetensors")
        backbone = Checkpoint.open("mine", options(**self.REFLECTANCE), folders)
        assert backbone.info.bands == BandInput(bands=self.BANDS, quantity="reflectance")
        images = torch.randn(2, 4, 16, 16)
        assert torch.equal(backbone.features(backbone.build(), images), four.eval()(images))

    def test_weights_of_another_number_of_bands_are_refused(self, folders: Folders) -> None:
        with pytest.raises(CheckpointError, match=r"\(16, 3, 8, 8\) instead of \(16, 4, 8, 8\)"):
            Checkpoint.open("mine", options(**self.REFLECTANCE), folders).build()

    def test_normalisation_needs_a_number_for_each(self) -> None:
        with pytest.raises(ValueError, match="each of the 4 bands"):
            options(bands=self.BANDS)
        options(bands=self.BANDS, normalisation={"statistics": "target"})

    def test_channels_are_not_stated_twice(self) -> None:
        with pytest.raises(ValueError, match="state bands beside them"):
            options(arguments=ARGUMENTS | {"in_chans": 4})

    def test_pictures_are_the_default(self, folders: Folders) -> None:
        assert Checkpoint.open("mine", options(), folders).info.bands == PICTURE
