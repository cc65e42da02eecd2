"""Open what a cell needs: target, decoded images, backbone; kept warm between cells."""

from __future__ import annotations

import json
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
from rsbench.imagestore import ImageStore, channel_statistics, open_store
from rsbench.plan import checked_options
from rsbench.settings import PluginChoice
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
        short_side: short side of the test view, which is also that of the stored images.
    """

    target: Target
    backbone: Backbone
    network: nn.Module
    stores: dict[SplitName, ImageStore]
    normalisation: Normalisation
    short_side: int

    def frozen_key(
        self, split: SplitName, short_side: int, precision: str, device: torch.device
    ) -> FrozenKey:
        """Key of the frozen features of one split and view."""
        info = self.backbone.info
        shape = [info.architecture, self.normalisation.model_dump(mode="json")]
        return FrozenKey(
            target=self.target.content_hash,
            split=split,
            weights=info.weights_hash,
            architecture=json.dumps(shape, sort_keys=True),
            image_size=info.image_size,
            short_side=short_side,
            stored_side=self.short_side,
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
    short_side = cell.recipe.test_short_side(backbone.info.image_size)
    stores = _stores(target, short_side, folders)
    normalisation = resolve_normalisation(backbone.info.normalisation, stores["train"])
    return Inputs(target, backbone, network, stores, normalisation, short_side)


def resolve_normalisation(normalisation: Normalisation, train: ImageStore) -> Normalisation:
    """``statistics: target`` replaced by the training images' mean and standard deviation."""
    if normalisation.statistics == "fixed":
        return normalisation
    mean, std = channel_statistics(train)
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
def _stores(target: Target, short_side: int, folders: Folders) -> dict[SplitName, ImageStore]:
    return {
        "train": open_store(target, "train", short_side, folders),
        "test": open_store(target, "test", short_side, folders),
    }
