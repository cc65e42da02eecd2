"""Open what a cell needs: target, decoded images, backbone; kept warm between cells."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rsbench import registry
from rsbench.backbone import Backbone, Normalisation
from rsbench.cell import Cell
from rsbench.folders import Folders
from rsbench.imagery import choose_bands
from rsbench.imagestore import ImageSet, channel_statistics, open_store
from rsbench.imagestore.files import read_digests
from rsbench.leaks import leak_remarks
from rsbench.settings import PluginChoice
from rsbench.sources import checked_options
from rsbench.target import SplitName, Target
from rsbench.training.frozen import FrozenKey


@dataclass(frozen=True)
class Inputs:
    """What one cell reads.

    Attributes:
        target: the opened target.
        backbone: the opened backbone.
        network: its frozen network on the CPU; methods are attached to it and detached again.
        stores: decoded images of train and test.
        normalisation: with ``statistics`` resolved to "fixed".
        channels: which stored channel feeds each input channel of the network.
        short_side: short side of the test view before its centre crop, pixels.
        stored_side: short side that longer ones of the stored images were shrunk to, pixels.
    """

    target: Target
    backbone: Backbone
    network: nn.Module
    stores: dict[SplitName, ImageSet]
    normalisation: Normalisation
    channels: tuple[int, ...]
    short_side: int
    stored_side: int

    def frozen_key(
        self, split: SplitName, short_side: int, precision: str, device: torch.device
    ) -> FrozenKey:
        """Key of the frozen features of one split and view."""
        info = self.backbone.info
        imagery = self.target.imagery
        shape = [
            info.architecture,
            self.normalisation.model_dump(mode="json"),
            [list(self.channels), imagery.full_scale],
        ]
        code = [registry.class_digest(type(each)) for each in (self.target, self.backbone)]
        if any(code):
            shape.append(code)
        return FrozenKey(
            target=self.target.content_hash,
            split=split,
            weights=info.weights_hash,
            architecture=json.dumps(shape, sort_keys=True),
            image_size=info.image_size,
            short_side=short_side,
            stored_side=self.stored_side,
            precision=precision,
            device=f"{device.type} torch {torch.__version__}",
        )


def open_inputs(cell: Cell, folders: Folders) -> Inputs:
    """Open target, backbone and image stores; the last few stay in memory.

    Raises:
        RsbenchError: something is missing or does not fit.
    """
    target = _target(cell.target.model_dump_json(), folders)
    backbone, network = _backbone(cell.backbone.model_dump_json(), folders)
    size = backbone.info.image_size
    short_side, stored = cell.recipe.test_short_side(size), cell.recipe.stored_short_side(size)
    stores = _stores(target, stored, folders)
    imagery = target.imagery
    channels = choose_bands(target.name, imagery, backbone.name, backbone.info.bands)
    normalisation = resolve_normalisation(
        backbone.info.normalisation, stores["train"], channels, imagery.full_scale
    )
    return Inputs(
        target, backbone, network, stores, normalisation, tuple(channels), short_side, stored
    )


def forget_inputs() -> None:
    """Open everything anew the next time."""
    for kept in (_target, _backbone, _stores):
        kept.cache_clear()


def resolve_normalisation(
    normalisation: Normalisation, train: ImageSet, channels: Sequence[int], full_scale: float
) -> Normalisation:
    """``statistics: target`` replaced by the training images' mean and standard deviation."""
    if normalisation.statistics == "fixed":
        return normalisation
    mean, std = (
        [statistic[channel] for channel in channels]
        for statistic in channel_statistics(train, full_scale)
    )
    return normalisation.model_copy(
        update={
            "statistics": "fixed",
            "mean": tuple(float(value) for value in mean),
            "std": tuple(float(value) for value in std),
        }
    )


def train_counts(labels: NDArray[np.int64], indices: NDArray[np.int64], classes: int) -> list[int]:
    """Images per class among ``indices``."""
    return [int(n) for n in np.bincount(labels[indices], minlength=classes)]


def image_remarks(inputs: Inputs) -> tuple[str, ...]:
    """What a reader of the numbers must know: images in both splits, shrunk, or left out."""
    digests = (read_digests(inputs.stores[split].folder) for split in ("train", "test"))
    leaks = leak_remarks(inputs.target.name, *digests)
    shrunk = tuple(
        f"{inputs.target.name}: {store.shrunk} of {len(store)} {split} images were shrunk to a "
        f"short side of {inputs.stored_side} pixels before views were cut (recipe.stored_side)"
        for split, store in inputs.stores.items()
        if store.shrunk
    )
    left_out = tuple(
        f"{inputs.target.name}: {len(store.bad)} of {len(store)} {split} images cannot be used "
        f"and were left out (on_bad_image: skip), first {next(iter(store.bad.values()))}"
        for split, store in inputs.stores.items()
        if store.bad
    )
    return (*leaks, *shrunk, *left_out)


def open_target(chosen: PluginChoice, folders: Folders) -> Target:
    """Open the prepared target of a cell.

    Raises:
        TargetError: its files are missing or inconsistent.
    """
    kind = registry.target_class(chosen.kind)
    return kind.open(chosen.name, checked_options(kind.Options, chosen), folders)


@lru_cache(maxsize=4)
def _target(choice: str, folders: Folders) -> Target:
    return open_target(PluginChoice.model_validate_json(choice), folders)


@lru_cache(maxsize=2)
def _backbone(choice: str, folders: Folders) -> tuple[Backbone, nn.Module]:
    chosen = PluginChoice.model_validate_json(choice)
    kind = registry.backbone_class(chosen.kind)
    backbone = kind.open(chosen.name, checked_options(kind.Options, chosen), folders)
    return backbone, backbone.build()


@lru_cache(maxsize=4)
def _stores(target: Target, stored_side: int, folders: Folders) -> dict[SplitName, ImageSet]:
    return {
        "train": open_store(target, "train", stored_side, folders),
        "test": open_store(target, "test", stored_side, folders),
    }
