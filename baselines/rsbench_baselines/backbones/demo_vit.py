"""The demo backbone: a tiny vision transformer with shipped weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rsbench.backbone import Normalisation
from rsbench.settings import Settings
from rsbench_baselines.backbones.checkpoint import Checkpoint
from rsbench_baselines.backbones.checkpoint_options import CheckpointOptions
from rsbench_baselines.backbones.file_hash import remembered_hash
from rsbench_baselines.demo_backbone.network import ARCHITECTURE, IMAGE_SIZE, MEAN, STD, WEIGHTS

if TYPE_CHECKING:
    from rsbench.folders import Folders

DISCLAIMER = (
    "demo backbone: pretrained on procedural images; the numbers are demo numbers and say nothing "
    "about real data"
)


class DemoViT(Checkpoint):
    """1.2 M parameters, 48 px, pretrained on procedural images of no target class."""

    Options: ClassVar[type[Settings]] = Settings
    description: ClassVar[str] = "tiny ViT (48 px, 1.2 M) with shipped demo weights"

    @classmethod
    def open(cls, name: str, options: Any, folders: Folders) -> DemoViT:
        """Open the shipped weights."""
        return cls(name, demo_options(DISCLAIMER), WEIGHTS, remembered_hash(WEIGHTS, folders.cache))


def demo_options(disclaimer: str, ignore_keys: tuple[str, ...] = ()) -> CheckpointOptions:
    """The shipped network, for weights with other keys beside its own."""
    arguments = {k: v for k, v in ARCHITECTURE.items() if k not in ("img_size", "num_classes")}
    return CheckpointOptions(
        architecture="VisionTransformer",
        arguments=arguments,
        weights=str(WEIGHTS),
        image_size=IMAGE_SIZE,
        norm_eps=1e-6,
        normalisation=Normalisation(mean=MEAN, std=STD),
        ignore_keys=ignore_keys,
        disclaimer=disclaimer,
    )
