"""Rebuild the trained model of a finished cell; its target is not needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning.fabric import Fabric
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from rsbench import registry
from rsbench.backbone import Backbone
from rsbench.batches import BatchReader
from rsbench.cell import backbone_identity
from rsbench.crops import ImageSource
from rsbench.errors import CellError, CheckpointError
from rsbench.folders import Folders
from rsbench.insertion import Attachment
from rsbench.method import Method
from rsbench.record import InputView, Record
from rsbench.recorded import check_recorded
from rsbench.sources import checked_options
from rsbench.store import without_weights
from rsbench.system import remedy_for
from rsbench.training.artefacts import GAMMA_PREFIX
from rsbench.training.model import AdaptedModel, attach_method, empty_head, make_method
from rsbench.training.precision import make_fabric, resolve_precision

_AGAIN = "train the cell again into a new run folder (rsbench run ... --out FOLDER)"


@dataclass(frozen=True)
class RestoredModel:
    """A trained model, as it was when its cell was tested.

    Attributes:
        record: the cell's record.
        backbone: the opened backbone.
        method: the method.
        network: the backbone's network, the method attached.
        attachment: the inserted modules, with their final weights and gammas.
        model: network and head.
        trained: the saved weights that the model was given, by name: inserted modules, head,
            and the network's own where the method trains those.
        gammas: final modulators by key of the inserted module; empty for a plain method.
        view: how a test image becomes the network's input.
        stored_side: short side that longer ones are shrunk to before that, pixels.
        fabric: device and precision.
    """

    record: Record
    backbone: Backbone
    method: Method
    network: nn.Module
    attachment: Attachment
    model: AdaptedModel
    trained: dict[str, Tensor]
    gammas: dict[str, Tensor]
    view: InputView
    stored_side: int
    fabric: Fabric

    def both(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features and logits of normalised images, in the precision of the cell's test."""
        with self.fabric.autocast():
            return self.model.both(images)

    def reader(self, source: ImageSource, labels: NDArray[np.int64]) -> BatchReader:
        """Reads ``source`` (images shrunk to ``stored_side``) as test images were read."""
        return BatchReader(
            source,
            labels,
            image_size=self.view.image_size,
            normalisation=self.view.normalisation,
            augmentation=self.record.cell.recipe.augmentation,
            device=self.fabric.device,
            channels=self.view.channels,
            full_scale=self.view.full_scale,
        )


def restore(record: Record, folder: Path, folders: Folders, device: torch.device) -> RestoredModel:
    """Rebuild the model that a finished cell trained.

    Args:
        record: the record of the cell.
        folder: the cell's folder, with ``adapter.safetensors``.
        folders: where weights lie; ``base`` for relative paths in the backbone's options.
        device: where the model goes.

    Raises:
        CellError: the record is of an older rsbench, or the trained weights were not kept.
        CheckpointError: weights are missing, damaged, or other ones than the cell was trained on.
        RecordError: the trained weights are not those that were recorded.
    """
    if record.view is None or record.view.stored_side is None:
        raise CellError(
            f"{record.id} was trained by an older rsbench, which cut other views of images",
            where=folder,
            remedy=_AGAIN,
        )
    lacking = without_weights(folder)
    if lacking is not None:
        raise lacking
    check_recorded(folder, "adapter.safetensors")
    _check_code(record)
    backbone = _open_backbone(record, folders)
    network = backbone.build()
    method, classes = make_method(record.cell), len(record.class_names)
    attachment = attach_method(method, record.cell.seed, backbone, network, classes)
    tensors = _read(folder / "adapter.safetensors")
    width = tensors.get("head.weight", torch.zeros(1)).shape[-1:].numel()
    head = empty_head(method, record.cell.recipe, classes, width)
    model = AdaptedModel(backbone, network, attachment, head)
    gammas, weights = _split(tensors)
    _load(model, attachment, weights, folder)
    model.to(device).requires_grad_(False).eval()
    _install(attachment, gammas, device, folder)
    return RestoredModel(
        record=record,
        backbone=backbone,
        method=method,
        network=network,
        attachment=attachment,
        model=model,
        trained=weights,
        gammas=gammas,
        view=record.view,
        stored_side=record.view.stored_side,
        fabric=make_fabric(device, resolve_precision(record.cell.recipe.precision, device)),
    )


def constant(value: Tensor) -> Callable[[], Tensor]:
    """A modulator that always has this value."""
    return lambda: value


def _check_code(record: Record) -> None:
    """Refuse plugin files that are not those that the cell was trained with."""
    cell, trained = record.cell, record.identity.get("code", {})
    chosen = {"rsbench.backbones": cell.backbone, "rsbench.methods": cell.method}
    for group, choice in chosen.items():
        if registry.code_digest(group, choice.kind) != trained.get(group, ""):
            raise CheckpointError(
                f"the plugin file of {choice.name} is another version than the cell was trained "
                "with",
                remedy=f"name the old file with --plugin, or {_AGAIN}",
            )


def _open_backbone(record: Record, folders: Folders) -> Backbone:
    """The backbone, checked to be the one that the cell was trained on."""
    chosen = record.cell.backbone
    kind = registry.backbone_class(chosen.kind)
    try:
        backbone = kind.open(chosen.name, checked_options(kind.Options, chosen), folders)
    except CheckpointError as error:
        raise CheckpointError(
            f"the backbone {chosen.name} cannot be opened: {error.what}",
            where=error.where,
            remedy=f"relative paths were taken from {folders.base}; if the matrix lay elsewhere, "
            "name its folder with --base",
        ) from error
    expected = record.identity["backbone"]
    # through JSON, so that tuples compare as the record's lists
    found = json.loads(json.dumps(backbone_identity(chosen.name, backbone.info)))
    if found["weights"] != expected["weights"]:
        raise CheckpointError(
            f"the weights of {chosen.name} are other ones than the cell was trained on: their "
            f"SHA-256 is {found['weights'][:16]}..., not {str(expected['weights'])[:16]}...",
            remedy="put the original weights back, or name the matrix's folder with --base",
        )
    if found != expected:
        other = sorted(key for key in found if found[key] != expected.get(key))
        raise CheckpointError(
            f"this rsbench builds {chosen.name} in another way than the one that trained the "
            f"cell: {', '.join(other)} differ",
            remedy=f"use the rsbench that wrote the record, or {_AGAIN}",
        )
    return backbone


def _read(path: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"the trained weights cannot be read: {error}",
            where=path,
            remedy=remedy_for(error, _AGAIN),
        ) from error
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(
                f"the trained weights are damaged: {name} holds values that are not finite",
                where=path,
                remedy=_AGAIN,
            )
    return tensors


def _split(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Gammas by module key, and everything else by name."""
    gammas = {
        name.removeprefix(GAMMA_PREFIX): tensor
        for name, tensor in tensors.items()
        if name.startswith(GAMMA_PREFIX)
    }
    return gammas, {k: v for k, v in tensors.items() if not k.startswith(GAMMA_PREFIX)}


def _load(
    model: AdaptedModel, attachment: Attachment, weights: Mapping[str, Tensor], folder: Path
) -> None:
    """Copy the saved weights into the model; names and shapes must match exactly."""
    wanted = model.trained_tensors(with_backbone=True)
    missing = wanted.keys() - weights.keys()
    if attachment.trained and missing and all(name.startswith("network.") for name in missing):
        raise CellError(
            "the weights of the fine-tuned backbone were not kept",
            where=folder,
            remedy=f"{_AGAIN} with --keep-weights; in its old folder a finished cell is not redone",
        )
    wrong = sorted(missing | (weights.keys() - wanted.keys()))
    wrong += [
        name for name in wanted.keys() & weights.keys() if wanted[name].shape != weights[name].shape
    ]
    if wrong:
        raise CheckpointError(
            f"the trained weights do not fit the method: {len(wrong)} tensors are missing, "
            f"unexpected or of another shape, {wrong[0]} first",
            where=folder / "adapter.safetensors",
            remedy=f"use the rsbench that wrote them, or {_AGAIN}",
        )
    with torch.no_grad():
        for name, tensor in wanted.items():
            tensor.copy_(weights[name])


def _install(
    attachment: Attachment, gammas: Mapping[str, Tensor], device: torch.device, folder: Path
) -> None:
    """Give every inserted module its final gamma, where the cell has gammas."""
    keys = set(attachment.sites)
    if gammas and gammas.keys() != keys:
        raise CheckpointError(
            f"the saved gammas do not fit the method: {sorted(gammas.keys() ^ keys)[0]} is in one "
            "of the two only",
            where=folder / "adapter.safetensors",
            remedy=f"use the rsbench that wrote them, or {_AGAIN}",
        )
    for site, module in attachment.modules():
        if site.key in gammas:
            module.gamma = constant(gammas[site.key].to(device))
