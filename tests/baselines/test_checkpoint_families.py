"""The local checkpoint backbone with Swin and ConvNeXt: same strictness as with a ViT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from families import ARCHITECTURES, SIZE, FamilyBackbone, empty, family_images
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from world import HALVES

from rsbench.errors import CheckpointError
from rsbench.folders import Folders
from rsbench_baselines.backbones.checkpoint import Checkpoint
from rsbench_baselines.backbones.checkpoint_options import CheckpointOptions

OTHERS = ["dinov3", "rope", "swin", "convnext", "convnextv2"]
BLOCKS = {"dinov3": 2, "rope": 2, "swin": 4, "convnext": 5, "convnextv2": 5}


def opened(folder: Path, family: str, **changes: Any) -> Checkpoint:
    kind, arguments = ARCHITECTURES[family]
    fields = {
        "architecture": kind.__name__,
        "arguments": arguments,
        "weights": "weights.safetensors",
        "image_size": SIZE,
        "normalisation": HALVES,
    }
    options = CheckpointOptions.model_validate(fields | changes)
    return Checkpoint.open("mine", options, Folders(base=folder))


def save(folder: Path, state: dict[str, Tensor]) -> None:
    contiguous = {name: tensor.contiguous() for name, tensor in state.items()}
    save_file(contiguous, folder / "weights.safetensors")


def random_network(family: str) -> nn.Module:
    return FamilyBackbone(family).build()


def computed_buffers(network: nn.Module) -> dict[str, Tensor]:
    """The buffers of a Swin that timm no longer stores, as older files hold them."""
    found = {name: buffer.clone() for name, buffer in network.named_buffers()}
    assert {name.rpartition(".")[2] for name in found} == {"attn_mask", "relative_position_index"}
    return found


@pytest.mark.parametrize("family", OTHERS)
def test_weights_load_strictly_and_stay_frozen(tmp_path: Path, family: str) -> None:
    expected = random_network(family)
    save(tmp_path, expected.state_dict())
    backbone = opened(tmp_path, family)
    network = backbone.build()
    images = family_images()
    features = backbone.features(network, images)
    assert features.shape == (3, 16)
    assert torch.equal(features, expected(images))
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert 1 + max(site.block for site in backbone.sites(network)) == BLOCKS[family]


@pytest.mark.parametrize("family", OTHERS)
def test_missing_and_unexpected_keys_are_named(tmp_path: Path, family: str) -> None:
    state = random_network(family).state_dict()
    lost = next(iter(state))
    del state[lost]
    state["head.fc.weight"] = torch.zeros(3, 16)
    save(tmp_path, state)
    with pytest.raises(CheckpointError, match=rf"{lost}[\s\S]*head.fc.weight[\s\S]*ignore_keys"):
        opened(tmp_path, family).build()


def test_the_last_norm_of_a_convnext_lies_under_head(tmp_path: Path) -> None:
    state = random_network("convnext").state_dict() | {"head.fc.bias": torch.zeros(3)}
    save(tmp_path, state)
    opened(tmp_path, "convnext", ignore_keys=["head.fc."]).build()
    with pytest.raises(CheckpointError, match=r"head\.norm\.weight"):
        opened(tmp_path, "convnext", ignore_keys=["head."]).build()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("swin_base_patch4_window7_224",
         {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4}),
        ("convnext_base", {"depths": [1, 1, 1, 1], "dims": [4, 4, 4, 8]}),
    ],
)  # fmt: skip
def test_timm_names_are_built_with_arguments(
    tmp_path: Path, name: str, arguments: dict[str, Any]
) -> None:
    import timm

    size = {"img_size": SIZE} if name.startswith("swin") else {}
    expected = timm.create_model(name, num_classes=0, **size, **arguments).eval()
    save(tmp_path, expected.state_dict())
    backbone = opened(tmp_path, "swin", architecture=name, arguments=arguments)
    assert torch.equal(backbone.build()(family_images()), expected(family_images()))


@pytest.mark.parametrize("family", OTHERS)
def test_norm_eps_reaches_every_norm(tmp_path: Path, family: str) -> None:
    save(tmp_path, random_network(family).state_dict())
    network = opened(tmp_path, family, norm_eps=0.125).build()
    norms = [m for m in network.modules() if isinstance(m, nn.LayerNorm)]
    assert norms
    assert {norm.eps for norm in norms} == {0.125}


def test_a_convnext_takes_any_image_size_that_is_large_enough(tmp_path: Path) -> None:
    save(tmp_path, random_network("convnext").state_dict())
    network = opened(tmp_path, "convnext", image_size=50).build()
    assert network(torch.zeros(1, 3, 50, 50)).shape == (1, 16)
    with pytest.raises(CheckpointError, match=r"image_size 31 is too small[\s\S]*32"):
        opened(tmp_path, "convnext", image_size=31).build()


def test_buffers_that_timm_computes_may_be_in_a_swin_file(tmp_path: Path) -> None:
    expected = random_network("swin")
    save(tmp_path, expected.state_dict() | computed_buffers(expected))
    network = opened(tmp_path, "swin").build()
    assert torch.equal(network(family_images()), expected(family_images()))


def test_an_index_in_another_order_is_refused(tmp_path: Path) -> None:
    network = random_network("swin")
    buffers = computed_buffers(network)
    key = "layers.1.blocks.0.attn.relative_position_index"
    buffers[key] = buffers[key].T
    save(tmp_path, network.state_dict() | buffers)
    with pytest.raises(CheckpointError, match=rf"{key} in the file differs"):
        opened(tmp_path, "swin").build()


def test_buffers_of_no_block_stay_unexpected(tmp_path: Path) -> None:
    stray = {
        "layers.7.blocks.0.attn_mask": torch.zeros(1),
        "layers.7.blocks.0.attn.relative_position_index": torch.zeros(1),
    }
    save(tmp_path, random_network("swin").state_dict() | stray)
    with pytest.raises(CheckpointError, match=r"layers.7.blocks.0.attn_mask"):
        opened(tmp_path, "swin").build()


def test_a_swin_at_another_size_keeps_its_windows_when_told_to(tmp_path: Path) -> None:
    """At 16 px the last feature map has side 2, smaller than the window of side 3."""
    network = random_network("swin")
    save(tmp_path, network.state_dict() | computed_buffers(network))
    with pytest.raises(
        CheckpointError,
        match=r"layers.1.blocks.0 has windows of side 3 in the file and 2 in the "
        r"network[\s\S]*always_partition: true",
    ):
        opened(tmp_path, "swin", image_size=16).build()
    arguments = ARCHITECTURES["swin"][1] | {"always_partition": True}
    smaller = opened(tmp_path, "swin", image_size=16, arguments=arguments).build()
    assert torch.isfinite(smaller(torch.zeros(1, 3, 16, 16))).all()


def test_a_swin_of_another_width_is_not_blamed_on_the_windows(tmp_path: Path) -> None:
    save(tmp_path, empty("swin", num_heads=[4, 4]).state_dict())
    with pytest.raises(CheckpointError, match=r"do not fit[\s\S]*relative_position_bias_table"):
        opened(tmp_path, "swin").build()


@pytest.mark.parametrize(
    ("family", "changes", "named"),
    [
        ("swin", {"arguments": {"no_such_argument": 1}}, "no_such_argument"),
        ("convnext", {"arguments": {"no_such_argument": 1}}, "no_such_argument"),
        ("convnext", {"arguments": {"depths": [1, 1], "dims": [4, 8]}}, "ConvNeXt"),
        ("convnext", {"architecture": "convnext_of_nowhere"}, "convnext_of_nowhere"),
        ("convnext", {"architecture": "convnext_base",
                      "arguments": {"no_such_argument": 1}}, "no_such_argument"),
    ],
)  # fmt: skip
def test_an_unknown_architecture_or_argument_is_named(
    tmp_path: Path, family: str, changes: dict[str, Any], named: str
) -> None:
    save(tmp_path, {})
    with pytest.raises(CheckpointError, match=rf"{named}[\s\S]*SwinTransformer, ConvNeXt"):
        opened(tmp_path, family, **changes).build()


def test_a_swin_in_its_authors_order_is_read(tmp_path: Path) -> None:
    """They halve the image at the end of a stage, timm does at the start of the next."""
    expected = random_network("swin")
    theirs = {
        name.replace("layers.1.downsample", "layers.0.downsample"): tensor.contiguous()
        for name, tensor in expected.state_dict().items()
    }
    assert theirs.keys() != expected.state_dict().keys()
    torch.save({"model": theirs}, tmp_path / "weights.pth")
    network = opened(tmp_path, "swin", weights="weights.pth").build()
    assert torch.equal(network(family_images()), expected(family_images()))


#: timm networks that compute buffers; the authors' files, and older ones of timm, hold them.
COMPUTED: dict[str, tuple[dict[str, Any], str]] = {
    "beit_base_patch16_224": (
        {"embed_dim": 16, "depth": 1, "num_heads": 2},
        "blocks.0.attn.relative_position_index",
    ),
    "swinv2_tiny_window8_256": (
        {"embed_dim": 8, "depths": [2], "num_heads": [2], "window_size": 4},
        "layers.0.blocks.1.attn.relative_position_index",
    ),
    "vit_small_patch16_dinov3": ({"embed_dim": 64, "depth": 1, "num_heads": 2}, "rope.periods"),
}


@pytest.mark.parametrize("name", list(COMPUTED))
def test_buffers_that_timm_computes_may_be_in_any_file(tmp_path: Path, name: str) -> None:
    import timm

    from rsbench_baselines.backbones.computed import computed_buffers

    arguments, key = COMPUTED[name]
    network = timm.create_model(name, num_classes=0, img_size=SIZE, **arguments).eval()
    buffers = {k: v.clone() for k, v in computed_buffers(network).items() if v is not None}
    assert key in buffers
    assert not buffers.keys() & network.state_dict().keys()
    if buffers[key].is_floating_point():
        buffers[key] = buffers[key].bfloat16()
    out = tmp_path / "converted.safetensors"
    save(tmp_path, network.state_dict() | buffers)
    backbone = opened(tmp_path, "vit", architecture=name, arguments=arguments)
    assert torch.equal(backbone.build()(family_images()), network(family_images()))
    Checkpoint.convert(backbone.path, out, backbone.options)
    assert load_file(out).keys() == network.state_dict().keys()
    save(tmp_path, network.state_dict() | buffers | {key: buffers[key].flip(0)})
    for attempt in (
        backbone.build,
        lambda: Checkpoint.convert(backbone.path, out, backbone.options),
    ):
        with pytest.raises(CheckpointError, match=rf"{key} in the file differs"):
            attempt()
