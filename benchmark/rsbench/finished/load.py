"""Use this exported model without rsbench: torch, timm, safetensors, and peft for a peft export.

From Python, in this folder or with it on ``sys.path``::

    from load import load, prepare

    model = load()
    logits = model(prepare(pixels))  # shape (images, classes)

``pixels`` has the shape (images, bands, side, side): made of the values in files,
cut, and divided by ``full_scale``, step by step as ``python load.py`` says. The classes are
``about()["class_names"]``; what else is known of the model stands in ``rsbench.json``.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

FOLDER = Path(__file__).resolve().parent


def about() -> dict[str, Any]:
    """What ``rsbench.json`` says of the model."""
    told: dict[str, Any] = json.loads((FOLDER / "rsbench.json").read_text(encoding="utf-8"))
    return told


def load(network: nn.Module | None = None) -> Model:
    """The trained model in evaluation mode, float32, on the CPU.

    Args:
        network: the bare backbone, without a classifier, to load the weights into; by default it
            is built by timm.

    Raises:
        RuntimeError: the export holds inserted modules alone, or timm does not build the network.
    """
    told = about()
    if told["format"] == "safetensors":
        raise RuntimeError(
            "adapter.safetensors holds what was trained alone, and only rsbench puts it into a "
            "network: use 'rsbench predict', or export --to merged or peft where the method allows"
        )
    network = build(told["network"]) if network is None else network
    if told["format"] == "merged":
        network.load_state_dict(load_file(FOLDER / "model.safetensors"))
    else:
        from peft import PeftModel

        network.load_state_dict(load_file(FOLDER / "backbone.safetensors"))
        network = PeftModel.from_pretrained(network, str(FOLDER))
    return Model(network, load_file(FOLDER / "head.safetensors"), told["head"]).eval()


def build(shape: dict[str, Any] | None) -> nn.Module:
    """The bare network, with random weights."""
    if shape is None:
        raise RuntimeError("timm does not build this backbone: build it, and call load(network)")
    module, _, name = shape["model"].rpartition(".")
    if module.startswith("timm."):
        network: nn.Module = getattr(importlib.import_module(module), name)(**shape["arguments"])
    else:
        network = timm.create_model(shape["model"], pretrained=False, **shape["arguments"])
    for each in network.modules():
        if isinstance(each, nn.LayerNorm) and shape["norm_eps"] is not None:
            each.eps = shape["norm_eps"]
    return network


class Model(nn.Module):
    """Network and head: normalised images, shape (images, channels, side, side), to logits.

    Args:
        network: normalised images to features, shape (images, width).
        head: ``weight``, shape (classes, width), and, where there are, ``bias``, ``mean`` and
            ``deviation``.
        kind: the field ``head`` of ``rsbench.json``.
    """

    weight: Tensor
    bias: Tensor | None
    mean: Tensor | None
    deviation: Tensor | None

    def __init__(self, network: nn.Module, head: dict[str, Tensor], kind: dict[str, Any]) -> None:
        super().__init__()
        self.network = network
        for name in ("weight", "bias", "mean", "deviation"):
            self.register_buffer(name, head.get(name))
        self.kind = kind

    def forward(self, images: Tensor) -> Tensor:
        """Logits, shape (images, classes)."""
        features = self.network(images).float()
        features = features if self.mean is None else features - self.mean
        features = features if self.deviation is None else features / self.deviation
        if self.kind["kind"] == "linear":
            return functional.linear(features, self.weight, self.bias)
        directions = functional.normalize(features, dim=-1)
        rows = functional.normalize(self.weight, dim=-1)
        return float(self.kind["scale"]) * functional.linear(directions, rows)


def prepare(pixels: Tensor) -> Tensor:
    """The network's input: bands in its order, normalised.

    Args:
        pixels: stored values divided by ``full_scale``, shape (images, bands, side, side).
    """
    view = about()["input"]
    normal = view["normalisation"]
    mean, std = (torch.tensor(normal[name]).view(-1, 1, 1) for name in ("mean", "std"))
    images = pixels.float()[:, view["channels"]]
    return (images - mean) / std * float(normal["multiplier"]) + float(normal["offset"])


def main() -> None:
    """Say what the model takes, and try it on a grey image; list the tensors of an adapter."""
    told = about()
    view = told["input"]
    print(f"{told['label']}: {len(told['class_names'])} classes. The input:")
    for number, step in enumerate(told["input_steps"], 1):
        print(f"  {number}. {step}")
    print(f"  with {json.dumps(view)}")
    if told["format"] == "safetensors":
        for name, tensor in load_file(FOLDER / "adapter.safetensors").items():
            print(f"  {name} {tuple(tensor.shape)}")
        return
    side = view["image_size"]
    logits = load()(prepare(torch.full((1, len(view["bands"]), side, side), 0.5)))
    print("Logits of a grey image:")
    for name, logit in zip(told["class_names"], logits[0].tolist(), strict=True):
        print(f"  {logit:8.3f}  {name}")


if __name__ == "__main__":
    with torch.no_grad():
        main()
